#include "agent/deployments/program/work.h"

#include "agent/deployments/names.h"
#include "agent/engine/compose_labels.h"
#include "common/clock.h"
#include "common/crypto.h"
#include "common/error.h"
#include "common/ids.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <fstream>
#include <thread>
#include <unistd.h>
#include <utility>

namespace portoser::agent::deployments {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::minutes engine_patience{5};
constexpr std::chrono::seconds engine_again{1};

Error not_kept(const std::string& service, const std::string& id) {
  return Error{Code::not_found, fmt::format("this host keeps no deployment {} of {}", id, service)}
      .reason("DEPLOYMENT_NOT_KEPT")
      .hint("the newest 20 of a service are kept, on the host that it ran on");
}

Error elsewhere(const KeptDeployment& kept) {
  return Error{Code::conflict,
               fmt::format("{} was of {} in the project {}, {}; nothing was stopped",
                           kept.id,
                           kept.compose_service.empty()
                               ? "all services"
                               : fmt::format("the service {}", kept.compose_service),
                           project_of(kept.project, kept.file),
                           kept.file)}
      .reason("DEPLOYMENT_ELSEWHERE")
      .hint("registry.yml names another file, project or service of it now");
}

}  // namespace

bool has_lost_image(const KeptDeployment& kept, const KeptContainer& container) {
  if (container.image_id.empty()) return false;
  return std::none_of(kept.images.begin(), kept.images.end(), [&](const auto& image) {
    return image.image_id == container.image_id;
  });
}

WorkClock system_clock() {
  return {[] { return to_unix_us(SystemClock{}.now()); },
          [] { return std::chrono::steady_clock::now(); },
          [](std::chrono::milliseconds time) { std::this_thread::sleep_for(time); },
          [] { return std::int64_t{SystemClock{}.uptime().count()}; },
          [] {
            std::string id;
            std::ifstream{"/proc/sys/kernel/random/boot_id"} >> id;
            return id;
          }};
}

std::set<std::string> services_up(const KeptDeployment& kept) {
  std::set<std::string> names;
  for (const auto& container : kept.containers) {
    if (container.is_up()) names.insert(container.compose_service);
  }
  return names;
}

Work::Work(const Parameters& parameters,
           EngineCalls& engine,
           WorkClock clock,
           FindProcesses find_processes,
           AskProbe ask)
    : parameters_(parameters),
      engine_(engine),
      clock_(std::move(clock)),
      compose_(parameters_),
      store_(parameters_.data),
      find_processes_(std::move(find_processes)),
      ask_probe_(std::move(ask)) {}

int Work::run(const std::string& step) {
  static const std::map<std::string, int (Work::*)()> steps{
      {"keep-before", &Work::keep_before},
      {"check", &Work::check},
      {"check-kept", &Work::check_kept},
      {"images", &Work::images},
      {"install", &Work::install},
      {"stop-gone", &Work::stop_gone},
      {"remove-gone", &Work::remove_gone},
      {"up-kept", &Work::up_kept},
      {"health", &Work::health},
      {"keep", &Work::keep},
      {"undo", &Work::undo},
      {"undo-up", &Work::undo_up},
      {"undo-health", &Work::undo_health},
      {"tidy", &Work::tidy},
      {"hold", &Work::hold},
      {"up-held", &Work::up_held},
      {"confirm", &Work::confirm},
      {"release", &Work::release},
      {"withdraw", &Work::withdraw},
      {"grant", &Work::grant},
      {"grant-again", &Work::grant_again},
  };
  const auto found = steps.find(step);
  if (found == steps.end()) throw Error{Code::invalid, "there is no step \"" + step + "\""};
  return (this->*found->second)();
}

/// Those of the target.
Work::Containers Work::containers() {
  const auto identity = engine::identify_compose(
      {parameters_.file}, parameters_.project, parameters_.compose_service);
  auto all = engine_.containers();
  std::erase_if(all,
                [&](const auto& container) { return !engine::belongs_to(container, identity); });
  return all;
}

/// An undo may come right after the machine's start.
void Work::await_engine() {
  const auto end = clock_.now() + engine_patience;
  for (bool is_told = false;; is_told = true) {
    try {
      engine_.ping();
      return;
    } catch (const Error& error) {
      if (clock_.now() >= end) throw;
      if (!is_told) fmt::print("waiting for the engine: {}\n", error.message());
    }
    clock_.pause(engine_again);
  }
}

