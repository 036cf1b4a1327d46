/// How a host becomes a device: the checks of `POST /api/v1/devices`. On the fleet's executor.
#pragma once

#include "common/clock.h"
#include "common/tasks.h"
#include "controller/fleet/new_hosts.h"
#include "controller/fleet/registration.h"
#include "controller/storage/token_store.h"

#include <boost/asio/steady_timer.hpp>

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

namespace portoser::fleet {

/// A host that was let in, or waits for that.
struct Admitted {
  storage::Registration registration;
  std::string credential;  ///< of a host without an agent that is new; kept nowhere
  bool without_token = false;
  std::vector<std::string> lapsed;  ///< device ids of older claims that were forgotten for it
};

/// Checks a request and stores the device. Nothing of a refused request is kept and its token keeps
/// its use. Every refusal is logged, without the secret.
class Joining {
 public:
  /// `approval_required`: hosts with a token wait too.
  Joining(storage::Database& database, bool approval_required, const Clock& clock)
      : tokens_(database),
        devices_(database),
        approval_required_(approval_required),
        clock_(clock) {}

  /// Who adds the entries of hosts whose token says so; without one nobody does. Before the first
  /// request.
  void add_hosts_by(NewHosts& new_hosts) { new_hosts_ = &new_hosts; }

  /// Hosts without a token that may wait at a time: anybody can be one.
  static constexpr std::int64_t most_claims = 100;

  /// Refusals: `Error{invalid}` for a field; `Error{unauthenticated}`: TOKEN_MISSING,
  /// TOKEN_UNKNOWN, TOKEN_EXPIRED, TOKEN_REVOKED, TOKEN_USED_UP, PROOF_WRONG; `Error{forbidden}`:
  /// TOKEN_FOR_OTHER_HOST, DEVICE_REJECTED; `Error{conflict}`: NAME_TAKEN, KEY_TAKEN,
  /// HOST_NOT_IN_REGISTRY (with the lines to add); `Error{rate_limited}`: TOO_MANY_PENDING. With a
  /// token that allows a new host the entry is added instead, and goes again when the device is not
  /// stored; `Error{unavailable}`: the registry cannot be written.
  asio::awaitable<Admitted> admit(RegistrationRequest request,
                                  std::shared_ptr<const registry::Registry> registry);

 private:
  asio::awaitable<storage::TokenRecord> checked_token(const RegistrationRequest& request);
  asio::awaitable<Admitted> claim(const RegistrationRequest& request);
  asio::awaitable<storage::Registration> register_with_entry(storage::TokenRecord token,
                                                             const RegistrationRequest& request,
                                                             storage::DeviceRecord device);
  asio::awaitable<void> my_turn();
  void end_turn();
  [[nodiscard]] storage::DeviceRecord record_of(const RegistrationRequest& request) const;

  storage::TokenStore tokens_;
  storage::DeviceStore devices_;
  bool approval_required_;
  const Clock& clock_;
  NewHosts* new_hosts_ = nullptr;
  bool adding_ = false;  ///< one at a time adds a host, so that the last use of a token adds one
  std::deque<std::shared_ptr<asio::steady_timer>> waiting_;
};

/// The name is not in registry.yml: `Error{conflict}`, HOST_NOT_IN_REGISTRY, with the lines to add.
void require_registry_host(const registry::Registry& registry,
                           const std::string& name,
                           const std::string& ip,
                           const std::string& where);

}  // namespace portoser::fleet
