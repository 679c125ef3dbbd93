-- The first schema, twin of SQLite's. Times are microseconds since 1970; ids of accounts and objects are 16 bytes.
-- A promise of uniqueness is named by its columns, as SQLite names it in its message. Texts are in the order of their
-- bytes. There is no table of changes: each write notifies who listens.

-- One row, sealed under the master key: it shows which key fits, and what it holds is the server's own secret.
create table canary (
    id bigint constraint "canary.id" primary key check (id = 1),
    value bytea not null
);

create table accounts (
    id bytea constraint "accounts.id" primary key not null check (length(id) = 16),
    handle text collate "C" not null constraint "accounts.handle" unique,
    display_name text collate "C" not null,
    hash text collate "C" not null constraint "accounts.hash" unique,
    policy text collate "C" not null,
    -- Whether it has ever kept a private image with a custom id (contract R-83).
    private_custom boolean not null default false,
    -- Running totals, changed in the transaction that changes the images.
    images bigint not null default 0,
    bytes bigint not null default 0,
    created_at bigint not null
);

create table images (
    number bigint generated always as identity constraint "images.number" primary key,
    account bytea not null references accounts (id),
    id text collate "C" not null,
    object bytea not null constraint "images.object" unique check (length(object) = 16),
    day bigint not null,
    filename text collate "C" not null,
    metadata text collate "C" not null,
    creator text collate "C",
    private boolean not null,
    -- Null for a draft, as `format` is.
    facts text collate "C",
    format text collate "C",
    bytes bigint not null,
    sha256 bytea not null,
    thumbhash bytea not null,
    uploaded_at bigint not null,
    idempotency_key text collate "C",
    idempotency_digest bytea,
    -- For the search: ASCII letters in lower case.
    lower_id text collate "C" not null,
    lower_filename text collate "C" not null,
    constraint "images.account, images.id" unique (account, id),
    constraint "images.account, images.idempotency_key" unique (account, idempotency_key)
);
create index images_by_time on images (account, uploaded_at, number);
create index images_by_creator on images (account, creator, uploaded_at, number);
create index images_by_privacy on images (account, private, uploaded_at, number);
create index images_by_format on images (account, format, uploaded_at, number);
create index images_by_digest on images (account, sha256);
create index images_by_lower_id on images (account, lower_id);
create index images_by_lower_filename on images (account, lower_filename);

-- The scalars in the metadata of images, each with its dotted path; a list gives a row for each of its members.
create table image_metadata (
    image bigint not null references images (number) on delete cascade,
    account bytea not null,
    path text collate "C" not null,
    kind text collate "C" not null check (kind in ('text', 'number', 'boolean')),
    text text collate "C" not null,
    number double precision
);
create index image_metadata_by_image on image_metadata (image, path);

-- Where the objects of removed images lie until they are gone.
create table doomed (
    id bigint generated always as identity constraint "doomed.id" primary key,
    account bytea not null,
    object bytea not null,
    day bigint not null
);

create table variants (
    account bytea not null references accounts (id),
    name text collate "C" not null,
    options text collate "C" not null,
    always_public boolean not null,
    browser_ttl_s bigint,
    created_at bigint not null,
    constraint "variants.account, variants.name" primary key (account, name)
);

create table signing_keys (
    account bytea not null references accounts (id),
    name text collate "C" not null,
    secret bytea not null,
    state text collate "C" not null check (state in ('active', 'retiring', 'revoked')),
    verify_until bigint check ((verify_until is null) = (state <> 'retiring')),
    signs boolean not null check (not signs or state = 'active'),
    created_at bigint not null,
    constraint "signing_keys.account, signing_keys.name" primary key (account, name)
);
create unique index signing_keys_one_signs on signing_keys (account) where signs;

create table api_tokens (
    id text collate "C" constraint "api_tokens.id" primary key not null,
    account bytea not null references accounts (id),
    digest bytea not null constraint "api_tokens.digest" unique,
    label text collate "C" not null,
    scopes bigint not null,
    created_at bigint not null,
    expires_at bigint,
    revoked_at bigint,
    last_used_at bigint
);
create index api_tokens_by_account on api_tokens (account, created_at);

create table people (
    id bigint generated always as identity constraint "people.id" primary key,
    email text collate "C" not null,
    lower_email text collate "C" not null constraint "people.lower_email" unique,
    name text collate "C" not null,
    password text collate "C" not null,
    operator boolean not null,
    created_at bigint not null
);

create table members (
    person bigint not null references people (id) on delete cascade,
    account bytea not null references accounts (id),
    role text collate "C" not null check (role in ('viewer', 'editor', 'admin', 'owner')),
    constraint "members.person, members.account" primary key (person, account)
);
create index members_by_account on members (account);

create table sessions (
    digest bytea constraint "sessions.digest" primary key not null,
    person bigint not null references people (id) on delete cascade,
    started_at bigint not null,
    used_at bigint not null,
    password_checked_at bigint not null
);
create index sessions_by_person on sessions (person);

-- Wrong passwords: of an e-mail (as a digest) from an address, and of an address alone (an empty digest).
create table sign_in_failures (
    email bytea not null,
    address text collate "C" not null,
    failures bigint not null,
    first_at bigint not null,
    waits bigint not null,
    wait_until bigint not null,
    last_at bigint not null,
    constraint "sign_in_failures.email, sign_in_failures.address" primary key (email, address)
);
create index sign_in_failures_by_age on sign_in_failures (last_at);

-- Append-only: no code updates or deletes a row.
create table audit (
    id bigint generated always as identity constraint "audit.id" primary key,
    at bigint not null,
    account bytea,
    actor text collate "C" not null,
    address text collate "C",
    request_id text collate "C",
    act text collate "C" not null,
    target text collate "C" not null,
    result text collate "C" not null check (result in ('done', 'refused'))
);
create index audit_by_account on audit (account, id);
create index audit_by_act on audit (act, id);
