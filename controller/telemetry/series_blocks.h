/// All series of a host over a span of time: the samples as they came, or buckets of equal length.
/// Both are what the database keeps as one blob. Plain values; pure; any thread.
#pragma once

#include "controller/telemetry/metric.h"
#include "controller/telemetry/series_tiers.h"

#include <compare>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace portoser::telemetry {

/// Of a block; more are not taken: a host that invents names must not fill the disk.
inline constexpr std::size_t most_block_columns = 8192;

struct SeriesKey {
  std::string service;  ///< empty: of the host
  Metric metric{};
  std::string subject;  ///< mount point or sensor; mostly empty
  auto operator<=>(const SeriesKey&) const = default;
};

/// In a column of a `RawBlock`: this sample did not have it. `values_of` never makes such a value.
inline constexpr std::int64_t no_value = std::numeric_limits<std::int64_t>::min();

template <class Value>
struct SeriesColumn {
  SeriesKey key;
  std::vector<Value> values;  ///< one for each time of the block
  bool operator==(const SeriesColumn&) const = default;
};

/// What fell into a stretch of time. Adding samples or buckets in any order gives the same. What is
/// beyond all measure stays at the end of the scale.
struct Bucket {
  std::int64_t count = 0;  ///< 0: nothing did
  std::int64_t sum = 0;
  std::int64_t min = 0;
  std::int64_t max = 0;

  void add(std::int64_t value);
  void add(const Bucket& other);
  bool operator==(const Bucket&) const = default;
};

/// Samples as they came. Times in ms of Unix time, rising; two samples may have the same.
struct RawBlock {
  std::vector<std::int64_t> times_ms;
  std::vector<SeriesColumn<std::int64_t>> columns;  ///< by key

  /// Where its column is; null: none.
  [[nodiscard]] const std::vector<std::int64_t>* find(const SeriesKey& key) const;
  void add(const RawBlock& other);
  void add(const std::vector<RawBlock>& others);  ///< at once, which is quicker
  bool operator==(const RawBlock&) const = default;

 private:
  void add_all(const std::vector<const RawBlock*>& blocks);
};

/// Buckets of `step_ms` from `start_ms` on.
struct BucketBlock {
  std::int64_t start_ms = 0;
  std::int64_t step_ms = 0;
  std::size_t buckets = 0;
  std::vector<SeriesColumn<Bucket>> columns;  ///< by key

  [[nodiscard]] const std::vector<Bucket>* find(const SeriesKey& key) const;
  /// Those samples that fall into it.
  void add(const RawBlock& raw);
  void add(const BucketBlock& other);  ///< of the same span
  /// One that says another span than it is stored under is damaged: `Error{internal}`.
  void require_frame(const SeriesTier& tier, std::int64_t start) const;
  bool operator==(const BucketBlock&) const = default;

 private:
  /// Null: there are too many.
  std::vector<Bucket>* column(const SeriesKey& key);
};

std::string encode(const RawBlock& block);
std::string encode(const BucketBlock& block);
/// Bytes that `encode` did not make: `Error{internal}` with the reason SERIES_DAMAGED. With a
/// `service` only its columns.
RawBlock decode_raw(std::string_view bytes, const std::optional<std::string>& service = {});
BucketBlock decode_buckets(std::string_view bytes, const std::optional<std::string>& service = {});

}  // namespace portoser::telemetry
