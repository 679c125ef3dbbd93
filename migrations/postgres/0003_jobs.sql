-- Work that waits, that runs, or that nobody could do.
create table jobs (
    id bigint generated always as identity constraint "jobs.id" primary key,
    kind text collate "C" not null,
    -- At most one job of a key; null where there may be many.
    key text collate "C" constraint "jobs.key" unique,
    account bytea,
    payload text collate "C" not null,
    -- When it may be taken: at its time, or where somebody has it, when that lease ends.
    due_at bigint not null,
    -- Whose it is: random bytes of whoever took it. Null where nobody has it.
    lease bytea,
    attempts bigint not null default 0,
    last_error text collate "C",
    -- When it was given up.
    failed_at bigint,
    created_at bigint not null
);
create index jobs_by_due on jobs (due_at) where failed_at is null;

-- The renditions that lie in storage: what they weigh and when they were last asked for.
create table renditions_at_rest (
    object bytea not null check (length(object) = 16),
    digest bytea not null check (length(digest) = 16),
    account bytea not null,
    day bigint not null,
    bytes bigint not null,
    used_at bigint not null,
    constraint "renditions_at_rest.object, renditions_at_rest.digest" primary key (object, digest)
);
create index renditions_at_rest_by_use on renditions_at_rest (used_at);

-- What those rows add up to, changed in the transaction that changes them.
create table renditions_total (
    id bigint constraint "renditions_total.id" primary key check (id = 1),
    renditions bigint not null,
    bytes bigint not null
);
insert into renditions_total (id, renditions, bytes) values (1, 0, 0);

-- Idempotency keys that are past their time are forgotten.
create index images_by_idempotency on images (uploaded_at) where idempotency_key is not null;
