#include "controller/api/history_rows.h"

#include "common/json_members.h"
#include "controller/api/service_rows.h"

#include <utility>

namespace portoser::api {
namespace {

std::optional<Json> unless_null(const std::string& text) {
  auto value = parsed_or_null(text);
  if (value.is_null()) return std::nullopt;
  return value;
}

std::vector<Json> list_of(const Json& value) {
  if (!value.is_array()) return {};
  return {value.begin(), value.end()};
}

std::map<std::string, Json> members_of(const Json& object) {
  std::map<std::string, Json> members;
  if (!object.is_object()) return members;
  for (const auto& [key, value] : object.items()) members.emplace(key, value);
  return members;
}

/// What the preflight found, as the old records have it: what would fail or may is a problem.
void add_findings(const storage::DeploymentRecord& record, DeploymentRow& row) {
  const auto timestamp = to_rfc3339(record.started_at);
  for (const auto& finding : list_of(parsed_or_null(record.findings))) {
    const auto severity = finding.value("severity", "");
    const auto message = finding.value("message", "");
    if (severity == "info") {
      row.observations.push_back({{"type", finding.value("check", "")},
                                  {"message", message},
                                  {"severity", severity},
                                  {"timestamp", timestamp}});
    } else {
      row.problems.push_back({{"fingerprint", finding.value("reason", "")},
                              {"description", message},
                              {"severity", severity == "error" ? "high" : "low"},
                              {"subject", finding.value("subject", "")},
                              {"timestamp", timestamp}});
    }
  }
}

void fill_row(const storage::DeploymentRecord& record, DeploymentRow& row) {
  row.id = record.id;
  row.job_id = unless_empty(record.job_id);
  row.timestamp = record.finished_at;
  row.started_at = record.started_at;
  row.finished_at = record.finished_at;
  row.service = record.service;
  row.machine = record.machine;
  row.from_machine = unless_empty(record.from_machine);
  row.action = record.action;
  row.status = record.status;
  row.outcome = record.outcome;
  row.duration_ms = record.duration_ms;
  row.actor = record.actor;
  row.source = record.source;
  row.why = unless_empty(record.why);
  row.rollback_of = unless_empty(record.rollback_of);
  row.error = unless_empty(record.error);
  row.exit_code = record.exit_code;
  row.phases = list_of(parsed_or_null(record.phases));
  const auto extra = parsed_or_null(record.extra);
  row.observations = list_of(list_member(extra, "observations"));
  row.problems = list_of(list_member(extra, "problems"));
  row.solutions_applied = list_of(list_member(extra, "solutions_applied"));
  add_findings(record, row);
  // Those of the old CLI were taken before the action, and are all that there is.
  const auto& config = record.config_after == "null" && record.job_id.empty() ? record.config_before
                                                                              : record.config_after;
  row.config_snapshot = members_of(parsed_or_null(config));
}

}  // namespace

DeploymentRow deployment_row(const storage::DeploymentRecord& record) {
  DeploymentRow row;
  fill_row(record, row);
  return row;
}

DeploymentDetail deployment_detail(const storage::DeploymentRecord& record, bool with_text) {
  DeploymentDetail detail;
  fill_row(record, detail);
  detail.config_before = unless_null(record.config_before);
  detail.config_after = unless_null(record.config_after);
  detail.before = unless_null(record.state_before);
  detail.after = unless_null(record.state_after);
  if (!with_text) {
    for (auto* state : {&detail.before, &detail.after}) {
      if (*state && (*state)->is_object()) (*state)->erase("text");
    }
  }
  if (!record.job_id.empty()) detail.log_url = "/api/jobs/" + record.job_id + "/log";
  return detail;
}

}  // namespace portoser::api
