/// What hosts measured, as bytes that `telemetry` makes: blocks of a host and a span, and the log
/// of the newest samples. Any thread; the methods are coroutines as `Database` describes them.
#pragma once

#include "common/clock.h"
#include "common/tasks.h"
#include "controller/storage/outgoing_store.h"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace portoser::storage {

class Database;

struct BlockKey {
  std::string host;
  std::int64_t tier = 0;
  std::int64_t start_ms = 0;  ///< Unix time
  auto operator<=>(const BlockKey&) const = default;
};

struct LoggedSample {
  std::int64_t id = 0;  ///< rising with every sample of any host
  std::string host;
  std::string data;  ///< empty: only what goes out
  /// What goes to a store elsewhere, without id and host; empty data: nothing does. Not read back.
  OutgoingSample outgoing{};
};

struct HostSealed {
  std::string host;
  std::string sealed;
};

/// How a service was found. The numbers are written into the database.
enum class FoundState : std::uint8_t {
  not_running = 0,   ///< its agent did not tell why
  some_running = 1,  ///< its agent did not tell whether a container of it had failed
  failed = 2,
  stopped = 3,
  running = 4,
};

/// A stretch in which a host could tell whether a service ran. Unix time in ms.
struct ServiceWatch {
  std::string host;
  std::string service;
  std::int64_t start_ms = 0;
  std::int64_t end_ms = 0;
  FoundState found{};  ///< at the beginning
  bool operator==(const ServiceWatch&) const = default;
};

/// Blocks that are made or made anew, all or none.
struct Seal {
  std::int64_t number = 0;  ///< one more than the seal before
  std::vector<BlockKey> blocks;
  /// The new bytes of a block, from those that are there (none: there is no such block). Called on
  /// the thread that writes. Nothing: the block stays as it is.
  std::function<std::optional<std::string>(const BlockKey&, const std::optional<std::string>&)>
      merge;
  std::vector<HostSealed> hosts;
  /// Joined with those that are there where no longer silence lies between than `join_ms` allows.
  std::vector<ServiceWatch> watches;
  std::function<std::int64_t(std::int64_t from_ms, std::int64_t to_ms)> join_ms;
  std::int64_t widest_join_ms = 0;  ///< that it ever allows
};

struct BlockRange {
  std::string host;
  std::int64_t tier = 0;
  std::int64_t from_ms = 0;  ///< first start
  std::int64_t to_ms = 0;    ///< only starts before it
};

struct BlockData {
  std::int64_t tier = 0;
  std::int64_t start_ms = 0;
  std::string data;
};

/// As of one moment.
struct ReadBlocks {
  std::int64_t last_seal = 0;
  std::vector<BlockData> blocks;  ///< in the order of their starts, range after range
};

/// As of one moment.
struct ReadWatches {
  std::int64_t last_seal = 0;
  std::vector<ServiceWatch> watches;  ///< by host, service and start
};

struct SeriesStart {
  std::int64_t last_seal = 0;
  std::int64_t last_log_id = 0;
  std::vector<HostSealed> hosts;
};

/// Keep blocks of each tier that start at or after its moment (ms).
struct SeriesKeep {
  std::vector<std::int64_t> from_ms;  ///< by tier
  std::int64_t watches_from_ms = 0;
};

class SeriesStore {
 public:
  explicit SeriesStore(Database& database) : database_(database) {}

  asio::awaitable<SeriesStart> start();
  /// The logged samples after an id, at most 1,000.
  asio::awaitable<std::vector<LoggedSample>> logged_after(std::int64_t id);
  asio::awaitable<void> log(std::vector<LoggedSample> samples);
  /// Deletes the log before an id, some thousands of rows at a time.
  asio::awaitable<void> trim_log(std::int64_t before_id);
  asio::awaitable<void> seal(Seal seal);
  asio::awaitable<ReadBlocks> read(std::vector<BlockRange> ranges);
  /// Those that reach into the time after `from_ms`. Empty names: all.
  asio::awaitable<ReadWatches> watches(std::string host, std::string service, std::int64_t from_ms);
  /// In small transactions. Returns how many blocks it deleted.
  asio::awaitable<std::int64_t> delete_old(SeriesKeep keep);

 private:
  Database& database_;
};

}  // namespace portoser::storage
