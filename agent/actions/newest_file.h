/// A small file of notes, written by the pool from whatever thread is free. Any thread.
#pragma once

#include "common/file.h"

#include <cstdint>
#include <filesystem>
#include <mutex>
#include <string_view>
#include <utility>

namespace portoser::agent::actions {

class NewestFile {
 public:
  explicit NewestFile(std::filesystem::path path) : path_(std::move(path)) {}

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

  /// Of two threads that want to write, the newer content wins, whoever comes first. As
  /// `write_file_atomic`.
  void write(std::int64_t version, std::string_view text) {
    const std::lock_guard lock{writing_};
    if (version <= written_) return;
    write_file_atomic(path_, text, 0600);
    written_ = version;
  }

 private:
  std::filesystem::path path_;
  std::mutex writing_;
  std::int64_t written_ = 0;
};

}  // namespace portoser::agent::actions
