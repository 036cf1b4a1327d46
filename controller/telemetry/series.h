/// Series of every host and its services: each sample at its own time, also one that comes late;
/// kept as it came for some hours, as a bucket a minute for some days, as a bucket a quarter of an
/// hour for long.
///
/// A sample goes into memory and, within a second, into a log in the database. When a quarter of an
/// hour is over, its samples are sealed: merged into the blocks of all three tiers, in one
/// transaction. So a controller that is killed loses a second, and agents tell the last minute
/// again.
///
/// `start`, `restore`, `run`, `stop` and `measured` belong to the core's executor; the rest is for
/// any thread.
#pragma once

#include "common/clock.h"
#include "common/error.h"
#include "common/pace.h"
#include "common/tasks.h"
#include "controller/storage/age_guard.h"
#include "controller/storage/series_store.h"
#include "controller/telemetry/host_series.h"
#include "controller/telemetry/live.h"
#include "controller/telemetry/sample_tap.h"
#include "controller/telemetry/watches.h"

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace portoser::telemetry {

struct SeriesSettings {
  std::chrono::hours raw{2};         ///< samples as they came
  std::chrono::hours minute{48};     ///< a bucket a minute
  std::chrono::hours quarter{9600};  ///< a bucket a quarter of an hour: 400 days
  /// Samples that wait to be sealed; over it, where the disk takes nothing, those of the largest
  /// host are given up, the oldest first.
  std::size_t most_bytes = std::size_t{256} << 20U;
  /// A service is watched through a silence of its host that is no longer than this.
  std::int64_t join_ms = default_join_ms;
};

/// A value in the metric's own unit.
struct SeriesPoint {
  double mean = 0;
  double min = 0;
  double max = 0;
  std::int64_t count = 0;  ///< samples in it
};

struct SeriesQuery {
  std::string host;
  std::vector<SeriesKey> keys;
  Time from;  ///< rounded down to a multiple of `step` since 1970
  Time to;
  std::chrono::milliseconds step{60'000};  ///< raised to what the tier of `from` has
};

struct SeriesWindow {
  Time from;
  std::chrono::milliseconds step{};
  /// By key as they were asked; each has one entry a step, nothing where nothing was measured.
  std::vector<std::vector<std::optional<SeriesPoint>>> points;
};

struct SeriesStats {
  std::uint64_t samples = 0;  ///< taken since the start
  std::uint64_t values = 0;
  std::uint64_t repeated = 0;  ///< samples that were there already
  std::uint64_t dropped_values = 0;
  std::uint64_t sealed_spans = 0;
  std::uint64_t failures = 0;        ///< writes that the database refused; they are tried again
  std::uint64_t damaged_blocks = 0;  ///< that were read or replaced
  std::size_t open_bytes = 0;        ///< of samples in memory
  std::size_t open_spans = 0;
};

class Series : public LiveListener {
 public:
  Series(storage::Database& database, const Clock& clock, SeriesSettings settings = {});

  /// Before `start`. It must outlive this.
  void set_tap(SampleTap& tap) { tap_ = &tap; }
  /// Stores what the tap has to send beside samples, with the next of those.
  void log_outgoing(const std::string& host, storage::OutgoingSample outgoing);

  /// Reads how far an earlier controller came. Before the first `measured`.
  asio::awaitable<void> start();
  /// Reads what that logged and did not seal; with thousands of hosts this takes seconds. What is
  /// measured meanwhile waits. Goes on where it was if it is called again after an error, and does
  /// nothing once it is done.
  asio::awaitable<void> restore();
  /// Restores, then logs, seals and deletes, until it is cancelled.
  asio::awaitable<void> run();
  /// Logs what waits; a database that takes nothing loses it, except for what agents tell again.
  asio::awaitable<void> stop();

  void measured(const std::string& host,
                Time when,
                const std::shared_ptr<const protocol::Sample>& sample) override;

  /// What is stored and what is in memory, each sample once; a damaged block is a gap.
  /// `Error{unavailable}` as of `Database`, and while `restore` takes long.
  asio::awaitable<SeriesWindow> read(SeriesQuery query);
  /// The series that a host has in memory: those of its last quarter of an hour.
  [[nodiscard]] std::vector<SeriesKey> keys(const std::string& host) const;
  /// From when to when it was known whether services ran, as far as that reaches beyond `from`; by
  /// host, service and start. Empty names: all.
  asio::awaitable<std::vector<storage::ServiceWatch>> watches(std::string host,
                                                              std::string service,
                                                              Time from);
  /// The longest silence through which a service is watched now.
  [[nodiscard]] std::int64_t join_ms() const;
  /// The present one and those of the past. Any thread.
  void set_joins(JoinHistory joins);
  [[nodiscard]] SeriesStats stats() const;

  /// Logs what waits. Any thread.
  asio::awaitable<void> write_log();
  /// Deletes blocks that lie wholly before it; what uptime needs stays. Any thread.
  asio::awaitable<void> delete_before(Time moment);

  // What `run` does beside that, for tests.
  /// As `restore`, for a minute; then the log counts as lost and what is measured is taken.
  asio::awaitable<void> restore_or_give_up();
  /// Seals spans that are over; with `all` every one. False: nothing was due.
  asio::awaitable<bool> seal_some(bool all = false);
  asio::awaitable<void> delete_old();

 private:
  asio::awaitable<void> delete_blocks(Time raw, Time minute, Time quarter);
  struct Due {
    std::string host;
    std::shared_ptr<Span> span;
  };
  std::vector<Due> take_due(bool all);
  [[nodiscard]] bool is_due(const std::string& host, const Span& span) const;
  storage::Seal make_seal(const std::vector<Due>& due,
                          std::map<std::string, SampleNumbers>& sealed) const;
  void settle(const std::vector<Due>& due, std::map<std::string, SampleNumbers> sealed);
  void restore_one(const storage::LoggedSample& row);
  /// With the lock held.
  void keep_until_restored(const std::string& host,
                           Time when,
                           const std::shared_ptr<const protocol::Sample>& sample);
  void take(const std::string& host,
            Time when,
            const std::shared_ptr<const protocol::Sample>& sample);
  asio::awaitable<void> take_early();
  [[nodiscard]] asio::awaitable<void> await_restored() const;
  void add_to_log(storage::LoggedSample row);
  void keep_within_memory();
  void damaged(const std::string& host, const Error& error);
  std::int64_t first_needed_log_id() const;

  storage::SeriesStore store_;
  storage::AgeGuard age_guard_;
  const Clock& clock_;
  const SeriesSettings settings_;
  SampleTap* tap_ = nullptr;  ///< null: nobody else wants samples
  mutable std::mutex mutex_;  // guards what follows; never held while waiting
  std::shared_ptr<const JoinHistory> joins_;
  std::map<std::string, HostSeries, std::less<>> hosts_;
  std::size_t bytes_ = 0;  ///< of all hosts
  std::deque<storage::LoggedSample> to_log_;
  std::size_t to_log_bytes_ = 0;
  std::int64_t next_log_id_ = 1;
  struct Early {
    std::string host;
    Time when;
    std::shared_ptr<const protocol::Sample> sample;
  };
  bool is_restored_ = false;
  std::int64_t restored_to_ = 0;  ///< id in the log
  std::deque<Early> early_;       ///< what was measured before it was restored
  std::size_t early_containers_ = 0;
  std::optional<Uptime> restore_until_;
  std::int64_t next_seal_ = 1;
  SeriesStats stats_;
  Pace damage_pace_;
  Pace memory_pace_;
};

}  // namespace portoser::telemetry
