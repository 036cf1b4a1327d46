// What is asked of series: the blocks of one tier, and what memory holds beyond them.
#include "controller/telemetry/series.h"

#include <algorithm>
#include <set>

namespace portoser::telemetry {
namespace {

/// The finest tier that reaches back so far.
const SeriesTier& tier_for(const SeriesSettings& settings,
                           std::int64_t from_ms,
                           std::int64_t step_ms,
                           std::int64_t now_ms) {
  // Blocks are deleted no sooner than a span after their time.
  const auto reaches = [&](std::chrono::hours keep) {
    return from_ms >= now_ms - to_ms(keep) - span_ms;
  };
  if (step_ms < minute_tier.step_ms && reaches(settings.raw)) return raw_tier;
  if (step_ms < quarter_tier.step_ms && reaches(settings.minute)) return minute_tier;
  return quarter_tier;
}

/// Adds up what falls into each step, for the keys that were asked.
class Collector {
 public:
  Collector(const std::vector<SeriesKey>& keys,
            std::int64_t from_ms,
            std::int64_t to_ms,
            std::int64_t step_ms)
      : keys_(keys), from_ms_(from_ms), to_ms_(to_ms), step_ms_(step_ms) {
    const auto steps = (to_ms - from_ms + step_ms - 1) / step_ms;
    sums_.assign(keys.size(),
                 std::vector<Bucket>(static_cast<std::size_t>(std::max<std::int64_t>(steps, 0))));
  }

  void add(const RawBlock& block) {
    for (std::size_t k = 0; k < keys_.size(); ++k) {
      const auto* values = block.find(keys_[k]);
      if (values == nullptr) continue;
      for (std::size_t i = 0; i < values->size(); ++i) {
        const auto time = block.times_ms[i];
        if ((*values)[i] == no_value || time < from_ms_ || time >= to_ms_) continue;
        at(k, time).add((*values)[i]);
      }
    }
  }
  void add(const BucketBlock& block) {
    for (std::size_t k = 0; k < keys_.size(); ++k) {
      const auto* values = block.find(keys_[k]);
      if (values == nullptr) continue;
      for (std::size_t i = 0; i < values->size(); ++i) {
        const auto time = block.start_ms + block.step_ms * static_cast<std::int64_t>(i);
        if (time < from_ms_ || time >= to_ms_) continue;
        at(k, time).add((*values)[i]);
      }
    }
  }

  [[nodiscard]] std::vector<std::vector<std::optional<SeriesPoint>>> points() const {
    std::vector<std::vector<std::optional<SeriesPoint>>> all;
    for (std::size_t k = 0; k < keys_.size(); ++k) {
      const auto scale = static_cast<double>(scale_of(keys_[k].metric));
      auto& points = all.emplace_back();
      points.reserve(sums_[k].size());
      for (const auto& sum : sums_[k]) {
        if (sum.count == 0) {
          points.emplace_back();
          continue;
        }
        SeriesPoint point;
        point.mean = static_cast<double>(sum.sum) / static_cast<double>(sum.count) / scale;
        point.min = static_cast<double>(sum.min) / scale;
        point.max = static_cast<double>(sum.max) / scale;
        point.count = sum.count;
        points.emplace_back(point);
      }
    }
    return all;
  }

 private:
  Bucket& at(std::size_t key, std::int64_t time) {
    return sums_[key][static_cast<std::size_t>((time - from_ms_) / step_ms_)];
  }

