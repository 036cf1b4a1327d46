-- The steps of a job, in their order.
CREATE TABLE job_steps (
  job_id TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
  position INTEGER NOT NULL,
  name TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('pending', 'running', 'succeeded', 'failed', 'skipped')),
  started_at INTEGER,
  finished_at INTEGER,
  message TEXT NOT NULL,
  PRIMARY KEY (job_id, position)
) STRICT, WITHOUT ROWID;

-- Where the log of a job goes on after a restart of the controller: lines that were dropped cannot
-- be counted in job_log.
ALTER TABLE jobs ADD COLUMN next_line INTEGER NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN output_lines INTEGER NOT NULL DEFAULT 0;
UPDATE jobs SET
  next_line = (SELECT coalesce(max(number) + 1, 0) FROM job_log WHERE job_id = jobs.id),
  output_lines = (SELECT count(*) FROM job_log WHERE job_id = jobs.id AND step <> 'controller')
WHERE state IN ('queued', 'running');
