#include "controller/deployment/file_dependencies.h"

#include "controller/fleet/assigned_service.h"
#include "controller/registry/names.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <tuple>
#include <utility>

namespace portoser::deployment {
namespace {

constexpr std::chrono::seconds pace{2};
constexpr std::chrono::seconds ask_again{60};
constexpr std::chrono::seconds longest_answer{10};
/// A host that does not answer holds up those behind it in its lane.
constexpr std::size_t most_lanes = 16;

bool is_docker(const registry::Service& service) {
  return service.deployment_type == registry::DeploymentType::docker;
}

/// Whole projects name nothing outside themselves, and units have no file of ours.
bool may_name_others(const registry::Service& service) {
  if (service.quarantined()) return false;
  return is_docker(service) ? !service.service_name.empty() : service.unit.empty();
}

/// Nothing: it has no file that may name others.
std::optional<protocol::AssignedService> to_read(const registry::Registry& registry,
                                                 const registry::Service& service) {
  if (!may_name_others(service)) return std::nullopt;
  auto assigned = fleet::assigned_service(registry, service);
  if (assigned.files.empty()) return std::nullopt;
  return assigned;
}

/// An agent may say anything.
void check(protocol::NeedsInFile& found) {
  const auto is_odd = [](const protocol::NeedInFile& need) {
    return need.name.size() > protocol::longest_need ||
           registry::has_control_character(need.name) || registry::breaks_paths(need.name);
  };
  const auto& needs = found.needs;
  if (needs.size() <= protocol::most_needs && std::none_of(needs.begin(), needs.end(), is_odd)) {
    return;
  }
  found.needs.clear();
  found.problem = "its file names too many services, or something that is no service's name";
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
  const auto lanes = due(*registry_.snapshot()->registry);
  auto asking = ask_lanes(lanes, 0);
  co_await std::move(asking);
}

void FileDependencies::job_finished(const storage::JobRecord& job) {
  constexpr std::array<std::string_view, 3> that_write{"write", "update", "rollback"};
  if (std::find(that_write.begin(), that_write.end(), job.kind) != that_write.end()) {
    asked_.erase(job.host);
  }
}

std::vector<FileDependencies::Lane> FileDependencies::due(const registry::Registry& registry) {
  const auto devices = fleet_.devices();
  std::map<std::string, Assigned> services;
  for (const auto& service : registry.services()) {
    if (!service.current_host) continue;
    if (auto one = to_read(registry, service)) {
      services[*service.current_host].push_back(std::move(*one));
    }
  }
  std::vector<Lane> lanes;
  std::size_t count = 0;
  for (auto& [host, assigned] : services) {
    const auto device = devices->find(host);
    if (device == devices->end() || device->second->liveness != fleet::Liveness::online) continue;
    Asked now{std::move(assigned), device->second->connected_since, clock_.uptime()};
    const auto found = asked_.find(host);
    if (found != asked_.end() && found->second.services == now.services &&
        found->second.connected_since == now.connected_since &&
        now.at - found->second.at < ask_again) {
      continue;
    }
    asked_.insert_or_assign(host, std::move(now));
    if (lanes.size() < most_lanes) lanes.emplace_back();
    lanes[count++ % most_lanes].push_back(host);
  }
  return lanes;
}

asio::awaitable<bool> FileDependencies::ask_lanes(const std::vector<Lane>& lanes,
                                                  std::size_t from) {
  if (from == lanes.size()) co_return true;
  auto here = ask_lane(lanes[from]);
  auto others = ask_lanes(lanes, from + 1);
  auto both = both_of(std::move(here), std::move(others));
  co_await std::move(both);
  co_return true;
}

asio::awaitable<bool> FileDependencies::ask_lane(const Lane& hosts) {
  for (const auto& host : hosts) {
    auto asking = ask(host);
    co_await std::move(asking);
  }
  co_return true;
}

asio::awaitable<void> FileDependencies::ask(std::string host) {
  const auto found = asked_.find(host);
  if (found == asked_.end()) co_return;  // a job has just changed its files: the next round
  protocol::InspectNeeds question{found->second.services};
  const auto services = question.services;
  protocol::NeedsReport report;
  std::string problem;
  try {
    auto asking = fleet_.ask(host, std::move(question), longest_answer);
    report = co_await std::move(asking);
  } catch (const Error& error) {
    problem = error.message();
  }
  auto all = std::make_shared<ByHost>(*told_.load());
  auto& of_host = (*all)[host];
  of_host.problem = std::move(problem);
  if (of_host.problem.empty()) {
    std::map<std::string, protocol::NeedsInFile> said;
    for (auto& one : report.services) said.emplace(one.service, std::move(one));
    auto answers = std::make_shared<Answers>();
    for (const auto& service : services) {
      const auto one = said.find(service.name);
      if (one == said.end()) continue;
      auto& now = one->second;
      check(now);
      // Somebody may be in the middle of saving it: what it said before is the better guess.
      const auto before = of_host.answers->find(service.name);
      if (!now.problem.empty() && before != of_host.answers->end() &&
          before->second.of == service) {
        now.needs = before->second.found.needs;
        now.file = before->second.found.file;
      }
      answers->emplace(service.name, Told{service, std::move(now)});
    }
    of_host.answers = std::move(answers);
  }
  told_.store(std::move(all));
}

/// Nothing: its host has not spoken of the entry as it is now.
const FileDependencies::Told* FileDependencies::told_of(const ByHost& all,
                                                        const registry::Registry& registry,
                                                        const registry::Service& service) const {
  if (!service.current_host) return nullptr;
  const auto host = all.find(*service.current_host);
  if (host == all.end()) return nullptr;
  const auto found = host->second.answers->find(service.name);
  if (found == host->second.answers->end()) return nullptr;
  const auto now = to_read(registry, service);
  return now && *now == found->second.of ? &found->second : nullptr;
}

DependencyGraph FileDependencies::graph(const registry::Registry& registry) const {
  const auto all = told_.load();
  // Of a key that no service of the registry is, its project takes care by itself.
  using Key = std::tuple<std::string, std::string, std::string, std::string>;
  std::map<Key, std::string> services;
  std::vector<std::pair<const registry::Service*, const Told*>> told;
  for (const auto& service : registry.services()) {
    const auto* one = told_of(*all, registry, service);
    if (one == nullptr) continue;
    told.emplace_back(&service, one);
    if (!is_docker(service)) continue;
    services.emplace(
        Key{*service.current_host, one->found.file, service.project, service.service_name},
        service.name);
  }
  FileNeeds needs;
  for (const auto& [service, one] : told) {
    for (const auto& need : one->found.needs) {
      if (!is_docker(*service)) {
        needs[service->name].push_back({need.name, "service_yml", need.type});
        continue;
      }
      const auto found =
          services.find(Key{*service->current_host, one->found.file, service->project, need.name});
      if (found == services.end()) continue;
      needs[service->name].push_back({found->second, "compose", need.type});
    }
  }
  return DependencyGraph{registry, needs};
}

void FileDependencies::require_unneeded(const registry::Registry& registry,
                                        const std::string& service) const {
  const auto known = graph(registry);
  std::vector<ErrorDetail> details;
  for (const auto& name : known.dependents_of(service)) {
    const auto source = known.need_of(name, service).source;
    if (source == "registry") continue;
    details.push_back({name, fmt::format("its {} says so", file_word(source))});
  }
  if (details.empty()) return;
  throw Error{Code::conflict, fmt::format("other services depend on \"{}\"", service)}
      .reason("SERVICE_NEEDED")
      .hint("take it out of their files first, or ask with force=true")
      .details(std::move(details));
}

std::vector<UnreadFile> FileDependencies::unread(const registry::Registry& registry) const {
  const auto all = told_.load();
  std::vector<UnreadFile> unread;
  for (const auto& service : registry.services()) {
    if (!service.current_host || !to_read(registry, service)) continue;
    if (const auto* one = told_of(*all, registry, service)) {
      if (!one->found.problem.empty()) unread.push_back({service.name, one->found.problem});
      continue;
    }
    const auto host = all->find(*service.current_host);
    unread.push_back({service.name,
                      host == all->end() || host->second.problem.empty()
                          ? fmt::format("\"{}\" has not told yet", *service.current_host)
                          : host->second.problem});
  }
  return unread;
}

}  // namespace portoser::deployment
