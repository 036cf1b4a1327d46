// Devices as people change them, and those that are heard without an agent.
#include "common/crypto.h"
#include "common/describe_json.h"
#include "common/ids.h"
#include "common/log.h"
#include "controller/fleet/device_address.h"
#include "controller/fleet/fleet.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace portoser::fleet {
namespace {

/// A minute is usual; nobody has to listen to more than this.
constexpr int most_heartbeats_a_second = 2000;
constexpr std::chrono::seconds heartbeats_told_every{10};

void require_admin(const Actor& actor, const std::string& name) {
  if (actor.is_admin) return;
  throw Error{Code::forbidden,
              fmt::format("only an admin may let the device \"{}\" in or keep it out", name)}
      .reason("NOT_ADMIN");
}

/// Before anybody learns whether there is such a device.
void require_owner(const Actor& actor, const Device* device, const std::string& name) {
  if (actor.is_admin) return;
  if (device != nullptr && device->owner && !actor.sub.empty() && *device->owner == actor.sub) {
    return;
  }
  throw Error{Code::forbidden,
              fmt::format("only its owner or an admin may change the device \"{}\"", name)}
      .reason("NOT_OWNER");
}

/// One change of a device at a time, from its check to its end in the database.
class Turn {
 public:
  Turn(std::set<std::string>& changing, const std::string& id) : changing_(changing), id_(id) {
    if (changing_.insert(id_).second) return;
    throw Error{Code::conflict, "another change of this device is under way", "path.hostname"}
        .reason("BUSY")
        .hint("ask again");
  }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;
  ~Turn() { changing_.erase(id_); }

 private:
  std::set<std::string>& changing_;
  std::string id_;
};

std::vector<std::string> services_on(const registry::Registry& registry, const std::string& host) {
  std::vector<std::string> names;
  for (const auto* service : registry.services_on(host)) names.push_back(service->name);
  return names;
}

Error in_use(const std::string& name, const std::vector<std::string>& services) {
  std::vector<ErrorDetail> details;
  for (const auto& service : services) details.push_back({"service", service});
  return Error{
      Code::bad_request,
      fmt::format("registry.yml places services on \"{}\": {}", name, fmt::join(services, ", "))}
      .reason("DEVICE_IN_USE")
      .hint(
          "place them elsewhere first, or remove the device with ?force=true: they stay placed "
          "on it and nobody looks after them")
      .details(std::move(details));
}

Error kept_out(const Device& device, Code code, const std::string& where) {
  if (device.approval == Approval::rejected) {
    return Error{code, fmt::format("an admin has rejected the device \"{}\"", device.name), where}
        .reason("DEVICE_REJECTED");
  }
  if (device.approval == Approval::pending) {
    return Error{code, fmt::format("the device \"{}\" waits for approval", device.name), where}
        .reason("DEVICE_PENDING")
        .hint(fmt::format("an admin approves it: POST /api/devices/{}/approve", device.name));
  }
  return Error{code, fmt::format("the device \"{}\" is disabled", device.name), where}
      .reason("DEVICE_DISABLED")
      .hint(fmt::format(
          "an admin's PATCH /api/devices/{} with {{\"status\": \"active\"}} lets it in again",
          device.name));
}

bool is_kept_out(const Device& device) {
  return device.approval != Approval::approved || device.mode == DeviceMode::disabled;
}

std::string status_word(const Device& device) {
  const auto over = status_over_liveness(device);
  if (!over.empty()) return over;
  if (device.liveness == Liveness::unknown) return "active";
  return device.liveness == Liveness::stale ? "warning" : enum_name(device.liveness);
}

}  // namespace

Fleet::Member& Fleet::require_device(const std::string& name) {
  if (auto* member = by_name(name)) return *member;
  throw Error{Code::not_found, fmt::format("there is no device \"{}\"", name), "path.hostname"}
      .reason("DEVICE_UNKNOWN");
}

/// After a wait: with our end the gateway is gone. What was stored is read at the next start.
void Fleet::require_running() const {
  if (!stopped_) return;
  throw Error{Code::unavailable, "the controller is stopping"}
      .reason("STOPPING")
      .hint("ask again when it is back");
}

