/// Where each line and each event of a job stands among all that it tells: the same number whether
/// it is told now or was stored long ago. Pure.
#pragma once

#include "controller/storage/job_store.h"

#include <cstdint>

namespace portoser::jobs {

/// From 1 on; each is greater than the one before it, and lines that were dropped leave a gap.
inline std::int64_t sequence_of(const storage::JobEvent& event) {
  return event.line + event.number + 1;
}

/// `events_before`: number of the first event that came after the line.
inline std::int64_t sequence_of(const storage::JobLogLine& line, std::int64_t events_before) {
  return line.number + events_before + 1;
}

/// Of what is told of its end.
inline std::int64_t sequence_of_end(const storage::JobRecord& job) {
  return job.next_line + job.next_event + 1;
}

}  // namespace portoser::jobs
