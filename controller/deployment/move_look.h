/// What a move would take along, and what stands against it: asked of both hosts, changing nothing.
/// On the fleet's executor.
#pragma once

#include "common/tasks.h"
#include "controller/deployment/move_findings.h"
#include "controller/deployment/moves.h"
#include "controller/fleet/fleet.h"
#include "controller/registry/watch.h"
#include "protocol/questions.h"

#include <string>
#include <vector>

namespace portoser::deployment {

struct MoveLook {
  protocol::ComposeTarget source;  ///< as commands on that host name it; empty: it is on no host
  protocol::ComposeTarget target;
  MoveData data;
  bool is_running = false;
  std::vector<std::string> volumes;  ///< named ones, as the engine calls them
  std::vector<protocol::Finding> findings;
};

/// What an earlier move left on the host to which this one goes.
struct KeptData {
  std::vector<std::string> roots;  ///< as `protocol::MoveReceive::may_replace`
};

class MoveScout {
 public:
  MoveScout(registry::RegistryWatch& registry, fleet::Fleet& fleet)
      : registry_(registry), fleet_(fleet) {}

  /// The service is in the registry, and so is the host. What cannot be known is a finding, like
  /// everything that stands against it.
  asio::awaitable<MoveLook> look(Move move, KeptData kept);

  /// Whether anything of the service is up on the host. Cannot be known: `Error`.
  asio::awaitable<bool> runs(std::string host, protocol::ComposeTarget target);

 private:
  asio::awaitable<void> look_at_source(const registry::Registry& registry,
                                       const registry::Service& service,
                                       const Move& move,
                                       MoveLook& found,
                                       protocol::MoveInventory& inventory);
  asio::awaitable<void> look_at_target(const Move& move,
                                       const KeptData& kept,
                                       const protocol::MoveInventory& inventory,
                                       MoveLook& found);
  asio::awaitable<void> look_at_new_place(const Move& move, MoveLook& found);
  bool can_take_part(const std::string& host, MoveLook& found) const;

  registry::RegistryWatch& registry_;
  fleet::Fleet& fleet_;
};

}  // namespace portoser::deployment
