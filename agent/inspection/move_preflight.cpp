#include "agent/inspection/move_preflight.h"

#include "agent/actions/compose_tool.h"
#include "agent/deployments/names.h"
#include "agent/engine/answers.h"
#include "agent/engine/compose_labels.h"
#include "agent/inspection/folder_sizes.h"
#include "agent/inspection/host_checks.h"
#include "agent/inspection/image_checks.h"
#include "agent/inspection/listeners.h"
#include "agent/inspection/move_paths.h"
#include "agent/inspection/move_room.h"
#include "common/clock.h"
#include "common/error.h"
#include "common/file.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace portoser::agent::inspection {
namespace {

namespace fs = std::filesystem;

asio::awaitable<void> check_compose(actions::ComposeFinder finder, Findings& findings) {
  findings.begin("compose");
  std::optional<Error> failed;
  try {
    co_await finder.find();
  } catch (const Error& error) {
    failed = error;
  }
  if (failed) findings.error(failed->reason(), "compose", failed->message(), failed->hint());
}

bool may_replace(const protocol::PreflightMove& asked, const std::string& what) {
  return std::find(asked.may_replace.begin(), asked.may_replace.end(), what) !=
         asked.may_replace.end();
}

/// Through links as far as there is something.
std::string real(const std::string& path) {
  std::error_code failure;
  const auto found = fs::weakly_canonical(path, failure);
  return normal(failure ? path : found.string());
}

/// What is kept may lie where a link leads to, or be known by one.
bool may_replace_path(const protocol::PreflightMove& asked, const std::string& path) {
  return std::any_of(asked.may_replace.begin(), asked.may_replace.end(), [&](const auto& one) {
    return one.starts_with('/') && (normal(one) == path || real(one) == real(path));
  });
}

/// Where files of the service will lie.
std::vector<std::string> places_of(const protocol::PreflightMove& asked) {
  std::vector<std::string> places{fs::path{asked.file}.parent_path().string()};
  places.insert(places.end(), asked.paths.begin(), asked.paths.end());
  return places;
}

/// Nothing is there that the move would write over. An empty folder is nothing.
void check_place(const protocol::PreflightMove& asked,
                 const std::string& place,
                 Findings& findings) {
  const auto path = normal(place);
  if (may_replace_path(asked, path)) return;
  std::error_code failure;
  const auto status = fs::symlink_status(path, failure);
  if (status.type() == fs::file_type::not_found) return;
  // A link to nowhere, or something that cannot be looked into, is in the way too.
  if (fs::is_directory(path, failure) && fs::is_empty(path, failure) && !failure) return;
  findings.error("FOLDER_EXISTS",
                 path,
                 fmt::format("{} is on this host already, and no earlier move left it", path),
                 "look what it is; rename or remove it if nobody needs it");
}

void check_folders(const protocol::PreflightMove& asked,
                   const std::vector<std::string>& precious,
                   Findings& findings) {
  findings.begin("folder");
  const auto folder = normal(fs::path{asked.file}.parent_path().string());
  const auto why = why_shared(folder, precious);
  if (!why.empty()) {
    findings.error("MOVE_FOLDER_SHARED",
                   folder,
                   fmt::format("the service cannot have the folder {} here: {}", folder, why),
                   "name another place for its compose file in the registry");
  }
  check_place(asked, folder, findings);
  for (const auto& path : asked.paths) check_place(asked, path, findings);
}

void check_needed(const std::vector<std::string>& paths, Findings& findings) {
  findings.begin("paths");
  std::error_code failure;
  for (const auto& path : paths) {
    if (fs::exists(path, failure)) continue;
    findings.error("PATH_MISSING",
                   path,
                   fmt::format("the service needs {}, which is not on this host", path),
                   "put it there, or let the move take it along");
  }
}

asio::awaitable<void> check_move_volumes(const protocol::PreflightMove& asked,
                                         engine::Client& engine,
                                         Findings& findings) {
  findings.begin("volumes");
  if (asked.volumes.empty()) co_return;
  const auto there = co_await engine.volumes();
  for (const auto& name : asked.volumes) {
    if (std::find(there.begin(), there.end(), name) == there.end()) continue;
    if (may_replace(asked, "volume:" + name)) continue;
    findings.error(
        "VOLUME_EXISTS",
        name,
        fmt::format("a volume {} is on this host already, and no earlier move left it", name),
        fmt::format("look what it is; docker volume rm {} if nobody needs it", name));
  }
}

/// Compose would take the containers of another project of that name for its own.
asio::awaitable<void> check_no_containers(const protocol::PreflightMove& asked,
                                          engine::Client& engine,
                                          Findings& findings) {
  findings.begin("containers");
  const auto project = deployments::project_of(asked.project, asked.file);
  const auto identity = engine::identify_compose({asked.file}, {}, {});
  const auto containers = co_await engine.containers();
  for (const auto& container : containers) {
    const bool is_of_project = container.label("com.docker.compose.project") == project;
    if (!is_of_project && !engine::belongs_to(container, identity)) continue;
    findings.error(
        "CONTAINER_EXISTS",
        container.name,
        is_of_project
            ? fmt::format(
                  "{} of the compose project {} is on this host already", container.name, project)
            : fmt::format("{} of {} is on this host already", container.name, asked.file),
        "remove it if nobody needs it; another service needs another project name");
  }
}

/// Compose would make the service of another image, or fetch one while the service runs nowhere.
asio::awaitable<void> check_image_name(protocol::MoveImage image,
                                       engine::Client& engine,
                                       Findings& findings) {
  if (image.reference.empty() || image.image.empty()) co_return;
  const auto named = co_await engine.find_image(image.reference);
  const bool is_digest = image.reference.find('@') != std::string::npos;
  if (is_digest && !named) {
    findings.warning(
        "IMAGE_PULLED",
        image.reference,
        fmt::format("the image {} is known by its digest alone, which only its registry "
                    "can give: it is pulled while nothing runs",
                    image.reference),
        fmt::format("on this host first: docker pull {}", image.reference));
  } else if (!is_digest && named && named->id != image.image) {
    findings.error(
        "IMAGE_DIFFERS",
        image.reference,
        fmt::format("on this host {} is another image than the one that the service runs",
                    image.reference),
        fmt::format("on this host give it another name (docker tag {0} …, docker rmi "
                    "{0}), or deploy the services of both hosts with the same image "
                    "first",
                    image.reference));
  }
}

/// How many bytes of images come over the wire.
asio::awaitable<std::int64_t> missing_image_bytes(const protocol::PreflightMove& asked,
                                                  engine::Client& engine,
                                                  Findings& findings) {
  constexpr std::int64_t mebibyte = 1 << 20;
  findings.begin("images");
  std::int64_t bytes = 0;
  std::set<std::string> told;
  std::set<std::string> names;
  for (const auto& image : asked.images) {
    if (names.insert(image.reference).second) {
      auto checking = check_image_name(image, engine, findings);
      co_await std::move(checking);
    }
    if (!told.insert(image.image).second) continue;
    const auto found = co_await engine.find_image(image.image);
    if (found) continue;
    bytes += image.bytes;
    const auto& name = image.reference.empty() ? image.image : image.reference;
    findings.info(name,
                  fmt::format("the image {} is not here: it comes from the other host ({} MiB)",
                              name,
                              image.bytes / mebibyte));
  }
  co_return bytes;
}

asio::awaitable<void> check_move_ports(const protocol::PreflightMove& asked,
                                       engine::Client& engine,
                                       Findings& findings) {
  ModelService service;
  service.name = asked.service;
  for (const auto& port : asked.ports) {
    service.ports.push_back({port.address, port.port, port.protocol});
  }
  ComposeModel model;
  model.services.push_back(std::move(service));
  const auto taken = co_await engine.taken_ports();
  check_ports(model, taken, listeners(), {}, findings);
}

/// What is written over needs no room of its own. As far as there is time; what was not counted is
/// wanted once more.
class KeptBytes {
 public:
  explicit KeptBytes(const protocol::PreflightMove& asked) : asked_(asked) {}

