#include "controller/api/job_counters.h"

namespace portoser::api {

/// From 0 on, so that the first one that fails is an increase.
JobCounters::JobCounters() {
  for (const auto* kind : {"start", "stop", "restart", "rebuild"}) {
    for (const auto* state : {"succeeded", "failed", "cancelled", "interrupted"}) {
      finished_[{kind, state}] = 0;
    }
  }
}

void JobCounters::job_started(const storage::JobRecord& /*job*/) {
  const std::lock_guard lock{mutex_};
  ++started_;
}

void JobCounters::job_finished(const storage::JobRecord& job) {
  {
    const std::lock_guard lock{mutex_};
    ++finished_[{job.kind, job.state}];
  }
  if (job.started_at && job.finished_at && *job.finished_at >= *job.started_at) {
    durations_.add(*job.finished_at - *job.started_at);
  }
}

void JobCounters::write(telemetry::Exposition& out) const {
  const std::lock_guard lock{mutex_};
  out.family("portoser_jobs_finished_total", "counter", "Jobs that are over, by how they ended");
  for (const auto& [key, count] : finished_) {
    out.sample({{"kind", key.first}, {"state", key.second}}, static_cast<double>(count));
  }
}

void JobCounters::write_operations(telemetry::Exposition& out) const {
  const std::lock_guard lock{mutex_};
  std::uint64_t finished = 0;
  for (const auto& [key, count] : finished_) finished += count;
  out.sample({{"queue_name", "jobs"}, {"operation", "started"}}, static_cast<double>(started_));
  out.sample({{"queue_name", "jobs"}, {"operation", "finished"}}, static_cast<double>(finished));
}

void JobCounters::write_durations(telemetry::Exposition& out) const {
  out.histogram({{"queue_name", "jobs"}}, durations_.read());
}

}  // namespace portoser::api
