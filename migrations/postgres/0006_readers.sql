-- Which programs may read this schema: those whose newest migration is at least this. A migration that an older program
-- cannot live with raises it.
create table schema_readers (
    id bigint constraint "schema_readers.id" primary key check (id = 1),
    min_reader_version bigint not null
);
insert into schema_readers (id, min_reader_version) values (1, 6);
