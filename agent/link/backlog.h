/// Samples that could not be sent: a bounded ring of files, read back in order once the controller
/// is there again. And the newest of those that were sent, because what was on its way when a
/// connection broke may never have arrived. Both live on the link's thread.
///
/// For how long is counted in heartbeats. A connection is given up when it leaves one unanswered
/// for three of them, so what was sent in three may lie on its way when a cable breaks, and that it
/// broke is seen within four more. `LinkSettings::set_pace` keeps both for these seven.
#pragma once

#include "agent/link/record_log.h"
#include "common/clock.h"
#include "common/pace.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace portoser::agent::link {

struct BacklogLimits {
  std::size_t total_bytes = std::size_t{256} << 20U;
  std::size_t segment_bytes = std::size_t{4} << 20U;
  std::chrono::microseconds age = std::chrono::hours{24};
  /// What was handed over so long ago has arrived, or the connection would have failed by now.
  std::chrono::milliseconds settles_after = std::chrono::seconds{35};
};

/// Not flushed: a host that loses power may lose the newest samples. A sample may be handed over
/// twice: after a lost connection, and after a restart of the agent in the middle of a file.
class Backlog {
 public:
  using Instant = std::chrono::steady_clock::time_point;

  /// Cannot make or list the folder: `Error{internal}`.
  Backlog(std::filesystem::path folder, const Clock& clock, BacklogLimits limits = {});

  /// Keeps an encoded sample. Over a limit the oldest file goes; a disk that takes nothing loses
  /// it.
  void keep(std::string_view sample);
  [[nodiscard]] bool is_empty() const { return is_drained_; }

  /// Hands over the oldest sample that was not yet handed over.
  std::optional<std::string> next(Instant now);
  /// Deletes what was handed over longer than `settles_after` ago.
  void settle(Instant now);
  /// The connection is lost: what was handed over lately and not settled comes again.
  void rewind();

  [[nodiscard]] std::uint64_t bytes() const { return log_.bytes(); }
  [[nodiscard]] std::int64_t lost() const { return lost_; }
  [[nodiscard]] std::int64_t corrupt() const { return log_.corrupt(); }

 private:
  /// Where reading stood at a moment; the samples behind it were handed over later.
  struct Mark {
    Instant when;
    RecordLog::Position position;
  };
  void drop_oldest();
  /// The time that agents lived with this backlog: it goes on where the newest record left off, led
  /// on by the uptime. A host that learns the true time, or whose clock was set while no agent ran,
  /// is not to throw away what it keeps. It begins as the wall clock of the first record.
  [[nodiscard]] std::int64_t now_us() const { return zero_us_ + clock_.uptime().count() / 1000; }

  const Clock& clock_;
  BacklogLimits limits_;
  RecordLog log_;         ///< numbered by `now_us`, made strictly increasing
  std::int64_t zero_us_;  ///< `now_us` less uptime
  RecordLog::Position reader_;
  bool is_drained_;
  std::deque<Mark> marks_;
  std::int64_t lost_ = 0;
  Pace lost_pace_;
};

struct RecentLimits {
  /// Since it was sent first.
  std::chrono::milliseconds age = std::chrono::seconds{60};
  /// Since it was sent again. Not as long as the first time: whoever loses connections or
  /// controllers more often than that would send ever more again.
  std::chrono::milliseconds repeated_for = std::chrono::seconds{35};
  /// Over it the oldest go, however lately they were sent; the newest stays.
  std::size_t bytes = std::size_t{4} << 20U;
};

class RecentSamples {
 public:
  using Instant = std::chrono::steady_clock::time_point;

  struct Entry {
    std::string boot_id;
    std::int64_t uptime_ns = 0;
    std::string bytes;
  };

  explicit RecentSamples(RecentLimits limits = {}) : limits_(limits) {}

  /// Of one that was sent just now, when none is to be sent again. Forgets what is over a limit.
  void keep(Entry entry, Instant now);

  /// A new connection: what is later than the newest that the controller has is to be sent again;
  /// all of it when that one is of another boot.
  void repeat_later_than(const std::string& boot_id, std::int64_t uptime_ns);
  /// The oldest that is to be sent again; null: none. Valid until the next call of another.
  [[nodiscard]] const std::string* next_again() const;
  /// That one was sent.
  void sent_again(Instant now);

 private:
  struct Sent {
    Entry entry;
    Instant first;
    Instant last;  ///< how long the agent was away since says nothing of whether it arrived
  };
  RecentLimits limits_;
  std::deque<Sent> sent_;  ///< in the order of their uptimes
  std::size_t bytes_ = 0;
  std::size_t again_ = 0;  ///< how many at the end of `sent_` are to be sent again
};

}  // namespace portoser::agent::link
