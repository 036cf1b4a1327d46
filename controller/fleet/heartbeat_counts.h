/// Heartbeats by HTTP, of hosts without an agent, by device. Any thread.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>

namespace portoser::fleet {

struct HeartbeatCount {
  std::uint64_t ok = 0;
  std::uint64_t refused = 0;  ///< without its credential, while it is kept out, with nonsense in it
};
using HeartbeatReading = std::map<std::string, HeartbeatCount, std::less<>>;

/// Of devices only: who asks under another name makes no entry.
class HeartbeatCounts {
 public:
  void taken(const std::string& device) {
    const std::lock_guard lock{mutex_};
    ++counts_[device].ok;
  }
  void refused(const std::string& device) {
    const std::lock_guard lock{mutex_};
    ++counts_[device].refused;
  }
  void forget(const std::string& device) {
    const std::lock_guard lock{mutex_};
    counts_.erase(device);
  }
  [[nodiscard]] HeartbeatReading read() const {
    const std::lock_guard lock{mutex_};
    return counts_;
  }

 private:
  mutable std::mutex mutex_;
  HeartbeatReading counts_;
};

}  // namespace portoser::fleet
