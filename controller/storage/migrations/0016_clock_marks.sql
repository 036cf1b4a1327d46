-- When the wall clock (us of Unix time) was last believed by those who delete what is old, and for how long
-- (us) controllers have run since without believing it.
CREATE TABLE clock_marks (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  at INTEGER NOT NULL,
  waited INTEGER NOT NULL
) STRICT;
