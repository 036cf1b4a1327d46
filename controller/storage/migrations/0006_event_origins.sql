-- An agent that was killed before it had noted that an event was told tells it again, under another
-- sequence. '': told once.
ALTER TABLE events ADD COLUMN origin TEXT NOT NULL DEFAULT '';

CREATE UNIQUE INDEX events_by_origin ON events (device_id, origin) WHERE origin <> '';
