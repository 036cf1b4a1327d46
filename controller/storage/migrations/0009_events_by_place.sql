-- Uptime asks for the events of a service on a machine, by their time.
CREATE INDEX events_by_place ON events (service, machine, time);
