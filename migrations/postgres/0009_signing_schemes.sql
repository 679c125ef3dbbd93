-- Signing schemes beside the native one: what an account switches on, the keys that it verifies with, where moved URLs
-- lead, how often a URL was used, and what was fetched by whom.

-- What an account has decided about a scheme. Without a row the native one is enforced and every other is off.
-- `settings` is sealed JSON: a salt is as good as a secret.
create table signing_schemes (
    account bytea not null references accounts (id),
    scheme text collate "C" not null,
    mode text collate "C" not null check (mode in ('off', 'report', 'enforce')),
    settings bytea not null,
    changed_at bigint not null,
    constraint "signing_schemes.account, signing_schemes.scheme" primary key (account, scheme)
);

-- Keys of schemes that others have made. They verify and never sign. `id` is how URLs name one, empty where they do not;
-- `material` is sealed, public keys too: nobody who can write to the database puts in one of their own.
create table verifying_keys (
    account bytea not null references accounts (id),
    name text collate "C" not null,
    scheme text collate "C" not null,
    id text collate "C" not null,
    kind text collate "C" not null,
    material bytea not null,
    state text collate "C" not null check (state in ('active', 'retiring', 'revoked')),
    verify_from bigint,
    verify_until bigint check ((verify_until is null) = (state <> 'retiring')),
    created_at bigint not null,
    constraint "verifying_keys.account, verifying_keys.name" primary key (account, name)
);

-- Which account a mount is given to; without a row it is off.
create table mounts (
    mount text collate "C" constraint "mounts.mount" primary key not null,
    account bytea not null references accounts (id),
    given_at bigint not null
);

-- How often the URLs with a number of uses were used. Those that never end have no `until_s`.
create table token_uses (
    account bytea not null,
    counter bytea not null,
    used bigint not null check (used > 0),
    until_s bigint,
    primary key (account, counter)
);
create index token_uses_by_end on token_uses (until_s);

-- Which key, subject and token id fetched what, minute by minute (since 1970, in UTC), and with which verdict. What was
-- not proved or is not there is empty; `digest` is of all that tells a row from the others of its minute.
create table fetches (
    account bytea not null,
    minute bigint not null,
    digest bigint not null,
    image text collate "C" not null,
    variant text collate "C" not null,
    scheme text collate "C" not null,
    key_name text collate "C" not null,
    subject text collate "C" not null,
    token_id text collate "C" not null,
    verdict text collate "C" not null,
    requests bigint not null,
    last_at bigint not null,
    last_address text collate "C",
    primary key (account, minute, digest)
);
create index fetches_by_minute on fetches (minute);
create index fetches_by_image on fetches (account, image, minute, digest) where image <> '';
create index fetches_by_key on fetches (account, key_name, minute, digest) where key_name <> '';
create index fetches_by_subject on fetches (account, subject, minute, digest) where subject <> '';
create index fetches_by_token_id on fetches (account, token_id, minute, digest) where token_id <> '';
create index fetches_refused on fetches (account, minute, digest) where verdict <> 'ok';

-- What a scheme in report mode would have said.
create table scheme_report_days (
    account bytea not null,
    day bigint not null,
    scheme text collate "C" not null,
    verdict text collate "C" not null,
    requests bigint not null,
    last_at bigint not null,
    primary key (account, scheme, day, verdict)
);
create index scheme_report_days_by_day on scheme_report_days (day);

-- Pages of the audit log by time, of one act, of one who acts.
create index audit_by_time on audit (account, at, id);
create index audit_by_account_act on audit (account, act, at, id);
create index audit_by_account_actor on audit (account, actor, at, id);

-- A program that does not know these tables would verify by a scheme that is switched off, and leave what is sealed here
-- under an old master key.
update schema_readers set min_reader_version = 9 where min_reader_version < 9;