  const std::vector<SeriesKey>& keys_;
  std::int64_t from_ms_;
  std::int64_t to_ms_;
  std::int64_t step_ms_;
  std::vector<std::vector<Bucket>> sums_;
};

/// The service of all of them, so that the others' columns need not be decoded.
std::optional<std::string> common_service(const std::vector<SeriesKey>& keys) {
  if (keys.empty()) return std::nullopt;
  const auto& service = keys.front().service;
  const bool is_common = std::all_of(
      keys.begin(), keys.end(), [&](const SeriesKey& key) { return key.service == service; });
  return is_common ? std::optional{service} : std::nullopt;
}

}  // namespace

asio::awaitable<SeriesWindow> Series::read(SeriesQuery query) {
  co_await await_restored();
  const auto now_ms = to_ms(clock_.now());
  auto step_ms = std::max<std::int64_t>(query.step.count(), 1);
  const auto& tier = tier_for(settings_, to_ms(query.from), step_ms, now_ms);
  if (tier.step_ms > 0) {
    step_ms = std::max<std::int64_t>(step_ms - step_ms % tier.step_ms, tier.step_ms);
  }
  const auto from_ms = floor_to(to_ms(query.from), step_ms);
  const auto until_ms = to_ms(query.to);
  Collector collector{query.keys, from_ms, until_ms, step_ms};

  // Memory first: what is sealed meanwhile is then found in both, and its seal says so.
  struct Held {
    std::shared_ptr<const Span> span;
    std::vector<std::shared_ptr<const std::string>> packed;
    RawBlock newest;
  };
  std::vector<Held> held;
  {
    const std::lock_guard lock{mutex_};
    if (const auto found = hosts_.find(query.host); found != hosts_.end()) {
      for (const auto& span : found->second.spans()) {
        if (span->start_ms >= until_ms || span->start_ms + span_ms <= from_ms) continue;
        Held one{span, span->packed, {}};
        one.newest.times_ms = span->newest.times_ms;
        for (const auto& column : span->newest.columns) {
          const bool is_asked =
              std::find(query.keys.begin(), query.keys.end(), column.key) != query.keys.end();
          if (is_asked) one.newest.columns.push_back(column);
        }
        held.push_back(std::move(one));
      }
    }
  }
  std::vector<storage::BlockRange> ranges(1);
  ranges[0].host = query.host;
  ranges[0].tier = tier.number;
  ranges[0].from_ms = floor_to(from_ms, tier.block_ms);
  ranges[0].to_ms = until_ms;
  const auto stored = co_await store_.read(std::move(ranges));

  const auto service = common_service(query.keys);
  for (const auto& block : stored.blocks) {
    try {
      if (tier.number == raw_tier.number) {
        collector.add(decode_raw(block.data, service));
      } else {
        const auto buckets = decode_buckets(block.data, service);
        buckets.require_frame(tier, block.start_ms);
        collector.add(buckets);
      }
    } catch (const Error& error) {
      const std::lock_guard lock{mutex_};
      damaged(query.host, error);
    }
  }
  {
    const std::lock_guard lock{mutex_};  // guards the seals
    std::erase_if(held, [&](const Held& one) {
      return one.span->seal != 0 && one.span->seal <= stored.last_seal;
    });
  }
  for (const auto& one : held) {
    for (const auto& piece : one.packed) collector.add(decode_raw(*piece, service));
    collector.add(one.newest);
  }
  SeriesWindow window;
  window.from = Time{std::chrono::milliseconds{from_ms}};
  window.step = std::chrono::milliseconds{step_ms};
  window.points = collector.points();
  co_return window;
}

asio::awaitable<std::vector<storage::ServiceWatch>> Series::watches(std::string host,
                                                                    std::string service,
                                                                    Time from) {
  co_await await_restored();
  const auto from_ms = to_ms(from);
  struct Held {
    std::shared_ptr<const Span> span;
    std::vector<storage::ServiceWatch> watches;
  };
  std::vector<Held> held;
  std::shared_ptr<const JoinHistory> joins;
  {
    const std::lock_guard lock{mutex_};
    joins = joins_;
    for (const auto& [name, series] : hosts_) {
      if (!host.empty() && name != host) continue;
      for (const auto& span : series.spans()) {
        if (span->start_ms + span_ms <= from_ms) continue;
        held.push_back({span, span->watches(name, *joins)});
      }
    }
  }
  auto stored = co_await store_.watches(host, service, from_ms);
  auto watches = std::move(stored.watches);
  {
    const std::lock_guard lock{mutex_};
    for (auto& one : held) {
      if (one.span->seal != 0 && one.span->seal <= stored.last_seal) continue;
      for (auto& watch : one.watches) {
        if (service.empty() || watch.service == service) watches.push_back(std::move(watch));
      }
    }
  }
  co_return joined(std::move(watches), *joins);
}

std::vector<SeriesKey> Series::keys(const std::string& host) const {
  std::set<SeriesKey> keys;
  const std::lock_guard lock{mutex_};
  if (const auto found = hosts_.find(host); found != hosts_.end()) {
    for (const auto& span : found->second.spans()) {
      for (const auto& column : span->newest.columns) keys.insert(column.key);
    }
  }
  return {keys.begin(), keys.end()};
}

}  // namespace portoser::telemetry
