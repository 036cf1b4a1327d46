#include "tests/unit/collect/fixture_tree.h"

#include "common/file.h"

#include <cstdlib>
#include <fstream>
#include <stdexcept>

namespace portoser::agent::collect {

std::filesystem::path fixtures_folder() {
  return COLLECT_FIXTURES;
}

FixtureTree::FixtureTree(std::string_view name) {
  std::string pattern = (std::filesystem::temp_directory_path() / "collect-XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error{"no temporary folder"};
  path_ = pattern;
  std::filesystem::copy(
      fixtures_folder() / name,
      path_,
      std::filesystem::copy_options::recursive | std::filesystem::copy_options::copy_symlinks);
}

FixtureTree::~FixtureTree() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

HostPaths FixtureTree::paths() const {
  HostPaths paths;
  paths.proc = (path_ / "proc").string();
  paths.root = path_.string();
  return paths;
}

void FixtureTree::write(std::string_view name, std::string_view content) const {
  std::ofstream file{path_ / name, std::ios::binary | std::ios::trunc};
  file << content;
  if (!file.flush()) throw std::runtime_error{"cannot write " + std::string{name}};
}

void FixtureTree::edit(std::string_view name, std::string_view from, std::string_view to) const {
  auto content = read_file(path_ / name);
  const auto at = content.find(from);
  if (at == std::string::npos) throw std::runtime_error{std::string{from} + " is not in the file"};
  write(name, content.replace(at, from.size(), to));
}

void FixtureTree::remove(std::string_view name) const {
  if (std::filesystem::remove_all(path_ / name) == 0) {
    throw std::runtime_error{std::string{name} + " is not in the tree"};
  }
}

}  // namespace portoser::agent::collect
