-- Counters that are past their time are found without a walk over all of them; `image_days` has its index already.
create index account_days_by_day on account_days (day);
create index signing_key_hours_by_hour on signing_key_hours (hour);
create index api_token_hours_by_hour on api_token_hours (hour);

-- A program that does not know `image_metadata.uploaded_at` (0007) would write rows without it.
update schema_readers set min_reader_version = 7 where min_reader_version < 7;
