/// The way back to an earlier deployment: what it would change, whether it is safe, and the job
/// that does it. On the jobs' executor.
#pragma once

#include "common/describe.h"
#include "common/describe_json.h"
#include "common/tasks.h"
#include "controller/deployment/deploy_command.h"
#include "controller/deployment/mover.h"
#include "controller/deployment/preflight.h"
#include "controller/deployment/recording.h"
#include "controller/fleet/fleet.h"
#include "controller/history/history.h"
#include "controller/jobs/jobs.h"
#include "controller/registry/editor.h"
#include "controller/registry/watch.h"

#include <memory>
#include <string>
#include <vector>

namespace portoser::deployment {

/// Something that the way back would change. Values are of any JSON type; null: not there.
struct Difference {
  std::string field;  ///< a key of the registry's entry, "compose", "image:web", "environment:KEY"
  Json current_value;
  Json target_value;
  std::string change_type;  ///< added, removed, modified
};
BOOST_DESCRIBE_STRUCT(Difference, (), (field, current_value, target_value, change_type))

struct RollbackPreview {
  std::string deployment_id;
  std::string service;
  std::string machine;
  std::string moves_from;                ///< the host where it is now; empty: it stays there
  Json current_config = Json::object();  ///< the entry in the registry
  Json target_config = Json::object();
  std::vector<Difference> differences;
  std::string compose_difference;  ///< unified; empty: none, or a text is not known
  std::vector<std::string> warnings;
  std::vector<protocol::Finding> findings;  ///< of the preflight on the host
  bool safe_to_rollback = false;
  std::vector<std::string> reasons;  ///< why it is not safe
  std::string reason;                ///< the first of them, UPPER_SNAKE; empty: it is safe
};
BOOST_DESCRIBE_STRUCT(RollbackPreview,
                      (),
                      (deployment_id,
                       service,
                       machine,
                       moves_from,
                       current_config,
                       target_config,
                       differences,
                       compose_difference,
                       warnings,
                       findings,
                       safe_to_rollback,
                       reasons,
                       reason))

class Rollback : public jobs::Listener {
 public:
  /// Registers its kind of job with `jobs`: "rollback". Add it to the listeners of `jobs`: what a
  /// host tells late may be a rollback that was given up for lost.
  Rollback(registry::RegistryWatch& registry,
           registry::RegistryEditor& editor,
           fleet::Fleet& fleet,
           jobs::Jobs& jobs,
           history::History& history,
           Preflight& preflight,
           Mover& mover,
           Recording& recording,
           asio::any_io_executor executor,
           DeployLimits limits = {});

  /// Unknown: `Error{not_found}`, DEPLOYMENT_UNKNOWN.
  asio::awaitable<RollbackPreview> preview(std::string deployment_id);

  /// Begins the job, or joins an identical one. Not safe: `Error{conflict}` with the preview's
  /// reason, and all reasons as details; `Error{unavailable}` while the host or its engine is away.
  asio::awaitable<jobs::Submitted> begin(std::string deployment_id,
                                         std::string user,
                                         std::string why);

  /// The entry of a service whose rollback was given up for lost, and had succeeded: as that would
  /// have left it, unless somebody changed the service or its entry since.
  asio::awaitable<void> restore_late(storage::JobRecord job);

  asio::awaitable<void> stop();

 private:
  void job_corrected(const storage::JobRecord& job, const Error* failure) override;
  asio::awaitable<std::string> what_came_later(const storage::JobRecord& job);
  asio::awaitable<void> look_at_entry(const storage::DeploymentRecord& record,
                                      RollbackPreview& preview);
  asio::awaitable<void> look_at_host(const storage::DeploymentRecord& record,
                                     RollbackPreview& preview);
  asio::awaitable<void> look_at_move(const storage::DeploymentRecord& record,
                                     RollbackPreview& preview);
  asio::awaitable<void> carry_out(std::shared_ptr<jobs::Run> run);
  [[nodiscard]] registry::EntryEdit edit_for(const storage::DeploymentRecord& record) const;
  /// False: it says already what it said then.
  asio::awaitable<bool> restore_entry(const storage::DeploymentRecord& record, std::string who);

  registry::RegistryWatch& registry_;
  registry::RegistryEditor& editor_;
  fleet::Fleet& fleet_;
  jobs::Jobs& jobs_;
  history::History& history_;
  Preflight& preflight_;
  Mover& mover_;
  Recording& recording_;
  const DeployLimits limits_;
  TaskGroup tasks_;
};

}  // namespace portoser::deployment
