#include "controller/storage/move_store.h"

#include "controller/storage/connection.h"
#include "controller/storage/database.h"

#include <utility>

namespace portoser::storage {
namespace {

const std::string select_moves =
    "SELECT id, service, source, target, phase, attempts, data, begun_at, decided_at, ended_at, "
    "source_data, discard_after, chores FROM moves ";

MoveRecord read_move(Query& row) {
  MoveRecord move;
  row.read(move.id,
           move.service,
           move.source,
           move.target,
           move.phase,
           move.attempts,
           move.data,
           move.begun_at,
           move.decided_at,
           move.ended_at,
           move.source_data,
           move.discard_after,
           move.chores);
  return move;
}

std::vector<MoveRecord> read_moves(Query& rows) {
  std::vector<MoveRecord> moves;
  while (rows.next()) moves.push_back(read_move(rows));
  return moves;
}

}  // namespace

asio::awaitable<void> MoveStore::insert(MoveRecord record) {
  return database_.write([move = std::move(record)](Connection& connection) {
    connection
        .query(
            "INSERT INTO moves (id, service, source, target, phase, attempts, data, begun_at, "
            "decided_at, ended_at, source_data, discard_after, chores) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING")
        .bind(move.id,
              move.service,
              move.source,
              move.target,
              move.phase,
              move.attempts,
              move.data,
              move.begun_at,
              move.decided_at,
              move.ended_at,
              move.source_data,
              move.discard_after,
              move.chores)
        .run();
  });
}

asio::awaitable<void> MoveStore::update(MoveRecord record) {
  return database_.write([move = std::move(record)](Connection& connection) {
    connection
        .query(
            "UPDATE moves SET phase = ?, attempts = ?, data = ?, decided_at = ?, ended_at = ?, "
            "source_data = ?, discard_after = ?, chores = ? WHERE id = ?")
        .bind(move.phase,
              move.attempts,
              move.data,
              move.decided_at,
              move.ended_at,
              move.source_data,
              move.discard_after,
              move.chores,
              move.id)
        .run();
  });
}

asio::awaitable<std::optional<MoveRecord>> MoveStore::find(std::string id) {
  return database_.read([id = std::move(id)](Connection& connection) -> std::optional<MoveRecord> {
    auto row = connection.query(select_moves + "WHERE id = ?");
    row.bind(id);
    if (!row.next()) return std::nullopt;
    return read_move(row);
  });
}

asio::awaitable<std::vector<MoveRecord>> MoveStore::list(std::optional<std::string> service,
                                                         std::int64_t limit) {
  return database_.read([service = std::move(service), limit](Connection& connection) {
    auto rows =
        connection.query(select_moves + (service ? "WHERE service = ? ORDER BY id DESC LIMIT ?"
                                                 : "ORDER BY id DESC LIMIT ?"));
    if (service) {
      rows.bind(*service, limit);
    } else {
      rows.bind(limit);
    }
    return read_moves(rows);
  });
}

asio::awaitable<std::vector<MoveRecord>> MoveStore::unsettled() {
  return database_.read([](Connection& connection) {
    auto rows = connection.query(
        select_moves +
        "WHERE (chores <> '[]' OR source_data = 'kept') AND ended_at IS NOT NULL ORDER BY id");
    return read_moves(rows);
  });
}

}  // namespace portoser::storage
