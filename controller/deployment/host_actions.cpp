#include "controller/deployment/host_actions.h"

#include "controller/deployment/dependencies.h"
#include "controller/deployment/sweep.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace portoser::deployment {
namespace {

std::string kind_of(Action action) {
  return std::string{enum_name(action)} + "_host";
}

std::vector<Wave> waves_on(const registry::Registry& registry,
                           const DependencyGraph& graph,
                           Action action,
                           const std::string& host) {
  std::vector<std::string> names;
  for (const auto* service : registry.services_on(host)) names.push_back(service->name);
  if (action != Action::stop) return graph.waves(names);
  // Who needs another stops before it; services that need each other stop all the same.
  auto waves = graph.order_of(names);
  std::reverse(waves.begin(), waves.end());
  return waves;
}

}  // namespace

HostActions::HostActions(registry::RegistryWatch& registry,
                         fleet::Fleet& fleet,
                         jobs::Jobs& jobs,
                         ServiceActions& actions,
                         const FileDependencies& files)
    : registry_(registry), fleet_(fleet), jobs_(jobs), actions_(actions), files_(files) {
  for (const auto action : {Action::start, Action::stop, Action::restart}) {
    jobs_.add_kind(kind_of(action), [this, action](std::shared_ptr<jobs::Run> run) {
      return carry_out(action, std::move(run));
    });
  }
}

asio::awaitable<jobs::Submitted> HostActions::begin(Action action,
                                                    std::string host,
                                                    std::string user) {
  const auto registry = registry_.snapshot()->registry;
  static_cast<void>(registry->require_host(host, "path.machine"));
  waves_on(*registry, files_.graph(*registry), action, host);
  if (!registry->services_on(host).empty()) fleet_.require_online(host);
  jobs::Request request;
  request.kind = kind_of(action);
  request.host = std::move(host);
  request.created_by = std::move(user);
  co_return co_await jobs_.submit(std::move(request));
}

asio::awaitable<void> HostActions::carry_out(Action action, std::shared_ptr<jobs::Run> run) {
  auto begin = [this, action](PartResult part, std::string user, std::string parent) {
    return actions_.begin(action, std::move(part.service), std::move(user), std::move(parent));
  };
  Sweep sweep{registry_, jobs_, std::move(begin), run, enum_name(action)};
  if (run->resumed) {
    co_await sweep.resume();
    co_return;
  }
  const auto registry = registry_.snapshot()->registry;
  const auto graph = files_.graph(*registry);
  const auto waves = waves_on(*registry, graph, action, run->record().host);
  std::vector<PartResult> parts;
  for (const auto& wave : waves) {
    for (const auto& service : wave) {
      auto& part = parts.emplace_back();
      part.service = service;
      part.target = run->record().host;
      part.action = enum_name(action);
    }
  }
  co_await sweep.begin(std::move(parts), waves, graph);
}

}  // namespace portoser::deployment
