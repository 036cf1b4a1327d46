-- Uptime reads and counts all events of a service on a machine: with these columns it needs the index
-- alone. The id is named so that events of one moment keep their order.
DROP INDEX events_by_place;
CREATE INDEX events_by_place ON events (service, machine, scope, time, id, event_type, device_id);
