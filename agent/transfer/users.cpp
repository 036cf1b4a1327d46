#include "agent/transfer/users.h"

#include "agent/transfer/folders.h"

#include <algorithm>
#include <string>

namespace portoser::agent::transfer {

bool uses(const ContainerUse& container, const MadeRoot& root) {
  if (root.kind == "volume") {
    const auto& names = container.volumes;
    return std::find(names.begin(), names.end(), root.volume) != names.end();
  }
  const auto folder = real_path(root.path);
  const auto is_inside = [&](const std::string& path) {
    return is_within(path, root.path) || is_within(real_path(path), folder);
  };
  return std::any_of(container.paths.begin(), container.paths.end(), is_inside) ||
         (!container.compose_folder.empty() && is_inside(container.compose_folder));
}

bool writes(const ContainerUse& container, const MadeRoot& root) {
  auto writing = container;
  const auto is_read = [&](const std::string& what) { return container.read_only.contains(what); };
  std::erase_if(writing.volumes, is_read);
  std::erase_if(writing.paths, is_read);
  if (root.kind != "folder") writing.compose_folder.clear();
  return uses(writing, root);
}

}  // namespace portoser::agent::transfer
