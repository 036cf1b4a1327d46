-- Somebody asked to end it: a controller that is restarted asks the host again.
ALTER TABLE jobs ADD COLUMN cancel_requested INTEGER NOT NULL DEFAULT 0;
