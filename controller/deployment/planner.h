/// What would be done for moves, and what stands against it. Changes nothing. On the jobs'
/// executor.
#pragma once

#include "common/describe.h"
#include "common/tasks.h"
#include "controller/deployment/dependencies.h"
#include "controller/deployment/file_dependencies.h"
#include "controller/deployment/mover.h"
#include "controller/deployment/moves.h"
#include "controller/deployment/preflight.h"
#include "controller/deployment/service_actions.h"
#include "controller/history/history.h"
#include "controller/registry/watch.h"
#include "controller/telemetry/live.h"
#include "protocol/questions.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace portoser::deployment {

struct PlannedMove {
  std::string service;
  std::string target_machine;
  std::optional<std::string> from_machine;  ///< where it is; none: on no host
  std::string action;   ///< RESTART IN PLACE, START, FRESH DEPLOY, "MIGRATE from <host>"
  std::string command;  ///< what would be done, in words
  std::string risk;     ///< low, medium, high
  std::vector<protocol::Finding> findings;
  std::vector<std::string> warnings;
  std::vector<std::string> errors;          ///< why it would not be done
  std::optional<double> estimated_seconds;  ///< as long as it took before; none: nobody knows
  std::vector<std::string> volumes;         ///< named ones, as the engine calls them
  Move asks;                                ///< as somebody asked for it
  std::string does = "restart";             ///< the kind of its job: start, restart, move, deploy
};
BOOST_DESCRIBE_STRUCT(PlannedMove,
                      (),
                      (service,
                       target_machine,
                       from_machine,
                       action,
                       command,
                       risk,
                       findings,
                       warnings,
                       errors,
                       estimated_seconds,
                       volumes))

struct Plan {
  std::vector<PlannedMove> plan;  ///< what others need comes first
  std::int64_t total_operations = 0;
  bool ok = true;  ///< nothing stands against any of it
  bool dry_run = true;
};
BOOST_DESCRIBE_STRUCT(Plan, (), (plan, total_operations, ok, dry_run))

class Planner {
 public:
  Planner(registry::RegistryWatch& registry,
          const telemetry::Live& live,
          Preflight& preflight,
          Mover& mover,
          history::History& history,
          const FileDependencies& files)
      : registry_(registry),
        live_(live),
        preflight_(preflight),
        mover_(mover),
        history_(history),
        files_(files) {}

  /// Refused as `check_moves` does; everything else is a finding. Hosts are asked side by side.
  asio::awaitable<Plan> plan(std::vector<Move> moves);

 private:
  [[nodiscard]] PlannedMove planned(const Move& move, const registry::Registry& registry) const;
  asio::awaitable<bool> look_on_hosts(const std::vector<std::vector<PlannedMove*>>& hosts,
                                      std::size_t from);
  asio::awaitable<bool> look_on_host(const std::vector<PlannedMove*>& moves);
  asio::awaitable<void> look_first(PlannedMove& move);
  asio::awaitable<std::optional<double>> usual_seconds(std::string service, std::string action);

  registry::RegistryWatch& registry_;
  const telemetry::Live& live_;
  Preflight& preflight_;
  Mover& mover_;
  history::History& history_;
  const FileDependencies& files_;
};

}  // namespace portoser::deployment
