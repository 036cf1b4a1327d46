/// The durable queue of events and results: a message stays until the controller acknowledged it,
/// over restarts of the agent and of the host. Lives on the link's thread.
///
/// `append` writes at once and flushes beside it (on a thread of its own), so that a message can be
/// sent before it is durable. A number may therefore have been sent although its record is lost
/// with the power; so that it is never used twice, numbers are reserved on disk in blocks ahead of
/// their use, and a start after a crash goes on behind the reservation. Gaps in the sequence are
/// normal. Where a full disk has no room for a new reservation, it is written over the old one.
#pragma once

#include "agent/link/flusher.h"
#include "agent/link/record_log.h"
#include "common/pace.h"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace portoser::agent::link {

struct SpoolLimits {
  std::size_t total_bytes = std::size_t{64} << 20U;  ///< over it the oldest are dropped
  std::size_t segment_bytes = std::size_t{1} << 20U;
  std::size_t memory_records = 1000;  ///< kept in memory while the disk takes nothing
};

class Spool {
 public:
  /// A folder without a spool gets a new epoch. Cannot make or list it: `Error{internal}`. A disk
  /// that is full is no error.
  explicit Spool(std::filesystem::path folder, SpoolLimits limits = {});
  ~Spool();

  /// Random; made with the folder.
  [[nodiscard]] const std::string& epoch() const { return epoch_; }
  /// The newest number that was ever used or reserved by a run that crashed; 0: none.
  [[nodiscard]] std::int64_t last_sequence() const { return next_ - 1; }
  /// Everything up to it is acknowledged.
  [[nodiscard]] std::int64_t acked_sequence() const { return acked_; }

  /// Gives the message its number; `build` makes its bytes from it (and may send them).
  std::int64_t append(const std::function<std::string(std::int64_t sequence)>& build);
  /// Drops everything up to `sequence`. False: another epoch, nothing happened.
  bool ack(std::string_view epoch, std::int64_t sequence);
  /// The oldest message behind `sequence` that is not acknowledged. Reading on from the one that
  /// was returned last is cheap.
  std::optional<Record> read_after(std::int64_t sequence);
  /// Tells when all that was appended and is not acknowledged is flushed: false, at once, where
  /// some of it is in memory alone.
  void tell_flushed(std::promise<bool> done);
  /// Writes what had to be kept in memory, if the disk takes it again.
  void retry_disk();

  [[nodiscard]] std::size_t in_memory() const { return memory_.size(); }
  [[nodiscard]] std::uint64_t bytes() const { return log_.bytes(); }
  [[nodiscard]] std::int64_t dropped() const { return dropped_; }  ///< by the limits
  [[nodiscard]] std::int64_t corrupt() const { return log_.corrupt(); }

 private:
  void open_head();
  void write_head(std::int64_t next) const;
  bool has_head();
  bool write(std::int64_t sequence, std::string_view payload);
  void make_room(std::size_t payload_bytes);
  void keep_in_memory(Record record);
  void drop_over_limit(std::int64_t records);
  void drop_from_memory();
  void say_disk_is_full();

  std::filesystem::path folder_;
  SpoolLimits limits_;
  RecordLog log_;
  std::string epoch_;
  std::int64_t next_ = 1;
  std::int64_t acked_ = 0;
  RecordLog::Position head_;    ///< before the first record that is not acknowledged
  RecordLog::Position reader_;  ///< behind the record `read_at_`
  std::int64_t read_at_ = -1;   ///< -1: `reader_` is not in use
  std::deque<Record> memory_;   ///< behind everything on disk
  std::int64_t dropped_ = 0;
  bool said_dropping_ = false;
  bool is_head_written_ = false;  ///< no record may lie on a disk without it
  bool said_full_ = false;        ///< and not yet that the disk takes events again
  Pace full_pace_;
  Pace memory_pace_;
  std::int64_t reserved_ = 0;  ///< asked for
  std::unique_ptr<Flusher> flusher_;
};

}  // namespace portoser::agent::link
