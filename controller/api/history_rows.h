/// Records of the history as the API shows them. Include it in sources only.
#pragma once

#include "common/clock.h"
#include "common/describe_json.h"
#include "controller/storage/deployment_store.h"

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace portoser::api {

struct DeploymentRow {
  std::string id;
  std::optional<std::string> job_id;  ///< null: imported from the old CLI
  std::optional<Time> timestamp;      ///< its end, as the old records have it
  Time started_at;
  std::optional<Time> finished_at;
  std::string service;
  std::string machine;
  std::optional<std::string> from_machine;  ///< of a move
  std::string action;
  std::string status;   ///< success, failure, rolled_back
  std::string outcome;  ///< succeeded, failed, returned, cancelled, interrupted
  std::optional<std::int64_t> duration_ms;
  std::string actor;
  std::string source;  ///< api, auto, cli (imported)
  std::optional<std::string> why;
  std::optional<std::string> rollback_of;
  std::optional<std::string> error;
  std::optional<std::int64_t> exit_code;
  std::vector<Json> phases;
  std::vector<Json> observations;
  std::vector<Json> problems;
  std::vector<Json> solutions_applied;
  std::map<std::string, Json> config_snapshot;  ///< the entry as the action left it; {}: not known
};
BOOST_DESCRIBE_STRUCT(DeploymentRow,
                      (),
                      (id,
                       job_id,
                       timestamp,
                       started_at,
                       finished_at,
                       service,
                       machine,
                       from_machine,
                       action,
                       status,
                       outcome,
                       duration_ms,
                       actor,
                       source,
                       why,
                       rollback_of,
                       error,
                       exit_code,
                       phases,
                       observations,
                       problems,
                       solutions_applied,
                       config_snapshot))

/// With what was there before and afterwards; null: not known.
struct DeploymentDetail : DeploymentRow {
  std::optional<Json> config_before;
  std::optional<Json> config_after;
  std::optional<Json> before;  ///< compose file, names of environment variables, images
  std::optional<Json> after;
  std::optional<std::string> log_url;
};
BOOST_DESCRIBE_STRUCT(DeploymentDetail,
                      (DeploymentRow),
                      (config_before, config_after, before, after, log_url))

DeploymentRow deployment_row(const storage::DeploymentRecord& record);
/// `with_text`: compose files, which may hold passwords, are shown.
DeploymentDetail deployment_detail(const storage::DeploymentRecord& record, bool with_text);

}  // namespace portoser::api
