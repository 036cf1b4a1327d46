#include "agent/link/record_log.h"

#include "common/error.h"
#include "common/log.h"

#include <boost/crc.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>

namespace portoser::agent::link {
namespace {

constexpr std::size_t header_bytes = 16;
constexpr std::size_t scan_block = std::size_t{64} << 10U;
/// Numbers of neighbours in a file are never further apart; it lets a search for the next record
/// after damage dismiss nearly every place without computing a checksum.
constexpr std::int64_t widest_gap = std::int64_t{1} << 44U;

using Crc32c = boost::crc_optimal<32, 0x1EDC6F41, 0xFFFFFFFF, 0xFFFFFFFF, true, true>;

struct Header {
  std::uint32_t length = 0;
  std::uint32_t checksum = 0;
  std::int64_t number = 0;
};

struct Found {
  std::uint64_t offset = 0;
  Record record;
};

template <class Integer>
void put(std::string& out, Integer value) {
  for (std::size_t i = 0; i < sizeof(Integer); ++i) {
    out += static_cast<char>((static_cast<std::uint64_t>(value) >> (8 * i)) & 255U);
  }
}

template <class Integer>
Integer get(const char* bytes) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < sizeof(Integer); ++i) {
    value |= static_cast<std::uint64_t>(static_cast<unsigned char>(bytes[i])) << (8 * i);
  }
  return static_cast<Integer>(value);
}

Header parse_header(const char* bytes) {
  return {get<std::uint32_t>(bytes), get<std::uint32_t>(bytes + 4), get<std::int64_t>(bytes + 8)};
}

std::uint32_t checksum_of(std::int64_t number, std::string_view payload) {
  std::string head;
  put(head, static_cast<std::uint32_t>(payload.size()));
  put(head, number);
  Crc32c crc;
  crc.process_bytes(head.data(), head.size());
  crc.process_bytes(payload.data(), payload.size());
  return crc.checksum();
}

std::string record_bytes(std::int64_t number, std::string_view payload) {
  std::string out;
  out.reserve(header_bytes + payload.size());
  put(out, static_cast<std::uint32_t>(payload.size()));
  put(out, checksum_of(number, payload));
  put(out, number);
  out += payload;
  return out;
}

/// Fewer bytes than asked for: the file ends there.
std::string read_at(int file, std::uint64_t offset, std::size_t bytes) {
  std::string out(bytes, '\0');
  std::size_t filled = 0;
  while (filled < bytes) {
    const auto got =
        ::pread(file, out.data() + filled, bytes - filled, static_cast<off_t>(offset + filled));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    filled += static_cast<std::size_t>(got);
  }
  out.resize(filled);
  return out;
}

std::optional<Record> record_at(
    int file, std::uint64_t offset, std::uint64_t end, std::int64_t after, const Header& header) {
  const bool plausible = header.length > 0 && header.length <= RecordLog::payload_limit &&
                         offset + header_bytes + header.length <= end && header.number > after &&
                         header.number - after < widest_gap;
  if (!plausible) return std::nullopt;
  auto payload = read_at(file, offset + header_bytes, header.length);
  if (payload.size() != header.length || checksum_of(header.number, payload) != header.checksum) {
    return std::nullopt;
  }
  return Record{header.number, std::move(payload)};
}

/// The first whole record at or behind `offset`. Trusts no length: after damage it looks at every
/// place for the next one.
std::optional<Found> find_record(int file,
                                 std::uint64_t offset,
                                 std::uint64_t end,
                                 std::int64_t after) {
  if (offset + header_bytes > end) return std::nullopt;
  const auto first = read_at(file, offset, header_bytes);
  if (first.size() < header_bytes) return std::nullopt;
  if (auto record = record_at(file, offset, end, after, parse_header(first.data()))) {
    return Found{offset, std::move(*record)};
  }
  while (offset + header_bytes <= end) {
    const auto block = read_at(file, offset, std::min<std::uint64_t>(scan_block, end - offset));
    if (block.size() < header_bytes) return std::nullopt;
    const auto places = block.size() - header_bytes + 1;
    for (std::size_t i = 0; i < places; ++i) {
      if (auto record = record_at(file, offset + i, end, after, parse_header(block.data() + i))) {
        return Found{offset + i, std::move(*record)};
      }
    }
    offset += places;
  }
  return std::nullopt;
}

