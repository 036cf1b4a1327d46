/// Samples of one host over a quarter of an hour, until they are sealed into blocks of the
/// database. Every two dozen of them are packed, as the database keeps them: thousands of hosts
/// must fit into memory. Guarded by whoever owns it; what is packed never changes and may be read
/// from any thread.
#pragma once

#include "common/clock.h"
#include "controller/storage/series_store.h"
#include "controller/telemetry/join_history.h"
#include "controller/telemetry/sample_numbers.h"
#include "controller/telemetry/series_blocks.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace portoser::telemetry {

/// Once it has a seal nothing is added: what comes later begins another one of the same start.
struct Span {
  static constexpr std::size_t rows_at_once = 24;    ///< that are packed
  static constexpr std::size_t most_watches = 4096;  ///< of what is packed

  std::int64_t start_ms = 0;
  RawBlock newest;                                         ///< those that are not packed
  std::vector<std::shared_ptr<const std::string>> packed;  ///< each as `encode` writes a block
  std::vector<storage::ServiceWatch> packed_watches;  ///< what those show; the host has no name
  SampleNumbers numbers;
  std::size_t rows = 0;           ///< samples in all
  std::uint64_t values = 0;       ///< in all of them
  std::int64_t first_log_id = 0;  ///< of the log of the newest samples
  Uptime opened{};                ///< when the first sample came
  Uptime touched{};               ///< when the newest came
  std::int64_t seal = 0;          ///< which one puts it into the database; 0: none yet

  /// Packs what is not, if that is enough.
  void pack_some(const JoinHistory& joins);
  /// All samples, a piece at a time.
  void for_each_piece(const std::function<void(const RawBlock&)>& take) const;
  /// As `watches_in`.
  [[nodiscard]] std::vector<storage::ServiceWatch> watches(const std::string& host,
                                                           const JoinHistory& joins) const;
  /// What it takes in memory: 8 bytes for a value that is not packed, and the series themselves.
  [[nodiscard]] std::size_t bytes() const;

 private:
  std::size_t packed_bytes_ = 0;
};

}  // namespace portoser::telemetry
