#include "tests/support/set_clock.h"

#include "common/error.h"
#include "common/file.h"

#include <fmt/format.h>

#include <cstdlib>

namespace portoser::test {
namespace {

/// The variant for programs with threads; the folder is named after the architecture.
std::filesystem::path find_library() {
  std::error_code failure;
  for (const auto& entry : std::filesystem::directory_iterator{"/usr/lib", failure}) {
    auto library = entry.path() / "faketime" / "libfaketimeMT.so.1";
    if (std::filesystem::exists(library, failure)) return library;
  }
  throw Error{Code::unavailable, "libfaketime is not installed"}.hint(
      "packaging/install-dependencies test");
}

}  // namespace

WallClockOf::WallClockOf(std::filesystem::path file)
    : file_(std::move(file)), library_(find_library()) {
  set_wrong_by(std::chrono::seconds{0});
}

Environment WallClockOf::environment() const {
  const char* sanitizer = std::getenv("ASAN_OPTIONS");
  const auto true_timers =
      std::filesystem::path{PORTOSER_BUILD_DIR} / "tests/support/libportoser_true_timers.so";
  return {{"LD_PRELOAD", fmt::format("{}:{}", true_timers.string(), library_.string())},
          {"FAKETIME_TIMESTAMP_FILE", file_.string()},
          {"FAKETIME_NO_CACHE", "1"},
          {"FAKETIME_DONT_FAKE_MONOTONIC", "1"},
          {"NO_FAKE_STAT", "1"},
          // The sanitizer's own library is not the first any more.
          {"ASAN_OPTIONS",
           fmt::format("{}:verify_asan_link_order=0", sanitizer != nullptr ? sanitizer : "")}};
}

void WallClockOf::set_wrong_by(std::chrono::seconds by) const {
  write_file_atomic(file_, fmt::format("{:+}\n", by.count()));
}

}  // namespace portoser::test
