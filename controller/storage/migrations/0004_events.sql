-- AUTOINCREMENT: a client replays from the last id that it saw, so no id is ever given twice.
CREATE TABLE events (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  device_id TEXT NOT NULL,
  spool_epoch TEXT NOT NULL,
  sequence INTEGER NOT NULL,
  time INTEGER NOT NULL,
  time_estimated INTEGER NOT NULL,
  scope TEXT NOT NULL CHECK (scope IN ('service', 'container', 'host', 'command')),
  event_type TEXT NOT NULL,
  service TEXT NOT NULL,
  machine TEXT NOT NULL,
  details TEXT NOT NULL,
  metadata TEXT NOT NULL
) STRICT;

-- What makes an event that was sent twice exactly one. Events of the controller's own have no device.
CREATE UNIQUE INDEX events_once ON events (device_id, spool_epoch, sequence) WHERE device_id <> '';

-- The row's id is the last column of every index: "of this service, by id" needs no more.
CREATE INDEX events_by_service ON events (service);
CREATE INDEX events_by_service_time ON events (service, time);
CREATE INDEX events_by_machine ON events (machine);