KeptDeployment Work::before() const {
  auto found = store_.find_before(parameters_.service, parameters_.command);
  if (!found) {
    throw Error{Code::internal,
                "what ran before the command is not written down in " +
                    store_.folder_of(parameters_.service).string()};
  }
  return std::move(*found);
}

KeptDeployment Work::kept() const {
  auto found = store_.find(parameters_.service, parameters_.restore);
  if (!found) throw not_kept(parameters_.service, parameters_.restore);
  if (!is_of_target(*found)) throw elsewhere(*found);
  return std::move(*found);
}

bool Work::is_of_target(const KeptDeployment& kept) const {
  return kept.file == parameters_.file && kept.compose_service == parameters_.compose_service &&
         project_of(kept.project, kept.file) == project_of(parameters_.project, parameters_.file);
}

std::string Work::new_text() const {
  if (!parameters_.restore.empty()) return store_.text(kept());
  return from_base64url(parameters_.text);
}

std::string Work::candidate() const {
  return candidate_of(parameters_.file, parameters_.command);
}

/// How compose calls what it builds of a service that names no image.
std::string Work::default_image(const std::string& compose_service) const {
  return project_of(parameters_.project, parameters_.file) + (parameters_.is_v2 ? "-" : "_") +
         compose_service;
}

/// The compose file with this text, otherwise as it is.
WholeFile Work::as_compose_file(std::string text) const {
  constexpr mode_t usual_mode = 0644;
  auto file =
      read_whole(parameters_.file).value_or(WholeFile{{}, usual_mode, ::getuid(), ::getgid()});
  file.text = std::move(text);
  return file;
}

/// Compose file and environment files as they were.
std::vector<Work::Wanted> Work::files_of(const KeptDeployment& kept) const {
  std::vector<Wanted> files;
  files.push_back({parameters_.file, as_compose_file(store_.text(kept))});
  for (std::size_t i = 0; i < kept.env_files.size(); ++i) {
    const auto& facts = kept.env_files[i];
    Wanted wanted{facts.path, std::nullopt};
    if (facts.is_there) {
      wanted.file = WholeFile{store_.env_file(kept, i),
                              static_cast<mode_t>(facts.mode),
                              static_cast<uid_t>(facts.uid),
                              static_cast<gid_t>(facts.gid)};
      if (to_hex(sha256(wanted.file->text)) != facts.sha256) {
        throw Error{Code::internal, "the kept copy of " + facts.path + " is damaged"};
      }
    }
    files.push_back(std::move(wanted));
  }
  if (to_hex(sha256(files.front().file->text)) != kept.text_sha256) {
    throw Error{Code::internal, "the kept compose text of " + kept.id + " is damaged"};
  }
  return files;
}

void Work::put(const Wanted& wanted, const std::string& why) const {
  if (read_whole(wanted.path) == wanted.file) return;
  if (wanted.file) {
    put_whole(wanted.path, *wanted.file, parameters_.command);
    fmt::print("{}: {}\n", wanted.path, why);
  } else {
    remove_whole(wanted.path);
    fmt::print("{}: {}, there was none\n", wanted.path, why);
  }
}

/// Each image has the name by which the text asks for it.
Work::Names Work::name_images(const KeptDeployment& kept, const std::set<std::string>* services) {
  Names found;
  Names given;
  for (const auto& image : kept.images) {
    if (names_digest(image.reference)) continue;
    if (services != nullptr && !services->contains(image.compose_service)) continue;
    const auto [first, is_new] = given.emplace(image.reference, image.image_id);
    if (!is_new) {
      if (first->second != image.image_id) {
        fmt::print("{} ran from two images; {} gets that of the other container\n",
                   image.reference,
                   image.container);
      }
      continue;
    }
    const auto now = engine_.image_id(image.reference);
    if (now == image.image_id) continue;
    const auto name = split_image(image.reference);
    try {
      engine_.tag_image(image.image_id, name.repository, name.tag);
    } catch (const Error& error) {
      if (error.code() != Code::not_found) throw;
      throw Error{
          Code::not_found,
          fmt::format(
              "the image {} of {} is not on this host any more", image.image_id, image.reference)}
          .reason("IMAGE_GONE");
    }
    if (now) found.emplace(image.reference, *now);
    fmt::print("{} is {} again\n", image.reference, image.image_id);
  }
  return found;
}

}  // namespace portoser::agent::deployments
