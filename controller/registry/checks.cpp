#include "controller/registry/checks.h"

#include "controller/registry/names.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace portoser::registry {
namespace {

/// A file of thousands of unknown names must not cost a comparison of each with each.
constexpr int max_suggestions = 50;
constexpr std::size_t max_cycles = 100;

using Index = std::unordered_map<std::string_view, std::size_t>;

/// "did you mean ...?" for the first unknown names.
class Suggester {
 public:
  explicit Suggester(const Index& index) : index_(&index) {}

  std::string hint(std::string_view word, std::string_view otherwise) {
    if (left_ == 0) {
      return std::string{otherwise};
    }
    --left_;
    std::vector<std::string_view> names;
    for (const auto& [name, position] : *index_) {
      names.push_back(name);
    }
    std::sort(names.begin(), names.end());
    const auto close = nearest(word, names);
    return close.empty() ? std::string{otherwise} : fmt::format("did you mean \"{}\"?", close);
  }

 private:
  const Index* index_;
  int left_ = max_suggestions;
};

void check_hosts(const Index& hosts, std::vector<ServiceDraft>& services) {
  Suggester suggester{hosts};
  for (auto& draft : services) {
    const auto& host = draft.service.current_host;
    if (host && !hosts.contains(*host)) {
      draft.notes.error(draft.host_place,
                        fmt::format("there is no host \"{}\"", *host),
                        suggester.hint(*host, "add it under \"hosts\", or name one that is there"));
    }
  }
}

void check_dependencies(const Index& index, std::vector<ServiceDraft>& services) {
  Suggester suggester{index};
  for (auto& draft : services) {
    for (std::size_t i = 0; i < draft.service.dependencies.size(); ++i) {
      const auto& name = draft.service.dependencies[i];
      if (!index.contains(name)) {
        draft.notes.warning(
            draft.dependency_places[i],
            fmt::format("there is no service \"{}\"", name),
            suggester.hint(name, "dependencies are names of services in this file"));
      }
    }
  }
}

void check_ports(std::vector<ServiceDraft>& services) {
  std::map<std::pair<std::string_view, int>, std::string_view> claimed;
  for (auto& draft : services) {
    if (!draft.service.current_host) {
      continue;
    }
    for (const auto& [port, place] : draft.claimed_ports) {
      const auto [first, is_free] = claimed.try_emplace(
          std::pair{std::string_view{*draft.service.current_host}, port}, draft.service.name);
      if (!is_free) {
        draft.notes.warning(place,
                            fmt::format("port {} of the host \"{}\" is also that of the service "
                                        "\"{}\"",
                                        port,
                                        *draft.service.current_host,
                                        first->second),
                            "only one of them can run there at a time");
      }
    }
  }
}

/// Depth-first without recursion (a chain may be as long as the file). Each edge back into the
/// current path closes a circle; one is noted unless both of its ends are in one noted before.
class CycleSearch {
 public:
  CycleSearch(const Index& index, std::vector<ServiceDraft>& services)
      : index_(index), services_(services), states_(services.size()), noted_(services.size()) {}

  void run() {
    for (std::size_t start = 0; start < services_.size(); ++start) {
      if (states_[start] == State::fresh) {
        search_from(start);
      }
    }
  }

 private:
  enum class State : unsigned char { fresh, on_path, done };
  struct Step {
    std::size_t service;
    std::size_t next_dependency = 0;
  };

  void search_from(std::size_t start) {
    path_.assign(1, Step{start});
    states_[start] = State::on_path;
    while (!path_.empty()) {
      auto& step = path_.back();
      const auto& dependencies = services_[step.service].service.dependencies;
      if (step.next_dependency == dependencies.size()) {
        states_[step.service] = State::done;
        path_.pop_back();
        continue;
      }
      const auto position = step.next_dependency++;
      const auto found = index_.find(dependencies[position]);
      if (found == index_.end()) {
        continue;
      }
      if (states_[found->second] == State::on_path) {
        note(found->second, services_[step.service].dependency_places[position]);
      } else if (states_[found->second] == State::fresh) {
        states_[found->second] = State::on_path;
        path_.push_back(Step{found->second});
      }
    }
  }

