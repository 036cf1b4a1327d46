#include "controller/telemetry/series_blocks.h"

#include "common/error.h"
#include "controller/telemetry/integer_codec.h"

#include <algorithm>
#include <limits>
#include <set>
#include <utility>

namespace portoser::telemetry {
namespace {

constexpr std::uint8_t format_version = 1;
/// More is no block of ours.
constexpr std::size_t most_columns = 1U << 20U;
constexpr std::size_t most_times = 1U << 20U;

std::int64_t sum_of(std::int64_t left, std::int64_t right) {
  std::int64_t sum = 0;
  if (!__builtin_add_overflow(left, right, &sum)) return sum;
  return left < 0 ? std::numeric_limits<std::int64_t>::min()
                  : std::numeric_limits<std::int64_t>::max();
}

template <class Columns>
auto* find_column(Columns& columns, const SeriesKey& key) {
  const auto place = std::lower_bound(
      columns.begin(), columns.end(), key, [](const auto& column, const SeriesKey& wanted) {
        return column.key < wanted;
      });
  return place == columns.end() || place->key != key ? nullptr : &place->values;
}

void write_key(ByteWriter& out, const SeriesKey& key) {
  out.text(key.service);
  out.byte(static_cast<std::uint8_t>(key.metric));
  out.text(key.subject);
}

SeriesKey read_key(ByteReader& in) {
  SeriesKey key;
  key.service = in.text();
  key.metric = static_cast<Metric>(in.byte());
  key.subject = in.text();
  return key;
}

void check_version(ByteReader& in) {
  const auto version = in.byte();
  if (version != format_version) {
    throw Error{Code::internal, "a block of series was written by another version of the program"}
        .reason("SERIES_DAMAGED");
  }
}

/// Lengths of the stretches with and without a value, in turn, beginning with one that has; 0: all
/// have.
void write_present(ByteWriter& out, const std::vector<std::int64_t>& values) {
  std::vector<std::uint64_t> runs;
  bool present = true;
  std::uint64_t length = 0;
  for (const auto value : values) {
    if ((value != no_value) == present) {
      ++length;
      continue;
    }
    runs.push_back(length);
    present = !present;
    length = 1;
  }
  out.number(runs.size());
  for (const auto run : runs) out.number(run);
}

std::vector<bool> read_present(ByteReader& in, std::size_t count) {
  std::vector<bool> present;
  present.reserve(count);
  bool is_present = true;
  for (auto runs = in.count(count + 1); runs > 0; --runs) {
    present.insert(present.end(), in.count(count - present.size()), is_present);
    is_present = !is_present;
  }
  present.resize(count, is_present);
  return present;
}

void write_column(ByteWriter& out, const std::vector<std::int64_t>& values) {
  write_present(out, values);
  std::vector<std::int64_t> there;
  there.reserve(values.size());
  std::copy_if(values.begin(), values.end(), std::back_inserter(there), [](std::int64_t value) {
    return value != no_value;
  });
  out.integers(there);
}

std::vector<std::int64_t> read_column(ByteReader& in, std::size_t count) {
  const auto present = read_present(in, count);
  const auto there =
      in.integers(static_cast<std::size_t>(std::count(present.begin(), present.end(), true)));
  std::vector<std::int64_t> values(count, no_value);
  auto next = there.begin();
  for (std::size_t i = 0; i < count; ++i) {
    if (present[i]) values[i] = *next++;
  }
  return values;
}

/// Mean and what is left to the sum, and how far the extremes are from the mean: small numbers.
void write_column(ByteWriter& out, const std::vector<Bucket>& buckets) {
  std::vector<std::int64_t> counts;
  std::vector<std::int64_t> means;
  std::vector<std::int64_t> rests;
  std::vector<std::int64_t> below;
  std::vector<std::int64_t> above;
  for (const auto& bucket : buckets) {
    counts.push_back(bucket.count);
    if (bucket.count == 0) continue;
    const auto mean = bucket.sum / bucket.count;
    means.push_back(mean);
    rests.push_back(bucket.sum - mean * bucket.count);
    below.push_back(mean - bucket.min);
    above.push_back(bucket.max - mean);
  }
  for (const auto* list : {&counts, &means, &rests, &below, &above}) out.integers(*list);
}

/// Without a sign, so that damaged bytes give wrong numbers and no undefined behaviour.
Bucket bucket_of(std::int64_t count,
                 std::int64_t mean,
                 std::int64_t rest,
                 std::int64_t below,
                 std::int64_t above) {
  const auto bits = [](std::int64_t value) { return static_cast<std::uint64_t>(value); };
  return {count,
          static_cast<std::int64_t>(bits(mean) * bits(count) + bits(rest)),
          static_cast<std::int64_t>(bits(mean) - bits(below)),
          static_cast<std::int64_t>(bits(mean) + bits(above))};
}

std::vector<Bucket> read_buckets(ByteReader& in, std::size_t count) {
  std::vector<Bucket> buckets(count);
  const auto counts = in.integers(count);
  if (std::any_of(counts.begin(), counts.end(), [](std::int64_t one) { return one < 0; })) {
    damaged_series();
  }
  const auto filled = static_cast<std::size_t>(
      std::count_if(counts.begin(), counts.end(), [](std::int64_t one) { return one != 0; }));
  const auto means = in.integers(filled);
  const auto rests = in.integers(filled);
  const auto below = in.integers(filled);
  const auto above = in.integers(filled);
  std::size_t next = 0;
  for (std::size_t i = 0; i < count; ++i) {
    if (counts[i] == 0) continue;
    buckets[i] = bucket_of(counts[i], means[next], rests[next], below[next], above[next]);
    ++next;
  }
  return buckets;
}

template <class Value>
void write_columns(ByteWriter& out, const std::vector<SeriesColumn<Value>>& columns) {
  out.number(columns.size());
  for (const auto& column : columns) {
    write_key(out, column.key);
    ByteWriter values;
    write_column(values, column.values);
    out.text(values.bytes());
  }
}

template <class Value, class Read>
std::vector<SeriesColumn<Value>> read_columns(ByteReader& in,
                                              const std::optional<std::string>& service,
                                              Read read) {
  std::vector<SeriesColumn<Value>> columns;
  for (auto left = in.count(most_columns); left > 0; --left) {
    auto key = read_key(in);
    const auto bytes = in.text();
    if (service && key.service != *service) continue;
    ByteReader values{bytes};
    columns.push_back({std::move(key), read(values)});
  }
  return columns;
}

}  // namespace

void Bucket::add(std::int64_t value) {
  min = count == 0 ? value : std::min(min, value);
  max = count == 0 ? value : std::max(max, value);
  sum = sum_of(sum, value);
  count = sum_of(count, 1);
}

void Bucket::add(const Bucket& other) {
  if (other.count == 0) return;
  min = count == 0 ? other.min : std::min(min, other.min);
  max = count == 0 ? other.max : std::max(max, other.max);
  sum = sum_of(sum, other.sum);
  count = sum_of(count, other.count);
}

const std::vector<std::int64_t>* RawBlock::find(const SeriesKey& key) const {
  return find_column(columns, key);
}

const std::vector<Bucket>* BucketBlock::find(const SeriesKey& key) const {
  return find_column(columns, key);
}

void RawBlock::add(const RawBlock& other) {
  add_all({this, &other});
}

void RawBlock::add(const std::vector<RawBlock>& others) {
  std::vector<const RawBlock*> blocks{this};
  for (const auto& other : others) blocks.push_back(&other);
  add_all(blocks);
}

/// The first of them is this one: its columns have room before those of the others.
void RawBlock::add_all(const std::vector<const RawBlock*>& blocks) {
  struct Place {
    std::size_t block;
    std::size_t index;
  };
  std::vector<Place> places;
  std::set<SeriesKey> keys;
  for (std::size_t b = 0; b < blocks.size(); ++b) {
    for (std::size_t i = 0; i < blocks[b]->times_ms.size(); ++i) places.push_back({b, i});
    for (const auto& column : blocks[b]->columns) {
      if (b == 0 || keys.size() < most_block_columns) keys.insert(column.key);
    }
  }
  const auto time_of = [&](const Place& place) {
    return blocks[place.block]->times_ms[place.index];
  };
  std::stable_sort(places.begin(), places.end(), [&](const Place& left, const Place& right) {
    return time_of(left) < time_of(right);
  });
  RawBlock merged;
  merged.times_ms.reserve(places.size());
  for (const auto& place : places) merged.times_ms.push_back(time_of(place));
  std::vector<const std::vector<std::int64_t>*> column_of(blocks.size());
  for (const auto& key : keys) {
    for (std::size_t b = 0; b < blocks.size(); ++b) column_of[b] = blocks[b]->find(key);
    std::vector<std::int64_t> values;
    values.reserve(places.size());
    for (const auto& place : places) {
      const auto* column = column_of[place.block];
      values.push_back(column == nullptr ? no_value : (*column)[place.index]);
    }
    merged.columns.push_back({key, std::move(values)});
  }
  *this = std::move(merged);
}

std::vector<Bucket>* BucketBlock::column(const SeriesKey& key) {
  if (auto* found = find_column(columns, key)) return found;
  if (columns.size() >= most_block_columns) return nullptr;
  const auto place = std::lower_bound(
      columns.begin(), columns.end(), key, [](const auto& column, const SeriesKey& wanted) {
        return column.key < wanted;
      });
  return &columns.insert(place, {key, std::vector<Bucket>(buckets)})->values;
}

void BucketBlock::add(const RawBlock& raw) {
  const auto end_ms = start_ms + step_ms * static_cast<std::int64_t>(buckets);
  const auto begin = std::lower_bound(raw.times_ms.begin(), raw.times_ms.end(), start_ms);
  const auto end = std::lower_bound(begin, raw.times_ms.end(), end_ms);
  if (begin == end) return;
  const auto first = static_cast<std::size_t>(begin - raw.times_ms.begin());
  const auto last = static_cast<std::size_t>(end - raw.times_ms.begin());
  for (const auto& from : raw.columns) {
    std::vector<Bucket>* into = nullptr;
    for (auto i = first; i < last; ++i) {
      if (from.values[i] == no_value) continue;
      if (into == nullptr) into = column(from.key);
      if (into == nullptr) break;
      (*into)[static_cast<std::size_t>((raw.times_ms[i] - start_ms) / step_ms)].add(from.values[i]);
    }
  }
}

void BucketBlock::add(const BucketBlock& other) {
  for (const auto& from : other.columns) {
    auto* into = column(from.key);
    if (into == nullptr) continue;
    for (std::size_t i = 0; i < std::min(into->size(), from.values.size()); ++i) {
      (*into)[i].add(from.values[i]);
    }
  }
}

void BucketBlock::require_frame(const SeriesTier& tier, std::int64_t start) const {
  const auto whole = static_cast<std::size_t>(tier.block_ms / tier.step_ms);
  if (start_ms != start || step_ms != tier.step_ms || buckets != whole) damaged_series();
}

std::string encode(const RawBlock& block) {
  ByteWriter out;
  out.byte(format_version);
  out.number(block.times_ms.size());
  out.integers(block.times_ms);
  write_columns(out, block.columns);
  return out.take();
}

std::string encode(const BucketBlock& block) {
  ByteWriter out;
  out.byte(format_version);
  out.signed_number(block.start_ms);
  out.signed_number(block.step_ms);
  out.number(block.buckets);
  write_columns(out, block.columns);
  return out.take();
}

RawBlock decode_raw(std::string_view bytes, const std::optional<std::string>& service) {
  ByteReader in{bytes};
  check_version(in);
  RawBlock block;
  block.times_ms = in.integers(in.count(most_times));
  block.columns = read_columns<std::int64_t>(
      in, service, [&](ByteReader& values) { return read_column(values, block.times_ms.size()); });
  return block;
}

BucketBlock decode_buckets(std::string_view bytes, const std::optional<std::string>& service) {
  ByteReader in{bytes};
  check_version(in);
  BucketBlock block;
  block.start_ms = in.signed_number();
  block.step_ms = in.signed_number();
  block.buckets = in.count(most_times);
  block.columns = read_columns<Bucket>(
      in, service, [&](ByteReader& values) { return read_buckets(values, block.buckets); });
  return block;
}

}  // namespace portoser::telemetry
