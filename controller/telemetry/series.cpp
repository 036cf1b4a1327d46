#include "controller/telemetry/series.h"

#include "common/error.h"
#include "common/log.h"

#include <boost/system/system_error.hpp>

#include <algorithm>
#include <functional>
#include <iterator>
#include <utility>

namespace portoser::telemetry {
namespace {

/// In one transaction: events that wait for their commit meanwhile must not wait long.
constexpr std::size_t spans_at_once = 64;
constexpr std::size_t columns_at_once = 1000;
constexpr std::size_t most_logged_at_once = 5000;
/// Samples that wait to be logged while the database takes nothing; they are in memory besides.
constexpr std::size_t most_unlogged_bytes = std::size_t{64} << 20U;

BucketBlock fresh_block(const SeriesTier& tier, std::int64_t start_ms) {
  BucketBlock block;
  block.start_ms = start_ms;
  block.step_ms = tier.step_ms;
  block.buckets = static_cast<std::size_t>(tier.block_ms / tier.step_ms);
  return block;
}

void check_frame(const BucketBlock& stored, const BucketBlock& expected) {
  if (stored.start_ms == expected.start_ms && stored.step_ms == expected.step_ms &&
      stored.buckets == expected.buckets) {
    return;
  }
  throw Error{Code::internal, "a block of series in the database is damaged"}.reason(
      "SERIES_DAMAGED");
}

using Spans = std::vector<std::shared_ptr<const Span>>;

std::string merged_raw(const std::optional<std::string>& old, const Spans& spans) {
  auto block = old ? decode_raw(*old) : RawBlock{};
  for (const auto& span : spans) block.add(span->samples);
  return encode(block);
}

std::string merged_buckets(const SeriesTier& tier,
                           std::int64_t start_ms,
                           const std::optional<std::string>& old,
                           const Spans& spans) {
  auto block = fresh_block(tier, start_ms);
  if (old) {
    auto stored = decode_buckets(*old);
    check_frame(stored, block);
    block = std::move(stored);
  }
  for (const auto& span : spans) block.add(span->samples);
  return encode(block);
}

std::string merged(const storage::BlockKey& key,
                   const std::optional<std::string>& old,
                   const Spans& spans) {
  if (key.tier == raw_tier.number) return merged_raw(old, spans);
  const auto& tier = key.tier == minute_tier.number ? minute_tier : quarter_tier;
  return merged_buckets(tier, key.start_ms, old, spans);
}

/// On the thread that writes. A damaged block is lost; it must not keep what is new out.
std::optional<std::string> merge_or_begin_anew(const storage::BlockKey& key,
                                               const std::optional<std::string>& old,
                                               const Spans& spans) {
  try {
    return merged(key, old, spans);
  } catch (const Error& error) {
    log::error("telemetry",
               "a damaged block of series is replaced",
               {{"host", key.host}, {"tier", key.tier}, {"reason", error.what()}});
    return merged(key, std::nullopt, spans);
  }
}

}  // namespace

Series::Series(storage::Database& database, const Clock& clock, SeriesSettings settings)
    : store_(database), clock_(clock), settings_(settings) {}

asio::awaitable<void> Series::start() {
  const auto known = co_await store_.start();
  {
    const std::lock_guard lock{mutex_};
    next_seal_ = known.last_seal + 1;
    next_log_id_ = known.last_log_id + 1;
    for (const auto& host : known.hosts) {
      auto& series = hosts_[host.host];
      try {
        series.sealed = SampleNumbers::decode(host.sealed);
        series.know(series.sealed);
      } catch (const Error& error) {
        damaged(host.host, error);  // what comes again may count twice
      }
    }
  }
  std::int64_t last = 0;
  for (;;) {
    const auto rows = co_await store_.logged_after(last);
    if (rows.empty()) break;
    last = rows.back().id;
    const std::lock_guard lock{mutex_};
    for (const auto& row : rows) restore(row);
  }
  if (bytes_ > 0) log::info("telemetry", "samples restored", {{"bytes", bytes_}});
}

void Series::restore(const storage::LoggedSample& row) {
  try {
    const auto record = decode_sample(row.data);
    auto& host = hosts_[row.host];
    // What is sealed stays in the log until all of its time is.
    if (record.number != 0 && host.sealed.contains(record.boot_id, record.number)) return;
    if (!host.take(record.boot_id, record.number)) return;
    const auto before = host.bytes();
    host.add(record, row.id, clock_.uptime());
    bytes_ += host.bytes() - before;
  } catch (const Error& error) {
    damaged(row.host, error);
  }
}

void Series::damaged(const std::string& host, const Error& error) {
  ++stats_.damaged_blocks;
  if (!damage_pace_.is_due()) return;
  log::error("telemetry",
             "series in the database are damaged: that stretch is lost",
             {{"host", host}, {"reason", error.what()}});
}

asio::awaitable<void> Series::run() {
  constexpr std::chrono::seconds tick{1};
  constexpr std::chrono::minutes sweep{10};
  auto swept = clock_.uptime() - sweep;
  for (;;) {
    co_await pause(tick);
    try {
      co_await write_log();
      while (co_await seal_some()) co_await write_log();
      if (clock_.uptime() - swept >= sweep) {
        swept = clock_.uptime();
        if (is_wall_clock_sure()) co_await delete_old();
      }
    } catch (const boost::system::system_error&) {
      throw;  // the stop
    } catch (const std::exception& error) {
      // The database says what is wrong with it. Everything is still in memory.
      log::debug("telemetry", "series wait for the database", {{"reason", error.what()}});
      const std::lock_guard lock{mutex_};
      ++stats_.failures;
    }
  }
}

/// A clock that is set ahead by mistake would make everything look old.
bool Series::is_wall_clock_sure() {
  constexpr std::chrono::hours jump{1};
  constexpr std::chrono::hours rest{24};
  const auto before = std::exchange(swept_, std::pair{clock_.now(), clock_.uptime()});
  if (before) {
    const auto by_wall = swept_->first - before->first;
    const auto by_uptime =
        std::chrono::duration_cast<std::chrono::microseconds>(swept_->second - before->second);
    if (by_wall - by_uptime > jump) no_sweep_before_ = clock_.uptime() + rest;
  }
  return clock_.uptime() >= no_sweep_before_;
}

asio::awaitable<void> Series::stop() {
  try {
    co_await write_log();
  } catch (const Error& error) {
    log::warn("telemetry", "the newest samples are not stored", {{"reason", error.what()}});
  }
}

void Series::measured(const std::string& host,
                      Time when,
                      const std::shared_ptr<const protocol::Sample>& sample) {
  constexpr double at_least_a_minute = 60;
  const auto neighbours =
      std::max(at_least_a_minute, static_cast<double>(settings_.join_ms) / 1000.0);
  const std::lock_guard lock{mutex_};
  auto& series = hosts_[host];
  if (!series.take(sample->when.boot_id, sample->number)) {
    ++stats_.repeated;
    return;
  }
  const auto before = series.before(*sample);
  SampleRecord record;
  record.boot_id = sample->when.boot_id;
  record.number = sample->number;
  record.time_ms = to_ms(when);
  record.values = values_of(*sample, before.get(), neighbours);
  series.remember(sample);
  const auto bytes_before = series.bytes();
  const auto added = series.add(record, next_log_id_, clock_.uptime());
  bytes_ += series.bytes() - bytes_before;
  ++stats_.samples;
  stats_.values += added;
  stats_.dropped_values += record.values.size() - added;
  if (added == 0) return;
  auto& row = to_log_.emplace_back();
  row.id = next_log_id_++;
  row.host = host;
  row.data = encode(record);
  to_log_bytes_ += row.data.size();
  while (to_log_bytes_ > most_unlogged_bytes) {
    to_log_bytes_ -= to_log_.front().data.size();
    to_log_.pop_front();
  }
  if (bytes_ > settings_.most_bytes) keep_within_memory();
}

asio::awaitable<void> Series::write_log() {
  for (;;) {
    std::vector<storage::LoggedSample> rows;
    std::size_t bytes = 0;
    {
      const std::lock_guard lock{mutex_};
      while (!to_log_.empty() && rows.size() < most_logged_at_once) {
        bytes += to_log_.front().data.size();
        rows.push_back(std::move(to_log_.front()));
        to_log_.pop_front();
      }
      to_log_bytes_ -= bytes;
    }
    if (rows.empty()) co_return;
    std::exception_ptr failure;
    try {
      co_await store_.log(rows);
    } catch (...) {
      failure = std::current_exception();
    }
    if (!failure) continue;
    {
      const std::lock_guard lock{mutex_};
      to_log_.insert(to_log_.begin(), rows.begin(), rows.end());
      to_log_bytes_ += bytes;
    }
    std::rethrow_exception(failure);
  }
}

bool Series::is_due(const std::string& host, const Span& span) const {
  if (span.seal != 0) return false;
  // What an agent tells again after a lost connection comes within a minute. Hosts take turns, or
  // all of them would be sealed in the same second.
  constexpr std::int64_t grace_ms = 90'000;
  constexpr std::int64_t turns_ms = 60'000;
  const auto turn = static_cast<std::int64_t>(std::hash<std::string>{}(host) % turns_ms);
  const auto over_ms = span.start_ms + span_ms + grace_ms;
  const auto now_ms = to_ms(clock_.now());
  if (now_ms >= over_ms + turn) {
    // Late ones come in a row: a span is sealed once, not a sample at a time. But one that is
    // never quiet would keep the log of all hosts from being cut.
    constexpr std::chrono::seconds quiet{10};
    constexpr std::chrono::minutes longest{10};
    const auto now = clock_.uptime();
    return now - span.touched >= quiet || now - span.opened >= longest + std::chrono::minutes{15};
  }
  // A clock that was set back leaves spans of a time to come.
  return span.start_ms > now_ms + span_ms;
}

std::vector<Series::Due> Series::take_due(bool all) {
  std::vector<Due> due;
  std::size_t columns = 0;
  for (const auto& [host, series] : hosts_) {
    for (const auto& span : series.spans()) {
      if (due.size() == spans_at_once || columns > columns_at_once) return due;
      if (span->seal == 0 && (all || is_due(host, *span))) {
        columns += span->samples.columns.size();
        due.push_back({host, span});
      }
    }
  }
  return due;
}

storage::Seal Series::make_seal(const std::vector<Due>& due,
                                std::map<std::string, SampleNumbers>& sealed) const {
  const auto now_ms = to_ms(clock_.now());
  std::map<storage::BlockKey, Spans> blocks;
  const auto put =
      [&](const Due& one, const SeriesTier& tier, std::optional<std::chrono::hours> keep) {
        if (keep && one.span->start_ms + span_ms <= now_ms - to_ms(*keep)) return;
        blocks[{one.host, tier.number, floor_to(one.span->start_ms, tier.block_ms)}].push_back(
            one.span);
      };
  for (const auto& one : due) {
    put(one, raw_tier, settings_.raw);
    put(one, minute_tier, settings_.minute);
    // Always: a clock that was wrong for a while must not lose a day.
    put(one, quarter_tier, std::nullopt);
    const auto [entry, is_new] = sealed.try_emplace(one.host);
    if (is_new) entry->second = hosts_.at(one.host).sealed;
    entry->second.add(one.span->numbers);
  }
  storage::Seal seal;
  for (const auto& one : due) {
    auto found = watches_in(one.host, one.span->samples, settings_.join_ms);
    std::move(found.begin(), found.end(), std::back_inserter(seal.watches));
  }
  seal.join_ms = settings_.join_ms;
  seal.number = next_seal_;
  for (const auto& [key, spans] : blocks) seal.blocks.push_back(key);
  for (const auto& [host, numbers] : sealed) seal.hosts.push_back({host, numbers.encode()});
  seal.merge = [blocks = std::move(blocks)](const storage::BlockKey& key,
                                            const std::optional<std::string>& old) {
    return merge_or_begin_anew(key, old, blocks.at(key));
  };
  return seal;
}

asio::awaitable<bool> Series::seal_some(bool all) {
  std::vector<Due> due;
  std::map<std::string, SampleNumbers> sealed;
  storage::Seal seal;
  {
    const std::lock_guard lock{mutex_};
    due = take_due(all);
    if (due.empty()) co_return false;
    seal = make_seal(due, sealed);
    for (const auto& one : due) one.span->seal = seal.number;
    ++next_seal_;  // a number that failed is not used again: readers may have seen it
  }
  std::exception_ptr failure;
  try {
    co_await store_.seal(std::move(seal));
  } catch (...) {
    failure = std::current_exception();
  }
  if (failure) {
    {
      const std::lock_guard lock{mutex_};
      for (const auto& one : due) one.span->seal = 0;
    }
    std::rethrow_exception(failure);
  }
  settle(due, std::move(sealed));
  std::int64_t needed = 0;
  {
    const std::lock_guard lock{mutex_};
    needed = first_needed_log_id();
  }
  co_await store_.trim_log(needed);
  co_return true;
}

void Series::settle(const std::vector<Due>& due, std::map<std::string, SampleNumbers> sealed) {
  const std::lock_guard lock{mutex_};
  for (const auto& one : due) {
    bytes_ -= std::min(bytes_, one.span->bytes());
    ++stats_.sealed_spans;
    hosts_.at(one.host).drop(*one.span);
  }
  for (auto& [host, numbers] : sealed) hosts_.at(host).sealed = std::move(numbers);
}

std::int64_t Series::first_needed_log_id() const {
  auto first = to_log_.empty() ? next_log_id_ : to_log_.front().id;
  for (const auto& [host, series] : hosts_) {
    for (const auto& span : series.spans()) first = std::min(first, span->first_log_id);
  }
  return first;
}

void Series::keep_within_memory() {
  while (bytes_ > settings_.most_bytes) {
    HostSeries* largest = nullptr;
    for (auto& [host, series] : hosts_) {
      if (largest == nullptr || series.bytes() > largest->bytes()) largest = &series;
    }
    std::shared_ptr<Span> oldest;
    for (const auto& span : largest->spans()) {
      if (span->seal == 0 && (!oldest || span->start_ms < oldest->start_ms)) oldest = span;
    }
    if (!oldest) return;  // all of it is on its way into the database
    for (const auto& column : oldest->samples.columns) {
      stats_.dropped_values += static_cast<std::uint64_t>(
          std::count_if(column.values.begin(), column.values.end(), [](std::int64_t value) {
            return value != no_value;
          }));
    }
    bytes_ -= std::min(bytes_, oldest->bytes());
    largest->drop(*oldest);
    if (memory_pace_.is_due()) {
      log::error("telemetry",
                 "samples are given up: too many wait for the database",
                 {{"bytes", settings_.most_bytes}});
    }
  }
}

asio::awaitable<void> Series::delete_old() {
  const auto now = clock_.now();
  co_await delete_before(now - settings_.raw, now - settings_.minute, now - settings_.quarter);
}

asio::awaitable<void> Series::delete_before(Time moment) {
  const auto now = clock_.now();
  co_await delete_before(std::max(moment, now - settings_.raw),
                         std::max(moment, now - settings_.minute),
                         std::max(moment, now - settings_.quarter));
}

asio::awaitable<void> Series::delete_before(Time raw, Time minute, Time quarter) {
  storage::SeriesKeep keep;
  keep.from_ms = {to_ms(raw) - raw_tier.block_ms,
                  to_ms(minute) - minute_tier.block_ms,
                  to_ms(quarter) - quarter_tier.block_ms};
  keep.watches_from_ms = keep.from_ms.back();
  const auto blocks = co_await store_.delete_old(std::move(keep));
  if (blocks > 0) log::debug("telemetry", "old blocks of series deleted", {{"blocks", blocks}});
}

SeriesStats Series::stats() const {
  const std::lock_guard lock{mutex_};
  auto stats = stats_;
  stats.open_bytes = bytes_;
  for (const auto& [host, series] : hosts_) stats.open_spans += series.spans().size();
  return stats;
}

}  // namespace portoser::telemetry