  [[nodiscard]] std::int64_t of_files() const {
    std::int64_t bytes = 0;
    std::set<std::string> counted;
    for (const auto& path : places_of(asked_)) {
      if (may_replace_path(asked_, normal(path)) && counted.insert(real(path)).second) {
        bytes += size_of(path, is_over_).bytes;
      }
    }
    return bytes;
  }
  [[nodiscard]] std::int64_t of_volumes(const std::vector<engine::Volume>& there) const {
    std::int64_t bytes = 0;
    for (const auto& volume : there) {
      const auto& names = asked_.volumes;
      const bool is_meant = std::find(names.begin(), names.end(), volume.name) != names.end();
      if (!is_meant || volume.mount_point.empty()) continue;
      if (may_replace(asked_, "volume:" + volume.name)) {
        bytes += size_of(volume.mount_point, is_over_).bytes;
      }
    }
    return bytes;
  }

 private:
  static constexpr std::chrono::seconds longest{20};

  const protocol::PreflightMove& asked_;
  SystemClock clock_;
  std::function<bool()> is_over_ = [this, last = clock_.uptime() + longest] {
    return clock_.uptime() > last;
  };
};

asio::awaitable<void> check_with_engine(const protocol::PreflightMove& asked,
                                        const engine::Machine& machine,
                                        engine::Client& engine,
                                        Findings& findings) {
  auto containers = check_no_containers(asked, engine, findings);
  co_await std::move(containers);
  auto volumes = check_move_volumes(asked, engine, findings);
  co_await std::move(volumes);
  auto networks = check_networks(asked.networks, engine, findings);
  co_await std::move(networks);
  auto ports = check_move_ports(asked, engine, findings);
  co_await std::move(ports);
  auto images = missing_image_bytes(asked, engine, findings);
  const auto image_bytes = co_await std::move(images);
  std::vector<engine::Volume> there;
  if (!asked.may_replace.empty()) there = co_await engine.described_volumes();
  const KeptBytes kept{asked};
  const auto more = [](std::int64_t wanted, std::int64_t here) {
    return std::max<std::int64_t>(0, wanted - here);
  };
  const auto file_bytes = more(asked.bytes, kept.of_files());
  const auto volume_bytes = more(asked.volume_bytes, kept.of_volumes(there));
  std::vector<RoomWanted> stores;
  if (!machine.root_folder.empty()) {
    stores.push_back({machine.root_folder, volume_bytes + image_bytes});
  }
  check_move_room(places_of(asked), file_bytes, stores, findings);
}

}  // namespace

