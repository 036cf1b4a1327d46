#include "agent/inspection/move_inventory.h"

#include "agent/deployments/names.h"
#include "agent/engine/compose_labels.h"
#include "agent/inspection/compose_config.h"
#include "agent/inspection/compose_model.h"
#include "agent/inspection/findings.h"
#include "agent/inspection/folder_sizes.h"
#include "agent/inspection/move_images.h"
#include "agent/inspection/move_mounts.h"
#include "agent/inspection/read_files.h"
#include "common/clock.h"
#include "common/error.h"
#include "common/file.h"
#include "common/mount_points.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace portoser::agent::inspection {
namespace {

/// Sizes are worth that much waiting, and a question has a minute in all.
constexpr std::chrono::seconds longest_count{20};
constexpr std::chrono::seconds longest_answer{50};
constexpr std::size_t longest_compose_file = std::size_t{4} << 20U;
constexpr auto project_label = "com.docker.compose.project";
constexpr auto service_label = "com.docker.compose.service";
constexpr auto folder_label = "com.docker.compose.project.working_dir";

/// What the engine has of the service.
struct EngineView {
  std::vector<engine::Container> all;
  std::vector<engine::ContainerMounts> mounts;
  std::vector<engine::Volume> volumes;
  std::string root_folder;
};

asio::awaitable<EngineView> look_at_engine(engine::Client& engine) {
  EngineView view;
  auto machine = co_await engine.machine();
  view.root_folder = std::move(machine.root_folder);
  view.all = co_await engine.containers();
  view.mounts = co_await engine.mounts();
  view.volumes = co_await engine.described_volumes();
  co_return view;
}

/// As `belongs_to`, for what `compose run` made too.
bool belongs_in_any_way(engine::Container container, const engine::ComposeIdentity& identity) {
  container.labels.erase("com.docker.compose.oneoff");
  return engine::belongs_to(container, identity);
}

/// Containers by whose they are; a one-off one that runs is a finding.
void sort_containers(const std::vector<engine::Container>& all,
                     const engine::ComposeIdentity& identity,
                     MountsSeen& seen,
                     Findings& findings) {
  for (const auto& container : all) {
    if (engine::belongs_to(container, identity)) {
      seen.own.push_back(container);
      seen.own_ids.insert(container.id);
    } else if (belongs_in_any_way(container, identity)) {
      seen.own_ids.insert(container.id);
      if (!container.is_up()) continue;  // it is removed with the service, and writes nothing
      findings.error("ONE_OFF_RUNNING",
                     container.name,
                     fmt::format("{} of compose run is still at work here", container.name),
                     fmt::format("wait for its end, or docker stop {}", container.name));
    }
  }
}

/// Where other services live in the folder, it is not this one's alone.
void check_other_projects(const std::vector<engine::Container>& all,
                          engine::ComposeIdentity identity,
                          const ServiceFolder& folder,
                          Findings& findings) {
  identity.compose_service.clear();  // those of the same file are told by SHARED_PROJECT
  std::set<std::string> told;
  for (const auto& container : all) {
    const auto working_dir = container.label(folder_label);
    if (working_dir.empty() || belongs_in_any_way(container, identity)) continue;
    if (!in_container(working_dir, folder).is_inside) continue;
    const auto project = container.label(project_label);
    if (!told.insert(project).second) continue;
    findings.error("MOVE_FOLDER_SHARED",
                   project,
                   fmt::format("the compose project {} lies in {} too", project, folder.real),
                   "give each a folder of its own");
  }
}

void check_folder(const ServiceFolder& folder,
                  const std::vector<std::string>& precious,
                  Findings& findings) {
  findings.begin("folder");
  const auto why = why_shared(folder.real, precious);
  if (why.empty()) return;
  findings.error("MOVE_FOLDER_SHARED",
                 folder.real,
                 fmt::format("the folder {} cannot go to another host: {}", folder.real, why),
                 "give the compose file a folder of its own");
}

/// The project as compose names it: its containers know best, then compose itself.
std::string project_for(const protocol::ComposeTarget& target,
                        const std::string& file,
                        const std::vector<engine::Container>& own,
                        const std::string& of_config) {
  if (!target.project.empty()) return target.project;
  for (const auto& container : own) {
    if (auto project = container.label(project_label); !project.empty()) return project;
  }
  return of_config.empty() ? deployments::project_of({}, file) : of_config;
}

void check_alone(const ComposeModel& model,
                 const std::string& compose_service,
                 const std::string& file,
                 Findings& findings) {
  if (compose_service.empty()) return;
  std::vector<std::string> others;
  for (const auto& service : model.services) {
    if (service.name != compose_service) others.push_back(service.name);
  }
  if (others.empty()) return;
  findings.error("SHARED_PROJECT",
                 file,
                 fmt::format("the compose file of {} has other services: {}",
                             compose_service,
                             fmt::join(others, ", ")),
                 "give it a compose file and a folder of its own, or register the project as one "
                 "service");
}

void take_ports(const std::vector<ModelService>& services,
                protocol::MoveInventory& inventory,
                Findings& findings) {
  findings.begin("ports");
  for (const auto& service : services) {
    if (service.is_on_host_network) {
      findings.warning("PORTS_UNKNOWN",
                       service.name,
                       fmt::format("{} is on the host's own network: which ports it needs there "
                                   "cannot be told",
                                   service.name),
                       "look whether they are free on the other host");
    }
    for (const auto& port : service.ports) {
      protocol::PublishedPort published;
      published.port = port.port;
      published.address = port.address;
      published.protocol = port.protocol;
      if (std::find(inventory.ports.begin(), inventory.ports.end(), published) ==
          inventory.ports.end()) {
        inventory.ports.push_back(std::move(published));
      }
    }
  }
}

void check_build_folders(const std::vector<ModelService>& services,
                         const ServiceFolder& folder,
                         Findings& findings) {
  findings.begin("build");
  for (const auto& service : services) {
    if (service.build_folder.empty() || in_file(service.build_folder, folder).is_inside) continue;
    findings.warning("BUILD_FOLDER_MISSING",
                     service.build_folder,
                     fmt::format("{} is built in {}, which is not in the service's folder: its "
                                 "image goes along, and what it is built of does not",
                                 service.name,
                                 service.build_folder),
                     "copy it to the other host, or move it into the folder");
  }
}

/// What runs now and would not be started on the other host.
void take_running(const MountsSeen& seen, protocol::MoveInventory& inventory, Findings& findings) {
  findings.begin("containers");
  std::set<std::string> running;
  for (const auto& container : seen.own) {
    if (container.is_up()) running.insert(container.label(service_label));
  }
  for (const auto& name : running) {
    const auto is_it = [&](const ModelService& service) { return service.name == name; };
    if (std::any_of(seen.services.begin(), seen.services.end(), is_it)) continue;
    findings.warning("NOT_STARTED_THERE",
                     name,
                     fmt::format("{} runs, and compose up does not start it: it has a profile, or "
                                 "is not in the compose file any more",
                                 name),
                     "start it by hand after the move");
  }
  inventory.running.assign(running.begin(), running.end());
}

/// As far as there is time.
void count(protocol::MoveInventory& inventory, const std::function<bool()>& is_over) {
  inventory.is_counted = true;
  const auto counted = [&](const std::string& path) {
    const auto size = size_of(path, is_over);
    inventory.is_counted = inventory.is_counted && size.is_whole;
    return size;
  };
  const auto folder = counted(inventory.folder);
  inventory.folder_bytes = folder.bytes;
  inventory.folder_files = folder.files;
  for (auto& volume : inventory.volumes) {
    const auto size = counted(volume.path);
    volume.bytes = size.bytes;
    volume.files = size.files;
  }
  std::map<std::string, std::int64_t> known;
  for (auto& bind : inventory.binds) {
    if (bind.is_inside || bind.is_of_system || (bind.kind != "folder" && bind.kind != "file")) {
      continue;
    }
    const auto [size, is_new] = known.emplace(bind.path, 0);
    if (is_new) size->second = counted(bind.path).bytes;
    bind.bytes = size->second;
  }
}

std::string text_of(const std::string& file) {
  try {
    return read_file(file, longest_compose_file);
  } catch (const Error&) {
    return {};  // compose itself says what is wrong with it
  }
}

/// Nullopt, with a finding: compose cannot make sense of the file.
std::optional<ComposeModel> model_of(const std::string& config,
                                     const protocol::ComposeTarget& target,
                                     const std::string& file,
                                     const std::vector<engine::Container>& own,
                                     std::string& project,
                                     Findings& findings) {
  try {
    // Its name is needed for those of its volumes, and may be in there.
    project = project_for(target, file, own, compose_model(config, {}).project);
    return compose_model(config, project);
  } catch (const Error& error) {
    findings.error("COMPOSE_INVALID", file, error.message(), error.hint());
  }
  return std::nullopt;
}

}  // namespace

