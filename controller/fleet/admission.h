/// Who may connect: the ZAP side of the gateway (https://rfc.zeromq.org/spec/27). libzmq asks it
/// once for each handshake; without an answer from here nobody gets in.
///
/// The answer also names the connection: it gives the routing id, in place of whatever the peer
/// chose. libzmq lets a peer choose any, also one as it makes them itself (a zero byte and a
/// number): such a peer would take over the connection of another host and get what is sent to it,
/// or end the process when libzmq comes to that number (an assertion).
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace portoser::fleet {

/// Whether a routing id looks like one of ours.
bool is_given_route(std::string_view route);

/// Public keys (Z85) that may connect.
using KeySet = std::set<std::string, std::less<>>;

/// Any thread, but for `answer`: the gateway's.
class Admission {
 public:
  /// The reply to one ZAP request.
  struct Answer {
    std::vector<std::string> frames;       ///< empty: it was no request
    std::optional<std::string> refused{};  ///< who: address and key, for a person
  };

  explicit Admission(KeySet known = {}) : keys_(std::move(known)) {}

  void allow(const std::string& key);
  /// Connections that stand are not cut by it: see `allows`.
  void forget(const std::string& key);
  [[nodiscard]] bool allows(const std::string& key) const;

  Answer answer(const std::vector<std::string>& request);

  [[nodiscard]] std::uint64_t refused() const { return refused_.load(std::memory_order_relaxed); }

 private:
  mutable std::mutex mutex_;  // guards keys_, for one look at a time
  KeySet keys_;
  std::atomic<std::uint64_t> refused_{0};
};

}  // namespace portoser::fleet
