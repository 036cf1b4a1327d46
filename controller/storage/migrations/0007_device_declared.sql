-- What a registration says of the host beside its facts: labels, capabilities. JSON.
ALTER TABLE devices ADD COLUMN declared TEXT NOT NULL DEFAULT '{}';
