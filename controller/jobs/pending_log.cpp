#include "controller/jobs/pending_log.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace portoser::jobs {

void PendingLog::push(storage::JobLogLine line) {
  lines_.push_back(std::move(line));
  drop_beyond(is_refused_ ? most_lines - batch_lines : most_between_writes);
}

void PendingLog::refused() {
  is_refused_ = true;
  drop_beyond(most_lines - batch_lines);
}

void PendingLog::drop_beyond(std::size_t most) {
  while (lines_.size() + (lost_ ? 1 : 0) > most) {
    const auto& oldest = lines_.front();
    if (!lost_) lost_ = Lost{oldest.number, oldest.number, oldest.time};
    lost_->last = oldest.number;
    lost_->time = oldest.time;
    lines_.pop_front();
  }
}

bool PendingLog::has_before(std::int64_t number) const {
  return lost_ ? lost_->last < number : !lines_.empty() && lines_.front().number < number;
}

std::vector<storage::JobLogLine> PendingLog::batch() const {
  std::vector<storage::JobLogLine> lines;
  if (lost_) lines.push_back(line_about_lost());
  const auto more = std::min(batch_lines - lines.size(), lines_.size());
  lines.insert(lines.end(), lines_.begin(), lines_.begin() + static_cast<std::ptrdiff_t>(more));
  return lines;
}

void PendingLog::written(std::int64_t number) {
  is_refused_ = false;
  while (!lines_.empty() && lines_.front().number <= number) lines_.pop_front();
  if (!lost_) return;
  // Some may have been dropped here while they were written there.
  lost_->first = std::max(lost_->first, number + 1);
  if (lost_->first > lost_->last) lost_.reset();
}

std::int64_t PendingLog::tool_lines_behind(std::int64_t number) const {
  return std::count_if(lines_.begin(), lines_.end(), [number](const auto& line) {
    return line.number > number && line.step != own_step;
  });
}

storage::JobLogLine PendingLog::line_about_lost() const {
  const auto count = lost_->last - lost_->first + 1;
  return {lost_->last,
          lost_->time,
          std::string{own_step},
          fmt::format("{} lost, up to number {}: the database could not keep up",
                      count == 1 ? "1 line was" : fmt::format("{} lines were", count),
                      lost_->last)};
}

}  // namespace portoser::jobs
