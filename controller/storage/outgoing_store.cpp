#include "controller/storage/outgoing_store.h"

#include "controller/storage/connection.h"
#include "controller/storage/database.h"

#include <utility>

namespace portoser::storage {
namespace {

std::optional<std::int64_t> oldest_of_queue(Connection& connection) {
  auto row = connection.query("SELECT queued FROM outgoing_samples ORDER BY id LIMIT 1");
  if (!row.next()) return std::nullopt;
  std::int64_t oldest = 0;
  row.read(oldest);
  return oldest;
}

bool remove_one(Connection& connection, std::int64_t id) {
  return connection.query("DELETE FROM outgoing_samples WHERE id = ?").bind(id).run() > 0;
}

}  // namespace

void put_outgoing(Connection& connection,
                  std::int64_t id,
                  const std::string& host,
                  const OutgoingSample& sample) {
  connection
      .query(
          "INSERT INTO outgoing_samples (id, host, queued, samples, data) VALUES (?, ?, ?, ?, ?)")
      .bind(id, host, sample.queued_ms, sample.samples, Blob{sample.data})
      .run();
}

asio::awaitable<OutgoingSize> OutgoingStore::size() {
  return database_.read([](Connection& connection) {
    OutgoingSize size;
    {
      auto row = connection.query(
          "SELECT count(*), coalesce(sum(samples), 0), coalesce(sum(length(data)), 0) FROM "
          "outgoing_samples");
      row.next();
      row.read(size.rows, size.samples, size.bytes);
    }
    size.oldest_ms = oldest_of_queue(connection);
    return size;
  });
}

asio::awaitable<std::vector<OutgoingSample>> OutgoingStore::oldest(std::int64_t rows,
                                                                   std::int64_t samples) {
  return database_.read([rows, samples](Connection& connection) {
    auto row = connection.query(
        "SELECT id, host, queued, samples, data FROM outgoing_samples ORDER BY id LIMIT ?");
    row.bind(rows);
    std::vector<OutgoingSample> found;
    std::int64_t together = 0;
    Blob data;
    while (row.next()) {
      OutgoingSample one;
      row.read(one.id, one.host, one.queued_ms, one.samples, data);
      together += one.samples;
      if (together > samples && !found.empty()) break;
      one.data = std::move(data.bytes);
      found.push_back(std::move(one));
    }
    return found;
  });
}

asio::awaitable<void> OutgoingStore::remove(std::vector<std::int64_t> ids) {
  return database_.write([ids = std::move(ids)](Connection& connection) {
    for (const auto id : ids) remove_one(connection, id);
  });
}

asio::awaitable<OutgoingSize> OutgoingStore::drop(std::int64_t rows, std::int64_t bytes) {
  return database_.write([rows, bytes](Connection& connection) {
    OutgoingSize dropped;
    std::vector<std::int64_t> ids;
    {
      auto row = connection.query(
          "SELECT id, samples, length(data) FROM outgoing_samples ORDER BY id LIMIT ?");
      row.bind(rows);
      std::int64_t id = 0;
      std::int64_t samples = 0;
      std::int64_t size = 0;
      while (dropped.bytes < bytes && row.next()) {
        row.read(id, samples, size);
        ids.push_back(id);
        dropped.samples += samples;
        dropped.bytes += size;
      }
    }
    for (const auto id : ids) remove_one(connection, id);
    dropped.rows = static_cast<std::int64_t>(ids.size());
    dropped.oldest_ms = oldest_of_queue(connection);
    return dropped;
  });
}

}  // namespace portoser::storage
