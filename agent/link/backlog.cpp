#include "agent/link/backlog.h"

#include "common/log.h"

#include <algorithm>

namespace portoser::agent::link {
namespace {

constexpr std::chrono::seconds settles_after{10};
constexpr std::chrono::seconds mark_spacing{1};
constexpr std::chrono::nanoseconds recent{std::chrono::seconds{60}};

}  // namespace

Backlog::Backlog(std::filesystem::path folder, const Clock& clock, BacklogLimits limits)
    : clock_(clock),
      limits_(limits),
      log_(std::move(folder), limits.segment_bytes),
      zero_us_((log_.last_number() > 0 ? log_.last_number() : to_unix_us(clock.now())) -
               clock.uptime().count() / 1000),
      reader_(log_.begin()),
      is_drained_(log_.segments() == 0) {}

void Backlog::keep(std::string_view sample) {
  const auto now = now_us();
  const auto is_over = [&] {
    const bool is_too_old =
        log_.segments() > 1 && log_.segment_number(1) < now - limits_.age.count();
    return is_too_old ||
           (log_.segments() > 0 && log_.bytes() + sample.size() > limits_.total_bytes);
  };
  while (is_over()) {
    drop_oldest();
  }
  if (log_.append(std::max(now, log_.last_number() + 1), sample)) {
    is_drained_ = false;
    return;
  }
  ++lost_;
  if (!lost_pace_.is_due()) return;
  log::warn("link",
            "samples lost: the disk does not take them",
            {{"reason", log_.failure()}, {"lost_so_far", lost_}});
}

void Backlog::drop_oldest() {
  const auto lost = log_.drop_oldest(reader_);
  if (lost > 0) {
    lost_ += lost;
    log::warn("link",
              "oldest samples dropped: the backlog has reached its limit",
              {{"folder", log_.folder().string()}});
  }
}

std::optional<std::string> Backlog::next(Instant now) {
  if (is_drained_) return std::nullopt;
  if (marks_.empty() || now - marks_.back().when >= mark_spacing) {
    marks_.push_back({now, reader_});
  }
  auto record = log_.read(reader_);
  if (!record) {
    is_drained_ = true;
    return std::nullopt;
  }
  return std::move(record->payload);
}

void Backlog::settle(Instant now) {
  if (marks_.empty()) return;
  // A mark is over when the next one is old enough: what was handed over in between is then, too.
  while (marks_.size() > 1 && now - marks_[1].when >= settles_after) {
    marks_.pop_front();
  }
  if (is_drained_ && now - marks_.back().when >= settles_after + mark_spacing) {
    marks_.clear();
    log_.clear();
    reader_ = log_.begin();
    return;
  }
  log_.drop_before(marks_.front().position);
}

void Backlog::rewind() {
  if (marks_.empty()) return;
  reader_ = marks_.front().position;
  marks_.clear();
  is_drained_ = false;
}

void RecentSamples::keep(Entry entry) {
  while (!entries_.empty() && (entries_.front().boot_id != entry.boot_id ||
                               entry.uptime_ns - entries_.front().uptime_ns > recent.count())) {
    entries_.pop_front();
  }
  entries_.push_back(std::move(entry));
}

std::vector<RecentSamples::Entry> RecentSamples::later_than(const std::string& boot_id,
                                                            std::int64_t uptime_ns) const {
  std::vector<Entry> later;
  for (const auto& entry : entries_) {
    if (entry.boot_id != boot_id || entry.uptime_ns > uptime_ns) later.push_back(entry);
  }
  return later;
}

}  // namespace portoser::agent::link
