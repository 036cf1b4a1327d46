#include "controller/deployment/file_dependencies.h"

#include "controller/fleet/assigned_service.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace portoser::deployment {
namespace {

constexpr std::chrono::seconds pace{2};
constexpr std::chrono::seconds ask_again{60};
constexpr std::chrono::seconds longest_answer{5};

/// Whole projects name nothing outside themselves, and units have no file of ours.
bool may_name_others(const registry::Service& service) {
  if (service.deployment_type == registry::DeploymentType::docker) {
    return !service.service_name.empty();
  }
  return service.unit.empty();
}

std::vector<protocol::AssignedService> services_to_read(const registry::Registry& registry,
                                                        const std::string& host) {
  std::vector<protocol::AssignedService> services;
  for (const auto* service : registry.services_on(host)) {
    if (!may_name_others(*service)) continue;
    auto assigned = fleet::assigned_service(registry, *service);
    if (!assigned.files.empty()) services.push_back(std::move(assigned));
  }
  return services;
}

/// The service of the registry that is this key of the file; empty: it is its project's own matter.
template <class Services>
std::string service_of_key(const registry::Registry& registry,
                           const Services& told,
                           const std::string& file,
                           const std::string& key) {
  for (const auto& [name, found] : told) {
    if (found.file != file) continue;
    const auto* service = registry.find_service(name);
    if (service != nullptr && service->deployment_type == registry::DeploymentType::docker &&
        service->service_name == key) {
      return name;
    }
  }
  return {};
}

}  // namespace

asio::awaitable<void> FileDependencies::run() {
  for (;;) {
    auto looking = look();
    co_await std::move(looking);
    co_await pause(pace);
  }
}

asio::awaitable<void> FileDependencies::look() {
  const auto registry = registry_.snapshot()->registry;
  const auto devices = fleet_.devices();
  for (const auto& host : registry->hosts()) {
    Asked now;
    now.services = services_to_read(*registry, host.name);
    const auto device = devices->find(host.name);
    const bool is_online =
        device != devices->end() && device->second->liveness == fleet::Liveness::online;
    if (now.services.empty() || !is_online) continue;
    now.connected_since = device->second->connected_since;
    now.at = clock_.uptime();
    if (!is_due(host.name, now)) continue;
    auto asking = ask(host.name, now.services);
    asked_[host.name] = std::move(now);
    co_await std::move(asking);
  }
}

bool FileDependencies::is_due(const std::string& host, const Asked& now) const {
  const auto found = asked_.find(host);
  if (found == asked_.end()) return true;
  const auto& before = found->second;
  return before.services != now.services || before.connected_since != now.connected_since ||
         now.at - before.at >= ask_again;
}

asio::awaitable<void> FileDependencies::ask(std::string host,
                                            std::vector<protocol::AssignedService> services) {
  protocol::InspectNeeds question;
  question.services = std::move(services);
  auto all = std::make_shared<ByHost>(*told_.load());
  auto& told = (*all)[host];
  try {
    auto asking = fleet_.ask(host, std::move(question), longest_answer);
    const auto report = co_await std::move(asking);
    told = {};
    for (const auto& one : report.services) told.services[one.service] = one;
  } catch (const Error& error) {
    told.problem = error.message();
  }
  told_.store(std::move(all));
}

DependencyGraph FileDependencies::graph(const registry::Registry& registry) const {
  const auto all = told_.load();
  FileNeeds needs;
  for (const auto& service : registry.services()) {
    if (!service.current_host || !may_name_others(service)) continue;
    const auto host = all->find(*service.current_host);
    if (host == all->end()) continue;
    const auto& told = host->second.services;
    const auto found = told.find(service.name);
    if (found == told.end()) continue;
    const bool is_docker = service.deployment_type == registry::DeploymentType::docker;
    for (const auto& name : found->second.names) {
      auto needed = is_docker ? service_of_key(registry, told, found->second.file, name) : name;
      if (needed.empty()) continue;
      needs[service.name].push_back({std::move(needed), is_docker ? "compose" : "service_yml"});
    }
  }
  return DependencyGraph{registry, needs};
}

std::vector<UnreadFile> FileDependencies::unread(const registry::Registry& registry) const {
  const auto all = told_.load();
  std::vector<UnreadFile> unread;
  for (const auto& service : registry.services()) {
    if (!service.current_host || !may_name_others(service)) continue;
    const auto host = all->find(*service.current_host);
    if (host == all->end()) {
      unread.push_back(
          {service.name, fmt::format("\"{}\" has not told yet", *service.current_host)});
      continue;
    }
    const auto found = host->second.services.find(service.name);
    if (found == host->second.services.end()) {
      unread.push_back({service.name, host->second.problem});
    } else if (!found->second.problem.empty()) {
      unread.push_back({service.name, found->second.problem});
    }
  }
  return unread;
}

}  // namespace portoser::deployment
