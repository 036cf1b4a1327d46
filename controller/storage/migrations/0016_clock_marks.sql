-- When the wall clock (us of Unix time) was last believed by those who delete what is old.
CREATE TABLE clock_marks (id INTEGER PRIMARY KEY CHECK (id = 1), at INTEGER NOT NULL) STRICT;
