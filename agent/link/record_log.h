/// Numbered records in a folder of segment files, oldest first: what the spool and the backlog are
/// made of. Reads from disk, never more than one record at a time. One thread.
///
/// A record is `[u32 length][u32 crc32c][u64 number][payload]`, little-endian; the checksum covers
/// length, number and payload. A segment is named after a number that is not above its first
/// record. A torn tail is cut off when the folder is opened; bytes that are no record are skipped
/// at reading, with a warning, and counted.
#pragma once

#include "common/file.h"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace portoser::agent::link {

struct Record {
  std::int64_t number = 0;
  std::string payload;
};

class RecordLog {
 public:
  /// Where to read on. Stays valid while older segments are dropped, but not after `clear`.
  struct Position {
    std::int64_t segment = 0;
    std::uint64_t offset = 0;
    std::int64_t after = 0;  ///< number of the record before it
  };

  static constexpr std::size_t payload_limit = std::size_t{2} << 20U;

  /// Creates the folder when it is missing. Cannot: `Error{internal}`.
  RecordLog(std::filesystem::path folder, std::size_t segment_bytes);

  /// `number` must be above every number before it. False: the disk does not take it (`failure()`
  /// says why) and everything is as it was.
  bool append(std::int64_t number, std::string_view payload);
  [[nodiscard]] const std::string& failure() const { return failure_; }

  [[nodiscard]] Position begin() const;
  /// The next record from `position`, which moves behind it; nullopt at the end.
  std::optional<Record> read(Position& position);

  /// Deletes every segment that lies wholly before `position`.
  void drop_before(const Position& position);
  /// Deletes the oldest segment and says how many records from `position` on were in it.
  std::int64_t drop_oldest(const Position& position);
  /// Forgets everything.
  void clear();

  [[nodiscard]] std::int64_t last_number() const { return last_number_; }  ///< 0: none is known
  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }
  [[nodiscard]] std::size_t segments() const { return segments_.size(); }
  /// The number that the segment is named after; `index` 0 is the oldest.
  [[nodiscard]] std::int64_t segment_number(std::size_t index) const {
    return segments_[index].number;
  }
  [[nodiscard]] std::int64_t corrupt() const { return corrupt_; }  ///< stretches that were skipped

  /// The file that is written to; -1 while there is none.
  [[nodiscard]] int descriptor() const { return active_.get(); }
  [[nodiscard]] const std::filesystem::path& folder() const { return folder_; }

 private:
  struct Segment {
    std::int64_t number = 0;
    std::uint64_t bytes = 0;
  };

  [[nodiscard]] std::filesystem::path path_of(std::int64_t segment) const;
  void find_segments();
  void recover_last_segment();
  bool open_active();
  [[nodiscard]] bool needs_segment(std::int64_t number, std::size_t bytes) const;
  bool start_segment(std::int64_t number);
  int reader_of(std::int64_t segment);
  void skipped(std::int64_t segment, std::uint64_t offset, std::uint64_t bytes);
  void forget_front();

  std::filesystem::path folder_;
  std::size_t segment_bytes_;
  std::deque<Segment> segments_;
  Descriptor active_;  ///< of the newest segment
  Descriptor reader_;
  std::int64_t reader_segment_ = -1;
  std::int64_t last_number_ = 0;
  std::uint64_t bytes_ = 0;
  std::int64_t corrupt_ = 0;
  std::pair<std::int64_t, std::uint64_t> furthest_skipped_{-1, 0};
  std::string failure_;
};

}  // namespace portoser::agent::link
