-- Signing schemes beside the native one: what an account switches on, the keys that it verifies with, where moved URLs
-- lead, how often a URL was used, and what was fetched by whom.

-- What an account has decided about a scheme. Without a row the native one is enforced and every other is off.
-- `settings` is sealed JSON: a salt is as good as a secret.
create table signing_schemes (
    account blob not null references accounts (id),
    scheme text not null,
    mode text not null check (mode in ('off', 'report', 'enforce')),
    settings blob not null,
    changed_at integer not null,
    primary key (account, scheme)
) strict;

-- Keys of schemes that others have made. They verify and never sign. `id` is how URLs name one, empty where they do not;
-- `material` is sealed, public keys too: nobody who can write to the database puts in one of their own.
create table verifying_keys (
    account blob not null references accounts (id),
    name text not null,
    scheme text not null,
    id text not null,
    kind text not null,
    material blob not null,
    state text not null check (state in ('active', 'retiring', 'revoked')),
    verify_from integer,
    verify_until integer check ((verify_until is null) = (state <> 'retiring')),
    created_at integer not null,
    primary key (account, name)
) strict;

-- Which account a mount is given to; without a row it is off.
create table mounts (
    mount text primary key not null,
    account blob not null references accounts (id),
    given_at integer not null
) strict;

-- How often the URLs with a number of uses were used. Those that never end have no `until_s`.
create table token_uses (
    account blob not null,
    counter blob not null,
    used integer not null check (used > 0),
    until_s integer,
    primary key (account, counter)
) strict;
create index token_uses_by_end on token_uses (until_s);

-- Which key, subject and token id fetched what, minute by minute (since 1970, in UTC), and with which verdict. What was
-- not proved or is not there is empty; `digest` is of all that tells a row from the others of its minute.
create table fetches (
    account blob not null,
    minute integer not null,
    digest integer not null,
    image text not null,
    variant text not null,
    scheme text not null,
    key_name text not null,
    subject text not null,
    token_id text not null,
    verdict text not null,
    requests integer not null,
    last_at integer not null,
    last_address text,
    primary key (account, minute, digest)
) strict;
create index fetches_by_minute on fetches (minute);
create index fetches_by_image on fetches (account, image, minute, digest) where image <> '';
create index fetches_by_key on fetches (account, key_name, minute, digest) where key_name <> '';
create index fetches_by_subject on fetches (account, subject, minute, digest) where subject <> '';
create index fetches_by_token_id on fetches (account, token_id, minute, digest) where token_id <> '';
create index fetches_refused on fetches (account, minute, digest) where verdict <> 'ok';

-- What a scheme in report mode would have said.
create table scheme_report_days (
    account blob not null,
    day integer not null,
    scheme text not null,
    verdict text not null,
    requests integer not null,
    last_at integer not null,
    primary key (account, scheme, day, verdict)
) strict;
create index scheme_report_days_by_day on scheme_report_days (day);

-- Pages of the audit log by time, of one act, of one who acts.
create index audit_by_time on audit (account, at, id);
create index audit_by_account_act on audit (account, act, at, id);
create index audit_by_account_actor on audit (account, actor, at, id);

-- A program that does not know these tables would verify by a scheme that is switched off, and leave what is sealed here
-- under an old master key.
update schema_readers set min_reader_version = 9 where min_reader_version < 9;
