/// Counts jobs for the Prometheus page: by what they do and how they ended.
#pragma once

#include "common/histogram.h"
#include "controller/jobs/listener.h"
#include "controller/telemetry/exposition.h"

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <utility>

namespace portoser::api {

class JobCounters : public jobs::Listener {
 public:
  JobCounters();

  // On the jobs' executor.
  void job_started(const storage::JobRecord& job) override;
  void job_step(const storage::JobRecord& /*job*/) override {}
  void job_log(const storage::JobRecord& /*job*/, const storage::JobLogLine& /*line*/) override {}
  void job_finished(const storage::JobRecord& job) override;

  /// The family of jobs that are over. Any thread.
  void write(telemetry::Exposition& out) const;
  /// Samples of `queue_operations_total`.
  void write_operations(telemetry::Exposition& out) const;
  /// Samples of `queue_processing_duration_seconds`.
  void write_durations(telemetry::Exposition& out) const;

 private:
  mutable std::mutex mutex_;
  std::uint64_t started_ = 0;
  std::map<std::pair<std::string, std::string>, std::uint64_t> finished_;  ///< by kind and state
  Histogram durations_{{0.1, 0.5, 1, 2.5, 5, 10, 30}};
};

}  // namespace portoser::api
