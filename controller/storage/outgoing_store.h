/// The queue of samples for a store elsewhere. `SeriesStore::log` puts them in, in the transaction
/// of the samples themselves. Any thread; the methods are coroutines as `Database` describes them.
#pragma once

#include "common/tasks.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace portoser::storage {

class Connection;
class Database;

/// What waits of one sample of a host.
struct OutgoingSample {
  std::int64_t id = 0;  ///< rising, in the order in which they came
  std::string host;
  std::int64_t queued_ms = 0;  ///< Unix time
  std::int64_t samples = 0;    ///< in the sense of the store: one of a series
  std::string data;            ///< as `telemetry` makes it
};

/// Of the whole queue, or of a part that was taken out.
struct OutgoingSize {
  std::int64_t rows = 0;
  std::int64_t samples = 0;
  std::int64_t bytes = 0;
  std::optional<std::int64_t>
      oldest_ms;  ///< of what is in the queue (afterwards); none: it is empty
};

class OutgoingStore {
 public:
  explicit OutgoingStore(Database& database) : database_(database) {}

  asio::awaitable<OutgoingSize> size();
  /// The oldest, so many rows with so many samples at most, but one at least.
  asio::awaitable<std::vector<OutgoingSample>> oldest(std::int64_t rows, std::int64_t samples);
  /// Takes out those. Not all up to one: rows may be committed in another order than their ids
  /// have.
  asio::awaitable<void> remove(std::vector<std::int64_t> ids);
  /// Takes out the oldest until they are so many bytes together, so many rows at most. Returns what
  /// they were.
  asio::awaitable<OutgoingSize> drop(std::int64_t rows, std::int64_t bytes);

 private:
  Database& database_;
};

/// For `SeriesStore`: with this id and host.
void put_outgoing(Connection& connection,
                  std::int64_t id,
                  const std::string& host,
                  const OutgoingSample& sample);

}  // namespace portoser::storage