std::uint64_t size_in_file(const Record& record) {
  return header_bytes + record.payload.size();
}

}  // namespace

RecordLog::RecordLog(std::filesystem::path folder, std::size_t segment_bytes)
    : folder_(std::move(folder)), segment_bytes_(segment_bytes) {
  make_folder(folder_, 0700);
  find_segments();
  recover_last_segment();
}

std::filesystem::path RecordLog::path_of(std::int64_t segment) const {
  return folder_ / fmt::format("{:020}.log", segment);
}

void RecordLog::find_segments() {
  for (const auto& entry : std::filesystem::directory_iterator{folder_}) {
    const auto name = entry.path().filename().string();
    std::int64_t number = 0;
    const auto [end, failure] = std::from_chars(name.data(), name.data() + name.size(), number);
    if (failure != std::errc{} || std::string_view{end} != ".log") continue;
    segments_.push_back({number, std::filesystem::file_size(entry.path())});
  }
  std::sort(segments_.begin(), segments_.end(), [](const Segment& a, const Segment& b) {
    return a.number < b.number;
  });
  for (const auto& segment : segments_) {
    bytes_ += segment.bytes;
  }
}

/// Only the newest segment can have a torn tail. One without any record is of no use.
void RecordLog::recover_last_segment() {
  while (!segments_.empty()) {
    auto& segment = segments_.back();
    const int file = reader_of(segment.number);
    if (file < 0) {
      throw Error{Code::internal, system_error_text("cannot open", path_of(segment.number))};
    }
    std::uint64_t good = 0;
    std::int64_t after = segment.number - 1;
    while (auto found = find_record(file, good, segment.bytes, after)) {
      good = found->offset + size_in_file(found->record);
      after = found->record.number;
    }
    if (good < segment.bytes) {
      log::warn("link",
                "torn end of a file cut off",
                {{"file", path_of(segment.number).string()}, {"bytes", segment.bytes - good}});
      std::error_code ignored;  // what cannot be cut off now is skipped at reading
      std::filesystem::resize_file(path_of(segment.number), good, ignored);
      if (!ignored) {
        bytes_ -= segment.bytes - good;
        segment.bytes = good;
      }
    }
    if (good > 0) {
      last_number_ = after;
      return;
    }
    bytes_ -= segment.bytes;
    reader_ = Descriptor{};
    reader_segment_ = -1;
    std::error_code ignored;
    std::filesystem::remove(path_of(segment.number), ignored);
    segments_.pop_back();
  }
}

bool RecordLog::open_active() {
  active_ = Descriptor{::open(
      path_of(segments_.back().number).c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600)};
  if (!active_.is_open()) {
    failure_ = system_error_text("cannot open", path_of(segments_.back().number));
  }
  return active_.is_open();
}

bool RecordLog::start_segment(std::int64_t number) {
  segments_.push_back({number, 0});
  if (open_active()) return true;
  segments_.pop_back();
  return false;
}

bool RecordLog::needs_segment(std::int64_t number, std::size_t bytes) const {
  if (segments_.empty()) return true;
  const auto& newest = segments_.back();
  // An emptied file keeps its number for as long as nothing is written: for months, perhaps.
  const auto before = newest.bytes > 0 ? last_number_ : newest.number - 1;
  if (number - before >= widest_gap) return true;
  return newest.bytes > 0 && newest.bytes + bytes > segment_bytes_;
}

