/// Moves of services to hosts as people ask for them. Pure.
#pragma once

#include "common/describe.h"
#include "controller/registry/model.h"

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace portoser::deployment {

struct Move {
  std::string service_name;
  std::optional<std::string> from_machine;  ///< none, empty or "unassigned": nobody said
  std::string to_machine;
  /// Of the paths outside the service's folder that its containers see: those that go along, and
  /// those that do not have to (they are on the target already, or are not needed).
  std::optional<std::vector<std::string>> extra_paths{};
  std::optional<std::vector<std::string>> leave_paths{};
};
BOOST_DESCRIBE_STRUCT(Move, (), (service_name, from_machine, to_machine, extra_paths, leave_paths))

inline constexpr std::size_t most_moves = 100;  ///< at a time

/// The host that the move says it is from; none: it does not say.
std::optional<std::string> claimed_host(const Move& move);

/// Known services, each once, and known hosts. Else `Error{invalid}` with a detail for each
/// mistake: "body.moves[0].to_machine".
void check_moves(const std::vector<Move>& moves, const registry::Registry& registry);

/// The service is elsewhere than the move says: `Error{conflict}`, STALE_PLAN, with the real host.
void require_fresh(const std::vector<Move>& moves, const registry::Registry& registry);

}  // namespace portoser::deployment
