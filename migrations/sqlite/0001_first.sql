-- The first schema. Times are microseconds since 1970; ids of accounts and objects are 16 bytes.

-- One row, sealed under the master key: it shows which key fits, and what it holds is the server's own secret.
create table canary (
    id integer primary key check (id = 1),
    value blob not null
) strict;

create table accounts (
    id blob primary key not null check (length(id) = 16),
    handle text not null unique,
    display_name text not null,
    hash text not null unique,
    policy text not null,
    -- Whether it has ever kept a private image with a custom id (contract R-83).
    private_custom integer not null default 0,
    -- Running totals, changed in the transaction that changes the images.
    images integer not null default 0,
    bytes integer not null default 0,
    created_at integer not null
) strict;

create table images (
    number integer primary key,
    account blob not null references accounts (id),
    id text not null,
    object blob not null unique check (length(object) = 16),
    day integer not null,
    filename text not null,
    metadata text not null,
    creator text,
    private integer not null,
    -- Null for a draft, as `format` is.
    facts text,
    format text,
    bytes integer not null,
    sha256 blob not null,
    thumbhash blob not null,
    uploaded_at integer not null,
    idempotency_key text,
    idempotency_digest blob,
    -- For the search: ASCII letters in lower case.
    lower_id text not null,
    lower_filename text not null,
    unique (account, id),
    unique (account, idempotency_key)
) strict;
create index images_by_time on images (account, uploaded_at, number);
create index images_by_creator on images (account, creator, uploaded_at, number);
create index images_by_privacy on images (account, private, uploaded_at, number);
create index images_by_format on images (account, format, uploaded_at, number);
create index images_by_digest on images (account, sha256);
create index images_by_lower_id on images (account, lower_id);
create index images_by_lower_filename on images (account, lower_filename);

-- The scalars in the metadata of images, each with its dotted path; a list gives a row for each of its members.
create table image_metadata (
    image integer not null references images (number) on delete cascade,
    account blob not null,
    path text not null,
    kind text not null check (kind in ('text', 'number', 'boolean')),
    text text not null,
    number real
) strict;
create index image_metadata_by_image on image_metadata (image, path);

-- Where the objects of removed images lie until they are gone.
create table doomed (
    id integer primary key autoincrement,
    account blob not null,
    object blob not null,
    day integer not null
) strict;

create table variants (
    account blob not null references accounts (id),
    name text not null,
    options text not null,
    always_public integer not null,
    browser_ttl_s integer,
    created_at integer not null,
    primary key (account, name)
) strict;

create table signing_keys (
    account blob not null references accounts (id),
    name text not null,
    secret blob not null,
    state text not null check (state in ('active', 'retiring', 'revoked')),
    verify_until integer check ((verify_until is null) = (state <> 'retiring')),
    signs integer not null check (signs = 0 or state = 'active'),
    created_at integer not null,
    primary key (account, name)
) strict;
create unique index signing_keys_one_signs on signing_keys (account) where signs = 1;

create table api_tokens (
    id text primary key not null,
    account blob not null references accounts (id),
    digest blob not null unique,
    label text not null,
    scopes integer not null,
    created_at integer not null,
    expires_at integer,
    revoked_at integer,
    last_used_at integer
) strict;
create index api_tokens_by_account on api_tokens (account, created_at);

create table people (
    id integer primary key autoincrement,
    email text not null,
    lower_email text not null unique,
    name text not null,
    password text not null,
    operator integer not null,
    created_at integer not null
) strict;

create table members (
    person integer not null references people (id) on delete cascade,
    account blob not null references accounts (id),
    role text not null check (role in ('viewer', 'editor', 'admin', 'owner')),
    primary key (person, account)
) strict;
create index members_by_account on members (account);

create table sessions (
    digest blob primary key not null,
    person integer not null references people (id) on delete cascade,
    started_at integer not null,
    used_at integer not null,
    password_checked_at integer not null
) strict;
create index sessions_by_person on sessions (person);

-- Wrong passwords: of an e-mail (as a digest) from an address, and of an address alone (an empty digest).
create table sign_in_failures (
    email blob not null,
    address text not null,
    failures integer not null,
    first_at integer not null,
    waits integer not null,
    wait_until integer not null,
    last_at integer not null,
    primary key (email, address)
) strict;
create index sign_in_failures_by_age on sign_in_failures (last_at);

-- Append-only: no code updates or deletes a row.
create table audit (
    id integer primary key autoincrement,
    at integer not null,
    account blob,
    actor text not null,
    address text,
    request_id text,
    act text not null,
    target text not null,
    result text not null check (result in ('done', 'refused'))
) strict;
create index audit_by_account on audit (account, id);
create index audit_by_act on audit (act, id);

-- What every write leaves for whoever keeps rights in memory.
create table changes (
    id integer primary key autoincrement,
    kind text not null check (kind in ('account', 'image', 'token', 'master_key')),
    account blob,
    name text not null
) strict;
