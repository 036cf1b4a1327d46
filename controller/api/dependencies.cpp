#include "controller/api/dependencies.h"

#include "controller/http/router.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <string>

namespace portoser::api {
namespace {

constexpr std::string_view unassigned = "unassigned";

std::string host_of(const registry::Registry& registry, const std::string& name) {
  const auto* service = registry.find_service(name);
  return service != nullptr && service->current_host ? *service->current_host
                                                     : std::string{unassigned};
}

/// For the UI, what has to end before is required like what has to run.
std::string type_of(const deployment::FileNeed& need) {
  return need.type == "optional" ? need.type : "required";
}

DependencyRow row_of(const registry::Registry& registry,
                     const std::string& name,
                     const deployment::FileNeed& need) {
  return {name, host_of(registry, name), type_of(need), need.source};
}

DependencyNode missing_node(const std::string& name) {
  return {name, name, "missing", std::string{unassigned}, "", "unknown", "unknown"};
}

std::vector<DependencyUnread> unread_of(std::vector<deployment::UnreadFile> files) {
  std::vector<DependencyUnread> unread;
  for (auto& one : files) unread.push_back({std::move(one.service), std::move(one.reason)});
  return unread;
}

DependencyFlow flow_of(const deployment::DependencyGraph& graph,
                       const std::vector<DependencyEdge>& edges) {
  constexpr int column_width = 260;
  constexpr int row_height = 90;
  DependencyFlow flow;
  int x = 0;
  const auto add_column = [&](const std::vector<std::string>& names) {
    int y = 0;
    for (const auto& name : names) {
      flow.nodes.push_back({name, {x, y}, {name}});
      y += row_height;
    }
    if (!names.empty()) x += column_width;
  };
  add_column(graph.missing());
  for (const auto& column : graph.columns()) add_column(column);
  for (const auto& edge : edges) {
    flow.edges.push_back({fmt::format("{} -> {}", edge.from, edge.to), edge.from, edge.to});
  }
  return flow;
}

std::string level_of(std::size_t affected) {
  if (affected >= 5) return "high";
  return affected >= 2 ? "medium" : "low";
}

}  // namespace

void DependenciesApi::add_to(http::Router& router) {
  router.add(
      {.path = "/api/dependencies/graph", .summary = "All services and which of them need which"},
      *this,
      &DependenciesApi::graph);
  router.add({.path = "/api/dependencies/list", .summary = "What each service needs"},
             *this,
             &DependenciesApi::list);
  router.add({.path = "/api/dependencies/validate",
              .summary = "Dependencies that are missing, and cycles"},
             *this,
             &DependenciesApi::validate);
  router.add({.path = "/api/dependencies/service/{service}",
              .summary = "What a service needs, and who needs it",
              .errors = {Code::not_found}},
             *this,
             &DependenciesApi::of_service);
  router.add({.path = "/api/dependencies/deployment-order/{service}",
              .summary = "In what order a service and what it needs start",
              .errors = {Code::not_found, Code::conflict}},
             *this,
             &DependenciesApi::order);
  router.add({.path = "/api/dependencies/impact/{service}",
              .summary = "Who is concerned when a service stops",
              .errors = {Code::not_found}},
             *this,
             &DependenciesApi::impact);
  const std::vector<Code> errors{Code::not_found, Code::invalid, Code::conflict, Code::unavailable};
  router.add({.method = http::Method::post,
              .path = "/api/dependencies/add",
              .summary = "Write into registry.yml that a service needs another",
              .role = http::Role::deployer,
              .errors = errors},
             *this,
             &DependenciesApi::add);
  router.add({.method = http::Method::delete_,
              .path = "/api/dependencies/remove",
              .summary = "Take a dependency out of registry.yml",
              .role = http::Role::deployer,
              .errors = errors},
             *this,
             &DependenciesApi::remove);
}

asio::awaitable<DependencyEdited> DependenciesApi::add(http::Call<DependencyRequest> call) {
  const auto& [service, dependency] = call.body;
  auto editing = edits_.add(service, dependency, call.user().name);
  const auto outcome = co_await std::move(editing);
  co_return DependencyEdited{true,
                             service,
                             dependency,
                             fmt::format("\"{}\" needs \"{}\"", service, dependency),
                             outcome.revision};
}

asio::awaitable<DependencyEdited> DependenciesApi::remove(http::Call<DependencyRequest> call) {
  const auto& [service, dependency] = call.body;
  auto editing = edits_.remove(service, dependency, call.user().name);
  const auto outcome = co_await std::move(editing);
  co_return DependencyEdited{
      true,
      service,
      dependency,
      still_needed(service, dependency)
          ? fmt::format("registry.yml says no more that \"{}\" needs \"{}\"; its own file does",
                        service,
                        dependency)
          : fmt::format("\"{}\" does not need \"{}\" any more", service, dependency),
      outcome.revision};
}

bool DependenciesApi::still_needed(const std::string& service, const std::string& needed) const {
  const auto graph = files_.graph(*registry_.snapshot()->registry);
  const auto& all = graph.needed_by(service);
  return std::find(all.begin(), all.end(), needed) != all.end();
}

DependencyGraphView DependenciesApi::graph(http::Call<void>) {
  const auto registry = registry_.snapshot()->registry;
  const auto graph = files_.graph(*registry);
  DependencyGraphView view;
  view.revision = registry->revision;
  view.cycles = graph.cycles();
  for (const auto& service : registry->services()) {
    const auto row = rows_.row(*registry, service);
    view.nodes.push_back({service.name,
                          service.name,
                          row.deployment_type,
                          host_of(*registry, service.name),
                          row.hostname,
                          row.status,
                          row.health});
    for (const auto& needed : graph.needed_by(service.name)) {
      const auto need = graph.need_of(service.name, needed);
      view.edges.push_back({service.name, needed, type_of(need), need.source});
    }
  }
  for (const auto& name : graph.missing()) view.nodes.push_back(missing_node(name));
  view.unread = unread_of(files_.unread(*registry));
  view.react_flow = flow_of(graph, view.edges);
  return view;
}

ServiceDependencies DependenciesApi::of_service(http::Call<void> call) {
  const auto registry = registry_.snapshot()->registry;
  const auto& service = registry->require_service(call.param("service"), "path.service");
  const auto graph = files_.graph(*registry);
  ServiceDependencies answer;
  answer.service = service.name;
  for (const auto& name : graph.needed_by(service.name)) {
    answer.dependencies.push_back(row_of(*registry, name, graph.need_of(service.name, name)));
  }
  for (const auto& name : graph.dependents_of(service.name)) {
    answer.dependents.push_back(row_of(*registry, name, graph.need_of(name, service.name)));
  }
  return answer;
}

DeploymentOrder DependenciesApi::order(http::Call<void> call) {
  const auto registry = registry_.snapshot()->registry;
  const auto& service = registry->require_service(call.param("service"), "path.service");
  const auto graph = files_.graph(*registry);
  const auto needed = graph.with_needed(service.name);
  DeploymentOrder order;
  order.service = service.name;
  order.waves = graph.waves(needed);
  for (const auto& wave : order.waves) {
    order.deployment_order.insert(order.deployment_order.end(), wave.begin(), wave.end());
  }
  std::set<std::string> missing;
  for (const auto& one : needed) {
    for (const auto& name : graph.needed_by(one)) {
      if (registry->find_service(name) == nullptr) missing.insert(name);
    }
  }
  order.missing.assign(missing.begin(), missing.end());
  order.unread = unread_of(files_.unread(*registry));
  order.total_services = static_cast<std::int64_t>(order.deployment_order.size());
  return order;
}

DependencyImpact DependenciesApi::impact(http::Call<void> call) {
  const auto registry = registry_.snapshot()->registry;
  const auto& service = registry->require_service(call.param("service"), "path.service");
  const auto graph = files_.graph(*registry);
  DependencyImpact impact;
  impact.service = service.name;
  impact.direct_dependents = graph.dependents_of(service.name);
  impact.all_dependents = graph.all_dependents_of(service.name);
  impact.impact_level = level_of(impact.all_dependents.size());
  impact.total_affected = static_cast<std::int64_t>(impact.all_dependents.size());
  return impact;
}

DependencyValidation DependenciesApi::validate(http::Call<void>) {
  const auto registry = registry_.snapshot()->registry;
  const auto graph = files_.graph(*registry);
  DependencyValidation validation;
  for (const auto& name : graph.missing()) {
    for (const auto& dependent : graph.dependents_of(name)) {
      validation.errors.push_back(
          fmt::format("\"{}\" needs \"{}\", and there is no such service", dependent, name));
    }
  }
  for (const auto& cycle : graph.cycles()) {
    validation.errors.push_back("services need each other: " + deployment::cycle_text(cycle));
  }
  validation.unread = unread_of(files_.unread(*registry));
  validation.valid = validation.errors.empty();
  validation.total_errors = static_cast<std::int64_t>(validation.errors.size());
  return validation;
}

DependencyList DependenciesApi::list(http::Call<void>) {
  const auto registry = registry_.snapshot()->registry;
  const auto graph = files_.graph(*registry);
  DependencyList list;
  for (const auto& service : registry->services()) {
    list.dependencies[service.name] = graph.needed_by(service.name);
  }
  list.total_services = static_cast<std::int64_t>(registry->services().size());
  return list;
}

}  // namespace portoser::api
