-- What was delivered and asked, counted. Days and hours are whole ones since 1970, in UTC; nothing here decides
-- anything, and a crash may lose what the last minute added.

-- Deliveries of an account: `variant` is empty for options in the URL and `?` for what is no variant, `format` is
-- empty where nothing was sent. `bytes` are those sent.
create table account_days (
    account bytea not null,
    day bigint not null,
    variant text collate "C" not null,
    result text collate "C" not null,
    format text collate "C" not null,
    requests bigint not null,
    bytes bigint not null,
    primary key (account, day, variant, result, format)
);

-- Deliveries of an image, which is named by its original: that name is never used again.
create table image_days (
    object bytea not null,
    day bigint not null,
    account bytea not null,
    requests bigint not null,
    bytes bigint not null,
    primary key (object, day)
);
create index image_days_by_day on image_days (day, account);

-- Deliveries whose signature a signing key proved.
create table signing_key_hours (
    account bytea not null,
    name text collate "C" not null,
    hour bigint not null,
    requests bigint not null,
    primary key (account, name, hour)
);

-- The last of them, and the latest `exp` among them.
create table signing_key_uses (
    account bytea not null,
    name text collate "C" not null,
    used_at bigint not null,
    variant text collate "C" not null,
    address text collate "C",
    latest_exp_s bigint,
    primary key (account, name)
);

-- Requests with an API token; the last one stands in `api_tokens`.
create table api_token_hours (
    token text collate "C" not null,
    hour bigint not null,
    requests bigint not null,
    primary key (token, hour)
);
