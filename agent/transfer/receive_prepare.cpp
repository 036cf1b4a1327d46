#include "agent/transfer/discard.h"
#include "agent/transfer/folders.h"
#include "agent/transfer/receive.h"
#include "agent/transfer/send.h"
#include "agent/transfer/users.h"
#include "common/error.h"
#include "common/file.h"

#include <fmt/format.h>

#include <algorithm>
#include <fcntl.h>
#include <filesystem>
#include <unistd.h>

namespace portoser::agent::transfer {
namespace {

namespace fs = std::filesystem;

Error folder_exists(const std::string& path, const std::string& what) {
  return Error{Code::conflict, fmt::format("{} on this host {}", path, what), path}
      .reason("FOLDER_EXISTS")
      .hint("move or remove what is there, if nobody needs it");
}

Error volume_exists(const std::string& name) {
  return Error{Code::conflict,
               fmt::format("this host's engine has a volume {} that is not of this move", name)}
      .reason("VOLUME_EXISTS")
      .hint(fmt::format("if nobody needs it: docker volume rm {}", name));
}

/// That are not there yet, the lowest first.
std::vector<std::string> missing_parents(const fs::path& path) {
  std::vector<std::string> missing;
  std::error_code failure;
  for (auto parent = path.parent_path(); !fs::exists(parent, failure) && parent.has_relative_path();
       parent = parent.parent_path()) {
    missing.push_back(parent.string());
  }
  return missing;
}

void flush(const fs::path& folder) {
  const Descriptor descriptor{::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (descriptor.is_open()) ::fsync(descriptor.get());
}

}  // namespace

void Receive::prepare() {
  find_rsync();
  auto notes = read_notes(parameters_.data, parameters_.move).value_or(MoveNotes{});
  notes.move = parameters_.move;
  notes.service = parameters_.service;
  for (const auto& root : parameters_.roots) plan(root, notes);
  require_unused(notes);
  write_notes(parameters_.data, notes);
  for (const auto& root : parameters_.roots) make(root);
}

void Receive::plan(const protocol::DataRoot& root, MoveNotes& notes) {
  if (root.kind == "folder" || root.kind == "path") {
    plan_folder(root, notes);
  } else if (root.kind == "volume") {
    plan_volume(root, notes);
  } else if (root.kind != "image") {
    throw Error{Code::invalid, fmt::format("there is no kind of data \"{}\"", root.kind)};
  }
}

/// What is kept of an earlier move is the service's, and the service is not here: whoever uses it
/// is somebody else, and would find other data in its place.
void Receive::require_unused(const MoveNotes& notes) {
  const auto& made = notes.made;
  const auto is_kept = [](const MadeRoot& root) { return root.replaced; };
  if (std::none_of(made.begin(), made.end(), is_kept)) return;
  const auto containers = engine_.containers();
  for (const auto& root : made) {
    if (!root.replaced) continue;
    for (const auto& container : containers) {
      if (!uses(container, root)) continue;
      const auto what = root.kind == "volume" ? "volume " + root.volume : root.path;
      throw Error{Code::conflict,
                  fmt::format("{} is kept of an earlier move, and the container {} of this host "
                              "uses it: nothing was written over",
                              what,
                              container.name)}
          .reason("VOLUME_IN_USE")
          .hint(fmt::format("look at it first: docker inspect {}", container.name));
    }
  }
}

/// What lies there would be written over, or removed, as if it were the service's.
void Receive::require_no_mount_below(const std::string& folder) {
  const auto below = mounts_below(folder, mounts_());
  if (below.empty()) return;
  throw Error{Code::invalid,
              fmt::format("{} is left alone: something is mounted at {}", folder, below.front()),
              folder}
      .reason(folder_refused)
      .hint("unmount it, or mount it elsewhere");
}

void Receive::plan_folder(const protocol::DataRoot& root, MoveNotes& notes) {
  check_folder(root.path, parameters_.data);
  std::error_code failure;
  auto path = root.path;
  if (fs::is_symlink(fs::symlink_status(path, failure))) {
    // What an earlier move left is known by its own place, and the service by the link to it.
    const auto real = real_path(path);
    if (notes.find(real, {}) != nullptr || may_replace_path(path)) path = real;
  }
  require_no_mount_below(path);
  const bool is_there = fs::exists(fs::symlink_status(path, failure));
  if (is_there && !fs::is_directory(fs::symlink_status(path, failure))) {
    throw folder_exists(path, "is no folder");
  }
  if (notes.find(path, {}) != nullptr) return;
  MadeRoot made;
  made.kind = root.kind;
  made.path = path;
  made.was_there = is_there;
  made.replaced = is_there && may_replace_path(path);
  if (is_there && !made.replaced && !fs::is_empty(path, failure)) {
    throw folder_exists(path, "is not empty, and not of this move");
  }
  if (!is_there) made.parents = missing_parents(path);
  notes.made.push_back(std::move(made));
}

void Receive::plan_volume(const protocol::DataRoot& root, MoveNotes& notes) {
  const auto volume = engine_.volume(root.volume);
  const auto* known = notes.find({}, root.volume);
  const bool replaces = may_replace("volume:" + root.volume);
  if (volume) {
    const auto label = volume->labels.find(move_label);
    const bool is_ours = label != volume->labels.end() && label->second == parameters_.move;
    const bool was_taken_over = known != nullptr && known->replaced;
    if (!is_ours && !was_taken_over && !replaces) throw volume_exists(root.volume);
    require_no_mount_below(volume->folder);
  }
  if (known != nullptr) return;
  MadeRoot made;
  made.kind = root.kind;
  made.volume = root.volume;
  made.was_there = volume.has_value();
  made.replaced = volume.has_value() && replaces;
  notes.made.push_back(std::move(made));
}

void Receive::make(const protocol::DataRoot& root) {
  if (root.kind == "image") return;
  if (root.kind == "volume") {
    if (engine_.volume(root.volume)) return;
    auto labels = root.labels;
    labels[move_label] = parameters_.move;
    engine_.create_volume(root.volume, root.options, labels);
    return;
  }
  // Mode, owner and time are those of the source once it is copied.
  make_folder(root.path, 0700);
  flush(fs::path{root.path}.parent_path());
}

bool Receive::may_replace(const std::string& what) const {
  const auto& all = parameters_.may_replace;
  return std::find(all.begin(), all.end(), what) != all.end();
}

/// Also by another way that leads there.
bool Receive::may_replace_path(const std::string& path) const {
  const auto& all = parameters_.may_replace;
  const auto real = real_path(path);
  return may_replace(path) || std::any_of(all.begin(), all.end(), [&](const std::string& one) {
           return one.starts_with('/') && real_path(one) == real;
         });
}

}  // namespace portoser::agent::transfer
