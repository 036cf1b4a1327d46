#include "controller/api/device_changes.h"

#include "common/describe_json.h"
#include "controller/http/router.h"

namespace portoser::api {

struct ApprovalAnswer {
  std::string status;  ///< "approved" or "rejected"
  std::string hostname;
  std::string device_id;
  std::optional<Time> approved_at;
};
BOOST_DESCRIBE_STRUCT(ApprovalAnswer, (), (status, hostname, device_id, approved_at))

struct UpdatedFields {
  bool resources = false;
  bool capabilities = false;
  bool labels = false;
  bool ssh_user = false;
  bool ssh_key_fingerprint = false;
  bool description = false;
  bool status = false;
};
BOOST_DESCRIBE_STRUCT(
    UpdatedFields,
    (),
    (resources, capabilities, labels, ssh_user, ssh_key_fingerprint, description, status))

struct UpdateAnswer {
  bool success = true;
  std::string hostname;
  UpdatedFields updated_fields;
  std::vector<std::string> current_roles;
  std::string mode;
  Time updated_at;
};
BOOST_DESCRIBE_STRUCT(UpdateAnswer,
                      (),
                      (success, hostname, updated_fields, current_roles, mode, updated_at))

struct TransferRequest {
  std::string new_owner_user_id;
};
BOOST_DESCRIBE_STRUCT(TransferRequest, (), (new_owner_user_id))

struct TransferAnswer {
  std::string status = "transferred";
  std::string hostname;
  std::optional<std::string> previous_owner_user_id;
  std::string new_owner_user_id;
  Time transferred_at;
};
BOOST_DESCRIBE_STRUCT(TransferAnswer,
                      (),
                      (status, hostname, previous_owner_user_id, new_owner_user_id, transferred_at))

struct RemovalAnswer {
  std::string status = "deregistered";
  std::string hostname;
  std::vector<std::string> services_migrated;  ///< always empty: see `services_left`
  std::vector<std::string> services_left;
  std::string message;
  Time deregistered_at;
};
BOOST_DESCRIBE_STRUCT(
    RemovalAnswer,
    (),
    (status, hostname, services_migrated, services_left, message, deregistered_at))

struct CacheCounts {
  std::int64_t active_entries = 0;
  std::int64_t expired_entries = 0;
  std::int64_t hits = 0;
  std::int64_t misses = 0;
  std::int64_t invalidations = 0;
  std::int64_t total_requests = 0;
  double hit_rate = 0;
};
BOOST_DESCRIBE_STRUCT(
    CacheCounts,
    (),
    (active_entries, expired_entries, hits, misses, invalidations, total_requests, hit_rate))

struct CacheStats {
  CacheCounts cache_stats;
  double ttl_seconds = 0;
  bool cache_enabled = false;
};
BOOST_DESCRIBE_STRUCT(CacheStats, (), (cache_stats, ttl_seconds, cache_enabled))

struct CacheAnswer {
  bool success = true;
  std::string message;
  std::string next_load;
};
BOOST_DESCRIBE_STRUCT(CacheAnswer, (), (success, message, next_load))

namespace {

fleet::Actor actor_of(const http::CallContext& call) {
  return {call.user().sub, call.user().has(http::Role::admin)};
}

ApprovalAnswer approval_of(const fleet::Device& device) {
  ApprovalAnswer answer;
  answer.status = enum_name(device.approval);
  answer.hostname = device.name;
  answer.device_id = device.id;
  answer.approved_at = device.approved_at;
  return answer;
}

/// An optional field with null reads as if it were not there; for some that says something.
bool says_null(const std::string& body, const char* field) {
  const auto json = Json::parse(body, nullptr, false);
  if (!json.is_object()) return false;
  const auto found = json.find(field);
  return found != json.end() && found->is_null();
}

UpdatedFields fields_of(const fleet::DeviceUpdate& update) {
  UpdatedFields fields;
  fields.resources = update.resources.has_value() || update.measured_resources;
  fields.capabilities = update.capabilities.has_value();
  fields.labels = update.labels.has_value();
  fields.ssh_user = update.ssh_user.has_value();
  fields.ssh_key_fingerprint = update.ssh_key_fingerprint.has_value();
  fields.description = update.description.has_value();
  fields.status = update.status.has_value();
  return fields;
}

}  // namespace

void DeviceChangesApi::add_to(http::Router& router) {
  router.add({.method = http::Method::post,
              .path = "/api/devices/{hostname}/approve",
              .summary = "Let a waiting host in",
              .role = http::Role::admin,
              .errors = {Code::not_found, Code::conflict}},
             *this,
             &DeviceChangesApi::approve);
  router.add({.method = http::Method::post,
              .path = "/api/devices/{hostname}/reject",
              .summary = "Keep a waiting host out",
              .role = http::Role::admin,
              .errors = {Code::not_found, Code::conflict}},
             *this,
             &DeviceChangesApi::reject);
  router.add({.method = http::Method::patch,
              .path = "/api/devices/{hostname}",
              .summary = "Change what is said of a host, put it into maintenance, disable it; its "
                         "owner or an admin may",
              .errors = {Code::forbidden, Code::not_found, Code::conflict, Code::invalid}},
             *this,
             &DeviceChangesApi::update);
  router.add({.method = http::Method::delete_,
              .path = "/api/devices/{hostname}",
              .summary = "Remove a host: its key is refused from now on; its owner or an admin may",
              .errors = {Code::bad_request, Code::forbidden, Code::not_found, Code::conflict},
              .query = {{"force", "although services are placed on it", "boolean"},
                        {"migrate_services", "not supported: refused", "boolean"}}},
             *this,
             &DeviceChangesApi::remove);
  router.add({.method = http::Method::post,
              .path = "/api/devices/{hostname}/transfer-ownership",
              .summary = "Give a host to another user; its owner or an admin may",
              .errors = {Code::forbidden, Code::not_found, Code::conflict, Code::invalid}},
             *this,
             &DeviceChangesApi::transfer);
  router.add({.path = "/api/devices/cache/stats",
              .summary = "The old backend's cache of the registry: there is none here"},
             *this,
             &DeviceChangesApi::cache_stats);
  router.add({.method = http::Method::post,
              .path = "/api/devices/cache/invalidate",
              .summary = "Read the registry again",
              .role = http::Role::operator_},
             *this,
             &DeviceChangesApi::forget_cache);
}

asio::awaitable<ApprovalAnswer> DeviceChangesApi::approve(http::Call<void> call) {
  auto work = fleet_.approve(call.param("hostname"), actor_of(call));
  const auto device = co_await on_executor(core_, std::move(work));
  co_return approval_of(*device);
}

asio::awaitable<ApprovalAnswer> DeviceChangesApi::reject(http::Call<void> call) {
  auto work = fleet_.reject(call.param("hostname"), actor_of(call));
  const auto device = co_await on_executor(core_, std::move(work));
  co_return approval_of(*device);
}

asio::awaitable<UpdateAnswer> DeviceChangesApi::update(http::Call<fleet::DeviceUpdate> call) {
  UpdateAnswer answer;
  call.body.measured_resources = says_null(call.request().body, "resources");
  answer.updated_fields = fields_of(call.body);
  auto work = fleet_.update(call.param("hostname"), std::move(call.body), actor_of(call));
  const auto changed = co_await on_executor(core_, std::move(work));
  answer.hostname = changed.device->name;
  answer.mode = enum_name(changed.device->mode);
  answer.updated_at = changed.at;
  const auto registry = registry_.snapshot()->registry;
  const auto* host = registry->find_host(answer.hostname);
  if (host != nullptr) answer.current_roles = host->roles;
  co_return answer;
}

asio::awaitable<TransferAnswer> DeviceChangesApi::transfer(http::Call<TransferRequest> call) {
  TransferAnswer answer;
  answer.hostname = call.param("hostname");
  answer.new_owner_user_id = call.body.new_owner_user_id;
  auto work = fleet_.transfer(answer.hostname, answer.new_owner_user_id, actor_of(call));
  const auto changed = co_await on_executor(core_, std::move(work));
  answer.previous_owner_user_id = changed.previous_owner;
  answer.transferred_at = changed.at;
  co_return answer;
}

asio::awaitable<RemovalAnswer> DeviceChangesApi::remove(http::Call<void> call) {
  fleet::RemovalWish wish;
  wish.force = call.query_bool("force", false);
  wish.migrate_services = call.query_bool("migrate_services", false);
  auto work = fleet_.remove(call.param("hostname"), wish, actor_of(call));
  auto removal = co_await on_executor(core_, std::move(work));
  RemovalAnswer answer;
  answer.hostname = removal.hostname;
  answer.message = removal.services_left.empty()
                       ? "no service was placed on it"
                       : "registry.yml still places services on it; what runs there goes on and "
                         "nobody looks after it";
  answer.services_left = std::move(removal.services_left);
  answer.deregistered_at = removal.at;
  co_return answer;
}

CacheStats DeviceChangesApi::cache_stats(http::Call<void>) {
  return {};
}

asio::awaitable<CacheAnswer> DeviceChangesApi::forget_cache(http::Call<void>) {
  co_await registry_.reload();
  CacheAnswer answer;
  answer.message = "the registry was read again";
  answer.next_load = "there is no cache: the file is read when it changes";
  co_return answer;
}

}  // namespace portoser::api
