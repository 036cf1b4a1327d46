-- Moves of services to other hosts: how far each came, so that a controller that was killed goes on,
-- and what is left to do after them. It outlives the jobs.
CREATE TABLE moves (
  id TEXT PRIMARY KEY,           -- the job's
  service TEXT NOT NULL,
  source TEXT NOT NULL,          -- '': it was on no host
  target TEXT NOT NULL,
  phase TEXT NOT NULL,
  attempts INTEGER NOT NULL,
  data TEXT NOT NULL,            -- JSON: what the phases to come need to know
  begun_at INTEGER NOT NULL,
  decided_at INTEGER,            -- NULL: it may still go back
  ended_at INTEGER,              -- NULL: under way
  source_data TEXT NOT NULL,     -- none, kept, replaced, discarded
  discard_after INTEGER,         -- NULL: nothing is kept
  chores TEXT NOT NULL           -- JSON: what hosts that were away still have to do
);
CREATE INDEX moves_by_service ON moves (service, id);
CREATE INDEX moves_with_chores ON moves (id) WHERE chores <> '[]' OR source_data = 'kept';
