#include "controller/api/devices.h"

#include "controller/http/router.h"
#include "controller/telemetry/service_view.h"

#include <algorithm>
#include <iterator>

namespace portoser::api {

struct DeviceService {
  std::string name;
  std::optional<double> cpu_percent;
  std::string status;
};
BOOST_DESCRIBE_STRUCT(DeviceService, (), (name, cpu_percent, status))

struct DeviceUse {
  std::optional<double> cpu_percent;
  std::optional<double> memory_percent;
  std::optional<double> disk_percent;
};
BOOST_DESCRIBE_STRUCT(DeviceUse, (), (cpu_percent, memory_percent, disk_percent))

struct DeviceRow : DeviceUse {
  std::string id;  ///< stable: the host's name
  std::string device_id;
  std::string name;
  std::string hostname;
  std::string ip;
  std::string ip_address;
  std::string arch;
  std::string os;
  std::string os_version;
  std::string device_type = "host";
  std::string status;
  std::string approval_status = "approved";
  std::optional<Time> approved_at;
  std::optional<std::string> owner_user_id;
  fleet::DeviceResources resources;
  std::vector<std::string> capabilities;
  std::map<std::string, std::string> labels;
  std::string ssh_user;
  std::vector<std::string> assigned_roles;
  Time registered_at;
  std::optional<Time> last_seen_at;
  Time last_seen;  ///< never null: the old UI would show 1970
  std::string agent_version;
  DeviceUse metrics;
  std::int64_t service_count = 0;
  std::vector<DeviceService> services;
};
BOOST_DESCRIBE_STRUCT(DeviceRow,
                      (DeviceUse),
                      (id,
                       device_id,
                       name,
                       hostname,
                       ip,
                       ip_address,
                       arch,
                       os,
                       os_version,
                       device_type,
                       status,
                       approval_status,
                       approved_at,
                       owner_user_id,
                       resources,
                       capabilities,
                       labels,
                       ssh_user,
                       assigned_roles,
                       registered_at,
                       last_seen_at,
                       last_seen,
                       agent_version,
                       metrics,
                       service_count,
                       services))

struct DeviceList {
  std::vector<DeviceRow> devices;
  std::int64_t total = 0;  ///< after the filters
  std::int64_t total_pages = 0;
  std::int64_t page = 1;
  std::int64_t page_size = 0;
};
BOOST_DESCRIBE_STRUCT(DeviceList, (), (devices, total, total_pages, page, page_size))

namespace {

std::optional<double> percent(std::int64_t part, std::int64_t whole) {
  if (whole <= 0) return std::nullopt;
  return 100.0 * static_cast<double>(part) / static_cast<double>(whole);
}

DeviceUse use_of(const telemetry::HostLive* live) {
  DeviceUse use;
  if (live == nullptr || !live->sample || live->liveness == fleet::Liveness::offline) return use;
  const auto& sample = *live->sample;
  use.cpu_percent = sample.cpu.percent;
  if (sample.memory) {
    use.memory_percent = percent(sample.memory->total_bytes - sample.memory->available_bytes,
                                 sample.memory->total_bytes);
  }
  if (const auto* disk = telemetry::main_disk(sample)) {
    use.disk_percent = percent(disk->used_bytes, disk->total_bytes);
  }
  return use;
}

DeviceRow row_of(const fleet::Device& device) {
  constexpr std::int64_t gibibyte = 1 << 30;
  DeviceRow row;
  row.id = device.name;
  row.device_id = device.id;
  row.name = device.name;
  row.hostname = device.name;
  const auto or_unknown = [](const std::string& text) { return text.empty() ? "unknown" : text; };
  row.arch = or_unknown(device.facts.arch);
  row.os = or_unknown(device.facts.os);
  row.os_version = or_unknown(device.facts.os_version);
  row.approved_at = device.registered_at;
  row.ssh_user = device.facts.ssh_user;
  row.resources.cpu_cores = device.facts.cpu_cores;
  row.resources.cpu_threads = device.facts.cpu_threads;
  row.resources.memory_gb = (device.facts.memory_bytes + gibibyte / 2) / gibibyte;
  row.resources.disk_gb = (device.facts.disk_bytes + gibibyte / 2) / gibibyte;
  row.resources.gpu = device.declared.gpu;
  row.resources.mlx_capable = device.declared.mlx_capable;
  row.labels = device.declared.labels;
  row.capabilities = device.declared.capabilities;
  const bool says_docker = std::find(row.capabilities.begin(), row.capabilities.end(), "docker") !=
                           row.capabilities.end();
  if (!device.facts.engine_version.empty() && !says_docker) row.capabilities.emplace_back("docker");
  row.registered_at = device.registered_at;
  row.last_seen_at = device.last_seen;
  row.last_seen = device.last_seen.value_or(device.registered_at);
  row.agent_version = device.agent_version;
  return row;
}

}  // namespace

void DevicesApi::add_to(http::Router& router) {
  router.add({.path = "/api/devices",
              .summary = "Hosts that have joined",
              .query = {{"page", "from 1", "integer"},
                        {"page_size", "1 to 100", "integer"},
                        {.name = "status",
                         .description = "only devices with this status",
                         .allowed = {"online", "warning", "offline", "unknown"}},
                        {"role", "only devices with this role in registry.yml"}}},
             *this,
             &DevicesApi::list);
  add_registration_to(router);
}

void DevicesApi::add_registration_to(http::Router& router) {
  for (const auto* path : {"/api/v1/devices", "/api/devices/register", "/api/register"}) {
    router.add({.method = http::Method::post,
                .path = path,
                .summary = "Join a host: `portoser-agent join TOKEN` sends this",
                .role = http::Role::public_,
                .errors = {Code::unauthenticated, Code::forbidden, Code::conflict, Code::invalid},
                .success_status = 201,
                .repeat_status = 200,
                .body_limit = 64U << 10U},
               *this,
               &DevicesApi::register_device);
  }
}

asio::awaitable<http::Answer<fleet::RegistrationAnswer>> DevicesApi::register_device(
    http::Call<fleet::RegistrationRequest> call) {
  http::Answer<fleet::RegistrationAnswer> answer;
  answer.body = co_await on_executor(core_, fleet_.join(std::move(call.body)));
  answer.status = answer.body.known_before ? 200 : 201;
  co_return answer;
}

DeviceList DevicesApi::list(http::Call<void> call) {
  const auto devices = fleet_.devices();
  const auto registry = registry_.snapshot()->registry;
  const auto wanted_status = call.query("status");
  const auto wanted_role = call.query("role");
  const auto now = clock_.now();
  std::vector<DeviceRow> rows;
  for (const auto& [name, device] : *devices) {
    auto row = row_of(*device);
    const auto live = live_.host(name);
    row.status = telemetry::device_status(telemetry::standing_of(live.get(), now));
    row.metrics = use_of(live.get());
    static_cast<DeviceUse&>(row) = row.metrics;
    if (const auto* host = registry->find_host(name)) {
      row.ip = host->ip;
      row.assigned_roles = host->roles;
    } else if (!device->facts.addresses.empty()) {
      row.ip = device->facts.addresses.front();
    }
    row.ip_address = row.ip;
    for (const auto& service : registry->services()) {
      if (service.current_host != name) continue;
      const auto usage = live ? telemetry::usage_of(service.name, *live) : std::nullopt;
      row.services.push_back({service.name,
                              usage ? usage->cpu_percent : std::nullopt,
                              services_.row(*registry, service).status});
    }
    row.service_count = static_cast<std::int64_t>(row.services.size());
    if (wanted_status && row.status != *wanted_status) continue;
    if (wanted_role &&
        std::find(row.assigned_roles.begin(), row.assigned_roles.end(), *wanted_role) ==
            row.assigned_roles.end()) {
      continue;
    }
    rows.push_back(std::move(row));
  }
  DeviceList list;
  list.page_size = call.query_int("page_size", 100, 1, 100);
  list.page = call.query_int("page", 1, 1, 1000000);
  list.total = static_cast<std::int64_t>(rows.size());
  list.total_pages = (list.total + list.page_size - 1) / list.page_size;
  const auto first = std::min((list.page - 1) * list.page_size, list.total);
  const auto end = std::min(first + list.page_size, list.total);
  list.devices.assign(std::make_move_iterator(rows.begin() + first),
                      std::make_move_iterator(rows.begin() + end));
  return list;
}

}  // namespace portoser::api
