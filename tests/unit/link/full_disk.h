/// A disk on which no file grows beyond a size, for as long as this lives: the process's own file
/// size limit. Files that are replaced stay small enough.
#pragma once

#include <sys/resource.h>

#include <csignal>

namespace portoser::test {

class FullDisk {
 public:
  explicit FullDisk(rlim_t largest_file) {
    std::signal(SIGXFSZ, SIG_IGN);
    ::getrlimit(RLIMIT_FSIZE, &before_);
    auto limited = before_;
    limited.rlim_cur = largest_file;
    ::setrlimit(RLIMIT_FSIZE, &limited);
  }
  FullDisk(const FullDisk&) = delete;
  FullDisk& operator=(const FullDisk&) = delete;
  ~FullDisk() { ::setrlimit(RLIMIT_FSIZE, &before_); }

 private:
  rlimit before_{};
};

}  // namespace portoser::test
