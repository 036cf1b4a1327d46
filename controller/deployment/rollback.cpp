#include "controller/deployment/rollback.h"

#include "common/json_members.h"
#include "common/log.h"
#include "controller/deployment/compose_target.h"
#include "controller/deployment/look_first.h"
#include "controller/deployment/state_differences.h"
#include "controller/deployment/text_difference.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace portoser::deployment {
namespace {

constexpr auto masked = "***";

void refuse(RollbackPreview& preview, const std::string& reason, std::string why) {
  if (preview.reason.empty()) preview.reason = reason;
  preview.reasons.push_back(std::move(why));
}

/// What can be told of it without its host.
void judge_record(const storage::DeploymentRecord& record,
                  const registry::Registry& registry,
                  RollbackPreview& preview) {
  if (record.status != "success" && record.status != "rolled_back") {
    refuse(preview,
           "DEPLOYMENT_NOT_GOOD",
           fmt::format("{} did not succeed: there is nothing good to go back to", record.id));
  }
  if (record.job_id.empty()) {
    refuse(preview,
           "DEPLOYMENT_NOT_KEPT",
           fmt::format("{} was imported from the old CLI, which kept neither files nor images",
                       record.id));
  }
  const auto* service = registry.find_service(record.service);
  if (service == nullptr) {
    refuse(preview,
           "SERVICE_UNKNOWN",
           fmt::format("the registry has no service \"{}\" any more; add it again first",
                       record.service));
    return;
  }
  if (service->deployment_type != registry::DeploymentType::docker) {
    refuse(preview,
           "KIND_NOT_SUPPORTED",
           fmt::format("\"{}\" is a {} service: hosts keep deployments of docker services alone",
                       record.service,
                       enum_name(service->deployment_type)));
  }
  if (registry.find_host(record.machine) == nullptr) {
    refuse(preview,
           "MACHINE_UNKNOWN",
           fmt::format("the registry has no host \"{}\" any more", record.machine));
  } else if (!service->current_host) {
    refuse(preview,
           "SERVICE_UNASSIGNED",
           fmt::format(
               "\"{}\" is on no host; put it on \"{}\" first", record.service, record.machine));
  } else if (service->current_host != record.machine) {
    preview.moves_from = *service->current_host;
    preview.warnings.push_back(
        fmt::format("it moves from \"{}\" back to \"{}\", with its data as it is now",
                    *service->current_host,
                    record.machine));
  }
}

void take_findings(std::vector<protocol::Finding> findings, RollbackPreview& preview) {
  for (const auto& finding : findings) {
    if (is_error(finding)) {
      refuse(preview, finding.reason, finding.message);
    } else if (finding.severity == "warning") {
      preview.warnings.push_back(finding.message);
    }
  }
  std::move(findings.begin(), findings.end(), std::back_inserter(preview.findings));
}

/// A secret is "***" in the history, and stays what it is now.
bool has_secret(const Json& value) {
  if (value.is_string()) return value.get<std::string>() == masked;
  return value.is_structured() && std::any_of(value.begin(), value.end(), has_secret);
}

}  // namespace

Rollback::Rollback(registry::RegistryWatch& registry,
                   registry::RegistryEditor& editor,
                   fleet::Fleet& fleet,
                   jobs::Jobs& jobs,
                   history::History& history,
                   Preflight& preflight,
                   Mover& mover,
                   Recording& recording,
                   asio::any_io_executor executor,
                   DeployLimits limits)
    : registry_(registry),
      editor_(editor),
      fleet_(fleet),
      jobs_(jobs),
      history_(history),
      preflight_(preflight),
      mover_(mover),
      recording_(recording),
      limits_(limits),
      tasks_(std::move(executor)) {
  auto work = recording_.of(
      "rollback", [this](std::shared_ptr<jobs::Run> run) { return carry_out(std::move(run)); });
  jobs_.add_kind("rollback", std::move(work));
}

asio::awaitable<RollbackPreview> Rollback::preview(std::string deployment_id) {
  const auto record = co_await history_.find(std::move(deployment_id));
  RollbackPreview preview;
  preview.deployment_id = record.id;
  preview.service = record.service;
  preview.machine = record.machine;
  preview.target_config = parsed_or_null(record.config_after);
  const auto registry = registry_.snapshot()->registry;
  judge_record(record, *registry, preview);
  if (const auto* service = registry->find_service(record.service)) {
    preview.current_config = parsed_or_null(service->config);
    if (preview.target_config.is_object()) {
      preview.differences = config_differences(preview.current_config, preview.target_config);
    } else {
      preview.warnings.emplace_back(
          "what its entry in registry.yml said then is not known; it stays as it is");
    }
  }
  if (preview.reasons.empty()) {
    co_await look_at_entry(record, preview);
    co_await look_at_host(record, preview);
  }
  for (const auto& difference : preview.differences) {
    if (!has_secret(difference.target_value)) continue;
    preview.warnings.push_back(
        fmt::format("{} holds a secret, which stays as it is now", difference.field));
  }
  if (preview.differences.empty()) {
    preview.warnings.emplace_back("nothing differs from what there is now");
  }
  preview.safe_to_rollback = preview.reasons.empty();
  co_return preview;
}

