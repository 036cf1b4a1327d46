/// How registrations ended and how long they took; what became of devices afterwards. Any thread.
#pragma once

#include "common/histogram.h"

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <utility>

namespace portoser::fleet {

struct RegistrationReading {
  /// By status ("registered", "pending": an admin has to let it in, "refused"), architecture and
  /// operating system. A refused request has neither of these: what it claims is not to be
  /// believed.
  std::map<std::array<std::string, 3>, std::uint64_t> counts;
  HistogramReading registered;
  HistogramReading pending;
  HistogramReading refused;
  std::map<std::string, std::uint64_t> deregistered;  ///< by reason
  std::map<std::string, std::uint64_t> updated;       ///< by what of the device
};

class RegistrationCounts {
 public:
  void registered(const std::string& arch, const std::string& os, std::chrono::nanoseconds took) {
    count({"registered", known(arch), known(os)});
    registered_.add(took);
  }
  void pending(const std::string& arch, const std::string& os, std::chrono::nanoseconds took) {
    count({"pending", known(arch), known(os)});
    pending_.add(took);
  }
  void refused(std::chrono::nanoseconds took) {
    count({"refused", "", ""});
    refused_.add(took);
  }
  /// `reason`: one of a few words of ours ("replaced": another machine took the name).
  void deregistered(const std::string& reason) {
    const std::lock_guard lock{mutex_};
    ++deregistered_[reason];
  }
  /// `what`: one of a few words of ours. "facts": what the agent tells of its host; by people:
  /// "declared" (what they say of it), "status" (maintenance and such), "owner", "approved",
  /// "rejected".
  void updated(const std::string& what) {
    const std::lock_guard lock{mutex_};
    ++updated_[what];
  }
  [[nodiscard]] RegistrationReading read() const {
    const std::lock_guard lock{mutex_};
    return {counts_, registered_.read(), pending_.read(), refused_.read(), deregistered_, updated_};
  }

 private:
  void count(std::array<std::string, 3> key) {
    const std::lock_guard lock{mutex_};
    ++counts_[std::move(key)];
  }
  /// A host may claim anything; only words that are known become labels.
  static std::string known(const std::string& word) {
    static const std::array<std::string, 11> words{"x86_64",
                                                   "amd64",
                                                   "aarch64",
                                                   "arm64",
                                                   "armv7l",
                                                   "armv6l",
                                                   "i686",
                                                   "riscv64",
                                                   "linux",
                                                   "darwin",
                                                   "windows"};
    for (const auto& one : words) {
      if (one == word) return one;
    }
    return word.empty() ? "unknown" : "other";
  }

  mutable std::mutex mutex_;
  std::map<std::array<std::string, 3>, std::uint64_t> counts_;
  // From 0 on, so that the first one is an increase.
  std::map<std::string, std::uint64_t> deregistered_{
      {"replaced", 0}, {"removed", 0}, {"lapsed", 0}};
  std::map<std::string, std::uint64_t> updated_{
      {"facts", 0}, {"declared", 0}, {"status", 0}, {"owner", 0}, {"approved", 0}, {"rejected", 0}};
  // Upper bounds in seconds, as existing dashboards expect them.
  Histogram registered_{{0.1, 0.5, 1, 2.5, 5, 10, 30}};
  Histogram pending_{{0.1, 0.5, 1, 2.5, 5, 10, 30}};
  Histogram refused_{{0.1, 0.5, 1, 2.5, 5, 10, 30}};
};

}  // namespace portoser::fleet
