-- What was delivered and asked, counted. Days and hours are whole ones since 1970, in UTC; nothing here decides
-- anything, and a crash may lose what the last minute added.

-- Deliveries of an account: `variant` is empty for options in the URL and `?` for what is no variant, `format` is
-- empty where nothing was sent. `bytes` are those sent.
create table account_days (
    account blob not null,
    day integer not null,
    variant text not null,
    result text not null,
    format text not null,
    requests integer not null,
    bytes integer not null,
    primary key (account, day, variant, result, format)
) strict, without rowid;

-- Deliveries of an image, which is named by its original: that name is never used again.
create table image_days (
    object blob not null,
    day integer not null,
    account blob not null,
    requests integer not null,
    bytes integer not null,
    primary key (object, day)
) strict, without rowid;
create index image_days_by_day on image_days (day, account);

-- Deliveries whose signature a signing key proved.
create table signing_key_hours (
    account blob not null,
    name text not null,
    hour integer not null,
    requests integer not null,
    primary key (account, name, hour)
) strict, without rowid;

-- The last of them, and the latest `exp` among them.
create table signing_key_uses (
    account blob not null,
    name text not null,
    used_at integer not null,
    variant text not null,
    address text,
    latest_exp_s integer,
    primary key (account, name)
) strict, without rowid;

-- Requests with an API token; the last one stands in `api_tokens`.
create table api_token_hours (
    token text not null,
    hour integer not null,
    requests integer not null,
    primary key (token, hour)
) strict, without rowid;
