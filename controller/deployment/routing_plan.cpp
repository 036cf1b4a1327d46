#include "controller/deployment/routing_plan.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <string_view>
#include <tuple>
#include <utility>

namespace portoser::deployment {
namespace {

bool is_address(const std::string& text) {
  in6_addr binary{};
  return ::inet_pton(AF_INET, text.c_str(), &binary) == 1 ||
         ::inet_pton(AF_INET6, text.c_str(), &binary) == 1;
}

std::string written_place(const std::string& address, std::optional<int> port) {
  if (!port) return address;
  const bool is_v6 = address.find(':') != std::string::npos;
  return is_v6 ? fmt::format("[{}]:{}", address, *port) : fmt::format("{}:{}", address, *port);
}

/// A host by its name, or by what else registry.yml calls it.
std::string host_named(const registry::Registry& registry, const std::string& word) {
  if (word.empty() || registry.find_host(word) != nullptr) return word;
  for (const auto& host : registry.hosts()) {
    if (host.ip == word || host.ssh_hostname == word) return host.name;
  }
  return word;
}

std::string ip_of(const registry::Registry& registry, const std::string& host) {
  const auto* found = registry.find_host(host);
  return found == nullptr ? std::string{} : found->ip;
}

class RoutingPlanner {
 public:
  RoutingPlanner(const registry::Registry& registry, RoutingPlan& plan)
      : registry_(registry), plan_(plan), moved_(plan.moved) {}

  void plan() {
    if (moved_.old_ip != moved_.new_ip) look_at_registry();
    if (moved_.old_ip.empty() || moved_.new_ip.empty()) {
      const auto& nameless = moved_.old_ip.empty() ? moved_.old_host : moved_.new_host;
      know("none",
           "left",
           fmt::format("registry.yml has no ip of \"{}\", so what points at {} cannot be told",
                       nameless,
                       moved_.old_host));
      return;
    }
    if (moved_.old_ip == moved_.new_ip) {
      know("none", "nothing_to_do", fmt::format("both hosts have the address {}", moved_.new_ip));
      return;
    }
    const bool has_caddy = registry_.caddy.has_value();
    if (has_caddy) plan_caddy(*registry_.caddy);
    if (registry_.dns) plan_dns(*registry_.dns);
    if (!has_caddy && registry_.dns && !registry_.dns->ingress_ip.empty()) {
      know("none",
           "left",
           fmt::format("registry.yml names no Caddy: what the ingress at {} forwards to {} still "
                       "points at {}",
                       registry_.dns->ingress_ip,
                       moved_.old_place(),
                       moved_.old_host));
    }
  }

 private:
  void know(std::string kind, std::string state, std::string message) {
    plan_.known.push_back({std::move(kind), std::move(state), std::move(message)});
  }

  void plan_caddy(const registry::Caddy& caddy) {
    if (!moved_.port) {
      know("caddy",
           "left",
           fmt::format("registry.yml names no port of {}, so its route in Caddy cannot be told: "
                       "let it point at {}",
                       moved_.service,
                       moved_.new_ip));
      return;
    }
    const auto where = caddy.host.empty() ? std::string{} : fmt::format(" on {}", caddy.host);
    const auto by_hand = fmt::format("let Caddy{} dial {} for {}, not {}",
                                     where,
                                     moved_.new_place(),
                                     moved_.hostname,
                                     moved_.old_place());
    if (caddy.host.empty() || !caddy.use_admin_api) {
      const auto why = caddy.host.empty() ? "registry.yml does not say on which host Caddy runs"
                                          : "Caddy's admin API is not to be used (use_admin_api)";
      know("caddy", "left", fmt::format("{}: {}", why, by_hand));
      return;
    }
    RoutingTask<protocol::RoutingCaddy> task;
    task.host = host_named(registry_, caddy.host);
    task.by_hand = by_hand;
    auto& command = task.command;
    command.service = moved_.service;
    // Some files have a truth value there.
    if (caddy.admin_api != "true") command.admin_api = caddy.admin_api;
    if (caddy.config_path.starts_with('/')) command.config_path = caddy.config_path;
    command.hostname = moved_.hostname;
    command.old_upstream = moved_.old_place();
    command.new_upstream = moved_.new_place();
    command.old_spellings = spellings(task.host);
    plan_.caddy = std::move(task);
  }

  /// How else the old upstream may be written in Caddy's configuration.
  [[nodiscard]] std::vector<std::string> spellings(const std::string& caddy_host) const {
    std::vector<std::string> names{moved_.old_host};
    if (!registry_.domain.empty()) names.push_back(moved_.old_host + "." + registry_.domain);
    if (const auto* host = registry_.find_host(moved_.old_host)) {
      if (!host->ssh_hostname.empty()) names.push_back(host->ssh_hostname);
    }
    if (caddy_host == moved_.old_host) {
      for (const auto* name : {"localhost", "127.0.0.1", "::1"}) names.emplace_back(name);
    }
    std::vector<std::string> all;
    for (const auto& name : names) {
      auto spelling = written_place(name, moved_.port);
      if (spelling != moved_.old_place()) all.push_back(std::move(spelling));
    }
    // ":8090" is short for localhost.
    if (caddy_host == moved_.old_host) all.push_back(fmt::format(":{}", *moved_.port));
    return all;
  }

