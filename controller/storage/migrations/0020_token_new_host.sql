-- A token may let a host join under a name that registry.yml does not have; the host's entry is added then.
ALTER TABLE tokens ADD COLUMN allow_new_host INTEGER NOT NULL DEFAULT 0;
