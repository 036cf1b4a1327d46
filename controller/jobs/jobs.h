/// Jobs: everything that changes a host. Persisted before they begin, one at a time for each
/// service, followed live, kept as history. All state lives on one executor (the fleet's strand);
/// methods are called there unless they say "any thread".
#pragma once

#include "common/clock.h"
#include "common/tasks.h"
#include "controller/fleet/fleet.h"
#include "controller/jobs/listener.h"
#include "controller/jobs/run.h"
#include "controller/storage/database.h"
#include "controller/storage/event_store.h"
#include "controller/storage/job_store.h"

#include <atomic>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace portoser::jobs {

/// Throws to fail the job; `Error{conflict}` with reason ACTION_CANCELLED cancels it.
using Work = std::function<asio::awaitable<void>(std::shared_ptr<Run>)>;

struct Request {
  std::string kind;     ///< start, stop, restart, rebuild; start_host, …; deploy_batch
  std::string service;  ///< empty: a job about the host
  std::string host;     ///< empty: a job about several services, wherever they are
  std::string created_by;
  std::string parent;          ///< the job that this one is a part of; empty: none
  std::string details = "{}";  ///< JSON text: what else was asked for
  /// What the work needs and nobody may store or show. A job that is joined has its own; one that
  /// is taken up by another controller has none.
  std::string attachment{};
  /// Of a job about several: what it is going to do, as `JobRecord::results`. Identical requests
  /// may differ in it.
  std::string results = "[]";
};

struct Submitted {
  std::string id;
  bool joined = false;  ///< an identical job was under way already
};

/// All that a job told: its lines and its events, each in their order. Of a job under way, all that
/// it told up to a moment.
struct Story {
  storage::JobRecord job;
  std::vector<storage::JobLogLine> lines;
  std::vector<storage::JobEvent> events;
};

/// Jobs under way, by service; others under a key that is no service's. Immutable.
using Active = std::map<std::string, storage::JobRecord, std::less<>>;

class Jobs {
 public:
  Jobs(storage::Database& database,
       fleet::Fleet& fleet,
       const Clock& clock,
       asio::any_io_executor executor);

  /// Before `start`.
  void add_listener(Listener& listener) { listeners_.push_back(&listener); }
  /// What a job of this kind does. Before `start`.
  void add_kind(const std::string& kind, Work work) { kinds_[kind] = std::move(work); }

  /// Takes up the jobs that the last run of the controller left unfinished.
  asio::awaitable<void> start();
  /// Leaves what runs on hosts alone; it is taken up at the next start. What can be written of the
  /// logs within five seconds is.
  asio::awaitable<void> stop();

  /// Persists and begins the job. An identical one under way is joined; another one for the same
  /// service (or, of jobs about a host, the same host; those about neither do not meet) is
  /// `Error{conflict}`, BUSY, whose details name it.
  asio::awaitable<Submitted> submit(Request request);
  /// The identical job under way; none: there is none.
  asio::awaitable<std::optional<Submitted>> join_same(const Request& request);
  /// Waits for its end. Unknown: `Error{not_found}`; the controller stops: `Error{unavailable}`.
  /// The same, STORAGE_FAILED, when it is over and the database does not take how it ended: the
  /// text says it.
  asio::awaitable<storage::JobRecord> wait(std::string id);
  /// Asks the host to end it, and its parts; the job ends when the host says so. Not under way:
  /// `Error{conflict}`. It is stored, so that a controller that is restarted asks again; where that
  /// fails (`Error` as of `Database`) the host was asked all the same.
  asio::awaitable<storage::JobRecord> cancel(std::string id);

  asio::awaitable<storage::JobRecord> find(std::string id);  ///< unknown: `Error{not_found}`
  asio::awaitable<std::vector<storage::JobRecord>> list(storage::JobFilter filter);
  asio::awaitable<std::vector<storage::JobLogLine>> log(std::string id,
                                                        std::int64_t offset,
                                                        std::int64_t limit);

  /// Unknown: `Error{not_found}`.
  asio::awaitable<Story> story(std::string id);

  /// The job goes on without its service or host, which the jobs that it begins may have now. Who
  /// asks for the identical job joins it still.
  void hand_over(const std::string& id);

  /// A result for a job that was given up for lost: what really became of it.
  void late_result(const storage::EventRecord& record);

  [[nodiscard]] std::shared_ptr<const Active> active() const {
    return active_.load();
  }  ///< any thread
  [[nodiscard]] std::uint64_t version() const {
    return version_.load();
  }  ///< any thread; moves with `active`

 private:
  struct Running {
    std::shared_ptr<Run> run;
    std::string subject;            ///< what it has, as a key of `by_subject_`
    bool stored = false;            ///< its beginning is in the database
    std::optional<Error> unstored;  ///< it is over, and its end is not in the database
    std::vector<std::shared_ptr<asio::steady_timer>> waiting;
  };

  void begin(std::shared_ptr<Run> run);
  asio::awaitable<void> carry_out(std::shared_ptr<Run> run);
  asio::awaitable<void> store_end(std::shared_ptr<Run> run, std::optional<Error> failure);
  void keep_log_of(std::shared_ptr<Run> run);
  asio::awaitable<void> keep_flushing();
  asio::awaitable<void> flush_all();
  asio::awaitable<void> correct(std::string id, storage::EventRecord record);
  asio::awaitable<void> recall_results();
  asio::awaitable<std::vector<storage::EventRecord>> results_of_lost_jobs();
  asio::awaitable<Submitted> join(std::string id);
  asio::awaitable<void> wait_for_news(std::string id);
  void take(const std::string& subject, const std::string& id);
  void leave(const std::string& id);
  [[nodiscard]] std::vector<std::string> with_parts(const std::string& id) const;
  void wake(const std::string& id);
  void refuse_when_stopping() const;
  void publish();

  storage::JobStore store_;
  storage::EventStore events_;
  fleet::Fleet& fleet_;
  const Clock& clock_;
  asio::any_io_executor executor_;
  TaskGroup tasks_;
  std::vector<Listener*> listeners_;
  std::map<std::string, Work> kinds_;
  std::map<std::string, Running> running_;  // by id
  std::map<std::string, std::string> by_subject_;
  std::deque<std::shared_ptr<Run>> ended_;  // over and stored; lines of their logs are not yet
  bool stopping_ = false;
  std::atomic<std::shared_ptr<const Active>> active_;
  std::atomic<std::uint64_t> version_{0};
};

}  // namespace portoser::jobs
