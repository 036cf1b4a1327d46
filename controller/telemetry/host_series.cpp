#include "controller/telemetry/host_series.h"

#include <algorithm>

namespace portoser::telemetry {
namespace {

/// Longer ones name nothing that a person could read.
constexpr std::size_t longest_name = 200;

bool is_key(const SeriesKey& key, const SampleValue& value) {
  return key.metric == value.metric && key.service == value.service && key.subject == value.subject;
}

bool comes_before(const SeriesKey& key, const SampleValue& value) {
  if (const auto order = key.service.compare(value.service); order != 0) return order < 0;
  if (key.metric != value.metric) return key.metric < value.metric;
  return key.subject.compare(value.subject) < 0;
}

}  // namespace

bool HostSeries::take(const std::string& boot_id, std::int64_t number) {
  constexpr std::size_t longest_boot_id = 64;
  constexpr auto highest = std::int64_t{1} << 62U;
  if (boot_id.size() > longest_boot_id || number < 0 || number > highest) return false;
  return number == 0 || seen_.add(boot_id, number);
}

/// Null: the host has too many.
Span* HostSeries::open_span(std::int64_t start_ms, std::int64_t log_id, Uptime now) {
  for (auto span = spans_.rbegin(); span != spans_.rend(); ++span) {
    if ((*span)->start_ms == start_ms && (*span)->seal == 0) return span->get();
  }
  if (spans_.size() >= most_spans) return nullptr;
  auto& span = *spans_.emplace_back(std::make_shared<Span>());
  span.start_ms = start_ms;
  span.first_log_id = log_id;
  span.opened = now;
  return &span;
}

std::size_t HostSeries::add(const SampleRecord& record,
                            std::int64_t log_id,
                            Uptime now,
                            const JoinHistory& joins) {
  if (record.values.empty()) return 0;
  auto* span = open_span(floor_to(record.time_ms, span_ms), log_id, now);
  if (span == nullptr) return 0;
  const auto before = span->bytes();
  const auto added = append(*span, record);
  if (added == 0) return 0;
  ++span->rows;
  span->values += added;
  span->pack_some(joins);
  bytes_ = bytes_ + span->bytes() - before;
  span->touched = now;
  if (record.number != 0) span->numbers.add(record.boot_id, record.number);
  return added;
}

std::size_t HostSeries::append(Span& span, const SampleRecord& record) {
  auto& block = span.newest;
  const auto unpacked = (span.rows + 1) * (block.columns.size() + 1) * sizeof(std::int64_t);
  if (span.rows >= most_samples || bytes_ > most_bytes_of_a_host ||
      unpacked > most_bytes_of_a_host) {
    return 0;
  }
  const auto place = std::upper_bound(block.times_ms.begin(), block.times_ms.end(), record.time_ms);
  const auto row = place - block.times_ms.begin();
  block.times_ms.insert(place, record.time_ms);
  for (auto& column : block.columns) column.values.insert(column.values.begin() + row, no_value);
  layout_.resize(record.values.size());
  std::size_t added = 0;
  for (std::size_t i = 0; i < record.values.size(); ++i) {
    const auto& value = record.values[i];
    auto index = layout_[i];
    // Samples of a host look alike: the column is where it was for the sample before.
    if (index >= block.columns.size() || !is_key(block.columns[index].key, value)) {
      const auto found = std::lower_bound(
          block.columns.begin(), block.columns.end(), value, [](const auto& column, const auto& v) {
            return comes_before(column.key, v);
          });
      index = static_cast<std::size_t>(found - block.columns.begin());
      if (found == block.columns.end() || !is_key(found->key, value)) {
        if (block.columns.size() >= most_series || value.service.size() > longest_name ||
            value.subject.size() > longest_name) {
          continue;
        }
        SeriesKey key{std::string{value.service}, value.metric, std::string{value.subject}};
        block.columns.insert(
            found, {std::move(key), std::vector<std::int64_t>(block.times_ms.size(), no_value)});
      }
      layout_[i] = index;
    }
    auto& slot = block.columns[index].values[static_cast<std::size_t>(row)];
    if (slot == no_value) ++added;
    slot = value.value;
  }
  if (added == 0) {
    block.times_ms.erase(block.times_ms.begin() + row);
    for (auto& column : block.columns) column.values.erase(column.values.begin() + row);
  }
  return added;
}

void HostSeries::drop(const Span& span) {
  bytes_ -= std::min(bytes_, span.bytes());
  std::erase_if(spans_, [&](const std::shared_ptr<Span>& one) { return one.get() == &span; });
}

std::shared_ptr<const protocol::Sample> HostSeries::before(const protocol::Sample& sample) const {
  std::shared_ptr<const protocol::Sample> nearest;
  for (const auto& candidate : {newest_, newest_late_}) {
    if (!candidate || candidate->when.boot_id != sample.when.boot_id ||
        candidate->when.uptime_ns >= sample.when.uptime_ns) {
      continue;
    }
    if (!nearest || nearest->when.uptime_ns < candidate->when.uptime_ns) nearest = candidate;
  }
  return nearest;
}

void HostSeries::remember(std::shared_ptr<const protocol::Sample> sample) {
  const bool is_newest = !newest_ || newest_->when.boot_id != sample->when.boot_id
                             ? !newest_ || newest_->when.wall_us <= sample->when.wall_us
                             : newest_->when.uptime_ns <= sample->when.uptime_ns;
  (is_newest ? newest_ : newest_late_) = std::move(sample);
}

}  // namespace portoser::telemetry
