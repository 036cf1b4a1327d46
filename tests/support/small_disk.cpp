#include "tests/support/small_disk.h"

#include "common/error.h"
#include "common/file.h"
#include "tests/support/claim.h"

#include <fmt/format.h>
#include <sys/mount.h>

#include <cerrno>
#include <cstdlib>
#include <fcntl.h>
#include <fstream>
#include <iostream>
#include <sstream>
#include <string>
#include <system_error>
#include <unistd.h>
#include <vector>

namespace portoser::test {
namespace {

constexpr std::size_t page = 4096;
/// What stands in the table of mounts where others name a device; behind it, who made it.
const std::string mark = "portoser-small-disk-";

/// Ours, for as long as this process lives.
const std::string& own_mark() {
  static const std::string text = mark + std::to_string(::getpid());
  static const Descriptor held = claim(text);
  return text;
}

struct Mount {
  std::string source;
  std::filesystem::path folder;
};

/// Those of this kind. A folder of a test has no blank in its name, which would be written as \040.
std::vector<Mount> small_disks() {
  std::vector<Mount> found;
  std::ifstream table{"/proc/self/mounts"};
  for (std::string line; std::getline(table, line);) {
    std::istringstream fields{line};
    std::string source;
    std::string folder;
    if (fields >> source >> folder && source.starts_with(mark)) found.push_back({source, folder});
  }
  return found;
}

Error failed(std::string_view tried, const std::filesystem::path& path) {
  return Error{Code::internal, system_error_text(tried, path), path.string()};
}

}  // namespace

SmallDisk::SmallDisk(std::filesystem::path folder, std::size_t mebibytes)
    : folder_(std::move(folder)) {
  clear_abandoned_disks();
  make_folder(folder_, 0700);
  const auto options = fmt::format("size={}m,mode=0700,huge=never", mebibytes);
  if (::mount(own_mark().c_str(), folder_.c_str(), "tmpfs", 0, options.c_str()) != 0) {
    throw failed("cannot mount a small disk (as root?) on", folder_);
  }
}

SmallDisk::~SmallDisk() {
  auto copy = folder_;
  copy += "-kept";
  std::error_code failure;
  const bool is_kept = std::getenv("PORTOSER_TEST_KEEP") != nullptr;
  if (is_kept)
    std::filesystem::copy(folder_, copy, std::filesystem::copy_options::recursive, failure);
  if (::umount2(folder_.c_str(), MNT_DETACH) != 0) {
    std::cerr << system_error_text("cannot unmount", folder_) << "\n";
  } else if (is_kept) {
    std::filesystem::rename(copy, folder_, failure);
  }
}

void SmallDisk::fill() const {
  const Descriptor file{::open(ballast().c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600)};
  const std::string block(page, 'x');
  while (::write(file.get(), block.data(), block.size()) > 0) {
  }
  if (!file.is_open() || errno != ENOSPC) throw failed("cannot fill", ballast());
}

void SmallDisk::fill_but(std::size_t pages) const {
  fill();
  const auto size = std::filesystem::file_size(ballast());
  std::filesystem::resize_file(ballast(), size - pages * page);
}

void SmallDisk::make_room() const {
  std::filesystem::remove(ballast());
}

void clear_abandoned_disks() {
  for (const auto& [source, folder] : small_disks()) {
    if (source == own_mark()) continue;
    // Whoever made it holds its name for as long as he lives.
    if (!claim(source).is_open()) continue;
    if (::umount2(folder.c_str(), MNT_DETACH) != 0) {
      std::cerr << system_error_text("cannot unmount", folder) << "\n";
    }
  }
}

}  // namespace portoser::test
