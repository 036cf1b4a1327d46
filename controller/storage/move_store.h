/// Moves of services to other hosts, how far they came, and what is left to do after them.
/// Any thread; the methods are coroutines as `Database` describes them.
#pragma once

#include "common/clock.h"
#include "common/tasks.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace portoser::storage {

class Database;

struct MoveRecord {
  std::string id;  ///< the job's
  std::string service;
  std::string source;  ///< empty: it was on no host
  std::string target;
  /// look, copy, stop, sync, start, confirm, decided, done; returning, returned
  std::string phase = "look";
  std::int64_t attempts = 0;  ///< transfers that were begun
  std::string data = "{}";    ///< JSON: what the phases to come need to know
  Time begun_at{};
  std::optional<Time> decided_at;     ///< none: it may still go back
  std::optional<Time> ended_at;       ///< none: it is under way
  std::string source_data = "none";   ///< none, kept, replaced (by a move back), discarded
  std::optional<Time> discard_after;  ///< of what is kept
  std::string chores = "[]";          ///< JSON: what hosts that were away still have to do
};

class MoveStore {
 public:
  explicit MoveStore(Database& database) : database_(database) {}

  /// One of that id is there: it stays as it is.
  asio::awaitable<void> insert(MoveRecord record);
  /// Replaces everything but id, service, hosts and beginning.
  asio::awaitable<void> update(MoveRecord record);
  asio::awaitable<std::optional<MoveRecord>> find(std::string id);
  /// Newest first; of one service, or of all.
  asio::awaitable<std::vector<MoveRecord>> list(std::optional<std::string> service,
                                                std::int64_t limit);
  /// Those that are over and have something left to be done, oldest first: chores, or data that is
  /// kept.
  asio::awaitable<std::vector<MoveRecord>> unsettled();

 private:
  Database& database_;
};

}  // namespace portoser::storage
