CREATE TABLE tokens (
  id TEXT NOT NULL PRIMARY KEY,
  secret_hash TEXT NOT NULL,
  prefix TEXT NOT NULL,
  description TEXT NOT NULL,
  host TEXT,
  allow_key_change INTEGER NOT NULL,
  max_uses INTEGER NOT NULL,
  uses INTEGER NOT NULL,
  expires_at INTEGER,
  created_at INTEGER NOT NULL,
  created_by TEXT NOT NULL,
  revoked_at INTEGER,
  last_used_at INTEGER,
  CHECK (uses BETWEEN 0 AND max_uses)
) STRICT;
