/// Sockets that are refused, by the address that they come from: how long each is held before it is
/// told. Any thread.
///
/// A page opens its sockets again as soon as they close, forever, whatever the reason, and takes
/// the opening for a success that resets its patience. Told at once, each would come back every
/// second.
#pragma once

#include "common/clock.h"

#include <chrono>
#include <cstddef>
#include <mutex>
#include <string>
#include <unordered_map>

namespace portoser::http {

class Unwelcome {
 public:
  /// So many are told at once: a page opens up to five sockets, and they all come back together
  /// when its token is renewed.
  static constexpr int told_at_once = 5;
  static constexpr std::chrono::seconds longest{10};
  static constexpr std::chrono::seconds forgotten_after{60};
  static constexpr std::size_t most_held = 256;
  static constexpr std::size_t most_addresses = 4096;

  /// One more comes. 0: tell it at once. Else it is held, which `released` ends.
  std::chrono::nanoseconds hold(const std::string& address, Uptime now);
  void released();

 private:
  struct Entry {
    int refused = 0;
    Uptime last{};
  };
  void forget(Uptime now);

  std::mutex mutex_;
  std::unordered_map<std::string, Entry> addresses_;
  std::size_t held_ = 0;
};

}  // namespace portoser::http
