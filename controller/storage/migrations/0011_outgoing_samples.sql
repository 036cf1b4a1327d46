-- What of the samples waits for a store elsewhere (remote write): a row a sample, until the store has it. Its id is
-- that of the sample in series_log, its bytes are made by controller/telemetry/outgoing_sample.
CREATE TABLE outgoing_samples (
  id INTEGER PRIMARY KEY,
  host TEXT NOT NULL,
  queued INTEGER NOT NULL,  -- ms of Unix time, when it came
  samples INTEGER NOT NULL,  -- that the store would get
  data BLOB NOT NULL
) STRICT;
