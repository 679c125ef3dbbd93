-- Seals over the audit log, a chain for each account and one for what belongs to none (an empty account). Each is an
-- HMAC over the seal before it in the chain, the seal put before it in any chain, and the rows since. Append-only, like
-- the log.
create table audit_seals (
    -- 1, 2, 3 …, without a gap.
    id integer primary key not null,
    account blob not null,
    at integer not null,
    -- The rows after the seal before it, up to this one and with it.
    last_row integer not null,
    -- How many they are.
    row_count integer not null,
    digest blob not null,
    unique (account, last_row)
) strict;
