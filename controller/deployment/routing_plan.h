/// What points at the host that a service has left, as far as registry.yml tells, and who is asked
/// to change it. Pure.
#pragma once

#include "common/describe.h"
#include "controller/registry/model.h"
#include "protocol/commands.h"

#include <optional>
#include <string>
#include <vector>

namespace portoser::deployment {

/// One thing that pointed at the old host, or may have.
struct RoutingResult {
  std::string kind;   ///< "caddy", "dns", "hook", "registry"; "none": nobody is named to change it
  std::string state;  ///< "done", "nothing_to_do", "failed"; "left": it has to be done by hand
  std::string message;
  bool operator==(const RoutingResult&) const = default;
};
BOOST_DESCRIBE_STRUCT(RoutingResult, (), (kind, state, message))

/// A service that runs on another host now.
struct MovedService {
  std::string service;
  std::string hostname;
  std::string old_host;
  std::string old_ip;  ///< as registry.yml has it; may be empty
  std::string new_host;
  std::string new_ip;       ///< likewise
  std::optional<int> port;  ///< none: registry.yml names none

  [[nodiscard]] std::string old_place() const;  ///< "192.0.2.21:8090"
  [[nodiscard]] std::string new_place() const;
};

template <class Command>
struct RoutingTask {
  std::string host;     ///< who is asked
  std::string by_hand;  ///< what somebody has to do if it cannot be done: an imperative sentence
  Command command;
};

struct RoutingPlan {
  MovedService moved;
  std::vector<RoutingResult> known;  ///< what can be told without asking anybody
  std::optional<RoutingTask<protocol::RoutingCaddy>> caddy;
  std::optional<RoutingTask<protocol::RoutingHosts>> dns;
  /// Where the address is written in registry.yml itself, if anywhere. Nobody else changes that.
  std::optional<RoutingResult> in_registry;
};

/// `registry`: with the service on its new host, or still on the old one: what counts are the
/// names.
RoutingPlan plan_routing(const registry::Registry& registry,
                         const std::string& service,
                         const std::string& old_host,
                         const std::string& new_host);

/// "<hostname> and whoever uses <address> still point at <old host>".
std::string still_points(const MovedService& moved);

}  // namespace portoser::deployment
