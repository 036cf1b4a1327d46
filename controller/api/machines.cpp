#include "controller/api/machines.h"

#include "controller/api/entity_tags.h"
#include "controller/api/host_reason.h"
#include "controller/http/router.h"
#include "controller/registry/masked.h"
#include "controller/telemetry/service_view.h"

#include <algorithm>

namespace portoser::api {

/// What the agent says is wrong with its host.
struct MachineProblem {
  std::string collector;  ///< cpu, memory, disk, network, containers; data: the agent's own folder
  std::string message;
};
BOOST_DESCRIBE_STRUCT(MachineProblem, (), (collector, message))

struct MachineRow {
  std::string name;
  std::string ip;
  std::string host;  ///< the same, as the old backend wrote it beside
  std::optional<std::string> ssh_user;
  int ssh_port = 22;
  std::optional<std::string> ssh_hostname;
  std::string arch;
  std::optional<std::string> path;
  std::vector<std::string> roles;
  std::string status;  ///< online, stale, offline, unknown
  std::string reason;  ///< why it is not online
  std::int64_t services_count = 0;
  std::optional<Time> last_seen;
  std::optional<registry::Resources> resources;
  std::string description;
  std::optional<std::string> agent_version;
  std::optional<std::string> engine_version;
  std::optional<std::string> compose_version;
  std::optional<bool> engine_available;
  std::string engine_problem;
  std::optional<Time> engine_seen_at;  ///< its last sign, while it is not available
  std::optional<double> engine_age_seconds;
  std::optional<std::string> os_version;
  std::optional<std::string> kernel;
  std::vector<MachineProblem> problems;  ///< as of its newest sample and state
  std::vector<registry::Finding> config_errors;
};
BOOST_DESCRIBE_STRUCT(MachineRow,
                      (),
                      (name,
                       ip,
                       host,
                       ssh_user,
                       ssh_port,
                       ssh_hostname,
                       arch,
                       path,
                       roles,
                       status,
                       reason,
                       services_count,
                       last_seen,
                       resources,
                       description,
                       agent_version,
                       engine_version,
                       compose_version,
                       engine_available,
                       engine_problem,
                       engine_seen_at,
                       engine_age_seconds,
                       os_version,
                       kernel,
                       problems,
                       config_errors))

struct MachineList {
  std::vector<MachineRow> machines;
  std::string revision;  ///< of registry.yml
};
BOOST_DESCRIBE_STRUCT(MachineList, (), (machines, revision))

struct MachineDetail : MachineRow {
  std::vector<ServiceRow> services;
};
BOOST_DESCRIBE_STRUCT(MachineDetail, (MachineRow), (services))

namespace {

MachineRow row_of(const registry::Registry& registry,
                  const registry::Host& host,
                  const fleet::Devices& devices,
                  const telemetry::HostLive* live,
                  Time now) {
  MachineRow row;
  row.name = host.name;
  row.ip = host.ip;
  row.host = host.ip;
  row.ssh_user = unless_empty(host.ssh_user);
  row.ssh_port = host.ssh_port;
  row.ssh_hostname = unless_empty(host.ssh_hostname);
  row.arch = host.arch;
  row.path = unless_empty(host.path);
  row.roles = host.roles;
  row.resources = host.resources;
  row.description = registry::mask_text(host.description);
  row.config_errors = host.config_errors;
  row.services_count = static_cast<std::int64_t>(registry.services_on(host.name).size());
  const auto found = devices.find(host.name);
  const auto* device = found == devices.end() ? nullptr : found->second.get();
  const auto liveness = device == nullptr ? fleet::Liveness::unknown : device->liveness;
  row.status = enum_name(liveness);
  row.reason = reason_not_online(device, liveness);
  if (device != nullptr) {
    row.last_seen = device->last_seen;
    row.agent_version = unless_empty(device->agent_version);
    row.engine_version = unless_empty(device->facts.engine_version);
    row.compose_version = unless_empty(device->facts.compose_version);
    row.os_version = unless_empty(device->facts.os_version);
    row.kernel = unless_empty(device->facts.kernel);
  }
  if (live != nullptr && live->state && liveness != fleet::Liveness::offline) {
    row.engine_available = live->state->engine_available;
    row.engine_problem = live->state->engine_problem;
    row.engine_seen_at = live->engine_sign_at;
    if (row.engine_seen_at) {
      const std::chrono::duration<double> age = now - *row.engine_seen_at;
      row.engine_age_seconds = std::max(age.count(), 0.0);
    }
  }
  if (live != nullptr && liveness != fleet::Liveness::offline) {
    for (const auto& problem : telemetry::problems_of(*live)) {
      row.problems.push_back({problem.collector, problem.message});
    }
  }
  return row;
}

}  // namespace

void MachinesApi::add_to(http::Router& router) {
  router.add({.path = "/api/machines", .summary = "All hosts of the registry, with their state"},
             *this,
             &MachinesApi::list);
  router.add<MachineDetail>({.path = "/api/machines/{machine}",
                             .summary = "One host, with its services",
                             .errors = {Code::not_found}},
                            *this,
                            &MachinesApi::detail);
}

MachineList MachinesApi::list(http::Call<void>) {
  const auto registry = registry_.snapshot()->registry;
  const auto devices = fleet_.devices();
  MachineList list;
  for (const auto& host : registry->hosts()) {
    const auto live = live_.host(host.name);
    list.machines.push_back(row_of(*registry, host, *devices, live.get(), clock_.now()));
  }
  list.revision = registry->revision;
  return list;
}

http::Response MachinesApi::detail(http::Call<void> call) {
  const auto registry = registry_.snapshot()->registry;
  const auto& name = call.param("machine");
  const auto& host = registry->require_host(name, "path.machine");
  const auto live = live_.host(name);
  const auto devices = fleet_.devices();
  MachineDetail detail;
  static_cast<MachineRow&>(detail) = row_of(*registry, host, *devices, live.get(), clock_.now());
  for (const auto* service : registry->services_on(name)) {
    detail.services.push_back(services_.row(*registry, *service));
  }
  auto response = http::json_response(dump(to_json(detail)));
  set_entity_tag(response, host.revision);
  return response;
}

}  // namespace portoser::api
