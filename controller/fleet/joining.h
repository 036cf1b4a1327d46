/// How a host becomes a device: the checks of `POST /api/v1/devices`. On the fleet's executor.
#pragma once

#include "common/clock.h"
#include "common/describe.h"
#include "common/tasks.h"
#include "controller/registry/model.h"
#include "controller/storage/token_store.h"
#include "protocol/messages.h"

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace portoser::fleet {

struct DeviceResources {
  std::int64_t cpu_cores = 0;
  std::int64_t cpu_threads = 0;
  std::int64_t memory_gb = 0;
  std::int64_t disk_gb = 0;
  bool gpu = false;
  bool mlx_capable = false;
};
BOOST_DESCRIBE_STRUCT(DeviceResources,
                      (),
                      (cpu_cores, cpu_threads, memory_gb, disk_gb, gpu, mlx_capable))

/// What a registration says of the host that no agent measures. Kept as it was said.
struct DeviceDeclaration {
  std::vector<std::string> capabilities;
  std::map<std::string, std::string> labels;
  bool gpu = false;
  bool mlx_capable = false;
};
BOOST_DESCRIBE_STRUCT(DeviceDeclaration, (), (capabilities, labels, gpu, mlx_capable))

/// The body of a registration. The agent proves that it holds the token's secret (`token_id`,
/// `proof`); a script may send the whole token as `registration_token` instead.
struct RegistrationRequest {
  std::string hostname;
  std::string public_key;  ///< CURVE, Z85
  std::string token_id;
  std::string proof;
  std::string registration_token;
  std::string ip;
  std::string ip_address;  ///< the same, as the old bootstrap.sh calls it
  std::string arch;
  std::string os;
  std::string os_version;
  DeviceResources resources;
  std::string ssh_user;
  std::string ssh_key_fingerprint;
  std::vector<std::string> capabilities;
  std::map<std::string, std::string> labels;
  std::optional<protocol::HostFacts> facts;
};
BOOST_DESCRIBE_STRUCT(RegistrationRequest,
                      (),
                      (hostname,
                       public_key,
                       token_id,
                       proof,
                       registration_token,
                       ip,
                       ip_address,
                       arch,
                       os,
                       os_version,
                       resources,
                       ssh_user,
                       ssh_key_fingerprint,
                       capabilities,
                       labels,
                       facts))

struct RegistrationAnswer {
  std::string status = "registered";
  std::string hostname;
  std::string device_id;
  std::string controller_key;
  std::string controller_endpoint;
  std::vector<std::string> assigned_roles;
  std::string registry_version;
  std::vector<std::string> next_steps;
  bool approval_required = false;
  Time registered_at;
  std::optional<std::string> approval_url;
  std::optional<std::string> message;
  bool known_before = false;  ///< not in the JSON: the same key under the same name, asked again
};
BOOST_DESCRIBE_STRUCT(RegistrationAnswer,
                      (),
                      (status,
                       hostname,
                       device_id,
                       controller_key,
                       controller_endpoint,
                       assigned_roles,
                       registry_version,
                       next_steps,
                       approval_required,
                       registered_at,
                       approval_url,
                       message))

/// Checks a request and stores the device. Nothing of a refused request is kept and its token keeps
/// its use. Every refusal is logged, without the secret.
class Joining {
 public:
  Joining(storage::TokenStore& tokens, const Clock& clock) : tokens_(tokens), clock_(clock) {}

  /// Refusals: `Error{invalid}` for a field; `Error{unauthenticated}`: TOKEN_UNKNOWN,
  /// TOKEN_EXPIRED, TOKEN_REVOKED, TOKEN_USED_UP, PROOF_WRONG; `Error{forbidden}`:
  /// TOKEN_FOR_OTHER_HOST; `Error{conflict}`: NAME_TAKEN, KEY_TAKEN, HOST_NOT_IN_REGISTRY (with the
  /// lines to add).
  asio::awaitable<storage::Registration> admit(RegistrationRequest request,
                                               std::shared_ptr<const registry::Registry> registry);

 private:
  asio::awaitable<storage::TokenRecord> checked_token(const RegistrationRequest& request);

  storage::TokenStore& tokens_;
  const Clock& clock_;
};

}  // namespace portoser::fleet
