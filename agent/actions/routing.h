/// Commands by which the ways to a service follow its move: one step each, of the program
/// `portoser-routing`. Nothing is done with the service itself. On the agent's Asio thread.
#pragma once

#include "agent/actions/catalogue.h"
#include "agent/routing/parameters.h"
#include "common/tasks.h"
#include "protocol/commands.h"

#include <filesystem>
#include <string>

namespace portoser::agent::actions {

struct RoutingSettings {
  std::string program;                ///< path of portoser-routing
  std::filesystem::path data_folder;  ///< the agent's
};

class Routing {
 public:
  explicit Routing(RoutingSettings settings) : settings_(std::move(settings)) {}

  void add_to(Catalogue& catalogue);

  /// Their arguments make no sense: `Error{invalid}`. `id`: the command's.
  asio::awaitable<runner::Spec> plan_caddy(protocol::RoutingCaddy command, std::string id);
  asio::awaitable<runner::Spec> plan_hosts(protocol::RoutingHosts command, std::string id);
  asio::awaitable<void> finish_caddy(protocol::RoutingCaddy command);
  asio::awaitable<void> finish_hosts(protocol::RoutingHosts command);

  /// ROUTE_NOT_FOUND, CADDY_UNAVAILABLE, CADDY_REFUSED, DISK_FULL, else ACTION_FAILED.
  Error explain(const StepFailure& failure);

 private:
  [[nodiscard]] runner::Spec spec_of(const std::string& step,
                                     routing::Parameters parameters,
                                     const std::string& id) const;

  RoutingSettings settings_;
};

}  // namespace portoser::agent::actions
