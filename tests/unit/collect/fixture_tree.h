/// A copy of a kept tree of /proc and cgroups, which a test may change.
#pragma once

#include "agent/collect/facts.h"

#include <filesystem>
#include <string>
#include <string_view>

namespace portoser::agent::collect {

/// Containers of the kept trees: one with a network of its own, one with the host's.
inline const std::string own_network_id =
    "6f2a8c1d9e0b4a7f35c2d1e0f9a8b7c6d5e4f3a2b1c0d9e8f7a6b5c4d3e2f1a0";
inline const std::string host_network_id =
    "0b1c2d3e4f5a6b7c8d9e0f1a2b3c4d5e6f7a8b9c0d1e2f3a4b5c6d7e8f9a0b1c";
inline constexpr int own_network_pid = 4711;
inline constexpr int host_network_pid = 4712;

class FixtureTree {
 public:
  /// "v1" or "v2": which cgroups the machine has.
  explicit FixtureTree(std::string_view name);
  FixtureTree(const FixtureTree&) = delete;
  FixtureTree& operator=(const FixtureTree&) = delete;
  ~FixtureTree();

  [[nodiscard]] HostPaths paths() const;
  [[nodiscard]] std::filesystem::path operator/(std::string_view name) const {
    return path_ / name;
  }
  /// Replaces the content in place, as the kernel does: an open descriptor sees it.
  void write(std::string_view name, std::string_view content) const;
  /// Replaces one text in a file; it must be there.
  void edit(std::string_view name, std::string_view from, std::string_view to) const;
  void remove(std::string_view name) const;

 private:
  std::filesystem::path path_;
};

/// The folder with the kept trees themselves.
std::filesystem::path fixtures_folder();

}  // namespace portoser::agent::collect
