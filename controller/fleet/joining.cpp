#include "controller/fleet/joining.h"

#include "common/crypto.h"
#include "common/describe_json.h"
#include "common/ids.h"
#include "common/log.h"
#include "protocol/curve.h"
#include "protocol/join.h"

#include <fmt/format.h>

namespace portoser::fleet {
namespace {

void check_fields(const RegistrationRequest& request) {
  if (request.hostname.empty() || request.hostname.size() > 63) {
    throw Error{Code::invalid,
                "\"hostname\" must be the host's name in registry.yml, 1 to 63 letters",
                "body.hostname"};
  }
  if (!protocol::is_key(request.public_key)) {
    throw Error{Code::invalid,
                "\"public_key\" must be the agent's CURVE public key, 40 letters of Z85",
                "body.public_key"}
        .hint("`portoser-agent join TOKEN` makes the key and sends this request");
  }
  if (request.registration_token.empty() && (request.token_id.empty() || request.proof.empty())) {
    throw Error{Code::unauthenticated,
                "a registration needs \"token_id\" and \"proof\", or \"registration_token\"",
                "body.token_id"}
        .reason("TOKEN_MISSING")
        .hint("`portoser-controller token create` makes a token");
  }
}

/// What the person should add to registry.yml.
std::string lines_to_add(const RegistrationRequest& request) {
  const auto& ip = request.ip.empty() ? request.ip_address : request.ip;
  return fmt::format(
      "hosts:\n  {}:\n    ip: {}\n", request.hostname, ip.empty() ? "<its address>" : ip);
}

std::string facts_of(const RegistrationRequest& request) {
  auto facts = request.facts.value_or(protocol::HostFacts{});
  if (!request.facts) {
    facts.hostname = request.hostname;
    facts.arch = request.arch;
    facts.os = request.os;
    facts.os_version = request.os_version;
    facts.cpu_cores = request.resources.cpu_cores;
    facts.cpu_threads = request.resources.cpu_threads;
    facts.memory_bytes = request.resources.memory_gb << 30;
    facts.disk_bytes = request.resources.disk_gb << 30;
  }
  if (facts.ssh_user.empty()) facts.ssh_user = request.ssh_user;
  return dump(to_json(facts));
}

std::string declared_by(const RegistrationRequest& request) {
  DeviceDeclaration declared;
  declared.capabilities = request.capabilities;
  declared.labels = request.labels;
  declared.gpu = request.resources.gpu;
  declared.mlx_capable = request.resources.mlx_capable;
  return dump(to_json(declared));
}

}  // namespace

asio::awaitable<storage::TokenRecord> Joining::checked_token(const RegistrationRequest& request) {
  auto id = request.token_id;
  auto secret = std::string{};
  if (!request.registration_token.empty()) {
    try {
      auto token = protocol::decode_join_token(request.registration_token);
      id = std::move(token.id);
      secret = std::move(token.secret);
    } catch (const Error& error) {
      throw Error{Code::unauthenticated, error.message(), "body.registration_token"}
          .reason("TOKEN_UNKNOWN")
          .hint("take the whole token as `portoser-controller token create` printed it");
    }
  }
  auto known = co_await tokens_.find(id);
  if (!known) {
    throw Error{Code::unauthenticated, "this token is not known here", "body.token_id"}
        .reason("TOKEN_UNKNOWN")
        .hint("make a new one on this controller: portoser-controller token create");
  }
  const bool proved =
      request.registration_token.empty()
          ? equal_in_constant_time(
                request.proof,
                protocol::join_proof(
                    from_hex(known->secret_hash), request.hostname, request.public_key))
          : equal_in_constant_time(to_hex(sha256(secret)), known->secret_hash);
  if (!proved) {
    throw Error{Code::unauthenticated,
                "the proof does not fit the token, the name and the key",
                "body.proof"}
        .reason("PROOF_WRONG")
        .hint("take the whole token as it was printed; it may have been cut");
  }
  co_return *std::move(known);
}

asio::awaitable<storage::Registration> Joining::admit(
    RegistrationRequest request, std::shared_ptr<const registry::Registry> registry) {
  check_fields(request);
  const auto token = co_await checked_token(request);
  // Before the registry is asked: to add the name that the machine has would be the wrong advice.
  storage::check_host(token, request.hostname);
  if (registry->find_host(request.hostname) == nullptr) {
    throw Error{Code::conflict,
                fmt::format("registry.yml has no host named \"{}\"", request.hostname),
                "body.hostname"}
        .reason("HOST_NOT_IN_REGISTRY")
        .hint("add these lines and join again:\n" + lines_to_add(request));
  }
  storage::DeviceRecord device;
  device.id = make_ulid(clock_.now());
  device.name = request.hostname;
  device.public_key = request.public_key;
  device.registered_at = clock_.now();
  device.facts = facts_of(request);
  device.declared = declared_by(request);
  auto registration = co_await tokens_.register_device(token.id, clock_.now(), std::move(device));
  log::info("fleet",
            "a device joined",
            {{"host", registration.device.name}, {"device", registration.device.id}});
  co_return registration;
}

}  // namespace portoser::fleet
