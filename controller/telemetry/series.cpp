#include "controller/telemetry/series.h"

#include "common/error.h"
#include "common/log.h"

#include <algorithm>
#include <functional>
#include <iterator>

namespace portoser::telemetry {
namespace {

/// In one transaction.
constexpr std::size_t spans_at_once = 64;
constexpr std::size_t most_logged_at_once = 5000;
/// Samples that wait to be logged while the database takes nothing; they are in memory besides.
constexpr std::size_t most_unlogged = 100'000;

BucketBlock fresh_block(const SeriesTier& tier, std::int64_t start_ms) {
  BucketBlock block;
  block.start_ms = start_ms;
  block.step_ms = tier.step_ms;
  block.buckets = static_cast<std::size_t>(tier.block_ms / tier.step_ms);
  return block;
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
  auto block = old ? decode_buckets(*old) : fresh_block(tier, start_ms);
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
      series.sealed = SampleNumbers::decode(host.sealed);
      series.know(series.sealed);
    }
  }
  std::int64_t last = 0;
  std::int64_t restored = 0;
  for (;;) {
    const auto rows = co_await store_.logged_after(last);
    if (rows.empty()) break;
    last = rows.back().id;
    const std::lock_guard lock{mutex_};
    for (const auto& row : rows) {
      const auto record = decode_sample(row.data);
      auto& host = hosts_[row.host];
      // What is sealed stays in the log until all of its time is.
      if (record.number != 0 && host.sealed.contains(record.boot_id, record.number)) continue;
      if (!host.take(record.boot_id, record.number)) continue;
      stats_.open_values += host.add(record, row.id, clock_.uptime());
      ++restored;
    }
  }
  if (restored > 0) log::info("telemetry", "samples restored", {{"samples", restored}});
}

asio::awaitable<void> Series::run() {
  constexpr std::chrono::seconds tick{1};
  constexpr std::chrono::minutes sweep{10};
  auto swept = clock_.uptime() - sweep;
  for (;;) {
    co_await pause(tick);
    try {
      co_await write_log();
      while (co_await seal_some()) {
      }
      if (clock_.uptime() - swept >= sweep) {
        swept = clock_.uptime();
        co_await delete_old();
      }
    } catch (const Error& error) {
      // The database says so itself. Everything is still in memory.
      log::debug("telemetry", "series wait for the database", {{"reason", error.what()}});
      const std::lock_guard lock{mutex_};
      ++stats_.failures;
    }
    keep_within_memory();
  }
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
  record.values = values_of(*sample, before.get());
  const auto added = series.add(record, next_log_id_, clock_.uptime());
  series.remember(sample);
  ++stats_.samples;
  stats_.values += added;
  stats_.open_values += added;
  stats_.dropped_values += record.values.size() - added;
  auto& row = to_log_.emplace_back();
  row.id = next_log_id_++;
  row.host = host;
  row.data = encode(record);
  if (to_log_.size() > most_unlogged) to_log_.pop_front();
}

asio::awaitable<void> Series::write_log() {
  for (;;) {
    std::vector<storage::LoggedSample> rows;
    {
      const std::lock_guard lock{mutex_};
      const auto count = std::min(to_log_.size(), most_logged_at_once);
      const auto end = to_log_.begin() + static_cast<std::ptrdiff_t>(count);
      rows.assign(std::make_move_iterator(to_log_.begin()), std::make_move_iterator(end));
      to_log_.erase(to_log_.begin(), end);
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
      while (to_log_.size() > most_unlogged) to_log_.pop_front();
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
    // Late ones come in a row: a span is sealed once, not a sample at a time.
    constexpr std::chrono::seconds quiet{10};
    return clock_.uptime() - span.touched >= quiet;
  }
  // A clock that was set back leaves spans of a time to come.
  return span.start_ms > now_ms + span_ms;
}

std::vector<Series::Due> Series::take_due(bool all) {
  std::vector<Due> due;
  for (const auto& [host, series] : hosts_) {
    for (const auto& span : series.spans()) {
      if (due.size() == spans_at_once) return due;
      if (span->seal == 0 && (all || is_due(host, *span))) {
        span->seal = next_seal_;
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
  const auto put = [&](const Due& one, const SeriesTier& tier, std::chrono::hours keep) {
    if (one.span->start_ms + span_ms <= now_ms - to_ms(keep)) return;
    blocks[{one.host, tier.number, floor_to(one.span->start_ms, tier.block_ms)}].push_back(
        one.span);
  };
  for (const auto& one : due) {
    put(one, raw_tier, settings_.raw);
    put(one, minute_tier, settings_.minute);
    put(one, quarter_tier, settings_.quarter);
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
    stats_.open_values -= one.span->values;
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
  const std::lock_guard lock{mutex_};
  while (stats_.open_values > settings_.most_values) {
    HostSeries* owner = nullptr;
    std::shared_ptr<Span> oldest;
    for (auto& [host, series] : hosts_) {
      for (const auto& span : series.spans()) {
        if (!oldest || span->start_ms < oldest->start_ms) {
          oldest = span;
          owner = &series;
        }
      }
    }
    if (!oldest) return;
    stats_.open_values -= oldest->values;
    stats_.dropped_values += oldest->values;
    owner->drop(*oldest);
    log::error("telemetry",
               "samples are given up: the database takes none",
               {{"values", static_cast<std::int64_t>(oldest->values)}});
  }
}

asio::awaitable<void> Series::delete_old() {
  const auto now_ms = to_ms(clock_.now());
  storage::SeriesKeep keep;
  keep.from_ms = {now_ms - to_ms(settings_.raw) - raw_tier.block_ms,
                  now_ms - to_ms(settings_.minute) - minute_tier.block_ms,
                  now_ms - to_ms(settings_.quarter) - quarter_tier.block_ms};
  keep.watches_from_ms = keep.from_ms.back();
  const auto blocks = co_await store_.delete_old(std::move(keep));
  if (blocks > 0) log::debug("telemetry", "old blocks of series deleted", {{"blocks", blocks}});
}

SeriesStats Series::stats() const {
  const std::lock_guard lock{mutex_};
  auto stats = stats_;
  for (const auto& [host, series] : hosts_) stats.open_spans += series.spans().size();
  return stats;
}

}  // namespace portoser::telemetry
