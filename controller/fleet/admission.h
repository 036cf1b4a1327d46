/// Who may connect: the ZAP side of the gateway (https://rfc.zeromq.org/spec/27). libzmq asks it
/// once for each handshake; without an answer from here nobody gets in.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace portoser::fleet {

/// Public keys (Z85) that may connect.
using KeySet = std::set<std::string, std::less<>>;

/// `allow` may be called from any thread, `answer` from the gateway's.
class Admission {
 public:
  Admission();

  /// Replaces the set. Connections that stand are not cut by it: see `allows`.
  void allow(std::shared_ptr<const KeySet> keys);
  [[nodiscard]] bool allows(const std::string& key) const;

  /// The reply to one ZAP request; empty for a request that is not one.
  std::vector<std::string> answer(const std::vector<std::string>& request);

  [[nodiscard]] std::uint64_t refused() const { return refused_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::shared_ptr<const KeySet>> keys_;
  std::atomic<std::uint64_t> refused_{0};
};

}  // namespace portoser::fleet