asio::awaitable<protocol::MoveInventory> inspect_move(protocol::InspectMove asked,
                                                      engine::Client& engine,
                                                      MoveHost host) {
  const SystemClock clock;
  const auto begun = clock.uptime();
  const auto& target = asked.target;
  protocol::MoveInventory inventory;
  Findings findings;
  const auto finish = [&] {
    inventory.findings = std::move(findings.report().findings);
    return std::move(inventory);
  };
  inventory.arch = machine_name();
  findings.begin("file");
  const auto identity =
      engine::identify_compose(target.files, target.project, target.compose_service);
  if (identity.file.empty()) {
    add_file_missing(target, findings);
    co_return finish();
  }
  inventory.file = identity.file;
  const auto is_it = [&](const std::string& candidate) {
    return std::filesystem::path{candidate}.lexically_normal() == identity.file;
  };
  inventory.candidate =
      std::find_if(target.files.begin(), target.files.end(), is_it) - target.files.begin();
  MountsSeen seen;
  seen.folder = folder_of(identity.file);
  inventory.folder = seen.folder.real;

  auto looking_for_rsync = check_rsync(host.rsync, findings);
  co_await std::move(looking_for_rsync);
  std::optional<EngineView> view;
  std::optional<Error> failed;
  try {
    view = co_await look_at_engine(engine);
  } catch (const Error& error) {
    failed = error;
  }
  findings.begin("engine");
  if (failed) findings.error(failed->reason(), "engine", failed->message(), failed->hint());
  std::vector<std::string> precious{host.data.string()};
  if (view) precious.push_back(view->root_folder);
  check_folder(seen.folder, precious, findings);
  if (view) {
    seen.engine_root = view->root_folder;
    seen.mounts = std::move(view->mounts);
    seen.there = std::move(view->volumes);
    findings.begin("containers");
    sort_containers(view->all, identity, seen, findings);
    check_other_projects(view->all, identity, seen.folder, findings);
    check_folder_users(seen, findings);
  }

  findings.begin("config");
  ConfigCall call;
  call.service = target.service;
  call.file = identity.file;
  call.folder = seen.folder.named;
  call.project = target.project;
  auto checking = checked_config(std::move(call), actions::ComposeFinder{host.compose}, findings);
  const auto config = co_await std::move(checking);
  inventory.project = project_for(target, identity.file, seen.own, {});
  std::optional<ComposeModel> model;
  if (config) {
    model = model_of(*config, target, identity.file, seen.own, inventory.project, findings);
  }
  if (model) {
    check_alone(*model, target.compose_service, identity.file, findings);
    seen.services = services_meant(*model, target.compose_service);
    if (seen.services.empty()) add_service_missing(target.compose_service, findings);
    seen.volumes = model->volumes;
    seen.volumes.insert(
        seen.volumes.end(), model->external_volumes.begin(), model->external_volumes.end());
    inventory.networks = model->external_networks;
    take_ports(seen.services, inventory, findings);
    check_build_folders(seen.services, seen.folder, findings);
    take_running(seen, inventory, findings);
    seen.files = model->files;
  }
  for (auto& file :
       files_read_by_compose(identity.file, text_of(identity.file), target.compose_service)) {
    seen.files.push_back(std::move(file));
  }
  take_binds(seen, inventory, findings);
  take_volumes(seen, inventory, findings);
  seen.mount_points = mount_points();
  check_mounts_below(seen, inventory, findings);
  check_bind_users(seen, inventory, findings);
  if (view) {
    auto taking = take_images(seen.own, seen.services, inventory.project, engine, findings);
    try {
      inventory.images = co_await std::move(taking);
    } catch (const Error& error) {
      failed = error;
    }
    if (failed) findings.error(failed->reason(), "engine", failed->message(), failed->hint());
  }
  const auto last = std::min(clock.uptime() + longest_count, begun + longest_answer);
  count(inventory, [&] { return clock.uptime() > last; });
  co_return finish();
}

}  // namespace portoser::agent::inspection
