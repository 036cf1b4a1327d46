/// The history of deployments: what we changed on hosts, and what was there before and afterwards.
/// Any thread; the methods are coroutines as `Database` describes them.
#pragma once

#include "common/clock.h"
#include "common/tasks.h"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace portoser::storage {

class Connection;
class Database;

struct DeploymentRecord {
  std::string id;      ///< "deploy-20260304-091500-1f0c9a7e"
  std::string job_id;  ///< empty: imported
  Time started_at;
  std::optional<Time> finished_at;
  std::string service;
  std::string machine;
  std::string from_machine;  ///< of a move; empty: none
  std::string action;   ///< start, stop, restart, rebuild, update, rollback; imported: its own word
  std::string status;   ///< running, success, failure, rolled_back
  std::string outcome;  ///< succeeded, failed, returned, cancelled, interrupted
  std::string actor;
  std::string source;  ///< api, auto, cli
  std::string why;     ///< as somebody gave it, or the job that it is a part of
  std::string rollback_of;
  std::optional<std::int64_t> duration_ms;
  std::string error;
  std::optional<std::int64_t> exit_code;
  std::string phases = "[]";           ///< JSON, like all that follow
  std::string findings = "[]";         ///< of the preflight
  std::string extra = "{}";            ///< of an imported one: what has no place here
  std::string config_before = "null";  ///< the entry in the registry
  std::string config_after = "null";
  std::string state_before = "null";  ///< compose file, environment, images
  std::string state_after = "null";
};

/// Empty members select everything. Those under way are left out.
struct DeploymentFilter {
  std::optional<std::string> service;
  std::optional<std::string> machine;
  std::optional<std::string> status;
  std::optional<std::string> action;
  std::optional<Time> from;   ///< begun at this time or later
  std::optional<Time> until;  ///< begun before
  std::int64_t limit = 50;
  std::int64_t offset = 0;
};

struct DeploymentPage {
  std::vector<DeploymentRecord> records;  ///< newest first, without the states
  std::int64_t total = 0;                 ///< before limit and offset
};

struct DeploymentCounts {
  std::int64_t total = 0;
  std::int64_t success = 0;
  std::int64_t failure = 0;
  std::int64_t rolled_back = 0;
  std::optional<double> average_duration_ms;
};

struct DeploymentStats {
  DeploymentCounts all;
  std::vector<std::pair<std::string, DeploymentCounts>> by_service;  ///< by name
};

class DeploymentStore {
 public:
  explicit DeploymentStore(Database& database) : database_(database) {}

  /// False: one of that id, or of that job, is there and stays as it is.
  asio::awaitable<bool> insert(DeploymentRecord record);
  /// All of them or none. Those whose id is there stay as they are. Returns how many were new.
  asio::awaitable<std::int64_t> insert_all(std::vector<DeploymentRecord> records);
  /// Replaces everything but id, job and beginning. `Error{not_found}`, DEPLOYMENT_UNKNOWN.
  asio::awaitable<void> update(DeploymentRecord record);

  asio::awaitable<std::optional<DeploymentRecord>> find(std::string id);
  asio::awaitable<std::optional<DeploymentRecord>> find_job(std::string job_id);
  asio::awaitable<DeploymentPage> list(DeploymentFilter filter);
  /// The newest that succeeded; none: there is none.
  asio::awaitable<std::optional<DeploymentRecord>> newest_good(std::string service);
  /// Of each service the newest that is over, without the states.
  asio::awaitable<std::vector<DeploymentRecord>> newest_of_each();
  /// Under way, as far as the table knows.
  asio::awaitable<std::vector<DeploymentRecord>> unfinished();
  asio::awaitable<DeploymentStats> stats(std::optional<std::string> service, Time since);

  /// Those begun before that moment, the oldest first, in small transactions; at least `keep` stay.
  asio::awaitable<std::int64_t> delete_before(Time moment, std::int64_t keep);

 private:
  Database& database_;
};

/// For `portoser-controller import-history`, whether or not a controller runs (beside.h). All calls
/// block.
class DeploymentFile {
 public:
  DeploymentFile(const std::filesystem::path& path, const Clock& clock);
  DeploymentFile(const DeploymentFile&) = delete;
  DeploymentFile& operator=(const DeploymentFile&) = delete;
  ~DeploymentFile();

  /// As `DeploymentStore::insert_all`.
  std::int64_t insert_all(const std::vector<DeploymentRecord>& records);

 private:
  std::unique_ptr<Connection> connection_;
};

}  // namespace portoser::storage
