-- Images found by a value in their metadata come in their order of upload, without a walk over all images.
alter table image_metadata add column uploaded_at integer not null default 0;
update image_metadata set uploaded_at = (select i.uploaded_at from images i where i.number = image_metadata.image);
create index image_metadata_by_text on image_metadata (account, path, text, uploaded_at, image);
create index image_metadata_by_number on image_metadata (account, path, number, image) where number is not null;