/// Whether it could be put back as it was then.
asio::awaitable<void> Rollback::look_at_entry(const storage::DeploymentRecord& record,
                                              RollbackPreview& preview) {
  auto edit = edit_for(record);
  if (edit.fields.empty()) co_return;
  registry::EditTerms terms;
  std::optional<Error> refused;
  try {
    auto checking = editor_.require_possible(std::move(edit), std::move(terms));
    co_await std::move(checking);
  } catch (const Error& error) {
    refused = error;
  }
  if (!refused) co_return;
  refuse(preview,
         refused->reason(),
         "its entry in registry.yml cannot be put back: " + refused->message());
}

asio::awaitable<void> Rollback::look_at_host(const storage::DeploymentRecord& record,
                                             RollbackPreview& preview) {
  std::optional<Error> away;
  try {
    fleet_.require_online(record.machine);
  } catch (const Error& error) {
    away = error;
  }
  if (away) {
    refuse(preview, away->reason(), away->message());
    co_return;
  }
  if (!preview.moves_from.empty()) {
    auto looking = look_at_move(record, preview);
    co_await std::move(looking);
  }
  const auto now = co_await recording_.look(record.service, record.machine);
  const auto current = parsed_or_null(now.state);
  const auto target = parsed_or_null(record.state_after);
  if (const auto problem = text_member(current, "problem"); !problem.empty()) {
    refuse(preview,
           text_member(current, "reason"),
           "how the service stands now is not known: " + problem);
    co_return;
  }
  const auto& kept = list_member(current, "kept");
  const bool is_kept = std::find(kept.begin(), kept.end(), record.id) != kept.end();
  if (!is_kept) {
    refuse(preview,
           "DEPLOYMENT_NOT_KEPT",
           fmt::format("\"{}\" does not keep {} any more", record.machine, record.id));
    co_return;
  }
  if (target.is_object() && text_member(target, "problem").empty()) {
    auto differences = state_differences(current, target);
    std::move(differences.begin(), differences.end(), std::back_inserter(preview.differences));
    preview.compose_difference =
        unified_difference(text_member(current, "text"), text_member(target, "text"));
  } else {
    preview.warnings.emplace_back(
        "what it ran with was not recorded; its host keeps it and can bring it back all the same");
  }
  // The host to which it moves has looked already.
  if (!preview.moves_from.empty()) co_return;
  PreflightWish wish;
  wish.service = record.service;
  wish.action = "restore";
  wish.restore = record.id;
  auto looking = preflight_.look(std::move(wish));
  auto report = co_await std::move(looking);
  take_findings(std::move(report.findings), preview);
}

/// Whether the service can go back to the host on which it was.
asio::awaitable<void> Rollback::look_at_move(const storage::DeploymentRecord& record,
                                             RollbackPreview& preview) {
  Move move;
  move.service_name = record.service;
  move.from_machine = preview.moves_from;
  move.to_machine = record.machine;
  auto looking = mover_.look(std::move(move));
  auto found = co_await std::move(looking);
  take_findings(std::move(found.findings), preview);
}

asio::awaitable<jobs::Submitted> Rollback::begin(std::string deployment_id,
                                                 std::string user,
                                                 std::string why) {
  const auto preview = co_await this->preview(std::move(deployment_id));
  if (!preview.safe_to_rollback) {
    const bool waits = is_of_absence(preview.reason);
    if (waits) fleet_.require_online(preview.machine);  // which has its own words for it
    std::vector<ErrorDetail> details;
    for (const auto& reason : preview.reasons) details.push_back({preview.service, reason});
    throw Error{waits ? Code::unavailable : Code::conflict, preview.reasons.front(), "path.id"}
        .reason(preview.reason)
        .hint("GET /api/history/rollback/" + preview.deployment_id + "/preview shows all of it")
        .details(std::move(details));
  }
  jobs::Request request;
  request.kind = "rollback";
  request.service = preview.service;
  request.host = preview.machine;
  request.created_by = std::move(user);
  Json details{{"rollback_of", preview.deployment_id}, {"why", why}};
  if (!preview.moves_from.empty()) {
    details["from"] = preview.moves_from;
    details["to_machine"] = preview.machine;
  }
  request.details = dump(details);
  co_return co_await jobs_.submit(std::move(request));
}

