#include "agent/collect/pseudo_file.h"

#include <cerrno>
#include <fcntl.h>
#include <unistd.h>

namespace portoser::agent::collect {
namespace {

constexpr std::size_t first_size = 16U << 10U;
constexpr std::size_t kept_size = 64U << 10U;
constexpr std::size_t largest = 4U << 20U;

}  // namespace

Reading ReadBuffer::read(int fd) {
  if (bytes_.empty()) bytes_.resize(first_size);
  std::size_t used = 0;
  // A short read is not the end: many of these files come one page at a time.
  for (;;) {
    if (used == bytes_.size()) {
      if (bytes_.size() >= largest) return tl::unexpected<int>{EFBIG};
      bytes_.resize(bytes_.size() * 2);
    }
    const auto got =
        ::pread(fd, bytes_.data() + used, bytes_.size() - used, static_cast<off_t>(used));
    if (got < 0) {
      if (errno == EINTR) continue;
      return tl::unexpected<int>{errno};
    }
    if (got == 0) return std::string_view{bytes_.data(), used};
    used += static_cast<std::size_t>(got);
  }
}

void ReadBuffer::trim() {
  if (bytes_.size() <= kept_size) return;
  bytes_.resize(kept_size);
  bytes_.shrink_to_fit();
}

Reading read_once(int folder, const char* name, ReadBuffer& buffer) {
  const Descriptor file{::openat(folder, name, O_RDONLY | O_CLOEXEC)};
  if (!file.is_open()) return tl::unexpected<int>{errno};
  return buffer.read(file.get());
}

bool is_gone(int code) {
  return code == ENOENT || code == ENODEV || code == ESRCH;
}

Reading PseudoFile::read(ReadBuffer& buffer) {
  if (file_.is_open()) {
    const auto reading = buffer.read(file_.get());
    if (reading || !is_gone(reading.error())) return reading;
  }
  file_ = Descriptor{::open(path_.c_str(), O_RDONLY | O_CLOEXEC)};
  if (!file_.is_open()) return tl::unexpected<int>{errno};
  return buffer.read(file_.get());
}

}  // namespace portoser::agent::collect
