#include "agent/link/backlog.h"

#include "common/log.h"

#include <algorithm>

namespace portoser::agent::link {
namespace {

constexpr std::chrono::seconds mark_spacing{1};

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
  while (marks_.size() > 1 && now - marks_[1].when >= limits_.settles_after) {
    marks_.pop_front();
  }
  if (is_drained_ && now - marks_.back().when >= limits_.settles_after + mark_spacing) {
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

void RecentSamples::keep(Entry entry, Instant now) {
  bytes_ += entry.bytes.size();
  sent_.push_back({std::move(entry), now, now});
  const auto is_old = [&](const Sent& sent) {
    return now - sent.first > limits_.age && now - sent.last > limits_.repeated_for;
  };
  while (sent_.size() > 1 && (bytes_ > limits_.bytes || is_old(sent_.front()))) {
    bytes_ -= sent_.front().entry.bytes.size();
    sent_.pop_front();
  }
}

void RecentSamples::repeat_later_than(const std::string& boot_id, std::int64_t uptime_ns) {
  const auto first = std::find_if(sent_.begin(), sent_.end(), [&](const Sent& sent) {
    return sent.entry.boot_id != boot_id || sent.entry.uptime_ns > uptime_ns;
  });
  again_ = static_cast<std::size_t>(sent_.end() - first);
}

const std::string* RecentSamples::next_again() const {
  return again_ == 0 ? nullptr : &sent_[sent_.size() - again_].entry.bytes;
}

void RecentSamples::sent_again(Instant now) {
  sent_[sent_.size() - again_].last = now;
  --again_;
}

}  // namespace portoser::agent::link
