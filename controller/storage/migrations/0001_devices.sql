-- Every time is in microseconds since 1970, UTC.
CREATE TABLE devices (
  id TEXT NOT NULL PRIMARY KEY,
  name TEXT NOT NULL,
  public_key TEXT NOT NULL UNIQUE CHECK (length(public_key) = 40),
  state TEXT NOT NULL CHECK (state IN ('approved', 'pending', 'removed')),
  registered_at INTEGER NOT NULL,
  last_seen_at INTEGER,
  facts TEXT NOT NULL,
  agent_version TEXT NOT NULL,
  spool_epoch TEXT NOT NULL,
  acked_sequence INTEGER NOT NULL
) STRICT;

-- The name of a removed device is free for another.
CREATE UNIQUE INDEX devices_by_name ON devices (name) WHERE state <> 'removed';
