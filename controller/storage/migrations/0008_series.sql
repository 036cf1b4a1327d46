-- What hosts measured. A block holds all series of a host over a span of one tier (0: the samples as
-- they came, 1: a bucket a minute, 2: a bucket a quarter of an hour); `start` in ms of Unix time. Its bytes
-- are made by controller/telemetry/series_blocks.
CREATE TABLE series_blocks (
  id INTEGER PRIMARY KEY,
  host TEXT NOT NULL,
  tier INTEGER NOT NULL,
  start INTEGER NOT NULL,
  data BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX series_blocks_by_host ON series_blocks (host, tier, start);
CREATE INDEX series_blocks_by_age ON series_blocks (tier, start);

-- The newest samples as they came, until their span is sealed into blocks.
CREATE TABLE series_log (
  id INTEGER PRIMARY KEY,
  host TEXT NOT NULL,
  data BLOB NOT NULL
) STRICT;

-- Which samples of a host are in blocks, so that one that comes again is known.
CREATE TABLE series_hosts (
  host TEXT NOT NULL PRIMARY KEY,
  sealed BLOB NOT NULL
) STRICT;

-- How often spans were sealed: a reader that knows which spans memory holds so learns which of them the blocks
-- hold too.
CREATE TABLE series_seals (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  last INTEGER NOT NULL
) STRICT;
INSERT INTO series_seals (id, last) VALUES (1, 0);

-- From when to when (ms of Unix time) a host could tell whether a service of its ran. Stretches of a service
-- neither touch nor overlap.
CREATE TABLE service_watches (
  host TEXT NOT NULL,
  service TEXT NOT NULL,
  start INTEGER NOT NULL,
  "end" INTEGER NOT NULL,
  first_up INTEGER NOT NULL,  -- 1: it ran at the beginning
  PRIMARY KEY (host, service, start)
) STRICT, WITHOUT ROWID;
