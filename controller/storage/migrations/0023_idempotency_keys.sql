-- Requests that came with an Idempotency-Key, and the job that each began.
CREATE TABLE idempotency_keys (
  actor TEXT NOT NULL,
  key TEXT NOT NULL,
  request TEXT NOT NULL,         -- a hash of what was asked for
  job_id TEXT NOT NULL,          -- '': not begun yet
  created_at INTEGER NOT NULL,
  PRIMARY KEY (actor, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX idempotency_keys_by_time ON idempotency_keys (created_at);
