#include "agent/deployments/compose_text.h"
#include "agent/deployments/names.h"
#include "agent/deployments/program/work.h"
#include "common/crypto.h"
#include "common/error.h"
#include "common/file.h"
#include "common/ids.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <tuple>

namespace portoser::agent::deployments {
namespace {

/// What is undone did not work, and its data is in volumes: nobody should wait for the ten seconds
/// (or what its image says) that compose gives a process to end by itself. Some, as `sh` as the
/// first process of a container, hear no SIGTERM at all.
constexpr std::chrono::seconds grace_of_sick{1};

std::set<std::string> ids_up(const KeptDeployment& kept) {
  std::set<std::string> ids;
  for (const auto& container : kept.containers) {
    if (container.is_up()) ids.insert(container.id);
  }
  return ids;
}

}  // namespace

/// Nothing of it was touched since.
bool Work::runs_as(const KeptDeployment& ran) {
  using Look = std::tuple<std::string, std::string, std::int64_t>;
  std::set<Look> then;
  std::set<Look> now;
  for (const auto& one : ran.containers) {
    then.emplace(one.id, one.name, one.is_up() ? one.started_us : 0);
  }
  for (const auto& one : containers()) {
    now.emplace(one.id, one.name, one.is_up() ? one.started_us : 0);
  }
  return then == now;
}

/// The texts that what ran was made from. Those on the disk may be others: somebody edited the file
/// and had the service restarted with it. What is kept of that deployment knows better then.
KeptDeployment Work::what_ran() const {
  auto ran = before();
  if (replaces_file()) return ran;
  const auto ids = ids_up(ran);
  for (auto& kept : store_.list(parameters_.service)) {
    if (ids.empty() || !is_of_target(kept) || ids_up(kept) != ids) continue;
    return std::move(kept);
  }
  return ran;
}

/// Whether steps of this command give names of images to others. Without a new text and a rebuild,
/// 1.29 has only what has no name yet.
bool Work::moves_names() const {
  return parameters_.is_v2 || replaces_file() || parameters_.action == "rebuild";
}

/// What the names mean that this command moved: what they did before it. `found`: what those meant
/// that the undo itself moved.
void Work::give_names_back(const KeptDeployment& ran, const Names& found) {
  std::set<std::string> done;
  for (const auto& image : ran.images) {
    if (names_digest(image.reference) || !done.insert(image.reference).second) continue;
    const auto now = engine_.image_id(image.reference);
    if (!now) continue;
    auto wanted = *now;
    if (image.meant.empty()) {
      wanted = image.image_id;
    } else if (moves_names()) {
      wanted = image.meant;
    } else if (const auto own = found.find(image.reference); own != found.end()) {
      wanted = own->second;
    }
    if (now == wanted) continue;
    const auto name = split_image(image.reference);
    try {
      engine_.tag_image(wanted, name.repository, name.tag);
      fmt::print("{} is {} again\n", image.reference, wanted);
    } catch (const Error& error) {
      if (error.code() != Code::not_found) throw;
      fmt::print("{} was {}, which is gone\n", image.reference, wanted);
    }
  }
}

int Work::undo() {
  const auto ran = before();
  bool is_changed = false;
  if (replaces_file()) {
    // Without the engine, which may be away: what is started by hand then is the old text already.
    for (const auto& wanted : files_of(ran)) {
      const bool is_text = wanted.path == parameters_.file;
      if (!is_text && parameters_.restore.empty()) continue;
      const auto now = read_whole(wanted.path);
      if (now == wanted.file) continue;
      is_changed = true;
      if (!is_text) {
        keep_displaced(ran, {wanted});
      } else if (now && now->text != new_text()) {
        // An edit by hand that came in between.
        const auto aside = store_.folder_of(ran) / "edited.yml";
        write_file_atomic(aside, now->text, 0600);
        store_.mark(ran, KeptDeployments::Mark::displaced);
        fmt::print("{} was edited meanwhile; that text is now {}\n", wanted.path, aside.string());
      }
      put(wanted, "is as it was");
    }
  }
  // Neither containers nor images were touched.
  if (parameters_.action == "write") return is_changed ? 0 : nothing_to_undo;
  await_engine();
  if (runs_as(ran)) {
    give_names_back(ran, {});
    if (is_changed) return 0;
    fmt::print("nothing that runs was touched\n");
    return nothing_to_undo;
  }
  const auto source = what_ran();
  if (source.text_sha256 == ran.text_sha256 && source.env_files == ran.env_files) return 0;
  const auto files = files_of(source);
  keep_displaced(ran, files);
  for (const auto& wanted : files) put(wanted, "is as it was in " + source.id);
  return 0;
}

/// What the new text brought. What lay there before stays, though that text may have started it.
void Work::remove_new(const KeptDeployment& ran) {
  if (!replaces_file()) return;
  for (const auto& container : unnamed(store_.text(ran), new_text())) {
    const auto was = std::find_if(ran.containers.begin(),
                                  ran.containers.end(),
                                  [&](const auto& one) { return one.id == container.id; });
    if (was == ran.containers.end()) {
      fmt::print("{} is removed: the text does not have it\n", container.name);
      engine_.remove_container(container.id);
    } else if (!was->is_up() && container.is_up()) {
      stop(container);
    }
  }
}

/// Those that the new text did not have get their names back and run again, themselves and not new
/// ones of their kind. Names and ports may still be taken by what has to be made anew; unless this
/// is the last attempt, the ids of these are returned.
std::set<std::string> Work::bring_back_gone(const KeptDeployment& ran, bool is_last) {
  std::set<std::string> late;
  if (!replaces_file()) return late;
  for (const auto& container : unnamed(new_text(), store_.text(ran))) {
    const auto was = std::find_if(ran.containers.begin(),
                                  ran.containers.end(),
                                  [&](const auto& one) { return one.id == container.id; });
    if (was == ran.containers.end()) continue;
    try {
      if (container.name != was->name) engine_.rename_container(container.id, was->name);
      if (!was->is_up() || container.is_up()) continue;
      engine_.start_container(container.id);
      fmt::print("{} is started again\n", was->name);
    } catch (const Error&) {
      if (is_last) throw;
      late.insert(container.id);
    }
  }
  return late;
}

/// It ends again and again, or its check has failed. One whose check has not run yet may be a
/// database that has begun its work.
bool Work::is_sick(const engine::Container& container) {
  if (container.state == "restarting") return true;
  if (!container.is_up()) return false;
  if (container.health != "starting") return container.health == "unhealthy";
  try {
    return !engine_.health_output(container.id).empty();
  } catch (const Error&) {
    return false;
  }
}

/// Before compose does it: of what this command made or started and is not well. What is well has
/// its own time, since it may have something to finish.
void Work::end_sick(const KeptDeployment& ran,
                    const std::set<std::string>& to_make,
                    const std::set<std::string>& too_many) {
  for (const auto& container : containers()) {
    if (!is_sick(container)) continue;
    const auto service = container.label("com.docker.compose.service");
    const bool was_there = std::any_of(ran.containers.begin(),
                                       ran.containers.end(),
                                       [&](const auto& one) { return one.id == container.id; });
    if (!too_many.contains(service) && (was_there || !to_make.contains(service))) continue;
    fmt::print("{} is not well: it has {} s to end\n", container.name, grace_of_sick.count());
    stop(container, grace_of_sick);
  }
}

int Work::undo_up() {
  const auto ran = before();
  await_engine();
  const auto up = services_up(ran);
  remove_new(ran);
  const auto late = bring_back_gone(ran, false);
  std::set<std::string> ids_now;
  std::set<std::string> ids_running;
  std::set<std::string> too_many;  // services that did not run
  for (const auto& container : containers()) {
    const auto service = container.label("com.docker.compose.service");
    ids_now.insert(container.id);
    const bool is_running = container.state == "running" || container.state == "paused";
    if (is_running) ids_running.insert(container.id);
    if (!up.contains(service) && container.state != "exited" && container.state != "created") {
      too_many.insert(service);
    }
  }
  // One that is gone was made anew from something else. One that is only stopped has in it what it
  // wrote there, and is started again.
  std::set<std::string> to_make;
  std::set<std::string> to_start;
  for (const auto& container : ran.containers) {
    const bool is_gone = !ids_now.contains(container.id);
    if (is_gone && has_lost_image(ran, container)) {
      const auto text = fmt::format("{} cannot be brought back: its image {} was gone before",
                                    container.name,
                                    container.image_id);
      if (container.is_up()) throw Error{Code::not_found, text}.reason("IMAGE_GONE");
      fmt::print("{}\n", text);
    }
    if (!container.is_up()) continue;
    if (is_gone) to_make.insert(container.compose_service);
    if (ids_running.contains(container.id) || late.contains(container.id)) continue;
    to_start.insert(container.compose_service);
  }
  std::erase_if(to_start, [&](const auto& service) { return to_make.contains(service); });
  end_sick(ran, to_make, too_many);
  int status = 0;
  if (!too_many.empty()) {
    status = compose_({"stop"}, {too_many.begin(), too_many.end()});
    if (status != 0) return status;
  }
  std::set<std::string> services{to_start};
  services.insert(to_make.begin(), to_make.end());
  const auto found = name_images(ran, &services);
  auto words = compose_.up_words();
  words.emplace_back("--no-deps");
  if (!to_start.empty()) status = compose_(words, {to_start.begin(), to_start.end()});
  words.emplace_back("--force-recreate");
  if (status == 0 && !to_make.empty()) {
    status = compose_(words, {to_make.begin(), to_make.end()});
  }
  give_names_back(ran, found);
  if (!late.empty()) bring_back_gone(ran, true);
  return status;
}

}  // namespace portoser::agent::deployments
