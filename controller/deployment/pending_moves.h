/// Moves that people have staged and that nobody has carried out yet: one list for all, kept in the
/// database. Any executor.
#pragma once

#include "common/clock.h"
#include "common/tasks.h"
#include "controller/deployment/moves.h"
#include "controller/registry/watch.h"
#include "controller/storage/choice_store.h"
#include "controller/storage/database.h"

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace portoser::deployment {

struct StagedMove : Move {
  Time staged_at{};
  std::string staged_by;
};
BOOST_DESCRIBE_STRUCT(StagedMove, (Move), (staged_at, staged_by))

struct PendingList {
  std::vector<StagedMove> moves;
  std::optional<Time> updated_at;  ///< none: never
};
BOOST_DESCRIBE_STRUCT(PendingList, (), (moves, updated_at))

class PendingMoves {
 public:
  PendingMoves(registry::RegistryWatch& registry, storage::Database& database, const Clock& clock)
      : registry_(registry), store_(database), clock_(clock) {}

  asio::awaitable<PendingList> list();
  /// Replaces the list; a move that was in it keeps when and by whom it was staged. Refused as
  /// `check_moves` does.
  asio::awaitable<PendingList> replace(std::vector<Move> moves, std::string who);
  asio::awaitable<PendingList> clear();
  /// Takes out the moves of these services to these hosts.
  asio::awaitable<void> take_out(std::map<std::string, std::string> host_of_service);

 private:
  registry::RegistryWatch& registry_;
  storage::ChoiceStore store_;
  const Clock& clock_;
};

}  // namespace portoser::deployment
