-- While there is a row whose time has not come, the objects of removed images stay in storage: somebody copies them.
create table holds (
    id integer primary key autoincrement,
    held_until integer not null
) strict;
