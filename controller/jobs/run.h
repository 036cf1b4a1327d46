/// A job while it runs, as its work sees it. On the jobs' executor.
#pragma once

#include "common/clock.h"
#include "common/tasks.h"
#include "controller/fleet/fleet.h"
#include "controller/jobs/listener.h"
#include "controller/jobs/pending_log.h"
#include "controller/storage/job_store.h"

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace portoser::jobs {

/// One command of a job that needs several, on whatever host.
struct Part {
  std::string host;
  /// The same for the same thing, also of another run of the controller: the host's journal then
  /// knows what became of it.
  std::string id;
  std::string name;
  Bytes arguments;
  std::chrono::milliseconds limit{};
  bool can_be_cancelled = true;
  bool adopt_only = false;    ///< as `protocol::Command` has it
  bool is_cancelled = false;  ///< the host is to end it
  bool is_logged = true;      ///< false: its lines are in the log already
  std::function<void(const std::string& step)> on_step{};  ///< of the host's own steps
};

class Run {
 public:
  /// More a job does not tell; what comes behind them is left out.
  static constexpr std::int64_t most_events = 2000;

  Run(storage::JobRecord record,
      storage::JobStore& store,
      fleet::Fleet& fleet,
      const Clock& clock,
      std::vector<Listener*> listeners);

  [[nodiscard]] const storage::JobRecord& record() const { return record_; }
  [[nodiscard]] storage::JobRecord& record() { return record_; }
  /// True when the controller was restarted in the middle: ask what became of it, begin nothing.
  bool resumed = false;
  std::string attachment;  ///< of its request

  /// The steps that will follow, in order, once they are known; their names are unique in the job.
  void plan(const std::vector<std::string>& names);
  /// A step begins; the one before it has succeeded. One that had begun already is no news. Both
  /// are told as phases, by their places among the steps.
  void step(const std::string& name);
  /// The step under way is done, and no other follows.
  void end_phase();
  /// Something to be shown to whoever follows the job, now or later: JSON text of an object with a
  /// `type` (docs/sockets.md). It is stored with the log.
  void tell(std::string frame);
  /// What becomes of the services of a job about several: a JSON array. Stored at once.
  asio::awaitable<void> keep_results(std::string results);
  [[nodiscard]] Time now() const { return clock_.now(); }
  /// A line of our own; those of the tools come by `command`.
  void log(const std::string& text);

  /// Somebody wants it to end: what has not begun does not begin any more.
  void cancel();
  [[nodiscard]] bool cancelled() const { return cancelled_; }
  /// It began this job, which has no parent: who cancels the one cancels the other.
  void began(std::string job_id) { begun_.push_back(std::move(job_id)); }
  [[nodiscard]] const std::vector<std::string>& begun() const { return begun_; }
  /// Called at each new step.
  void on_step(std::function<void()> call) { on_step_ = std::move(call); }

  /// Runs a command on the job's host; its output goes to the log. The command is persisted before
  /// it is sent. The job's own id serves as the command's, so that its outcome can be found again.
  /// One that failed: `error_of` its result; cancelled before the host began it: `Error{conflict}`,
  /// ACTION_CANCELLED.
  asio::awaitable<void> command(std::string name, Bytes arguments, std::chrono::milliseconds limit);

  /// Runs one of several commands; its lines go to the log under the job's present step. The result
  /// is returned whether or not it succeeded. Not stored before it is sent: whoever calls has done
  /// that. No result: `Error` as of `Fleet::run`.
  asio::awaitable<protocol::CommandResult> part(Part part);

  /// The step under way has failed, and the job goes on behind it: with what undoes it.
  void fail_step(const std::string& message);

  /// Writes the lines, steps and events that were there when it began and are not in the database.
  asio::awaitable<void> flush();
  /// False: something waits for `flush`.
  [[nodiscard]] bool flushed() const {
    return pending_.empty() && !steps_changed_ && events_.empty();
  }

 private:
  void output(const protocol::Progress& news);
  void append(std::string step, std::string text);
  void tell_phase(const char* type, const std::string& step);
  [[nodiscard]] std::vector<storage::JobEvent> events_until(std::int64_t line) const;
  asio::awaitable<void> my_turn_to_flush();
  asio::awaitable<void> write_batch();

  storage::JobRecord record_;
  storage::JobStore& store_;
  fleet::Fleet& fleet_;
  const Clock& clock_;
  std::vector<Listener*> listeners_;
  PendingLog pending_;
  std::deque<storage::JobEvent> events_;  // not in the database yet
  bool steps_changed_ = false;
  bool flushing_ = false;  // one at a time: each has a copy of lines
  std::vector<std::shared_ptr<asio::steady_timer>> waiting_to_flush_;
  std::int64_t repeated_lines_ = 0;  // the agent tells again what the log has
  bool cancelled_ = false;
  std::set<std::string> cancellable_;  // ids of parts under way
  std::vector<std::string> begun_;
  std::function<void()> on_step_;
};

/// What a command ended with, as the error of its job. The tool's last lines ("output"), the step
/// that failed ("step") and what became of what ran before ("undone") are details.
Error error_of(const protocol::CommandResult& result);
/// What ran before runs again, as the host says.
bool has_returned(const Error& failure);

}  // namespace portoser::jobs
