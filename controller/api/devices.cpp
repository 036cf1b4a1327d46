#include "controller/api/devices.h"

#include "controller/http/router.h"

#include <algorithm>
#include <utility>

namespace portoser::api {

struct DeviceList {
  std::vector<DeviceRow> devices;
  std::int64_t total = 0;  ///< after the filters
  std::int64_t total_pages = 0;
  std::int64_t page = 1;
  std::int64_t page_size = 0;
};
BOOST_DESCRIBE_STRUCT(DeviceList, (), (devices, total, total_pages, page, page_size))

struct HeartbeatRequest {
  std::string status;  ///< ignored
  fleet::ReportedUse metrics;
};
BOOST_DESCRIBE_STRUCT(HeartbeatRequest, (), (status, metrics))

struct HeartbeatAnswer {
  bool success = true;
  std::string hostname;
  Time last_seen_at;
  std::string status;
};
BOOST_DESCRIBE_STRUCT(HeartbeatAnswer, (), (success, hostname, last_seen_at, status))

namespace {

/// Without what the UI must not get as null.
Json shown(const DeviceRow& row) {
  auto json = to_json(row);
  if (!row.last_seen) json.erase("last_seen");
  return json;
}

}  // namespace

void DevicesApi::add_to(http::Router& router) {
  router.add<DeviceList>(
      {.path = "/api/devices",
       .summary =
           "Hosts that have joined, wait to be let in, or never joined and are in registry.yml",
       .query = {{"page", "from 1", "integer"},
                 {"page_size", "1 to 100", "integer"},
                 {.name = "status",
                  .description = "only devices with this status",
                  .allowed = {"online",
                              "warning",
                              "offline",
                              "unknown",
                              "pending",
                              "rejected",
                              "maintenance",
                              "disabled"}},
                 {"role", "only devices with this role in registry.yml"}}},
      *this,
      &DevicesApi::list);
  router.add(
      {.path = "/api/devices/discover", .summary = "What a host has to know before it joins"},
      *this,
      &DevicesApi::discover);
  router.add<DeviceRow>({.path = "/api/devices/{hostname}",
                         .summary = "One of these hosts",
                         .errors = {Code::not_found}},
                        *this,
                        &DevicesApi::detail);
  add_registration_to(router);
  add_heartbeat_to(router);
}

void DevicesApi::add_registration_to(http::Router& router) {
  for (const auto* path : {"/api/v1/devices", "/api/devices/register", "/api/register"}) {
    router.add(
        {.method = http::Method::post,
         .path = path,
         .summary = "Join a host: `portoser-agent join TOKEN` sends this, and so did the old "
                    "bootstrap.sh",
         .role = http::Role::public_,
         .errors = {Code::unauthenticated,
                    Code::forbidden,
                    Code::conflict,
                    Code::invalid,
                    Code::rate_limited,
                    Code::unavailable},
         .success_status = 201,
         .repeat_status = 200,
         .body_limit = 64U << 10U},
        *this,
        &DevicesApi::register_device);
  }
}

void DevicesApi::add_heartbeat_to(http::Router& router) {
  router.add({.method = http::Method::post,
              .path = "/api/devices/{hostname}/heartbeat",
              .summary = "A host without an agent is there; its credential is the bearer token",
              .role = http::Role::public_,
              .errors = {Code::unauthenticated,
                         Code::forbidden,
                         Code::not_found,
                         Code::invalid,
                         Code::rate_limited},
              .body_limit = 16U << 10U,
              .is_routine = true},
             *this,
             &DevicesApi::heartbeat);
}

asio::awaitable<http::Answer<fleet::RegistrationAnswer>> DevicesApi::register_device(
    http::Call<fleet::RegistrationRequest> call) {
  http::Answer<fleet::RegistrationAnswer> answer;
  answer.body = co_await on_executor(core_, fleet_.join(std::move(call.body)));
  answer.status = answer.body.known_before ? 200 : 201;
  co_return answer;
}

asio::awaitable<HeartbeatAnswer> DevicesApi::heartbeat(http::Call<HeartbeatRequest> call) {
  auto name = call.param("hostname");
  auto credential = call.request().bearer_token().value_or("");
  auto beat = fleet_.heartbeat(std::move(name), std::move(credential), call.body.metrics);
  const auto heard = co_await on_executor(core_, std::move(beat));
  HeartbeatAnswer answer;
  answer.hostname = heard.hostname;
  answer.last_seen_at = heard.last_seen_at;
  answer.status = heard.status;
  co_return answer;
}

fleet::Discovery DevicesApi::discover(http::Call<void>) {
  return fleet_.discovery();
}

http::Response DevicesApi::detail(http::Call<void> call) {
  const auto& name = call.param("hostname");
  const auto registry = registry_.snapshot()->registry;
  const auto devices = fleet_.devices();
  if (const auto found = devices->find(name); found != devices->end()) {
    const auto live = live_.host(name);
    return http::json_response(
        dump(shown(device_row(*found->second, *registry, live.get(), services_, clock_.now()))));
  }
  if (const auto* host = registry->find_host(name)) {
    return http::json_response(dump(shown(row_of_never_joined(*host, *registry, services_))));
  }
  throw Error{Code::not_found, "there is no device \"" + name + "\"", "path.hostname"}.reason(
      "DEVICE_UNKNOWN");
}

std::vector<DeviceRow> DevicesApi::all_rows() const {
  const auto registry = registry_.snapshot()->registry;
  const auto devices = fleet_.devices();
  const auto now = clock_.now();
  std::vector<DeviceRow> rows;
  for (const auto& [name, device] : *devices) {
    const auto live = live_.host(name);
    rows.push_back(device_row(*device, *registry, live.get(), services_, now));
  }
  for (const auto& host : registry->hosts()) {
    if (!devices->contains(host.name)) {
      rows.push_back(row_of_never_joined(host, *registry, services_));
    }
  }
  std::stable_partition(rows.begin(), rows.end(), [](const DeviceRow& row) {
    return row.approval_status == enum_name(fleet::Approval::approved);
  });
  return rows;
}

http::Response DevicesApi::list(http::Call<void> call) {
  const auto wanted_status = call.query("status");
  const auto wanted_role = call.query("role");
  auto rows = all_rows();
  std::erase_if(rows, [&](const DeviceRow& row) {
    const auto& roles = row.assigned_roles;
    return (wanted_status && row.status != *wanted_status) ||
           (wanted_role && std::find(roles.begin(), roles.end(), *wanted_role) == roles.end());
  });
  DeviceList list;
  list.page_size = call.query_int("page_size", 100, 1, 100);
  list.page = call.query_int("page", 1, 1, 1000000);
  list.total = static_cast<std::int64_t>(rows.size());
  list.total_pages = (list.total + list.page_size - 1) / list.page_size;
  const auto first = std::min((list.page - 1) * list.page_size, list.total);
  const auto end = std::min(first + list.page_size, list.total);
  auto body = to_json(list);
  for (auto i = first; i < end; ++i) {
    body["devices"].push_back(shown(rows[static_cast<std::size_t>(i)]));
  }
  return http::json_response(dump(body));
}

}  // namespace portoser::api
