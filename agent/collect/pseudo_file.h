/// Files of /proc and of cgroups, opened once and read again at each sample.
#pragma once

#include "common/file.h"

#include <tl/expected.hpp>

#include <string>
#include <string_view>

namespace portoser::agent::collect {

/// The content, valid until the buffer is used again, or the errno of what failed.
using Reading = tl::expected<std::string_view, int>;

/// One buffer for all files of a sampler; it grows to the largest of them.
class ReadBuffer {
 public:
  /// The whole content of an open file from its beginning; EFBIG over 4 MiB.
  Reading read(int fd);
  /// Gives memory back after a large file that is read seldom.
  void trim();

 private:
  std::string bytes_;
};

/// Opens, reads and closes: for a file that must not be kept open. `folder` is a descriptor.
Reading read_once(int folder, const char* name, ReadBuffer& buffer);

/// True when an errno says that the process or cgroup behind a file does not exist any more.
bool is_gone(int code);

class PseudoFile {
 public:
  PseudoFile() = default;
  /// Opened at the first `read`.
  explicit PseudoFile(std::string path) : path_(std::move(path)) {}

  /// A kept descriptor whose object went away and came back under the same name is opened anew.
  Reading read(ReadBuffer& buffer);
  [[nodiscard]] const std::string& path() const { return path_; }
  /// The open descriptor, -1 before the first `read`.
  [[nodiscard]] int descriptor() const { return file_.get(); }

 private:
  std::string path_;
  Descriptor file_;
};

}  // namespace portoser::agent::collect