void check_move_arch(const std::string& source, const std::string& here, Findings& findings) {
  findings.begin("architecture");
  const auto made_for = engine::architecture_of(source);
  const auto host = engine::architecture_of(here);
  // Of 32-bit ARM there are several, and a later one runs what was made for an earlier.
  const bool is_older_arm = made_for == "arm" && host == "arm" && here < source;
  if (source.empty() || here.empty() || (made_for == host && !is_older_arm)) return;
  const auto message = fmt::format("the service ran on {}, and this host is {}", source, here);
  if (is_smaller_kin(made_for, host)) {
    findings.warning("ARCH_MISMATCH", here, message + " (it runs where the kernel can)", "");
  } else if (!is_older_arm && is_emulated(made_for)) {
    findings.warning("ARCH_MISMATCH", here, message + " (it would be emulated)", "");
  } else {
    findings.error("ARCH_MISMATCH",
                   here,
                   message,
                   "its images do not run here: choose a host of the same kind");
  }
}

asio::awaitable<protocol::PreflightReport> preflight_move(protocol::PreflightMove asked,
                                                          engine::Client& engine,
                                                          MoveHost host) {
  Findings findings;
  check_move_arch(asked.arch, machine_name(), findings);
  auto looking_for_rsync = check_rsync(host.rsync, findings);
  co_await std::move(looking_for_rsync);
  auto looking_for_compose = check_compose(actions::ComposeFinder{host.compose}, findings);
  co_await std::move(looking_for_compose);
  check_memory({}, read_file("/proc/meminfo"), findings);
  check_needed(asked.needed_paths, findings);
  std::optional<engine::Machine> machine;
  std::optional<Error> failed;
  try {
    machine = co_await engine.machine();
  } catch (const Error& error) {
    failed = error;
  }
  std::vector<std::string> precious{host.data.string()};
  if (machine) precious.push_back(machine->root_folder);
  check_folders(asked, precious, findings);
  if (machine) {
    try {
      auto checking = check_with_engine(asked, *machine, engine, findings);
      co_await std::move(checking);
    } catch (const Error& error) {
      failed = error;
    }
  }
  if (failed) findings.error(failed->reason(), "engine", failed->message(), failed->hint());
  co_return std::move(findings.report());
}

}  // namespace portoser::agent::inspection
