-- While there is a row whose time has not come, the objects of removed images stay in storage: somebody copies them.
create table holds (
    id bigint generated always as identity primary key,
    held_until bigint not null
);
