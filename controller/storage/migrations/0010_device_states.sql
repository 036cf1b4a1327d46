-- Devices without an agent (no key, a credential instead), those that wait or were refused, those that an
-- admin has set aside, and whose they are. SQLite changes no CHECK in place.
CREATE TABLE devices_next (
  id TEXT NOT NULL PRIMARY KEY,
  name TEXT NOT NULL,
  public_key TEXT UNIQUE CHECK (length(public_key) = 40),  -- NULL: it has no agent
  state TEXT NOT NULL CHECK (state IN ('approved', 'pending', 'rejected', 'removed')),
  registered_at INTEGER NOT NULL,
  last_seen_at INTEGER,
  facts TEXT NOT NULL,
  agent_version TEXT NOT NULL,
  spool_epoch TEXT NOT NULL,
  acked_sequence INTEGER NOT NULL,
  declared TEXT NOT NULL DEFAULT '{}',
  mode TEXT NOT NULL DEFAULT 'normal' CHECK (mode IN ('normal', 'maintenance', 'disabled')),
  credential_hash TEXT,  -- SHA-256, hexadecimal
  claim TEXT,            -- how one that came without a token is known again; NULL: it had one
  owner TEXT,
  approved_at INTEGER,
  approved_by TEXT
) STRICT;

INSERT INTO devices_next (id, name, public_key, state, registered_at, last_seen_at, facts, agent_version,
  spool_epoch, acked_sequence, declared, approved_at)
SELECT id, name, public_key, state, registered_at, last_seen_at, facts, agent_version, spool_epoch,
  acked_sequence, declared, CASE state WHEN 'approved' THEN registered_at END FROM devices;

DROP TABLE devices;
ALTER TABLE devices_next RENAME TO devices;

-- The name of a removed device is free for another.
CREATE UNIQUE INDEX devices_by_name ON devices (name) WHERE state <> 'removed';
