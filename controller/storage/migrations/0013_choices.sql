-- What people chose over the API while the controller ran; it holds over the settings.
CREATE TABLE choices (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
