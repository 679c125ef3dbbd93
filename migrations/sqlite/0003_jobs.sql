-- Work that waits, that runs, or that nobody could do.
create table jobs (
    id integer primary key autoincrement,
    kind text not null,
    -- At most one job of a key; null where there may be many.
    key text unique,
    account blob,
    payload text not null,
    -- When it may be taken: at its time, or where somebody has it, when that lease ends.
    due_at integer not null,
    -- Whose it is: random bytes of whoever took it. Null where nobody has it.
    lease blob,
    attempts integer not null default 0,
    last_error text,
    -- When it was given up.
    failed_at integer,
    created_at integer not null
) strict;
create index jobs_by_due on jobs (due_at) where failed_at is null;

-- The renditions that lie in storage: what they weigh and when they were last asked for.
create table renditions_at_rest (
    object blob not null check (length(object) = 16),
    digest blob not null check (length(digest) = 16),
    account blob not null,
    day integer not null,
    bytes integer not null,
    used_at integer not null,
    primary key (object, digest)
) strict, without rowid;
create index renditions_at_rest_by_use on renditions_at_rest (used_at);

-- What those rows add up to, changed in the transaction that changes them.
create table renditions_total (
    id integer primary key check (id = 1),
    renditions integer not null,
    bytes integer not null
) strict;
insert into renditions_total (id, renditions, bytes) values (1, 0, 0);

-- Idempotency keys that are past their time are forgotten.
create index images_by_idempotency on images (uploaded_at) where idempotency_key is not null;
