#include "controller/deployment/move_look.h"

#include "controller/deployment/compose_target.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <utility>

namespace portoser::deployment {
namespace {

/// A folder of many files takes its time to be counted.
constexpr std::chrono::seconds inventory_limit{50};
constexpr std::chrono::seconds target_limit{45};

void add(MoveLook& found, const std::string& check, const Error& error, std::string subject) {
  found.findings.push_back(
      {check, "error", error.reason(), std::move(subject), error.message(), error.hint()});
}

bool has_error(const MoveLook& found) {
  for (const auto& finding : found.findings) {
    if (finding.severity == "error") return true;
  }
  return false;
}

Error not_docker(const registry::Service& service) {
  return Error{Code::invalid,
               fmt::format("\"{}\" is a {} service: only docker services are moved with their data",
                           service.name,
                           enum_name(service.deployment_type))}
      .reason("KIND_NOT_SUPPORTED")
      .hint("bring its files to the other host and change current_host in registry.yml");
}

Error no_place(const registry::Service& service, const std::string& host) {
  return Error{
      Code::invalid,
      fmt::format(
          "where the compose file of \"{}\" would be on \"{}\" is not known", service.name, host)}
      .reason("MOVE_PATH_UNKNOWN")
      .hint(fmt::format("give the host \"{}\" a `path` in registry.yml, as the other one has it",
                        host));
}

/// What stands against taking a path along that may stay behind as well.
bool is_of_path_outside(const protocol::Finding& finding,
                        const protocol::MoveInventory& inventory) {
  if (finding.reason != "MOUNT_SHARED" && finding.reason != "MOUNT_BELOW") return false;
  return std::any_of(inventory.binds.begin(), inventory.binds.end(), [&](const auto& bind) {
    return !bind.is_inside && bind.path == finding.subject;
  });
}

bool goes_along(const std::string& path, const MoveData& data) {
  return std::any_of(data.source.begin(), data.source.end(), [&](const auto& root) {
    return root.kind == "path" && (path == root.path || path.starts_with(root.path + "/"));
  });
}

/// Compose names a project by its folder, and volumes by their project.
void check_project_name(const registry::Service& service,
                        const protocol::MoveInventory& inventory,
                        const std::string& target_file,
                        MoveLook& found) {
  const auto folder_of = [](const std::string& file) {
    return std::filesystem::path{file}.parent_path().filename();
  };
  const bool is_named = !service.project.empty() || inventory.volumes.empty();
  if (is_named || folder_of(inventory.file) == folder_of(target_file)) return;
  add(found,
      "registry",
      Error{Code::invalid,
            fmt::format("its folder would be {} there and is {} here, by which compose names its "
                        "volumes: they would be others",
                        std::filesystem::path{target_file}.parent_path().string(),
                        std::filesystem::path{inventory.file}.parent_path().string())}
          .reason("PROJECT_NAME_DIFFERS")
          .hint("give the service a `project` in registry.yml: \"" + inventory.project + "\""),
      service.name);
}

/// Where the service's file would be if it were on that host, in the registry's order.
std::vector<std::string> candidates_on(const registry::Registry& registry,
                                       registry::Service service,
                                       const std::string& host) {
  service.current_host = host;
  return registry.compose_candidates(service);
}

}  // namespace

/// Whether the host's agent is there and knows what a move needs.
bool MoveScout::can_take_part(const std::string& host, MoveLook& found) const {
  try {
    fleet_.require_online(host);
  } catch (const Error& error) {
    add(found, "host", error, host);
    return false;
  }
  if (fleet_.knows(host, protocol::MoveReceive::name) &&
      fleet_.knows(host, protocol::InspectMove::name)) {
    return true;
  }
  add(found,
      "host",
      Error{Code::unavailable, fmt::format("the agent of \"{}\" knows nothing of moves", host)}
          .reason("AGENT_TOO_OLD")
          .hint("upgrade it; or one of its programs is missing, which its log says"),
      host);
  return false;
}

asio::awaitable<MoveLook> MoveScout::look(Move move, KeptData kept) {
  MoveLook found;
  const auto registry = registry_.snapshot()->registry;
  const auto& service = registry->require_service(move.service_name, "body.moves");
  if (service.deployment_type != registry::DeploymentType::docker) {
    add(found, "registry", not_docker(service), service.name);
    co_return found;
  }
  const bool target_is_there = can_take_part(move.to_machine, found);
  const auto places = candidates_on(*registry, service, move.to_machine);
  found.target = compose_target(*registry, service);
  found.target.files = places;
  if (places.empty()) {
    add(found, "registry", no_place(service, move.to_machine), move.to_machine);
    co_return found;
  }
  if (!service.current_host) {
    if (!target_is_there) co_return found;
    auto looking = look_at_new_place(move, found);
    co_await std::move(looking);
    co_return found;
  }
  if (!can_take_part(*service.current_host, found)) co_return found;
  protocol::MoveInventory inventory;
  auto looking = look_at_source(*registry, service, move, found, inventory);
  co_await std::move(looking);
  if (has_error(found) || !target_is_there) co_return found;
  auto checking = look_at_target(move, kept, inventory, found);
  co_await std::move(checking);
  co_return found;
}

asio::awaitable<void> MoveScout::look_at_source(const registry::Registry& registry,
                                                const registry::Service& service,
                                                const Move& move,
                                                MoveLook& found,
                                                protocol::MoveInventory& inventory) {
  const auto& host = *service.current_host;
  found.source = compose_target(registry, service);
  protocol::InspectMove question;
  question.target = found.source;
  std::optional<Error> failed;
  try {
    auto asking = fleet_.ask(host, std::move(question), inventory_limit);
    inventory = co_await std::move(asking);
  } catch (const Error& error) {
    failed = error;
  }
  if (failed) {
    add(found, "host", *failed, host);
    co_return;
  }
  for (const auto& finding : inventory.findings) {
    // Mounts outside are judged below, by what the move says of them.
    if (finding.reason == "MOUNT_OUTSIDE" || is_of_path_outside(finding, inventory)) continue;
    found.findings.push_back(finding);
  }
  if (has_error(found)) co_return;
  const auto place = static_cast<std::size_t>(std::max<std::int64_t>(0, inventory.candidate));
  if (place >= found.target.files.size()) {
    add(found, "registry", no_place(service, move.to_machine), move.to_machine);
    co_return;
  }
  check_project_name(service, inventory, found.target.files[place], found);
  // The same form of the path on both hosts: literal, or below the host's own.
  found.target.files = {found.target.files[place]};
  found.source.files = {inventory.file};
  found.is_running = !inventory.running.empty();
  for (const auto& volume : inventory.volumes) found.volumes.push_back(volume.volume);
  found.data = data_of_move(inventory,
                            found.target.files.front(),
                            move.extra_paths.value_or(std::vector<std::string>{}),
                            move.leave_paths.value_or(std::vector<std::string>{}));
  found.findings.insert(
      found.findings.end(), found.data.findings.begin(), found.data.findings.end());
  for (const auto& finding : inventory.findings) {
    if (is_of_path_outside(finding, inventory) && goes_along(finding.subject, found.data)) {
      found.findings.push_back(finding);
    }
  }
}

asio::awaitable<void> MoveScout::look_at_target(const Move& move,
                                                const KeptData& kept,
                                                const protocol::MoveInventory& inventory,
                                                MoveLook& found) {
  protocol::PreflightMove question;
  question.service = move.service_name;
  question.file = found.target.files.front();
  question.project = inventory.project;
  question.networks = inventory.networks;
  question.arch = inventory.arch;
  question.bytes = found.data.bytes;
  question.volume_bytes = found.data.volume_bytes;
  question.volumes = found.volumes;
  for (const auto& root : found.data.target) {
    if (root.kind == "path") question.paths.push_back(root.path);
  }
  question.needed_paths = found.data.needed_paths;
  question.images = inventory.images;
  question.ports = inventory.ports;
  question.may_replace = kept.roots;
  std::optional<Error> failed;
  try {
    auto asking = fleet_.ask(move.to_machine, std::move(question), target_limit);
    const auto report = co_await std::move(asking);
    found.findings.insert(found.findings.end(), report.findings.begin(), report.findings.end());
  } catch (const Error& error) {
    failed = error;
  }
  if (failed) add(found, "host", *failed, move.to_machine);
}

asio::awaitable<bool> MoveScout::runs(std::string host, protocol::ComposeTarget target) {
  protocol::InspectMove question;
  question.target = std::move(target);
  auto asking = fleet_.ask(std::move(host), std::move(question), inventory_limit);
  const auto inventory = co_await std::move(asking);
  co_return !inventory.running.empty();
}

/// Of a service that is on no host: its files have to be on the target already.
asio::awaitable<void> MoveScout::look_at_new_place(const Move& move, MoveLook& found) {
  protocol::PreflightCompose question;
  question.target = found.target;
  question.action = "up";
  std::optional<Error> failed;
  try {
    auto asking = fleet_.ask(move.to_machine, std::move(question), target_limit);
    const auto report = co_await std::move(asking);
    found.findings.insert(found.findings.end(), report.findings.begin(), report.findings.end());
    found.volumes = report.volumes;
  } catch (const Error& error) {
    failed = error;
  }
  if (failed) add(found, "host", *failed, move.to_machine);
}

}  // namespace portoser::deployment
