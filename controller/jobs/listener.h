/// What others may follow of jobs. Called on the jobs' executor; must not block.
#pragma once

#include "common/error.h"
#include "controller/storage/job_store.h"

namespace portoser::jobs {

class Listener {
 public:
  Listener() = default;
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;
  virtual ~Listener() = default;

  virtual void job_started(const storage::JobRecord& /*job*/) {}
  virtual void job_step(const storage::JobRecord& /*job*/) {}
  virtual void job_log(const storage::JobRecord& /*job*/, const storage::JobLogLine& /*line*/) {}
  /// What it tells beside its log: phases, and what its work says of itself (`Run::tell`).
  virtual void job_told(const storage::JobRecord& /*job*/, const storage::JobEvent& /*event*/) {}
  virtual void job_finished(const storage::JobRecord& /*job*/) {}
  /// One that was given up for lost ended otherwise than it was told. `failure`: null when it
  /// succeeded.
  virtual void job_corrected(const storage::JobRecord& /*job*/, const Error* /*failure*/) {}
};

}  // namespace portoser::jobs
