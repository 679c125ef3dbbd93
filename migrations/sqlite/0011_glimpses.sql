-- What the small decode at upload tells of a picture beside its ThumbHash: the colour that most of it has, as 0xRRGGBB, and
-- its perceptual hash as a signed number. Null for what came before.
alter table images add column dominant integer;
alter table images add column phash integer;

-- What is to stay in view, in millionths of width and height from the left and the top. Null where nobody has said.
alter table images add column focus_x integer;
alter table images add column focus_y integer;

-- The qualities that quality=auto found for an original, by what it was to look like: where the next search begins.
create table found_qualities (
    object blob not null references images (object) on delete cascade,
    target integer not null,
    quality integer not null,
    primary key (object, target)
) strict, without rowid;
