#include "tests/cluster/odd_files.h"

#include "common/crypto.h"
#include "common/error.h"
#include "common/file.h"
#include "common/ids.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <fcntl.h>
#include <iostream>
#include <string_view>
#include <unistd.h>

namespace portoser::test {
namespace {

namespace fs = std::filesystem;

constexpr uid_t odd_user = 1234;
constexpr gid_t odd_group = 4321;
constexpr std::size_t sparse_size = std::size_t{48} << 20U;
constexpr std::size_t mebibyte = std::size_t{1} << 20U;

void must_work(int outcome, std::string_view tried, const fs::path& path) {
  if (outcome != 0) throw Error{Code::internal, system_error_text(tried, path), path.string()};
}

/// Said aloud where the file system has no such thing (a tmpfs of older kernels): then it is not
/// tried there.
void set_attribute(const fs::path& path, const char* name, std::string_view value) {
  if (::lsetxattr(path.c_str(), name, value.data(), value.size(), 0) == 0) return;
  if (errno != EOPNOTSUPP) must_work(-1, fmt::format("cannot set {} of", name), path);
  std::cout << fmt::format("not tried: {} has no room for {}\n", path.string(), name);
}

/// `seconds` since 1970, and odd nanoseconds.
void set_time(const fs::path& path, time_t seconds) {
  const std::array<timespec, 2> times{timespec{seconds, 1}, timespec{seconds, 123'456'789}};
  must_work(::utimensat(AT_FDCWD, path.c_str(), times.data(), AT_SYMLINK_NOFOLLOW),
            "cannot set the time of",
            path);
}

void set_owner(const fs::path& path) {
  must_work(::lchown(path.c_str(), odd_user, odd_group), "cannot give away", path);
}

void set_mode(const fs::path& path, mode_t mode) {
  must_work(::chmod(path.c_str(), mode), "cannot set the mode of", path);
}

void append_number(std::string& bytes, std::uint32_t number, int width) {
  for (int i = 0; i < width; ++i) bytes.push_back(static_cast<char>(number >> (8 * i) & 0xffU));
}

/// As the kernel keeps an access list (linux/posix_acl_xattr.h): user `odd_user` may read.
std::string access_list() {
  constexpr std::uint32_t nobody = 0xffffffff;
  struct Entry {
    std::uint32_t tag;
    std::uint32_t permissions;
    std::uint32_t id;
  };
  std::string bytes;
  append_number(bytes, 2, 4);
  for (const auto& entry : {Entry{0x01, 6, nobody},
                            Entry{0x02, 4, odd_user},
                            Entry{0x04, 4, nobody},
                            Entry{0x10, 4, nobody},
                            Entry{0x20, 0, nobody}}) {
    append_number(bytes, entry.tag, 2);
    append_number(bytes, entry.permissions, 2);
    append_number(bytes, entry.id, 4);
  }
  return bytes;
}

/// CAP_NET_BIND_SERVICE, permitted and effective (linux/capability.h, revision 2).
std::string file_capability() {
  std::string bytes;
  for (const std::uint32_t number : {0x02000001U, 1U << 10U, 0U, 0U, 0U}) {
    append_number(bytes, number, 4);
  }
  return bytes;
}

void make_sparse_file(const fs::path& path) {
  write_file_atomic(path, "begin");
  const Descriptor file{::open(path.c_str(), O_WRONLY | O_CLOEXEC)};
  const std::string_view end{"end"};
  const auto at = static_cast<off_t>(sparse_size - end.size());
  const bool is_done =
      ::pwrite(file.get(), end.data(), end.size(), at) == static_cast<ssize_t>(end.size());
  must_work(is_done ? 0 : -1, "cannot write", path);
}

std::string attributes_of(const fs::path& path) {
  std::array<char, 4096> names{};
  const auto size = ::llistxattr(path.c_str(), names.data(), names.size());
  std::vector<std::string> all;
  for (ssize_t at = 0; at < size;) {
    const std::string name{&names.at(static_cast<std::size_t>(at))};
    at += static_cast<ssize_t>(name.size()) + 1;
    // The machine's own, such as a label of SELinux, is nobody's data.
    if (!name.starts_with("user.") && name != "security.capability" &&
        !name.starts_with("system.posix_acl")) {
      continue;
    }
    std::array<char, 4096> value{};
    const auto got = ::lgetxattr(path.c_str(), name.c_str(), value.data(), value.size());
    const std::string_view text{value.data(), static_cast<std::size_t>(std::max<ssize_t>(got, 0))};
    all.push_back(name + "=" + to_hex(text));
  }
  std::sort(all.begin(), all.end());
  std::string text;
  for (const auto& one : all) text += " " + one;
  return text;
}

/// By device and inode the path that was met first.
using Names = std::map<std::pair<dev_t, ino_t>, std::string>;

std::string description_of(const fs::path& path, const std::string& name, Names& names) {
  struct stat entry {};
  must_work(::lstat(path.c_str(), &entry), "cannot look at", path);
  auto text = fmt::format("mode {:o}, owner {}:{}, time {}.{:09}",
                          entry.st_mode,
                          entry.st_uid,
                          entry.st_gid,
                          entry.st_mtim.tv_sec,
                          entry.st_mtim.tv_nsec);
  if (S_ISLNK(entry.st_mode)) text += ", to " + fs::read_symlink(path).string();
  if (S_ISCHR(entry.st_mode) || S_ISBLK(entry.st_mode)) {
    text += fmt::format(", device {}", entry.st_rdev);
  }
  if (!S_ISDIR(entry.st_mode) && entry.st_nlink > 1) {
    const auto first = names.try_emplace({entry.st_dev, entry.st_ino}, name).first;
    text += fmt::format(", {} names, first {}", entry.st_nlink, first->second);
  }
  if (S_ISREG(entry.st_mode)) {
    const auto content = read_file(path, std::size_t{2} << 30U);
    const bool is_sparse = entry.st_size > entry.st_blocks * 512 * 2;
    text += fmt::format(
        ", {} bytes{}, {}", entry.st_size, is_sparse ? " (sparse)" : "", to_hex(sha256(content)));
  }
  return text + attributes_of(path);
}

void add_to_manifest(const fs::path& path,
                     const std::string& name,
                     Names& names,
                     std::map<std::string, std::string>& manifest) {
  manifest[name] = description_of(path, name, names);
  if (!fs::is_directory(fs::symlink_status(path))) return;
  std::vector<fs::path> entries;
  for (const auto& entry : fs::directory_iterator{path}) entries.push_back(entry.path());
  std::sort(entries.begin(), entries.end());
  for (const auto& entry : entries) {
    const auto own_name = entry.filename().string();
    add_to_manifest(entry, name == "." ? own_name : name + "/" + own_name, names, manifest);
  }
}

}  // namespace

void make_odd_files(const fs::path& folder, std::size_t random_mebibytes) {
  make_folder(folder, 0750);
  write_file_atomic(folder / "plain", "a line\n", 0640);
  set_owner(folder / "plain");
  set_time(folder / "plain", 1'000'000'000);
  write_file_atomic(folder / "empty", "");
  write_file_atomic(folder / "set-user-id", "#!/bin/sh\n");
  set_owner(folder / "set-user-id");
  set_mode(folder / "set-user-id", 04755);  // after the owner, whose change takes it away
  for (const auto* name : {"a blank", "new\nline", "ümläut", "-n", "*", "back\\slash"}) {
    write_file_atomic(folder / name, name);
  }
  make_folder(folder / "shared", 0755);
  set_mode(folder / "shared", 01777);
  make_folder(folder / "empty folder", 0700);
  write_file_atomic(folder / "shared/linked", "one file, two names\n");
  fs::create_hard_link(folder / "shared/linked", folder / "other name");
  fs::create_symlink("/nowhere/at all", folder / "dangling");
  fs::create_symlink("shared/linked", folder / "shortcut");
  set_time(folder / "dangling", 1'100'000'000);
  must_work(::mkfifo((folder / "pipe").c_str(), 0600), "cannot make", folder / "pipe");
  make_sparse_file(folder / "sparse");
  write_file_atomic(folder / "attributes", "x", 0640);
  set_attribute(folder / "attributes", "user.note", "kept with the file");
  set_attribute(folder / "attributes", "system.posix_acl_access", access_list());
  write_file_atomic(folder / "capable", "#!/bin/sh\n", 0755);
  set_attribute(folder / "capable", "security.capability", file_capability());
  for (std::size_t i = 0; i < random_mebibytes; ++i) {
    write_file_atomic(folder / fmt::format("random-{}", i), random_bytes(mebibyte));
  }
  // At last: whatever is made in a folder changes its time.
  set_time(folder / "shared", 1'200'000'000);
  set_time(folder / "empty folder", 1'300'000'000);
  set_time(folder, 1'400'000'000);
}

std::map<std::string, std::string> manifest_of(const fs::path& folder) {
  std::map<std::string, std::string> manifest;
  Names names;
  add_to_manifest(folder, ".", names, manifest);
  return manifest;
}

std::vector<std::string> differences(const std::map<std::string, std::string>& wanted,
                                     const std::map<std::string, std::string>& found) {
  constexpr std::size_t most = 20;
  std::vector<std::string> sentences;
  for (const auto& [path, text] : wanted) {
    const auto other = found.find(path);
    if (other == found.end()) {
      sentences.push_back(fmt::format("\"{}\" is missing", path));
    } else if (other->second != text) {
      sentences.push_back(fmt::format("\"{}\" was {}, and is {}", path, text, other->second));
    }
  }
  for (const auto& [path, text] : found) {
    if (!wanted.contains(path)) sentences.push_back(fmt::format("\"{}\" is new: {}", path, text));
  }
  if (sentences.size() > most) sentences.resize(most);
  return sentences;
}

}  // namespace portoser::test