  /// Where names point that are served by a proxy; none: there is no proxy, or nobody says where.
  [[nodiscard]] std::string ingress_of(const registry::Dns& dns) const {
    if (!dns.ingress_ip.empty()) return dns.ingress_ip;
    return registry_.caddy ? ip_of(registry_, host_named(registry_, registry_.caddy->host))
                           : std::string{};
  }

  [[nodiscard]] bool is_name_of_a_host() const {
    const auto label = moved_.hostname.substr(0, moved_.hostname.find('.'));
    const auto& hosts = registry_.hosts();
    return std::any_of(hosts.begin(), hosts.end(), [&](const registry::Host& host) {
      return host.name == label || host.name == moved_.hostname || host.ip == moved_.hostname ||
             host.ssh_hostname == moved_.hostname;
    });
  }

  void plan_dns(const registry::Dns& dns) {
    const bool has_ingress = registry_.caddy.has_value() || !dns.ingress_ip.empty();
    const auto ingress = ingress_of(dns);
    if (has_ingress && (ingress.empty() || ingress == moved_.old_ip)) {
      know("dns",
           "nothing_to_do",
           fmt::format("{} points at the ingress{}{}, which has not moved",
                       moved_.hostname,
                       ingress.empty() ? "" : " at ",
                       ingress));
      return;
    }
    const auto where = dns.host.empty() ? std::string{"the DNS host"} : dns.host;
    const auto file = dns.config_path.empty() ? std::string{"the hosts file"} : dns.config_path;
    const auto by_hand = has_ingress
                             ? fmt::format("if {} points at {}, give it the address {} in {} on {}",
                                           moved_.hostname,
                                           moved_.old_ip,
                                           moved_.new_ip,
                                           file,
                                           where)
                             : fmt::format("give {} the address {} in {} on {}",
                                           moved_.hostname,
                                           moved_.new_ip,
                                           file,
                                           where);
    std::string why;
    if (dns.host.empty()) why = "registry.yml does not say which host serves names (dns.host)";
    if (!dns.config_path.starts_with('/')) {
      why = "registry.yml does not say which hosts file dnsmasq reads (dns.config_path)";
    }
    // Of the old host it tells names that point at the ingress from one that does not.
    for (const auto& [host, ip, is_needed] :
         {std::tuple{moved_.old_host, moved_.old_ip, has_ingress},
          std::tuple{moved_.new_host, moved_.new_ip, true}}) {
      if (is_needed && !is_address(ip)) {
        why = fmt::format("registry.yml has a name, not an address, as the ip of {}", host);
      }
    }
    if (is_name_of_a_host()) why = fmt::format("{} is the name of a host too", moved_.hostname);
    if (!why.empty()) {
      know("dns", "left", fmt::format("{}: {}", why, by_hand));
      return;
    }
    RoutingTask<protocol::RoutingHosts> task;
    task.host = host_named(registry_, dns.host);
    task.by_hand = by_hand;
    auto& command = task.command;
    command.service = moved_.service;
    command.path = dns.config_path;
    command.hostname = moved_.hostname;
    command.address = moved_.new_ip;
    if (is_address(moved_.old_ip)) command.old_address = moved_.old_ip;
    command.ingress = ingress;
    plan_.dns = std::move(task);
  }

  void look_at_registry() {
    if (!moved_.port || moved_.old_ip.empty()) return;
    const auto wanted = moved_.old_place();
    std::vector<std::string> entries;
    for (const auto& service : registry_.services()) {
      const std::string_view text = service.config;
      for (auto at = text.find(wanted); at != std::string_view::npos;
           at = text.find(wanted, at + 1)) {
        const auto end = at + wanted.size();
        const auto is_digit = [&](std::size_t index) {
          return std::isdigit(static_cast<unsigned char>(text[index])) != 0;
        };
        if ((at > 0 && is_digit(at - 1)) || (end < text.size() && is_digit(end))) continue;
        entries.push_back(service.name);
        break;
      }
    }
    if (entries.empty()) return;
    plan_.in_registry =
        RoutingResult{"registry",
                      "left",
                      fmt::format("{} still stands in registry.yml, in the entries of: {}",
                                  wanted,
                                  fmt::join(entries, ", "))};
  }

  const registry::Registry& registry_;
  RoutingPlan& plan_;
  const MovedService& moved_;
};

}  // namespace

std::string MovedService::old_place() const {
  return written_place(old_ip, port);
}

std::string MovedService::new_place() const {
  return written_place(new_ip, port);
}

RoutingPlan plan_routing(const registry::Registry& registry,
                         const std::string& service,
                         const std::string& old_host,
                         const std::string& new_host) {
  RoutingPlan plan;
  auto& moved = plan.moved;
  moved.service = service;
  moved.hostname = service;
  moved.old_host = old_host;
  moved.old_ip = ip_of(registry, old_host);
  moved.new_host = new_host;
  moved.new_ip = ip_of(registry, new_host);
  if (const auto* found = registry.find_service(service)) {
    moved.hostname = found->hostname;
    moved.port = found->port;
    if (!moved.port && !found->ports.empty()) moved.port = found->ports.front();
  }
  RoutingPlanner{registry, plan}.plan();
  return plan;
}

std::string still_points(const MovedService& moved) {
  const auto address = moved.old_ip.empty() ? moved.old_host : moved.old_place();
  return fmt::format(
      "{} and whoever uses {} still point at {}", moved.hostname, address, moved.old_host);
}

}  // namespace portoser::deployment
