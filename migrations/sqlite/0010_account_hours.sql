-- What was delivered for an account within an hour, by two questions: whether the URL carried options, and whether a
-- signature was needed and right. Who closes options in the URL is told by it what that will break.
create table account_hours (
    account blob not null,
    hour integer not null,
    options integer not null,
    signed integer not null,
    requests integer not null,
    primary key (account, hour, options, signed)
) strict, without rowid;
create index account_hours_by_hour on account_hours (hour);