/// After a wait: somebody may have removed it meanwhile.
Fleet::Member& Fleet::require_same(const std::string& device_id) {
  require_running();
  if (auto* member = by_id(device_id)) return *member;
  throw Error{Code::conflict, "the device was removed meanwhile", "path.hostname"}.reason(
      "DEVICE_REMOVED");
}

void Fleet::tell(const std::string& type, const Device& device) {
  DeviceEvent event;
  event.type = type;
  event.hostname = device.name;
  event.ip = address_of(device, *registry_.snapshot()->registry);
  event.status = status_word(device);
  event.approval_required = device.approval == Approval::pending;
  event.last_seen_at = device.last_seen;
  listener_.on_device(event);
}

void Fleet::tell_heartbeat(Member& member) {
  const auto now = clock_.uptime();
  if (member.heartbeat_told != Uptime{0} && now - member.heartbeat_told < heartbeats_told_every) {
    return;
  }
  member.heartbeat_told = now;
  tell("device_heartbeat", *member.device);
}

asio::awaitable<std::shared_ptr<const Device>> Fleet::approve(std::string name, Actor actor) {
  require_admin(actor, name);
  const auto before = require_device(name).device.share();
  const Turn turn{changing_, before->id};
  if (before->approval == Approval::approved) co_return before;
  const auto registry = registry_.snapshot()->registry;
  const auto ip = before->facts.addresses.empty() ? "" : before->facts.addresses.front();
  require_registry_host(*registry, name, ip, "path.hostname");
  const auto now = clock_.now();
  co_await device_store_.approve(before->id, now, actor.sub);
  auto& member = require_same(before->id);
  auto& device = member.device.change();
  device.approval = Approval::approved;
  device.approved_at = now;
  watch(member);
  open_door(member);
  publish();
  registrations_.updated("approved");
  log::info("fleet", "a device was approved", {{"host", name}, {"by", actor.sub}});
  tell("device_approved", *member.device);
  co_return member.device.share();
}

asio::awaitable<std::shared_ptr<const Device>> Fleet::reject(std::string name, Actor actor) {
  require_admin(actor, name);
  const auto before = require_device(name).device.share();
  const Turn turn{changing_, before->id};
  if (before->approval == Approval::rejected) co_return before;
  if (before->approval == Approval::approved) {
    throw Error{
        Code::conflict, fmt::format("the device \"{}\" was approved", name), "path.hostname"}
        .reason("DEVICE_APPROVED")
        .hint("disable it (PATCH with \"status\": \"disabled\") or delete it");
  }
  co_await device_store_.set_state(before->id, "rejected");
  auto& member = require_same(before->id);
  member.device.change().approval = Approval::rejected;
  publish();
  registrations_.updated("rejected");
  log::info("fleet", "a device was rejected", {{"host", name}, {"by", actor.sub}});
  tell("device_rejected", *member.device);
  co_return member.device.share();
}

asio::awaitable<Updated> Fleet::update(std::string name, DeviceUpdate update, Actor actor) {
  const auto* found = by_name(name);
  require_owner(actor, found != nullptr ? &*found->device : nullptr, name);
  const auto before = require_device(name).device.share();
  const Turn turn{changing_, before->id};
  check_update(update);
  auto mode = before->mode;
  if (update.status) {
    mode = mode_of(*update.status);
    const bool opens_or_shuts =
        mode == DeviceMode::disabled || before->mode == DeviceMode::disabled;
    if (opens_or_shuts) require_admin(actor, name);
    if (before->approval != Approval::approved) {
      throw kept_out(*before, Code::conflict, "body.status");
    }
  }
  const bool is_declared = declares(update);
  auto declared = merged(before->declared, std::move(update));
  storage::DeviceEdit edit;
  edit.declared = dump(to_json(declared));
  edit.mode = enum_name(mode);
  co_await device_store_.edit(before->id, std::move(edit));
  auto& member = require_same(before->id);
  auto& device = member.device.change();
  device.declared = std::move(declared);
  if (is_declared) registrations_.updated("declared");
  if (device.mode != mode) {
    registrations_.updated("status");
    const bool comes_back = device.mode == DeviceMode::disabled;
    device.mode = mode;
    if (mode == DeviceMode::disabled) {
      // "stopping": its agent tries again within half a minute, and is there when it may be.
      const protocol::Goodbye goodbye{"stopping", "an admin has disabled this device"};
      const auto why = kept_out(*member.device, Code::unavailable, "machine");
      shut_door(member, goodbye, why);
    } else if (comes_back) {
      watch(member);
      open_door(member);
    }
  }
  publish();
  tell("device_updated", *member.device);
  co_return Updated{member.device.share(), clock_.now()};
}