bool RecordLog::append(std::int64_t number, std::string_view payload) {
  const auto bytes = record_bytes(number, payload);
  const bool is_ready = needs_segment(number, bytes.size()) ? start_segment(number)
                                                            : active_.is_open() || open_active();
  if (!is_ready) return false;
  auto& segment = segments_.back();
  std::size_t written = 0;
  while (written < bytes.size()) {
    const auto got = ::write(active_.get(), bytes.data() + written, bytes.size() - written);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) {
      failure_ = system_error_text("cannot write", path_of(segment.number));
      // What could not be cut off would be skipped at reading like any damage.
      if (::ftruncate(active_.get(), static_cast<off_t>(segment.bytes)) != 0) {
        segment.bytes += written;
        bytes_ += written;
      }
      return false;
    }
    written += static_cast<std::size_t>(got);
  }
  segment.bytes += bytes.size();
  bytes_ += bytes.size();
  last_number_ = number;
  return true;
}

RecordLog::Position RecordLog::begin() const {
  if (segments_.empty()) return {0, 0, last_number_};
  return {segments_.front().number, 0, segments_.front().number - 1};
}

int RecordLog::reader_of(std::int64_t segment) {
  if (reader_segment_ != segment) {
    reader_ = Descriptor{::open(path_of(segment).c_str(), O_RDONLY | O_CLOEXEC)};
    reader_segment_ = segment;
  }
  return reader_.get();
}

void RecordLog::skipped(std::int64_t segment, std::uint64_t offset, std::uint64_t bytes) {
  const std::pair place{segment, offset};
  if (place <= furthest_skipped_) return;  // read again: it is counted once
  furthest_skipped_ = place;
  ++corrupt_;
  log::warn("link",
            "damaged record skipped",
            {{"file", path_of(segment).string()}, {"offset", offset}, {"bytes", bytes}});
}

std::optional<Record> RecordLog::read(Position& position) {
  for (;;) {
    const auto segment = std::find_if(segments_.begin(), segments_.end(), [&](const Segment& one) {
      return one.number >= position.segment;
    });
    if (segment == segments_.end()) return std::nullopt;
    if (segment->number != position.segment) {
      position = {segment->number, 0, std::max(position.after, segment->number - 1)};
    }
    auto found =
        find_record(reader_of(segment->number), position.offset, segment->bytes, position.after);
    const auto record_offset = found ? found->offset : segment->bytes;
    if (record_offset > position.offset) {
      skipped(segment->number, position.offset, record_offset - position.offset);
      position.offset = record_offset;
    }
    if (found) {
      position.offset += size_in_file(found->record);
      position.after = found->record.number;
      return std::move(found->record);
    }
    const auto next = std::next(segment);
    if (next == segments_.end()) return std::nullopt;
    position = {next->number, 0, std::max(position.after, next->number - 1)};
  }
}

void RecordLog::forget_front() {
  const auto segment = segments_.front();
  if (reader_segment_ == segment.number) {
    reader_ = Descriptor{};
    reader_segment_ = -1;
  }
  std::error_code failure;
  std::filesystem::remove(path_of(segment.number), failure);
  if (failure) {
    log::warn("link",
              "file not deleted",
              {{"file", path_of(segment.number).string()}, {"reason", failure.message()}});
  }
  bytes_ -= segment.bytes;
  segments_.pop_front();
  if (segments_.empty()) active_ = Descriptor{};
}

void RecordLog::drop_before(const Position& position) {
  while (segments_.size() > 1 && segments_.front().number < position.segment) {
    forget_front();
  }
}

std::int64_t RecordLog::drop_oldest(const Position& position) {
  if (segments_.empty()) return 0;
  const auto oldest = segments_.front().number;
  std::int64_t lost = 0;
  if (position.segment <= oldest) {
    auto walk = position;
    while (read(walk) && walk.segment == oldest) {
      ++lost;
    }
  }
  forget_front();
  return lost;
}

void RecordLog::clear() {
  while (segments_.size() > 1) {
    forget_front();
  }
  if (segments_.empty()) return;
  // The newest file is emptied and kept: events usually come one at a time, each acknowledged soon,
  // and creating a file for every one would cost more than the event.
  auto& segment = segments_.front();
  if (segment.bytes > 0 &&
      ((!active_.is_open() && !open_active()) || ::ftruncate(active_.get(), 0) != 0)) {
    forget_front();
    return;
  }
  bytes_ -= segment.bytes;
  segment.bytes = 0;
}

}  // namespace portoser::agent::link
