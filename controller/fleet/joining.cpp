#include "controller/fleet/joining.h"

#include "common/crypto.h"
#include "common/describe_json.h"
#include "common/ids.h"
#include "common/log.h"
#include "controller/fleet/join_tokens.h"
#include "protocol/join.h"

#include <boost/asio/redirect_error.hpp>
#include <fmt/format.h>

#include <utility>

namespace portoser::fleet {
namespace {

bool names_a_token(const RegistrationRequest& request) {
  return !request.registration_token.empty() ||
         (!request.token_id.empty() && !request.proof.empty());
}

}  // namespace

void require_registry_host(const registry::Registry& registry,
                           const std::string& name,
                           const std::string& ip,
                           const std::string& where) {
  if (registry.find_host(name) != nullptr) return;
  throw Error{Code::conflict, fmt::format("registry.yml has no host named \"{}\"", name), where}
      .reason("HOST_NOT_IN_REGISTRY")
      .hint(fmt::format("add these lines and try again:\nhosts:\n  {}:\n    ip: {}\n",
                        name,
                        is_address(ip) ? ip : "<its address>"));
}

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

storage::DeviceRecord Joining::record_of(const RegistrationRequest& request) const {
  storage::DeviceRecord device;
  device.id = make_ulid(clock_.now());
  device.name = request.hostname;
  device.public_key = request.public_key;
  device.registered_at = clock_.now();
  device.facts = dump(to_json(facts_of(request)));
  device.declared = declared_by(request);
  return device;
}

/// Without a token a host is only noted, for an admin to look at.
asio::awaitable<Admitted> Joining::claim(const RegistrationRequest& request) {
  auto device = record_of(request);
  device.state = "pending";
  device.claim =
      to_hex(sha256(request.ssh_public_key.empty() ? request.ip : request.ssh_public_key));
  auto credential = random_hex(32);
  device.credential_hash = to_hex(sha256(credential));
  auto claimed = co_await devices_.claim(std::move(device), most_claims);
  Admitted admitted;
  admitted.without_token = true;
  admitted.registration.joined = claimed.known ? storage::Joined::known : storage::Joined::created;
  admitted.registration.device = std::move(claimed.device);
  admitted.lapsed = std::move(claimed.lapsed);
  if (!claimed.known) admitted.credential = std::move(credential);
  co_return admitted;
}

/// The entry is there before the device is: what the device is told next is read from it.
asio::awaitable<storage::Registration> Joining::register_with_entry(
    storage::TokenRecord token, const RegistrationRequest& request, storage::DeviceRecord device) {
  co_await my_turn();
  std::optional<storage::Registration> registration;
  std::optional<std::string> added;
  std::exception_ptr failure;
  try {
    // Of one that is no good any more nobody new gets in, and the store says why.
    const auto token_now = co_await tokens_.find(token.id);
    if (token_now && token_state(*token_now, clock_.now()) == "valid") {
      auto adding = new_hosts_->add(new_host_of(request), "token " + token.id);
      added = co_await std::move(adding);
    }
    auto registering = tokens_.register_device(token.id, clock_.now(), std::move(device));
    registration = co_await std::move(registering);
  } catch (...) {
    failure = std::current_exception();
  }
  if (failure && added) {
    try {
      auto taking_back = new_hosts_->take_back(request.hostname, *added, "token " + token.id);
      co_await std::move(taking_back);
    } catch (const Error& error) {
      log::warn("fleet",
                "the entry of a host that could not join stays in the registry",
                {{"host", request.hostname}, {"reason", error.what()}});
    }
  }
  end_turn();
  if (failure) std::rethrow_exception(failure);
  co_return std::move(*registration);
}

asio::awaitable<void> Joining::my_turn() {
  while (adding_) {
    const auto executor = co_await asio::this_coro::executor;
    auto timer =
        std::make_shared<asio::steady_timer>(executor, asio::steady_timer::time_point::max());
    waiting_.push_back(timer);
    boost::system::error_code ignored;
    co_await timer->async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  }
  adding_ = true;
}

void Joining::end_turn() {
  adding_ = false;
  if (waiting_.empty()) return;
  waiting_.front()->cancel();
  waiting_.pop_front();
}

asio::awaitable<Admitted> Joining::admit(RegistrationRequest request,
                                         std::shared_ptr<const registry::Registry> registry) {
  translate_old_form(request);
  check_form(request, *registry);
  if (!names_a_token(request)) {
    if (is_old_form(request)) {
      auto claimed = co_await claim(request);
      co_return claimed;
    }
    throw Error{Code::unauthenticated,
                "a registration needs \"token_id\" and \"proof\", or \"registration_token\"",
                "body.token_id"}
        .reason("TOKEN_MISSING")
        .hint("`portoser-controller token create` makes a token");
  }
  const auto token = co_await checked_token(request);
  // Before the registry is asked: to add the name that the machine has would be the wrong advice.
  storage::check_host(token, request.hostname);
  // Who waits may be added to the registry meanwhile.
  const bool adds_entry = token.allow_new_host && new_hosts_ != nullptr &&
                          registry->find_host(request.hostname) == nullptr;
  if (!approval_required_ && !adds_entry) {
    require_registry_host(*registry, request.hostname, request.ip, "body.hostname");
  }
  auto device = record_of(request);
  const bool is_of_a_user = !token.created_by.empty() && token.created_by != command_line_user;
  if (is_of_a_user) device.owner = token.created_by;
  if (approval_required_) {
    device.state = "pending";
  } else {
    device.approved_at = device.registered_at;
    device.approved_by = token.created_by;
  }
  Admitted admitted;
  if (device.public_key.empty()) {
    admitted.credential = random_hex(32);
    device.credential_hash = to_hex(sha256(admitted.credential));
  }
  if (adds_entry) {
    auto registering = register_with_entry(token, request, std::move(device));
    admitted.registration = co_await std::move(registering);
  } else {
    auto registering = tokens_.register_device(token.id, clock_.now(), std::move(device));
    admitted.registration = co_await std::move(registering);
  }
  log::info("fleet",
            "a device joined",
            {{"host", admitted.registration.device.name},
             {"device", admitted.registration.device.id},
             {"state", admitted.registration.device.state}});
  co_return admitted;
}

}  // namespace portoser::fleet
