/// Lets what points at a host follow a service that moved away from there: Caddy and the hosts file
/// of dnsmasq where registry.yml names them, else a program of the operator's. On the fleet's
/// executor.
#pragma once

#include "common/child.h"
#include "common/tasks.h"
#include "controller/deployment/routing_plan.h"
#include "controller/fleet/fleet.h"
#include "controller/registry/watch.h"

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace portoser::deployment {

struct RoutingSettings {
  /// A program on the controller's machine, run without a shell as HOOK SERVICE HOSTNAME OLD_HOST
  /// OLD_IP NEW_HOST NEW_IP PORT, where what registry.yml does not say is an empty argument; no
  /// path: none.
  std::string hook;
  std::chrono::seconds hook_limit{60};
  /// For a host that is away: it may be back in a moment, as all are not yet there when the
  /// controller has just started.
  std::chrono::seconds patience{30};
};

class Routing {
 public:
  using Log = std::function<void(const std::string&)>;

  Routing(registry::RegistryWatch& registry, fleet::Fleet& fleet, RoutingSettings settings = {});

  /// After the move, with registry.yml changed already. One result at least, and one for each thing
  /// that was named; what a host or the hook could not do is one of them, and no exception.
  /// `move_id`: a ULID; with the same one again, hosts tell what they did. The hook is run when
  /// neither Caddy nor dnsmasq is named, or one of them could not follow; perhaps again after a
  /// crash of the controller. `log` gets a line at a time.
  asio::awaitable<std::vector<RoutingResult>> follow(std::string service,
                                                     std::string old_host,
                                                     std::string new_host,
                                                     std::string move_id,
                                                     Log log);

 private:
  /// What became of a command on a host.
  struct HostAnswer {
    std::optional<protocol::CommandResult> result;
    std::optional<Error> problem;  ///< none came
    std::vector<std::string> lines;
  };

  asio::awaitable<HostAnswer> ask(std::string host, protocol::Command command, Log log);
  asio::awaitable<RoutingResult> run_hook(MovedService moved, Log log);
  [[nodiscard]] ChildRequest hook_request(const MovedService& moved) const;
  static void judge(const std::string& kind,
                    const std::string& by_hand,
                    const HostAnswer& answer,
                    std::vector<RoutingResult>& results);

  registry::RegistryWatch& registry_;
  fleet::Fleet& fleet_;
  const RoutingSettings settings_;
};

}  // namespace portoser::deployment
