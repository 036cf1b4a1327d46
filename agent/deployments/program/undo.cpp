#include "agent/deployments/compose_text.h"
#include "agent/deployments/program/work.h"
#include "common/crypto.h"
#include "common/error.h"
#include "common/file.h"
#include "common/ids.h"

#include <fmt/format.h>

#include <algorithm>

namespace portoser::agent::deployments {
namespace {

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
  using Look = std::pair<std::string, std::int64_t>;
  std::set<Look> then;
  std::set<Look> now;
  for (const auto& one : ran.containers) then.emplace(one.id, one.is_up() ? one.started_us : 0);
  for (const auto& one : containers()) {
    const bool is_up = one.state == "running" || one.state == "restarting" || one.state == "paused";
    now.emplace(one.id, is_up ? one.started_us : 0);
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
    if (ids.empty() || kept.file != parameters_.file || ids_up(kept) != ids) continue;
    return std::move(kept);
  }
  return ran;
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
      if (is_text && now && now->text != new_text()) {
        // An edit by hand that came in between.
        const auto aside = store_.folder_of(ran) / "edited.yml";
        write_file_atomic(aside, now->text, 0600);
        fmt::print("{} was edited meanwhile; that text is now {}\n", wanted.path, aside.string());
      }
      put(wanted, "is as it was");
    }
  }
  await_engine();
  name_images(ran);
  if (runs_as(ran)) {
    if (is_changed) return 0;
    fmt::print("nothing that runs was touched\n");
    return nothing_to_undo;
  }
  const auto source = what_ran();
  if (source.text_sha256 == ran.text_sha256 && source.env_files == ran.env_files) return 0;
  for (const auto& wanted : files_of(source)) put(wanted, "is as it was in " + source.id);
  fmt::print("the text that was in {} is now {}\n",
             parameters_.file,
             (store_.folder_of(ran) / "compose.yml").string());
  return 0;
}

int Work::undo_up() {
  const auto ran = before();
  await_engine();
  const auto up = services_up(ran);
  if (replaces_file()) remove_unnamed(store_.text(ran), new_text());
  const auto now = containers();
  std::set<std::string> ids_now;
  std::set<std::string> ids_running;
  std::set<std::string> too_many;  // services that did not run
  for (const auto& container : now) {
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
    if (!container.is_up()) continue;
    if (!ids_now.contains(container.id)) to_make.insert(container.compose_service);
    if (!ids_running.contains(container.id)) to_start.insert(container.compose_service);
  }
  std::erase_if(to_start, [&](const auto& service) { return to_make.contains(service); });
  int status = 0;
  if (!too_many.empty()) {
    status = compose_({"stop"}, {too_many.begin(), too_many.end()});
    if (status != 0) return status;
  }
  auto words = compose_.up_words();
  words.emplace_back("--no-deps");
  if (!to_start.empty()) {
    status = compose_(words, {to_start.begin(), to_start.end()});
    if (status != 0) return status;
  }
  words.emplace_back("--force-recreate");
  return to_make.empty() ? 0 : compose_(words, {to_make.begin(), to_make.end()});
}

}  // namespace portoser::agent::deployments
