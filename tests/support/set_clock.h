/// The wall clock of a program under test, by Debian's libfaketime: ahead, behind, and moved while
/// it runs. Uptimes (CLOCK_MONOTONIC, CLOCK_BOOTTIME), timers and the times of files stay true, as
/// when somebody sets a real machine's clock. The machine's own clock is never touched.
#pragma once

#include "tests/support/process.h"

#include <chrono>
#include <filesystem>

namespace portoser::test {

class WallClockOf {
 public:
  /// `file`: where the programs read by how much their clock is wrong. Right at first. Without
  /// libfaketime: `Error{unavailable}`.
  explicit WallClockOf(std::filesystem::path file);

  /// For the programs that are to have this clock.
  [[nodiscard]] Environment environment() const;
  /// They see it at their next look at the clock.
  void set_wrong_by(std::chrono::seconds by) const;

 private:
  std::filesystem::path file_;
  std::filesystem::path library_;
};

}  // namespace portoser::test
