-- A job about several services is carried out by a job for each of them.
ALTER TABLE jobs ADD COLUMN parent TEXT NOT NULL DEFAULT '';
ALTER TABLE jobs ADD COLUMN results TEXT NOT NULL DEFAULT '[]';
