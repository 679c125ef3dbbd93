-- Which programs may read this schema: those whose newest migration is at least this. A migration that an older program
-- cannot live with raises it.
create table schema_readers (
    id integer primary key check (id = 1),
    min_reader_version integer not null
) strict;
insert into schema_readers (id, min_reader_version) values (1, 6);
