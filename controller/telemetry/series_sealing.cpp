// From samples in memory to blocks in the database.
#include "common/error.h"
#include "common/log.h"
#include "controller/telemetry/series.h"

#include <algorithm>
#include <functional>
#include <iterator>
#include <utility>

namespace portoser::telemetry {
namespace {

/// In one transaction: events that wait for their commit meanwhile must not wait long.
constexpr std::size_t spans_at_once = 64;
constexpr std::size_t columns_at_once = 1000;

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
  std::vector<RawBlock> pieces;
  for (const auto& span : spans) {
    span->for_each_piece([&](const RawBlock& piece) { pieces.push_back(piece); });
  }
  block.add(pieces);
  return encode(block);
}

std::string merged_buckets(const SeriesTier& tier,
                           std::int64_t start_ms,
                           const std::optional<std::string>& old,
                           const Spans& spans) {
  auto block = old ? decode_buckets(*old) : fresh_block(tier, start_ms);
  block.require_frame(tier, start_ms);
  for (const auto& span : spans) {
    span->for_each_piece([&](const RawBlock& piece) { block.add(piece); });
  }
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
        columns += span->newest.columns.size();
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
    auto found = one.span->watches(one.host, *joins_);
    std::move(found.begin(), found.end(), std::back_inserter(seal.watches));
  }
  seal.widest_join_ms = joins_->widest();
  seal.join_ms = [joins = joins_](std::int64_t from_ms, std::int64_t to_ms) {
    return joins->between(from_ms, to_ms);
  };
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
}  // namespace portoser::telemetry
