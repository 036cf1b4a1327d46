/// The lines of a job's log that are not in the database yet. While it refuses them, and when far
/// too many come between two writes, the oldest go and one line of the controller's own says how
/// many were lost. Pure; on the jobs' executor.
#pragma once

#include "controller/storage/job_store.h"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string_view>
#include <vector>

namespace portoser::jobs {

/// The step under which the controller's own lines stand in a log.
inline constexpr std::string_view own_step = "controller";

class PendingLog {
 public:
  /// In memory while the database refuses, with the copies of those that are on their way to it.
  static constexpr std::size_t most_lines = 1000;
  /// In memory while it takes them: more than a tool prints between two writes.
  static constexpr std::size_t most_between_writes = 20'000;
  /// Written at once.
  static constexpr std::size_t batch_lines = 200;

  /// The numbers of lines follow each other without a gap.
  void push(storage::JobLogLine line);

  [[nodiscard]] bool empty() const { return !lost_ && lines_.empty(); }
  /// True while a line with a smaller number than this one waits.
  [[nodiscard]] bool has_before(std::int64_t number) const;

  /// The oldest, for writing; they stay until `written`. Only one batch may be under way.
  [[nodiscard]] std::vector<storage::JobLogLine> batch() const;
  /// The database took none of the last batch.
  void refused();
  /// Lines up to this number are in the database.
  void written(std::int64_t number);
  /// How many lines of the tools wait behind this number.
  [[nodiscard]] std::int64_t tool_lines_behind(std::int64_t number) const;

 private:
  /// What was dropped; nothing that was kept lies between.
  struct Lost {
    std::int64_t first = 0;
    std::int64_t last = 0;
    Time time;  ///< of the last
  };
  void drop_beyond(std::size_t most);
  [[nodiscard]] storage::JobLogLine line_about_lost() const;

  std::optional<Lost> lost_;
  std::deque<storage::JobLogLine> lines_;
  bool is_refused_ = false;
};

}  // namespace portoser::jobs