asio::awaitable<Transferred> Fleet::transfer(std::string name, std::string new_owner, Actor actor) {
  const auto* found = by_name(name);
  require_owner(actor, found != nullptr ? &*found->device : nullptr, name);
  const auto before = require_device(name).device.share();
  const Turn turn{changing_, before->id};
  if (new_owner.empty()) {
    throw Error{Code::invalid, "\"new_owner_user_id\" must name a user", "body.new_owner_user_id"};
  }
  check_line(new_owner, "body.new_owner_user_id");
  storage::DeviceEdit edit;
  edit.owner = new_owner;
  co_await device_store_.edit(before->id, std::move(edit));
  auto& member = require_same(before->id);
  auto& device = member.device.change();
  Transferred done;
  done.previous_owner = std::exchange(device.owner, std::move(new_owner));
  done.at = clock_.now();
  registrations_.updated("owner");
  publish();
  tell("device_updated", *member.device);
  co_return done;
}

asio::awaitable<Removal> Fleet::remove(std::string name, RemovalWish wish, Actor actor) {
  const auto* found = by_name(name);
  require_owner(actor, found != nullptr ? &*found->device : nullptr, name);
  const auto before = require_device(name).device.share();
  const Turn turn{changing_, before->id};
  const auto registry = registry_.snapshot()->registry;
  // Of one that was never let in nothing runs there.
  const bool is_in = before->approval == Approval::approved;
  const auto services = is_in ? services_on(*registry, name) : std::vector<std::string>{};
  if (wish.migrate_services && !services.empty()) {
    throw Error{Code::bad_request, "services are not moved by the removal of a device"}
        .reason("NOT_SUPPORTED")
        .hint("move them first; with ?force=true alone they stay placed on the host");
  }
  if (!services.empty() && !wish.force) throw in_use(name, services);
  co_await device_store_.set_state(before->id, "removed");
  auto& member = require_same(before->id);
  const protocol::Goodbye goodbye{"removed", "this device was removed from the controller"};
  const auto why =
      Error{Code::unavailable, fmt::format("the device \"{}\" was removed", name), "machine"}
          .reason("DEVICE_REMOVED")
          .hint("what was under way there may still be running");
  forget(member, goodbye, why);
  registrations_.deregistered("removed");
  recorder_.forget(before->id);
  publish();
  log::info("fleet", "a device was removed", {{"host", name}, {"by", actor.sub}});
  tell("device_deregistered", *before);
  co_return Removal{name, services, clock_.now()};
}

asio::awaitable<Heartbeat> Fleet::heartbeat(std::string name,
                                            std::string credential,
                                            ReportedUse use) {
  auto& member = require_device(name);
  try {
    auto heard = hear(member, credential, use);
    http_heartbeats_.taken(name);
    co_return heard;
  } catch (const Error&) {
    http_heartbeats_.refused(name);
    throw;
  }
}

