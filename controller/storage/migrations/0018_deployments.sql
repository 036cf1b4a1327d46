-- What changed on hosts by us, and what was there before and afterwards. It outlives the jobs.
CREATE TABLE deployments (
  id TEXT PRIMARY KEY,
  job_id TEXT NOT NULL,          -- '': not one of ours, imported
  started_at INTEGER NOT NULL,
  finished_at INTEGER,           -- NULL: under way
  service TEXT NOT NULL,
  machine TEXT NOT NULL,
  from_machine TEXT NOT NULL,
  action TEXT NOT NULL,
  status TEXT NOT NULL,          -- running, success, failure, rolled_back
  outcome TEXT NOT NULL,
  actor TEXT NOT NULL,
  source TEXT NOT NULL,
  why TEXT NOT NULL,
  rollback_of TEXT NOT NULL,
  duration_ms INTEGER,
  error TEXT NOT NULL,
  exit_code INTEGER,
  phases TEXT NOT NULL,          -- JSON, like all that follow
  findings TEXT NOT NULL,
  extra TEXT NOT NULL,
  config_before TEXT NOT NULL,
  config_after TEXT NOT NULL,
  state_before TEXT NOT NULL,
  state_after TEXT NOT NULL
);
CREATE INDEX deployments_by_time ON deployments (started_at, id);
CREATE INDEX deployments_by_service ON deployments (service, started_at, id);
CREATE INDEX deployments_by_machine ON deployments (machine, started_at, id);
CREATE UNIQUE INDEX deployments_by_job ON deployments (job_id) WHERE job_id <> '';
CREATE INDEX deployments_under_way ON deployments (id) WHERE status = 'running';
