/// Which containers belong to a compose file: what docker-compose 1.29 and docker compose v2 write
/// into their labels. Any thread.
#pragma once

#include "agent/engine/container.h"

#include <algorithm>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace portoser::agent::engine {

/// A compose project, or one service of it, as its containers' labels may name it.
struct ComposeIdentity {
  std::string file;                ///< the candidate that counts; empty: none exists
  std::vector<std::string> paths;  ///< of the file, as labels may write it
  std::string project;             ///< empty: any
  std::string compose_service;     ///< empty: the whole project
};

/// Asks the disk for the first candidate that exists. None: the containers of every candidate are
/// meant, since a deleted file ends no container.
inline ComposeIdentity identify_compose(const std::vector<std::string>& candidates,
                                        std::string project,
                                        std::string compose_service) {
  ComposeIdentity identity;
  identity.project = std::move(project);
  identity.compose_service = std::move(compose_service);
  std::error_code failure;
  for (const auto& candidate : candidates) {
    if (!std::filesystem::is_regular_file(candidate, failure)) continue;
    identity.file = std::filesystem::path{candidate}.lexically_normal().string();
    identity.paths.push_back(identity.file);
    // Somebody who went through a symbolic link to the folder wrote its other name.
    const auto real = std::filesystem::canonical(candidate, failure);
    if (!failure && real != identity.file) identity.paths.push_back(real.string());
    return identity;
  }
  for (const auto& candidate : candidates) {
    identity.paths.push_back(std::filesystem::path{candidate}.lexically_normal().string());
  }
  return identity;
}

namespace detail {

inline bool label_names_file(const std::filesystem::path& entry,
                             const std::filesystem::path& working_dir,
                             const std::filesystem::path& file) {
  if (entry.is_absolute()) return entry.lexically_normal() == file;
  // 1.29 writes a relative name as it was typed, from wherever the person stood.
  return working_dir == file.parent_path() && entry.filename() == file.filename();
}

}  // namespace detail

inline bool belongs_to(const Container& container, const ComposeIdentity& identity) {
  const auto one_off = container.label("com.docker.compose.oneoff");
  if (one_off == "True" || one_off == "true") return false;
  const auto folder = container.label("com.docker.compose.project.working_dir");
  if (folder.empty()) return false;
  if (!identity.project.empty() &&
      container.label("com.docker.compose.project") != identity.project) {
    return false;
  }
  if (!identity.compose_service.empty() &&
      container.label("com.docker.compose.service") != identity.compose_service) {
    return false;
  }
  auto working_dir = std::filesystem::path{folder}.lexically_normal();
  if (!working_dir.has_filename()) working_dir = working_dir.parent_path();
  const auto files = container.label("com.docker.compose.project.config_files");
  std::string_view rest = files;
  while (!rest.empty()) {
    const auto comma = std::min(rest.find(','), rest.size());
    const std::filesystem::path entry{rest.substr(0, comma)};
    rest.remove_prefix(std::min(rest.size(), comma + 1));
    const auto names = [&](const std::string& path) {
      return detail::label_names_file(entry, working_dir, path);
    };
    if (std::any_of(identity.paths.begin(), identity.paths.end(), names)) return true;
  }
  return false;
}

}  // namespace portoser::agent::engine
