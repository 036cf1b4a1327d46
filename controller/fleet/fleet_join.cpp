// How a host becomes a device, and what is known of it from then on.
#include "common/crypto.h"
#include "common/describe_json.h"
#include "common/ids.h"
#include "common/log.h"
#include "controller/fleet/fleet.h"
#include "controller/fleet/plausible_facts.h"

#include <fmt/format.h>

namespace portoser::fleet {
namespace {

template <class Described>
Described from_stored(const std::string& text) {
  Described value;
  try {
    from_json(Json::parse(text), value, "stored");
  } catch (const std::exception&) {
    log::warn("fleet", "stored facts of a device cannot be read");
  }
  return value;
}

template <class Word>
Word word_of(const std::string& text, Word otherwise) {
  Word word = otherwise;
  return enum_from_name(text.c_str(), word) ? word : otherwise;
}

/// Members are kept by their keys; a host without an agent has none, and no key looks like this.
std::string member_key(const storage::DeviceRecord& record) {
  return record.public_key.empty() ? "device:" + record.id : record.public_key;
}

}  // namespace

asio::awaitable<RegistrationAnswer> Fleet::join(RegistrationRequest request) {
  const auto begun = clock_.uptime();
  const auto hostname = request.hostname;
  try {
    auto answer = co_await admit(std::move(request));
    const auto* member = by_name(answer.hostname);
    const auto facts = member != nullptr ? member->device->facts : protocol::HostFacts{};
    const auto took = clock_.uptime() - begun;
    if (!answer.known_before && answer.approval_required) {
      registrations_.pending(facts.arch, facts.os, took);
    } else if (!answer.known_before) {
      registrations_.registered(facts.arch, facts.os, took);
    }
    co_return answer;
  } catch (const Error& error) {
    registrations_.refused(clock_.uptime() - begun);
    refusals_.add(Trouble::registration_refused,
                  std::string{error.reason()} + " of \"" + hostname.substr(0, 64) + "\"",
                  clock_.uptime());
    throw;
  } catch (...) {
    registrations_.refused(clock_.uptime() - begun);
    throw;
  }
}

asio::awaitable<RegistrationAnswer> Fleet::admit(RegistrationRequest request) {
  require_running();
  const auto registry = registry_.snapshot()->registry;
  if (!request.device_credential.empty()) {
    // A host without an agent asks again: its credential says who it is, whatever became of the
    // token.
    const auto* member = by_name(request.hostname);
    const auto hash = to_hex(sha256(request.device_credential));
    if (member == nullptr || !equal_in_constant_time(hash, member->credential_hash)) {
      throw Error{Code::unauthenticated,
                  "this is not the credential of a device of that name",
                  "body.device_credential"}
          .reason("CREDENTIAL_WRONG");
    }
    if (member->device->approval == Approval::rejected) {
      throw Error{Code::forbidden,
                  fmt::format("an admin has rejected the device \"{}\"", member->device->name),
                  "body.hostname"}
          .reason("DEVICE_REJECTED");
    }
    auto known = answer_to(*member, *registry, "");
    known.known_before = true;
    co_return known;
  }
  auto admitted = co_await joining_.admit(std::move(request), registry);
  require_running();
  const auto& registration = admitted.registration;
  const auto& record = registration.device;
  for (const auto& id : admitted.lapsed) {
    auto* claim = by_id(id);
    if (claim == nullptr) continue;
    const auto before = claim->device.share();
    const protocol::Goodbye goodbye{"removed", "nobody let this host in"};
    forget(*claim, goodbye, Error{Code::unavailable, goodbye.message, "machine"});
    registrations_.deregistered("lapsed");
    tell("device_deregistered", *before);
  }
  if (registration.joined != storage::Joined::known) {
    // Another machine had the name: with the same device's older key, or a claim that gave way.
    if (auto* before = by_name(record.name)) {
      const protocol::Goodbye goodbye{"removed", "another machine joined under this name"};
      const auto why =
          Error{Code::unavailable, "another machine has joined under this name", "machine"}.reason(
              "DEVICE_REMOVED");
      forget(*before, goodbye, why);
      registrations_.deregistered("replaced");
    }
    const auto& member = remember(record);
    open_door(member);
    publish();
    tell("device_registered", *member.device);
  }
  const auto* member = by_id(record.id);
  if (member == nullptr) {
    throw Error{Code::conflict, "the device was removed while it joined", "body.hostname"}.reason(
        "DEVICE_REMOVED");
  }
  // Its entry may have come with it.
  const auto registry_now = registry_.snapshot()->registry;
  auto answer = answer_to(*member, *registry_now, std::move(admitted.credential));
  answer.known_before = registration.joined == storage::Joined::known;
  if (admitted.without_token) {
    // Anybody may ask, also under another host's name.
    answer.assigned_roles.clear();
    answer.registry_version.clear();
    answer.controller_endpoint.clear();
  }
  if (answer.known_before && !member->device->has_agent) {
    answer.next_steps.emplace_back(
        "the credential was in the first answer alone; when it is lost, ask an admin for a token "
        "with \"host\" and \"allow_key_change\", or to delete the device, and join again");
  }
  co_return answer;
}

RegistrationAnswer Fleet::answer_to(const Member& member,
                                    const registry::Registry& registry,
                                    std::string credential) const {
  const auto& device = *member.device;
  RegistrationAnswer answer;
  answer.hostname = device.name;
  answer.device_id = device.id;
  answer.controller_key = settings_.public_key;
  answer.controller_endpoint =
      fmt::format("tcp://{}:{}", settings_.advertised_address, gateway_->port());
  if (const auto* host = registry.find_host(device.name)) answer.assigned_roles = host->roles;
  answer.registry_version = registry.revision;
  answer.registered_at = device.registered_at;
  if (device.approval != Approval::approved) {
    answer.status = enum_name(device.approval);
    answer.approval_required = true;
    answer.approval_url = settings_.public_url + "/devices/pending/" + device.name;
    answer.message = "registered; an admin has to approve it";
    answer.next_steps.push_back(
        fmt::format("ask an admin to approve it: POST /api/devices/{}/approve", device.name));
  }
  answer.next_steps.push_back(
      device.has_agent ? "start portoser-agent on the host"
                       : fmt::format("send a heartbeat every minute, with the credential as bearer "
                                     "token: POST {}/api/devices/{}/heartbeat",
                                     settings_.join_url,
                                     device.name));
  if (!credential.empty()) answer.device_credential = std::move(credential);
  return answer;
}

/// From the database, or from a registration.
Fleet::Member& Fleet::remember(const storage::DeviceRecord& record) {
  const auto key = member_key(record);
  auto& member = members_[key];
  member.public_key = key;
  member.credential_hash = record.credential_hash.value_or("");
  auto& device = member.device.change();
  device.id = record.id;
  device.name = record.name;
  device.registered_at = record.registered_at;
  device.last_seen = record.last_seen_at;
  device.agent_version = record.agent_version;
  // An earlier controller kept whatever an agent said.
  device.facts = plausible(from_stored<protocol::HostFacts>(record.facts));
  device.declared = from_stored<DeviceDeclaration>(record.declared);
  device.has_agent = !record.public_key.empty();
  device.approval = word_of(record.state, Approval::pending);
  device.mode = word_of(record.mode, DeviceMode::normal);
  device.approved_at = record.approved_at;
  device.owner = record.owner;
  member_of_name_[record.name] = &member;
  member_of_id_[record.id] = &member;
  watch(member);
  return member;
}

/// Who is kept out is not waited for.
void Fleet::watch(const Member& member) {
  const auto& device = *member.device;
  if (device.approval != Approval::approved || device.mode == DeviceMode::disabled) return;
  if (!device.has_agent) {
    presence_.add(device.id, settings_.heartbeat_patience, clock_.uptime());
  } else if (gateway_ == nullptr) {
    presence_.add(device.id);  // at our start, whose grace is for all
  } else {
    presence_.add(device.id, clock_.uptime());
  }
}

bool Fleet::may_connect(const Member& member) {
  return member.device->has_agent && member.device->approval == Approval::approved &&
         member.device->mode != DeviceMode::disabled;
}

void Fleet::open_door(const Member& member) {
  if (may_connect(member)) gateway_->allow(member.public_key);
}

/// Its next handshake is refused, what it says until then is dropped, and nobody waits for it.
void Fleet::shut_door(Member& member, const protocol::Goodbye& goodbye, const Error& why) {
  send(member, goodbye);
  gateway_->forget(member.public_key);
  member.welcomed = false;
  member.left_route = std::exchange(member.route, {});
  dispatch_.abandon(member.device->name, why);
  inquiries_.abandon(member.device->name, why);
  streams_.lose_host(member.device->name, "one of its hosts is kept out");
  if (const auto change = presence_.left(member.device->id)) changed(*change);
  presence_.remove(member.device->id);
}

void Fleet::forget(Member& member, const protocol::Goodbye& goodbye, const Error& why) {
  shut_door(member, goodbye, why);
  const auto device = member.device.share();
  const auto key = member.public_key;
  round_trips_.forget(device->name);
  http_heartbeats_.forget(device->name);
  member_of_name_.erase(device->name);
  member_of_id_.erase(device->id);
  members_.erase(key);
}

Fleet::Member* Fleet::by_name(const std::string& host) {
  const auto found = member_of_name_.find(host);
  return found == member_of_name_.end() ? nullptr : found->second;
}

Fleet::Member* Fleet::by_id(const std::string& device_id) {
  const auto found = member_of_id_.find(device_id);
  return found == member_of_id_.end() ? nullptr : found->second;
}

}  // namespace portoser::fleet
