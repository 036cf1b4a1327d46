#include "common/file.h"

#include "common/disk.h"
#include "common/error.h"
#include "common/ids.h"

#include <sys/file.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>
#include <utility>

namespace portoser {
namespace {

Error failed(std::string_view tried, const std::filesystem::path& path) {
  if (means_disk_full(errno)) {
    return disk_full_error(path.has_parent_path() ? path.parent_path() : ".",
                           system_error_text(tried, path));
  }
  const auto code = errno == ENOENT ? Code::not_found : Code::internal;
  return Error{code, system_error_text(tried, path), path.string()};
}

void write_all(int fd, std::string_view content, const std::filesystem::path& path) {
  while (!content.empty()) {
    const auto written = ::write(fd, content.data(), content.size());
    if (written < 0) {
      if (errno == EINTR) continue;
      throw failed("cannot write", path);
    }
    content.remove_prefix(static_cast<std::size_t>(written));
  }
}

}  // namespace

std::string system_error_text(std::string_view tried, const std::filesystem::path& path) {
  const int code = errno;
  return std::string{tried} + " " + path.string() + ": " + std::strerror(code);
}

Descriptor& Descriptor::operator=(Descriptor&& other) noexcept {
  if (this != &other) {
    if (fd_ >= 0) ::close(fd_);
    fd_ = other.release();
  }
  return *this;
}

Descriptor::~Descriptor() {
  if (fd_ >= 0) ::close(fd_);
}

int Descriptor::release() {
  return std::exchange(fd_, -1);
}

std::string read_file(const std::filesystem::path& path, std::size_t limit) {
  const Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  if (!file.is_open()) throw failed("cannot open", path);
  std::string content;
  std::string block(64U << 10U, '\0');
  for (;;) {
    const auto got = ::read(file.get(), block.data(), block.size());
    if (got < 0) {
      if (errno == EINTR) continue;
      throw failed("cannot read", path);
    }
    if (got == 0) return content;
    content.append(block, 0, static_cast<std::size_t>(got));
    if (content.size() > limit) {
      throw Error{Code::too_large,
                  path.string() + " is larger than " + std::to_string(limit) + " bytes",
                  path.string()};
    }
  }
}

void write_file_atomic(const std::filesystem::path& path, std::string_view content, unsigned mode) {
  auto temporary = path;
  temporary += ".new-" + random_hex(4);
  {
    const Descriptor file{::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode)};
    if (!file.is_open()) throw failed("cannot create", temporary);
    try {
      write_all(file.get(), content, temporary);
      if (::fchmod(file.get(), mode) != 0) throw failed("cannot set the mode of", temporary);
      if (::fsync(file.get()) != 0) throw failed("cannot flush", temporary);
      if (::rename(temporary.c_str(), path.c_str()) != 0) throw failed("cannot replace", path);
    } catch (...) {
      ::unlink(temporary.c_str());
      throw;
    }
  }
  const auto folder = path.has_parent_path() ? path.parent_path() : std::filesystem::path{"."};
  const Descriptor directory{::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (directory.is_open()) ::fsync(directory.get());
}

void make_folder(const std::filesystem::path& path, unsigned mode) {
  std::error_code failure;
  if (std::filesystem::is_directory(path, failure)) return;
  std::filesystem::create_directories(path, failure);
  if (means_disk_full(failure.value())) {
    throw disk_full_error(path.parent_path(), "cannot create the folder " + path.string());
  }
  if (failure || ::chmod(path.c_str(), mode) != 0) {
    throw Error{Code::internal,
                "cannot create the folder " + path.string() + ": " +
                    (failure ? failure.message() : std::strerror(errno)),
                path.string()};
  }
}

FileLock::FileLock(const std::filesystem::path& path)
    : file_(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)) {
  if (!file_.is_open()) throw failed("cannot open", path);
  if (::flock(file_.get(), LOCK_EX | LOCK_NB) != 0) {
    throw Error{Code::conflict,
                path.string() + " is locked: another process uses this folder",
                path.string()};
  }
}

}  // namespace portoser
