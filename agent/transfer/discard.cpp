#include "agent/transfer/discard.h"

#include "agent/transfer/folders.h"
#include "agent/transfer/users.h"
#include "common/error.h"

#include <fmt/format.h>

#include <algorithm>
#include <unistd.h>
#include <utility>

namespace portoser::agent::transfer {
namespace {

Error in_use(const std::string& what, const std::string& container) {
  return Error{
      Code::conflict,
      fmt::format("{} is in use by the container {}; nothing was removed", what, container)}
      .reason("VOLUME_IN_USE")
      .hint(fmt::format("look at it first: docker inspect {}", container));
}

std::string shown(const MadeRoot& root) {
  return root.kind == "volume" ? "volume " + root.volume : root.path;
}

/// What was kept here before this move goes when its own time is over, and by its name: until then
/// it makes the next move here quick. A path beside the folder may be what others live of, too.
bool was_kept(const MadeRoot& root) {
  if (!root.replaced) return false;
  fmt::print("{} was here before this move, and stays\n", shown(root));
  return true;
}

}  // namespace

Discard::Discard(const Parameters& parameters, EngineData& engine, Mounts mounts)
    : parameters_(parameters), engine_(engine), mounts_(std::move(mounts)) {}

void Discard::run() {
  const bool goes_by_notes = parameters_.roots.empty();
  std::vector<MadeRoot> roots;
  if (goes_by_notes) {
    const auto notes = read_notes(parameters_.data, parameters_.move);
    if (!notes) {
      fmt::print("this move made nothing here\n");
      return;
    }
    roots = notes->made;
    std::erase_if(roots, was_kept);
    std::erase_if(roots, [this](const MadeRoot& root) { return !is_ours(root); });
  } else {
    roots = from_roots();
  }
  check(roots);
  for (const auto& root : roots) remove(root);
  if (goes_by_notes) remove_notes(parameters_.data, parameters_.move);
}

/// Images stay: others may use them, and the engine has ways of its own to make room.
std::vector<MadeRoot> Discard::from_roots() const {
  std::vector<MadeRoot> out;
  for (const auto& root : parameters_.roots) {
    if (root.kind == "image") continue;
    MadeRoot made;
    made.kind = root.kind;
    if (root.kind == "volume") {
      made.volume = root.volume;
    } else {
      made.path = root.path;
    }
    out.push_back(std::move(made));
  }
  return out;
}

/// Somebody may have made a volume of that name since, or may have been first.
bool Discard::is_ours(const MadeRoot& root) {
  if (root.kind != "volume") return true;
  const auto volume = engine_.volume(root.volume);
  if (!volume) return false;
  const auto label = volume->labels.find(move_label);
  if (label != volume->labels.end() && label->second == parameters_.move) return true;
  fmt::print("volume {} is not of this move, and stays\n", root.volume);
  return false;
}

void Discard::check(const std::vector<MadeRoot>& roots) {
  const auto mounts = mounts_();
  for (const auto& root : roots) {
    if (root.kind != "volume") check_removable(root.path, parameters_.data, mounts);
  }
  const auto containers = engine_.containers();
  for (const auto& root : roots) {
    for (const auto& container : containers) {
      if (uses(container, root)) throw in_use(shown(root), container.name);
    }
  }
}

void Discard::remove(const MadeRoot& root) {
  if (root.kind == "volume") {
    try {
      engine_.remove_volume(root.volume);
    } catch (const Error& error) {
      if (error.code() != Code::conflict) throw;
      throw Error{Code::conflict, error.message()}.reason("VOLUME_IN_USE");
    }
  } else {
    remove_tree(root.path, root.was_there && !root.replaced);
    // Made for it alone: what somebody put there since keeps them.
    for (const auto& parent : root.parents) {
      if (::rmdir(parent.c_str()) != 0) break;
    }
  }
  fmt::print("{} is removed\n", shown(root));
}

}  // namespace portoser::agent::transfer
