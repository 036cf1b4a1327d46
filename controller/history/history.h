/// The history of what we changed on hosts: one record for each job about a service, written when
/// the job begins and completed before it is over, so that whoever was told of its end finds it
/// here. It outlives the jobs. Methods are coroutines for any executor unless they say otherwise.
#pragma once

#include "common/clock.h"
#include "common/error.h"
#include "common/tasks.h"
#include "controller/jobs/listener.h"
#include "controller/storage/database.h"
#include "controller/storage/deployment_store.h"
#include "controller/storage/job_store.h"

#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace portoser::history {

/// How a service stood at a moment. JSON texts; "null": not known.
struct Snapshot {
  std::string config = "null";  ///< its entry in the registry, secrets masked
  std::string state = "null";   ///< its compose file, environment and images, as its host told
};

/// What a job's record says beside the job itself.
struct Circumstances {
  std::string action;  ///< as `DeploymentRecord::action`
  std::string why;
  std::string rollback_of;
  std::string from_machine{};  ///< of a move
};

/// The newest change of a service that is over.
struct NewestDeployment {
  std::string id;
  std::string action;
  std::string status;  ///< success, failure, rolled_back
  Time started_at;
  std::optional<Time> finished_at;
};

class History : public jobs::Listener {
 public:
  /// `executor`: of the jobs.
  History(storage::Database& database, const Clock& clock, asio::any_io_executor executor);

  /// The id of the record that a job has: "deploy-", its beginning in UTC, eight hexadecimal digits
  /// of its id's hash.
  static std::string id_of(const storage::JobRecord& job);

  /// Completes what an earlier run of the controller left open although the job is over. Before the
  /// jobs start.
  asio::awaitable<void> recover();

  /// True when the job had no record yet; one that it has stays as it is.
  asio::awaitable<bool> begin(const storage::JobRecord& job,
                              Circumstances circumstances,
                              Snapshot before);
  /// What a preflight found: a JSON list.
  asio::awaitable<void> keep_findings(std::string job_id, std::string findings);
  /// The job as it ends. Without a record: nothing. `returned`: what ran before runs again. Where
  /// the database takes nothing it is tried again and again beside the job, whose own end waits
  /// too.
  asio::awaitable<void> end(const storage::JobRecord& job, Snapshot after, bool returned = false);

  asio::awaitable<storage::DeploymentPage> list(storage::DeploymentFilter filter);
  /// `Error{not_found}`, DEPLOYMENT_UNKNOWN.
  asio::awaitable<storage::DeploymentRecord> find(std::string id);
  asio::awaitable<storage::DeploymentStats> stats(std::optional<std::string> service, int days);
  asio::awaitable<std::optional<storage::DeploymentRecord>> newest_good(std::string service);

  /// From memory, which `recover` fills: whoever shows services asks for it again and again. One
  /// that was imported meanwhile counts from the next start on. Any thread.
  [[nodiscard]] std::optional<NewestDeployment> newest(std::string_view service) const;

  asio::awaitable<void> stop();

 private:
  void remember(const storage::DeploymentRecord& record);
  void job_corrected(const storage::JobRecord& job, const Error* failure) override;
  asio::awaitable<void> complete(storage::JobRecord job,
                                 std::optional<Snapshot> after,
                                 bool returned);
  asio::awaitable<void> keep_trying(storage::JobRecord job,
                                    std::optional<Snapshot> after,
                                    bool returned);

  storage::DeploymentStore store_;
  storage::JobStore jobs_;
  const Clock& clock_;
  TaskGroup tasks_;
  mutable std::mutex mutex_;  // guards newest_ alone
  std::map<std::string, NewestDeployment, std::less<>> newest_;
};

/// How the job ended, written into its record; the states stay.
void describe_end(storage::DeploymentRecord& record, const storage::JobRecord& job);

}  // namespace portoser::history
