-- Who changed what, and who was refused: a row for each mutating request. Accounts come later.
CREATE TABLE audit (
  id INTEGER PRIMARY KEY,
  time INTEGER NOT NULL,
  user TEXT NOT NULL,            -- `sub`; '': nobody was recognised
  user_name TEXT NOT NULL,
  method TEXT NOT NULL,
  path TEXT NOT NULL,
  status INTEGER NOT NULL,
  reason TEXT NOT NULL,          -- of the error; '': it succeeded
  remote TEXT NOT NULL,
  request_id TEXT NOT NULL,
  duration_us INTEGER NOT NULL
);
CREATE INDEX audit_by_time ON audit (time);
