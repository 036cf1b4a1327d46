-- What a job told beside its log: which phase begins and ends, what was observed, what was done
-- about it. `line` is the number of the line of job_log that came next, so that both can be shown
-- again in the order in which they came.
CREATE TABLE job_events (
  job_id TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
  number INTEGER NOT NULL,       -- from 0
  line INTEGER NOT NULL,
  time INTEGER NOT NULL,
  frame TEXT NOT NULL,           -- JSON
  PRIMARY KEY (job_id, number)
) STRICT, WITHOUT ROWID;
