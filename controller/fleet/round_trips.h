/// The round trip to each device: the kernel's, of the TCP connection on which its newest sample
/// came. Any thread.
#pragma once

#include <chrono>
#include <map>
#include <mutex>
#include <string>

namespace portoser::fleet {

class RoundTrips {
 public:
  /// By host name.
  using Reading = std::map<std::string, std::chrono::microseconds, std::less<>>;

  void set(const std::string& host, std::chrono::microseconds round_trip) {
    const std::lock_guard lock{mutex_};
    by_host_[host] = round_trip;
  }
  void forget(const std::string& host) {
    const std::lock_guard lock{mutex_};
    by_host_.erase(host);
  }
  [[nodiscard]] Reading read() const {
    const std::lock_guard lock{mutex_};
    return by_host_;
  }

 private:
  mutable std::mutex mutex_;
  Reading by_host_;
};

}  // namespace portoser::fleet