Heartbeat Fleet::hear(Member& member, const std::string& credential, const ReportedUse& use) {
  const auto name = member.device->name;
  if (credential.empty()) {
    throw Error{Code::unauthenticated, "a heartbeat needs the device's credential"}
        .reason("CREDENTIAL_MISSING")
        .hint("Authorization: Bearer <the device_credential of its registration>");
  }
  const auto hash = to_hex(sha256(credential));
  if (member.credential_hash.empty() || !equal_in_constant_time(hash, member.credential_hash)) {
    throw Error{Code::unauthenticated, fmt::format("this is not the credential of \"{}\"", name)}
        .reason("CREDENTIAL_WRONG")
        .hint(member.device->has_agent ? "this host has an agent, which needs no heartbeats by HTTP"
                                       : "when it is lost, an admin makes a token with \"host\" "
                                         "and \"allow_key_change\", or deletes the device; then "
                                         "join again, with that token");
  }
  const auto now = clock_.uptime();
  if (now - member.heartbeats_since >= std::chrono::seconds{1}) {
    member.heartbeats_since = now;
    member.heartbeats = 0;
  }
  if (++member.heartbeats > most_heartbeats_a_second) {
    throw Error{Code::rate_limited,
                fmt::format("more than {} heartbeats a second", most_heartbeats_a_second)};
  }
  if (is_kept_out(*member.device)) throw kept_out(*member.device, Code::forbidden, "");
  check_reported(use);
  // Memory only: the next round of `keep_presence` publishes it, one in sixty stores it.
  auto& device = member.device.change();
  device.last_seen = clock_.now();
  device.reported = use;
  if (const auto change = presence_.seen(device.id, now)) changed(*change);
  tell_heartbeat(member);
  const auto& heard = *member.device;
  return {heard.name, *heard.last_seen, status_word(heard)};
}

Discovery Fleet::discovery() const {
  const auto registry = registry_.snapshot()->registry;
  Discovery found;
  found.domain = registry->domain;
  const auto& hosts = registry->hosts();
  auto ingress = std::find_if(hosts.begin(), hosts.end(), [](const registry::Host& host) {
    return std::find(host.roles.begin(), host.roles.end(), "caddy_ingress") != host.roles.end();
  });
  if (ingress == hosts.end()) ingress = hosts.begin();
  found.network_cidr = settings_.network;
  if (ingress != hosts.end()) {
    found.ingress_host = ingress->name;
    found.ingress_ip = ingress->ip;
    if (!ingress->ip.empty()) found.dns_server = ingress->ip;
    const bool is_v4 = std::count(ingress->ip.begin(), ingress->ip.end(), '.') == 3 &&
                       ingress->ip.find_first_not_of("0123456789.") == std::string::npos;
    if (is_v4) found.network_cidr = ingress->ip.substr(0, ingress->ip.rfind('.')) + ".0/24";
  }
  found.cluster_version = registry->revision;
  found.required_capabilities = {"ssh", "docker"};
  found.registration_endpoint = settings_.public_url + "/api/devices/register";
  return found;
}

bool Fleet::knows(const std::string& host, std::string_view name) const {
  const auto found = member_of_name_.find(host);
  if (found == member_of_name_.end()) return false;
  const auto& names = found->second->knows;
  return std::find(names.begin(), names.end(), name) != names.end();
}

void Fleet::require_online(const std::string& host) const {
  const auto found = member_of_name_.find(host);
  const auto* member = found == member_of_name_.end() ? nullptr : found->second;
  if (member != nullptr && is_kept_out(*member->device)) {
    throw kept_out(*member->device, Code::unavailable, "machine");
  }
  if (member == nullptr || !member->device->has_agent) {
    throw Error{Code::unavailable, fmt::format("there is no agent on \"{}\"", host), "machine"}
        .reason("AGENT_MISSING")
        .hint(fmt::format("make a token with `portoser-controller token create --host {}` and run "
                          "`portoser-agent join TOKEN` there",
                          host));
  }
  if (member->welcomed && presence_.of(member->device->id) != Liveness::offline) {
    return;
  }
  throw Error{Code::unavailable,
              fmt::format("the agent of \"{}\" is not connected{}",
                          host,
                          member->device->last_seen
                              ? "; it was last heard at " + to_rfc3339(*member->device->last_seen)
                              : ""),
              "machine"}
      .reason("AGENT_OFFLINE")
      .hint("is the host on and portoser-agent running there (systemctl status portoser-agent)?");
}

protocol::Moment Fleet::uptime_of(const std::string& host) const {
  require_online(host);
  const auto moment = member_of_name_.at(host)->clock.at(clock_.uptime());
  if (moment) return *moment;
  throw Error{Code::unavailable, fmt::format("\"{}\" has not said how long it is up", host)}
      .reason("AGENT_SILENT")
      .hint("try again in a moment");
}

}  // namespace portoser::fleet
