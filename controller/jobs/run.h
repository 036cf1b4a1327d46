/// A job while it runs, as its work sees it. On the jobs' executor.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "common/clock.h"
#include "common/tasks.h"
#include "controller/fleet/fleet.h"
#include "controller/jobs/listener.h"
#include "controller/storage/job_store.h"

namespace portoser::jobs {

class Run {
 public:
  Run(storage::JobRecord record,
      storage::JobStore& store,
      fleet::Fleet& fleet,
      const Clock& clock,
      std::vector<Listener*> listeners);

  [[nodiscard]] const storage::JobRecord& record() const { return record_; }
  [[nodiscard]] storage::JobRecord& record() { return record_; }
  /// True when the controller was restarted in the middle: ask what became of it, begin nothing.
  bool resumed = false;

  void step(const std::string& name);
  void log(const std::string& text);

  /// Runs a command on the job's host; its output goes to the log. The command is persisted before it
  /// is sent. The job's own id serves as the command's, so that its outcome can be found again.
  asio::awaitable<protocol::CommandResult> command(std::string name,
                                                   Bytes arguments,
                                                   std::chrono::milliseconds limit);

  /// Writes the lines that are not yet in the database.
  asio::awaitable<void> flush();
  /// Continues the numbering of the log, after a restart.
  void continue_log_at(std::int64_t number) { next_line_ = number; }

 private:
  void output(const std::vector<fleet::OutputLine>& lines);
  void append(std::string step, std::string text);

  storage::JobRecord record_;
  storage::JobStore& store_;
  fleet::Fleet& fleet_;
  const Clock& clock_;
  std::vector<Listener*> listeners_;
  std::vector<storage::JobLogLine> unwritten_;
  std::int64_t next_line_ = 0;
};

}  // namespace portoser::jobs