asio::awaitable<void> Rollback::carry_out(std::shared_ptr<jobs::Run> run) {
  const auto request = parsed_or_null(run->record().request);
  const auto record = co_await history_.find(text_member(request, "rollback_of"));
  protocol::ComposeDeploy command;
  command.target.service = record.service;
  command.action = "restore";
  command.restore = record.id;
  if (!text_member(request, "to_machine").empty()) {
    Move move;
    move.service_name = record.service;
    move.to_machine = record.machine;
    auto moving = mover_.move_within(run, std::move(move));
    co_await std::move(moving);
    // What comes now was not begun before the controller was restarted.
    if (run->record().command_id.empty()) run->resumed = false;
  }
  if (!run->resumed) {
    const auto registry = registry_.snapshot()->registry;
    const auto& service = registry->require_service(record.service, "path.service");
    command.target = compose_target(*registry, service);
    PreflightWish wish;
    wish.service = record.service;
    wish.action = "restore";
    wish.restore = record.id;
    co_await look_first(preflight_, recording_, run, std::move(wish), "rolled back");
    // Before the host changes anything: what comes after it must be possible.
    auto edit = edit_for(record);
    if (!edit.fields.empty()) {
      registry::EditTerms terms;
      terms.who = run->record().created_by;
      auto checking = editor_.require_possible(std::move(edit), std::move(terms));
      co_await std::move(checking);
    }
  }
  co_await deploy(run, std::move(command), limits_);
  std::optional<Error> failed;
  bool is_restored = false;
  try {
    is_restored = co_await restore_entry(record, run->record().created_by);
  } catch (const Error& error) {
    failed = error;
  }
  if (failed) {
    throw Error{
        failed->code(),
        fmt::format("\"{}\" runs as in {} again, but its entry in registry.yml could not be "
                    "written: {}",
                    record.service,
                    record.id,
                    failed->message())}
        .reason(failed->reason())
        .hint("roll back once more when registry.yml can be written: nothing else is left to do");
  }
  if (is_restored) run->log("its entry in registry.yml is as it was");
}

registry::EntryEdit Rollback::edit_for(const storage::DeploymentRecord& record) const {
  registry::EntryEdit edit;
  edit.section = registry::Section::services;
  edit.name = record.service;
  const auto registry = registry_.snapshot()->registry;
  const auto* service = registry->find_service(record.service);
  const auto target = parsed_or_null(record.config_after);
  if (service == nullptr || !target.is_object()) return edit;
  for (const auto& difference : config_differences(parsed_or_null(service->config), target)) {
    if (has_secret(difference.target_value) || has_secret(difference.current_value)) continue;
    edit.fields.push_back(
        {difference.field, registry::FieldValue::of_json(difference.target_value)});
  }
  return edit;
}

/// After the host: an entry that names another file or port than what runs would be a lie. Done
/// again by a controller that was killed in between, which changes nothing then.
asio::awaitable<bool> Rollback::restore_entry(const storage::DeploymentRecord& record,
                                              std::string who) {
  auto edit = edit_for(record);
  if (edit.fields.empty()) co_return false;
  registry::EditTerms terms;
  terms.who = std::move(who);
  auto editing = editor_.edit(std::move(edit), std::move(terms));
  co_await std::move(editing);
  co_return true;
}

void Rollback::job_corrected(const storage::JobRecord& job, const Error* failure) {
  if (job.kind != "rollback" || failure != nullptr) return;
  tasks_.spawn("entry of " + job.service, restore_late(job));
}

/// What the host tells may be weeks old.
asio::awaitable<std::string> Rollback::what_came_later(const storage::JobRecord& job) {
  const auto own = co_await history_.find(history::History::id_of(job));
  const auto active = jobs_.active();
  if (active->contains(job.service)) co_return "another job for it is under way";
  storage::DeploymentFilter later;
  later.service = job.service;
  later.from = own.started_at;
  later.limit = 2;
  auto listing = history_.list(std::move(later));
  const auto page = co_await std::move(listing);
  for (const auto& record : page.records) {
    if (record.id != own.id) co_return "it was changed again by " + record.id;
  }
  const auto registry = registry_.snapshot()->registry;
  const auto* service = registry->find_service(job.service);
  if (service == nullptr) co_return "the registry does not have it any more";
  if (parsed_or_null(service->config) != parsed_or_null(own.config_before)) {
    co_return "its entry was edited since";
  }
  co_return "";
}

asio::awaitable<void> Rollback::restore_late(storage::JobRecord job) {
  auto looking = what_came_later(job);
  const auto later = co_await std::move(looking);
  if (!later.empty()) {
    log::warn("deployment",
              "the entry of a service that was rolled back stays as it is",
              {{"job", job.id}, {"service", job.service}, {"reason", later}});
    co_return;
  }
  const auto record =
      co_await history_.find(text_member(parsed_or_null(job.request), "rollback_of"));
  co_await restore_entry(record, job.created_by);
}

asio::awaitable<void> Rollback::stop() {
  tasks_.stop();
  co_await tasks_.join();
}

}  // namespace portoser::deployment