  /// The end of the path depends on `first`, which is on the path too.
  void note(std::size_t first, const Place& place) {
    const auto last = path_.back().service;
    if (count_ == max_cycles || (noted_[first] && noted_[last])) {
      return;
    }
    ++count_;
    const auto begin = std::find_if(
        path_.begin(), path_.end(), [&](const Step& step) { return step.service == first; });
    std::string members;
    for (auto step = begin; step != path_.end(); ++step) {
      members += services_[step->service].service.name + " -> ";
      noted_[step->service] = true;
    }
    members += services_[first].service.name;
    services_[last].notes.warning(place,
                                  fmt::format("dependencies in a circle: {}", members),
                                  "none of them can be started before the others: remove one");
  }

  const Index& index_;
  std::vector<ServiceDraft>& services_;
  std::vector<State> states_;
  std::vector<bool> noted_;
  std::vector<Step> path_;
  std::size_t count_ = 0;
};

using HostsByName = std::unordered_map<std::string_view, const Host*>;

HostsByName index_of_hosts(const std::vector<HostDraft>& hosts) {
  HostsByName by_name;
  for (const auto& draft : hosts) {
    by_name.emplace(draft.host.name, &draft.host);
  }
  return by_name;
}

/// Null when it is unassigned or on a host that is not there.
const Host* host_of(const Service& service, const HostsByName& by_name) {
  const auto found = service.current_host ? by_name.find(*service.current_host) : by_name.end();
  return found == by_name.end() ? nullptr : found->second;
}

}  // namespace

void check_references(const std::vector<HostDraft>& hosts, std::vector<ServiceDraft>& services) {
  Index host_index;
  for (std::size_t i = 0; i < hosts.size(); ++i) {
    host_index.emplace(hosts[i].host.name, i);
  }
  Index service_index;
  for (std::size_t i = 0; i < services.size(); ++i) {
    service_index.emplace(services[i].service.name, i);
  }
  check_hosts(host_index, services);
  check_dependencies(service_index, services);
  check_ports(services);
  CycleSearch{service_index, services}.run();
}

void check_paths(const std::vector<HostDraft>& hosts, std::vector<ServiceDraft>& services) {
  const auto by_name = index_of_hosts(hosts);
  for (auto& draft : services) {
    const auto& service = draft.service;
    const auto* host = host_of(service, by_name);
    if (host == nullptr || !host->path.empty()) {
      continue;
    }
    const auto& file = service.deployment_type == DeploymentType::docker ? service.docker_compose
                                                                         : service.service_file;
    if (!file.empty() && file.front() != '/') {
      draft.notes.warning(draft.place,
                          fmt::format("\"{}\" is a relative path, and the host \"{}\" has no "
                                      "\"path\" to find it below",
                                      file,
                                      host->name),
                          "write the whole path, or give the host its \"path\"");
    }
  }
}

void complete_urls(const std::vector<HostDraft>& hosts, std::vector<ServiceDraft>& services) {
  const auto by_name = index_of_hosts(hosts);
  for (auto& draft : services) {
    auto& service = draft.service;
    const auto* host = host_of(service, by_name);
    if (host == nullptr || host->ip.empty() || service.healthcheck_url || !service.health ||
        service.health->type != HealthType::http || !service.health->port) {
      continue;
    }
    const bool is_v6 = host->ip.find(':') != std::string::npos;
    service.healthcheck_url = fmt::format("http://{}{}{}:{}{}",
                                          is_v6 ? "[" : "",
                                          host->ip,
                                          is_v6 ? "]" : "",
                                          *service.health->port,
                                          service.health->endpoint);
  }
}

}  // namespace portoser::registry
