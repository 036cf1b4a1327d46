#include "controller/storage/series_store.h"

#include "controller/storage/connection.h"
#include "controller/storage/database.h"

#include <algorithm>
#include <utility>

namespace portoser::storage {
namespace {

/// In one transaction.
constexpr std::int64_t log_rows_at_once = 5000;
constexpr std::int64_t blocks_at_once = 200;

std::optional<std::string> find_block(Connection& connection, const BlockKey& key) {
  auto row =
      connection.query("SELECT data FROM series_blocks WHERE host = ? AND tier = ? AND start = ?");
  row.bind(key.host, key.tier, key.start_ms);
  if (!row.next()) return std::nullopt;
  Blob data;
  row.read(data);
  return std::move(data.bytes);
}

void put_block(Connection& connection, const BlockKey& key, std::string data) {
  connection
      .query(
          "INSERT INTO series_blocks (host, tier, start, data) VALUES (?, ?, ?, ?) "
          "ON CONFLICT (host, tier, start) DO UPDATE SET data = excluded.data")
      .bind(key.host, key.tier, key.start_ms, Blob{std::move(data)})
      .run();
}

std::int64_t last_seal(Connection& connection) {
  auto row = connection.query("SELECT last FROM series_seals");
  std::int64_t last = 0;
  row.next();
  row.read(last);
  return last;
}

void read_range(Connection& connection, const BlockRange& range, std::vector<BlockData>& blocks) {
  auto rows = connection.query(
      "SELECT start, data FROM series_blocks WHERE host = ? AND tier = ? AND start >= ? AND "
      "start < ? ORDER BY start");
  rows.bind(range.host, range.tier, range.from_ms, range.to_ms);
  Blob data;
  while (rows.next()) {
    auto& block = blocks.emplace_back();
    block.tier = range.tier;
    rows.read(block.start_ms, data);
    block.data = std::move(data.bytes);
  }
}

void join_watch(Connection& connection, ServiceWatch watch, const Seal& seal) {
  auto near = connection.query(
      "SELECT start, \"end\", found FROM service_watches WHERE host = ? AND service = ? AND "
      "start <= ? ORDER BY start DESC");
  near.bind(watch.host, watch.service, watch.end_ms + seal.widest_join_ms);
  const auto are_apart = [&](std::int64_t end, std::int64_t start) {
    return start > end && start - end > seal.join_ms(end, start);
  };
  std::vector<std::int64_t> joined;
  while (near.next()) {
    std::int64_t start = 0;
    std::int64_t end = 0;
    std::int64_t found = 0;
    near.read(start, end, found);
    if (are_apart(watch.end_ms, start)) continue;  // later
    if (are_apart(end, watch.start_ms)) break;     // and all others ended before
    joined.push_back(start);
    if (start < watch.start_ms) {
      watch.start_ms = start;
      watch.found = static_cast<FoundState>(found);
    }
    watch.end_ms = std::max(watch.end_ms, end);
  }
  for (const auto start : joined) {
    connection.query("DELETE FROM service_watches WHERE host = ? AND service = ? AND start = ?")
        .bind(watch.host, watch.service, start)
        .run();
  }
  connection
      .query(
          "INSERT INTO service_watches (host, service, start, \"end\", found) "
          "VALUES (?, ?, ?, ?, ?)")
      .bind(watch.host, watch.service, watch.start_ms, watch.end_ms, static_cast<int>(watch.found))
      .run();
}

/// Calls `read` inside one read transaction: a number of the seal and what it speaks of belong
/// together.
template <class Read>
void in_snapshot(Connection& connection, Read read) {
  connection.run("BEGIN");
  try {
    read();
  } catch (...) {
    connection.roll_back();
    throw;
  }
  connection.run("COMMIT");
}

}  // namespace

asio::awaitable<SeriesStart> SeriesStore::start() {
  return database_.read([](Connection& connection) {
    SeriesStart start;
    start.last_seal = last_seal(connection);
    {
      auto row = connection.query(
          "SELECT max(coalesce((SELECT max(id) FROM series_log), 0), "
          "coalesce((SELECT max(id) FROM outgoing_samples), 0))");
      row.next();
      row.read(start.last_log_id);
    }
    auto rows = connection.query("SELECT host, sealed FROM series_hosts");
    Blob sealed;
    while (rows.next()) {
      auto& host = start.hosts.emplace_back();
      rows.read(host.host, sealed);
      host.sealed = std::move(sealed.bytes);
    }
    return start;
  });
}

asio::awaitable<std::vector<LoggedSample>> SeriesStore::logged_after(std::int64_t id) {
  return database_.read([id](Connection& connection) {
    constexpr std::int64_t most = 1000;
    auto rows =
        connection.query("SELECT id, host, data FROM series_log WHERE id > ? ORDER BY id LIMIT ?");
    rows.bind(id, most);
    std::vector<LoggedSample> samples;
    Blob data;
    while (rows.next()) {
      auto& sample = samples.emplace_back();
      rows.read(sample.id, sample.host, data);
      sample.data = std::move(data.bytes);
    }
    return samples;
  });
}

asio::awaitable<void> SeriesStore::log(std::vector<LoggedSample> samples) {
  return database_.write([samples = std::move(samples)](Connection& connection) {
    for (const auto& sample : samples) {
      if (!sample.data.empty()) {
        connection.query("INSERT INTO series_log (id, host, data) VALUES (?, ?, ?)")
            .bind(sample.id, sample.host, Blob{sample.data})
            .run();
      }
      if (!sample.outgoing.data.empty()) {
        put_outgoing(connection, sample.id, sample.host, sample.outgoing);
      }
    }
  });
}

asio::awaitable<void> SeriesStore::trim_log(std::int64_t before_id) {
  std::int64_t deleted = 0;
  do {
    auto trim = [before_id](Connection& connection) {
      return connection
          .query(
              "DELETE FROM series_log WHERE id IN "
              "(SELECT id FROM series_log WHERE id < ? ORDER BY id LIMIT ?)")
          .bind(before_id, log_rows_at_once)
          .run();
    };
    deleted = co_await database_.write(std::move(trim));
  } while (deleted == log_rows_at_once);
}

asio::awaitable<void> SeriesStore::seal(Seal seal) {
  return database_.write([seal = std::move(seal)](Connection& connection) {
    for (const auto& key : seal.blocks) {
      if (auto bytes = seal.merge(key, find_block(connection, key))) {
        put_block(connection, key, std::move(*bytes));
      }
    }
    for (const auto& watch : seal.watches) join_watch(connection, watch, seal);
    for (const auto& host : seal.hosts) {
      connection
          .query(
              "INSERT INTO series_hosts (host, sealed) VALUES (?, ?) "
              "ON CONFLICT (host) DO UPDATE SET sealed = excluded.sealed")
          .bind(host.host, Blob{host.sealed})
          .run();
    }
    connection.query("UPDATE series_seals SET last = ?").bind(seal.number).run();
  });
}

asio::awaitable<ReadBlocks> SeriesStore::read(std::vector<BlockRange> ranges) {
  return database_.read([ranges = std::move(ranges)](Connection& connection) {
    ReadBlocks result;
    in_snapshot(connection, [&] {
      result.last_seal = last_seal(connection);
      for (const auto& range : ranges) read_range(connection, range, result.blocks);
    });
    return result;
  });
}

asio::awaitable<ReadWatches> SeriesStore::watches(std::string host,
                                                  std::string service,
                                                  std::int64_t from_ms) {
  return database_.read([host = std::move(host), service = std::move(service), from_ms](
                            Connection& connection) {
    std::string sql = "SELECT host, service, start, \"end\", found FROM service_watches WHERE 1";
    if (!host.empty()) sql += " AND host = ?";
    if (!service.empty()) sql += " AND service = ?";
    sql += " AND \"end\" > ? ORDER BY host, service, start";
    ReadWatches result;
    in_snapshot(connection, [&] {
      result.last_seal = last_seal(connection);
      auto rows = connection.query(sql);
      if (!host.empty()) rows.bind(host);
      if (!service.empty()) rows.bind(service);
      rows.bind(from_ms);
      while (rows.next()) {
        auto& watch = result.watches.emplace_back();
        std::int64_t found = 0;
        rows.read(watch.host, watch.service, watch.start_ms, watch.end_ms, found);
        watch.found = static_cast<FoundState>(found);
      }
    });
    return result;
  });
}

asio::awaitable<std::int64_t> SeriesStore::delete_old(SeriesKeep keep) {
  std::int64_t deleted = 0;
  for (std::size_t tier = 0; tier < keep.from_ms.size(); ++tier) {
    std::int64_t some = 0;
    do {
      auto sweep = [tier, from_ms = keep.from_ms[tier]](Connection& connection) {
        return connection
            .query(
                "DELETE FROM series_blocks WHERE id IN (SELECT id FROM series_blocks WHERE "
                "tier = ? AND start < ? LIMIT ?)")
            .bind(tier, from_ms, blocks_at_once)
            .run();
      };
      some = co_await database_.write(std::move(sweep));
      deleted += some;
    } while (some == blocks_at_once);
  }
  auto sweep = [from_ms = keep.watches_from_ms](Connection& connection) {
    connection.query("DELETE FROM service_watches WHERE \"end\" < ?").bind(from_ms).run();
  };
  co_await database_.write(std::move(sweep));
  co_return deleted;
}

}  // namespace portoser::storage
