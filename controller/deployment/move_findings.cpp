#include "controller/deployment/move_findings.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <set>
#include <string_view>
#include <utility>

namespace portoser::deployment {
namespace {

std::string normal(const std::string& path) {
  auto text = std::filesystem::path{path}.lexically_normal().string();
  while (text.size() > 1 && text.back() == '/') text.pop_back();
  return text;
}

bool is_at_or_below(const std::string& path, const std::string& folder) {
  if (folder == "/") return path.starts_with('/');
  return path == folder ||
         (path.size() > folder.size() && path.starts_with(folder) && path[folder.size()] == '/');
}

/// The kernel makes them, or what runs does: no host keeps something there.
bool is_made_anew(const std::string& path) {
  constexpr std::array<std::string_view, 5> trees{"/dev", "/proc", "/sys", "/run", "/var/run"};
  return std::any_of(trees.begin(), trees.end(), [&](std::string_view tree) {
    return is_at_or_below(path, std::string{tree});
  });
}

bool is_file_or_folder(const protocol::MoveBind& bind) {
  return bind.kind == "file" || bind.kind == "folder";
}

/// Length of the longest path of the list that the given one is, or lies below; 0: none.
std::size_t fit_of(const std::string& path, const std::vector<std::string>& list) {
  std::size_t longest = 0;
  for (const auto& one : list) {
    const auto folder = normal(one);
    if (folder.starts_with('/') && is_at_or_below(path, folder))
      longest = std::max(longest, folder.size());
  }
  return longest;
}

std::string user_of(const protocol::MoveBind& bind) {
  if (bind.container.empty()) return "compose";
  return bind.container;
}

/// Decides about each path outside of the folder once.
class Sorting {
 public:
  Sorting(const std::vector<std::string>& extra_paths,
          const std::vector<std::string>& leave_paths,
          MoveData& out)
      : extra_paths_(extra_paths), leave_paths_(leave_paths), out_(out) {}

  void take(const protocol::MoveBind& bind) {
    if (bind.is_inside || !seen_.insert(bind.path).second) return;
    if (bind.is_of_system) {
      need(bind);
      return;
    }
    const auto extra = fit_of(bind.path, extra_paths_);
    const auto leave = fit_of(bind.path, leave_paths_);
    if (bind.kind == "missing") {
      add("info", bind, "is not there: nothing of it can go along", {});
    } else if (extra == 0 && leave == 0) {
      add("error",
          bind,
          "is not in the service's folder",
          fmt::format(
              "name {0} in extra_paths if it shall go along, or in leave_paths if the other "
              "host has its own {0}",
              bind.path));
    } else if (leave > extra) {
      add("info", bind, "stays behind: the other host has to have its own", {});
      need(bind);
    } else if (!is_file_or_folder(bind)) {
      add("error",
          bind,
          "is neither a file nor a folder and cannot go along",
          fmt::format("name {} in leave_paths", bind.path));
    } else {
      add("info", bind, "goes along", {});
      along_.push_back(&bind);
    }
  }

  /// What goes along; what lies in another of them goes with that one.
  [[nodiscard]] std::vector<const protocol::MoveBind*> along() const {
    std::vector<const protocol::MoveBind*> roots;
    for (const auto* one : along_) {
      const auto is_above = [&](const protocol::MoveBind* other) {
        return other != one && is_at_or_below(one->path, other->path);
      };
      if (std::none_of(along_.begin(), along_.end(), is_above)) roots.push_back(one);
    }
    return roots;
  }

  /// One that lies in no folder that goes along.
  void refuse_file(const protocol::MoveBind& bind) {
    add("error",
        bind,
        "is a single file: only folders go along",
        fmt::format("put it into the service's folder, or name {} in leave_paths", bind.path));
  }

 private:
  void need(const protocol::MoveBind& bind) {
    if (is_file_or_folder(bind) && !is_made_anew(bind.path)) out_.needed_paths.push_back(bind.path);
  }
  void add(const std::string& severity,
           const protocol::MoveBind& bind,
           std::string_view what,
           std::string hint) {
    protocol::Finding finding;
    finding.check = "mounts";
    finding.severity = severity;
    if (severity == "error") finding.reason = "MOUNT_OUTSIDE";
    finding.subject = bind.path;
    finding.message = fmt::format("{}, which {} uses, {}", bind.path, user_of(bind), what);
    finding.hint = std::move(hint);
    out_.findings.push_back(std::move(finding));
  }

  const std::vector<std::string>& extra_paths_;
  const std::vector<std::string>& leave_paths_;
  MoveData& out_;
  std::set<std::string> seen_;
  std::vector<const protocol::MoveBind*> along_;
};

void add_both(const protocol::DataRoot& root, MoveData& out) {
  out.source.push_back(root);
  out.target.push_back(root);
}

void add_folder(const protocol::MoveInventory& inventory,
                const std::string& target_file,
                MoveData& out) {
  protocol::DataRoot folder;
  folder.kind = "folder";
  folder.path = inventory.folder;
  out.source.push_back(folder);
  folder.path = normal(std::filesystem::path{target_file}.parent_path().string());
  out.target.push_back(std::move(folder));
  out.bytes = inventory.folder_bytes;
}

}  // namespace

MoveData data_of_move(const protocol::MoveInventory& inventory,
                      const std::string& target_file,
                      const std::vector<std::string>& extra_paths,
                      const std::vector<std::string>& leave_paths) {
  MoveData out;
  add_folder(inventory, target_file, out);
  Sorting sorting{extra_paths, leave_paths, out};
  for (const auto& bind : inventory.binds) sorting.take(bind);
  for (const auto* bind : sorting.along()) {
    if (bind->kind == "file") {
      sorting.refuse_file(*bind);
      continue;
    }
    protocol::DataRoot path;
    path.kind = "path";
    path.path = bind->path;
    add_both(path, out);
    out.bytes += bind->bytes;
  }
  for (const auto& volume : inventory.volumes) {
    protocol::DataRoot root;
    root.kind = "volume";
    root.volume = volume.volume;
    out.source.push_back(root);
    root.labels = volume.labels;
    root.options = volume.options;
    out.target.push_back(std::move(root));
    out.volume_bytes += volume.bytes;
  }
  for (const auto& image : inventory.images) {
    protocol::DataRoot root;
    root.kind = "image";
    root.image = image.image;
    root.reference = image.reference;
    add_both(root, out);
  }
  return out;
}

}  // namespace portoser::deployment
