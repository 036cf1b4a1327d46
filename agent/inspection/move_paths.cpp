#include "agent/inspection/move_paths.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <string_view>

namespace portoser::agent::inspection {
namespace {

namespace fs = std::filesystem;

/// As the kernel has it: more are a circle.
constexpr int most_links = 40;

/// `path` lies at or below `from`; the same below `to`.
std::string moved_below(const std::string& path, const std::string& from, const std::string& to) {
  return normal(to + "/" + path.substr(std::min(path.size(), from.size())));
}

std::string with_real_folder(const std::string& path, const ServiceFolder& folder) {
  auto found = normal(path);
  if (is_at_or_below(found, folder.real)) return found;
  if (is_at_or_below(found, folder.named)) return moved_below(found, folder.named, folder.real);
  return found;
}

/// With the first symbolic link below the folder replaced by what it says; the same: there is none.
std::string with_first_link_followed(const std::string& path, const std::string& folder) {
  fs::path walked{folder};
  const auto rest = fs::path{path}.lexically_relative(folder);
  std::error_code failure;
  for (auto part = rest.begin(); part != rest.end(); ++part) {
    if (*part == ".") continue;
    const auto parent = walked;
    walked /= *part;
    const auto leads_to = fs::read_symlink(walked, failure);
    if (failure) continue;              // no link, or nothing is there
    auto followed = parent / leads_to;  // an absolute one replaces it all
    for (++part; part != rest.end(); ++part) followed /= *part;
    return normal(followed.string());
  }
  return path;
}

bool is_one_of(const std::string& path, const std::vector<std::string_view>& all) {
  return std::find(all.begin(), all.end(), path) != all.end();
}

bool is_below_one_of(const std::string& path, const std::vector<std::string_view>& all) {
  return std::any_of(all.begin(), all.end(), [&](std::string_view one) {
    return is_at_or_below(path, std::string{one});
  });
}

}  // namespace

ServiceFolder folder_of(const std::string& compose_file) {
  ServiceFolder folder;
  folder.named = normal(fs::path{compose_file}.parent_path().string());
  std::error_code failure;
  const auto real = fs::canonical(folder.named, failure);
  folder.real = failure ? folder.named : real.string();
  return folder;
}

HostPath in_file(const std::string& path, const ServiceFolder& folder) {
  auto found = with_real_folder(path, folder);
  for (int link = 0; link < most_links && is_at_or_below(found, folder.real); ++link) {
    const auto followed = with_first_link_followed(found, folder.real);
    if (followed == found) return {found, true};
    found = with_real_folder(followed, folder);
  }
  return {found, false};
}

HostPath in_container(const std::string& path, const ServiceFolder& folder) {
  auto found = in_file(path, folder);
  if (found.is_inside) return found;
  std::error_code failure;
  const auto real = fs::weakly_canonical(path, failure);
  if (!failure && is_at_or_below(real.string(), folder.real)) return {real.string(), true};
  return found;
}

bool is_at_or_below(const std::string& path, const std::string& folder) {
  if (folder == "/") return path.starts_with('/');
  return path == folder ||
         (path.size() > folder.size() && path.starts_with(folder) && path[folder.size()] == '/');
}

std::string normal(const std::string& path) {
  auto text = fs::path{path}.lexically_normal().string();
  while (text.size() > 1 && text.back() == '/') text.pop_back();
  // POSIX lets two slashes at the beginning mean something else, and Linux does not.
  while (text.starts_with("//")) text.erase(0, 1);
  return text;
}

bool is_of_system(const std::string& path, bool is_read_only, const std::string& engine_root) {
  static const std::vector<std::string_view> trees{
      "/dev", "/proc", "/sys", "/run", "/var/run", "/lib/modules", "/usr/share/zoneinfo"};
  static const std::vector<std::string_view> things{"/",
                                                    "/etc",
                                                    "/etc/localtime",
                                                    "/etc/timezone",
                                                    "/etc/hostname",
                                                    "/etc/hosts",
                                                    "/etc/resolv.conf",
                                                    "/etc/machine-id",
                                                    "/etc/os-release",
                                                    "/etc/passwd",
                                                    "/etc/group",
                                                    "/usr",
                                                    "/var",
                                                    "/boot"};
  static const std::vector<std::string_view> read_trees{"/bin",
                                                        "/boot",
                                                        "/etc/ca-certificates",
                                                        "/etc/ssl",
                                                        "/lib",
                                                        "/lib64",
                                                        "/sbin",
                                                        "/usr",
                                                        "/var/log"};
  const auto named = normal(path);
  if (is_one_of(named, things) || is_below_one_of(named, trees)) return true;
  if (!engine_root.empty() && named == normal(engine_root)) return true;
  if (!is_read_only) return false;
  return is_below_one_of(named, read_trees) ||
         (!engine_root.empty() && is_at_or_below(named, normal(engine_root)));
}

std::string kind_of(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return "missing";
  if (S_ISDIR(status.st_mode)) return "folder";
  return S_ISREG(status.st_mode) ? "file" : "other";
}

std::string why_shared(const std::string& folder, const std::vector<std::string>& precious) {
  static const std::vector<std::string_view> system{
      "/bin", "/boot", "/dev", "/lib", "/lib64", "/proc", "/run", "/sbin", "/sys"};
  static const std::vector<std::string_view> of_others{"/home", "/usr", "/var"};
  const fs::path path{folder};
  if (folder.empty() || folder == "/" || path.parent_path() == "/") {
    return "a folder at the top of the file system belongs to the host";
  }
  if (is_one_of(path.parent_path().string(), of_others)) {
    return fmt::format("a folder directly in {} holds more than one service",
                       path.parent_path().string());
  }
  if (is_below_one_of(folder, system)) return "it is a part of the system";
  for (const auto& one : precious) {
    if (one.empty()) continue;
    const auto other = normal(one);
    if (is_at_or_below(other, folder)) return fmt::format("{} lies in it", other);
    if (is_at_or_below(folder, other)) return fmt::format("it lies in {}", other);
  }
  return {};
}

}  // namespace portoser::agent::inspection
