#include "agent/link/spool.h"

#include "common/error.h"
#include "common/file.h"
#include "common/ids.h"
#include "common/log.h"

#include <fmt/format.h>

#include <algorithm>
#include <fcntl.h>
#include <sstream>
#include <unistd.h>
#include <utility>

namespace portoser::agent::link {
namespace {

/// So large that a reservation (two flushes) is always done before its numbers run out.
constexpr std::int64_t reserved_block = 65536;

struct Head {
  std::string epoch;
  std::int64_t next = 0;  ///< no number below it is free
};

std::optional<Head> parse_head(const std::string& text) {
  std::istringstream in{text};
  std::string title;
  std::string version;
  Head head;
  if (in >> title >> version >> head.epoch >> head.next && title == "portoser-spool" &&
      version == "1" && head.next > 0) {
    return head;
  }
  return std::nullopt;
}

std::optional<Head> read_head(const std::filesystem::path& path) {
  try {
    return parse_head(read_file(path, 4096));
  } catch (const Error&) {
    return std::nullopt;  // missing or unreadable: a new epoch begins
  }
}

/// A disk that has no room for a second file has some where the first one lies. Less safe: who
/// loses power in this moment may begin a new epoch.
void write_over(const std::filesystem::path& path, std::string_view text) {
  const Descriptor file{::open(path.c_str(), O_WRONLY | O_CLOEXEC)};
  const bool is_written =
      file.is_open() &&
      ::pwrite(file.get(), text.data(), text.size(), 0) == static_cast<ssize_t>(text.size()) &&
      ::fdatasync(file.get()) == 0;
  if (!is_written) throw Error{Code::internal, system_error_text("cannot write", path)};
}

}  // namespace

Spool::Spool(std::filesystem::path folder, SpoolLimits limits)
    : folder_(std::move(folder)), limits_(limits), log_(folder_, limits.segment_bytes) {
  open_head();
  head_ = log_.begin();
  acked_ = head_.after;
  flusher_ = std::make_unique<Flusher>([this](std::int64_t up_to) { write_head(up_to); });
}

Spool::~Spool() {
  retry_disk();
  if (!memory_.empty()) {
    log::error(
        "link", "messages lost: the disk took none until the end", {{"messages", memory_.size()}});
  }
  flusher_.reset();
  try {
    write_head(next_);
  } catch (const std::exception& error) {
    // The next start goes on behind the reservation, as after a crash.
    log::warn("link", "spool not closed cleanly", {{"reason", error.what()}});
  }
}

void Spool::open_head() {
  const auto head = read_head(folder_ / "head");
  epoch_ = head ? head->epoch : random_hex(16);
  next_ = std::max(head ? head->next : 1, log_.last_number() + 1);
  reserved_ = next_ + reserved_block;
  said_full_ = !has_head();
}

void Spool::write_head(std::int64_t next) const {
  const auto path = folder_ / "head";
  const auto text = fmt::format("portoser-spool 1\n{}\n{}\n", epoch_, next);
  try {
    write_file_atomic(path, text, 0600);
  } catch (const Error&) {
    // Only a head of this epoch: the numbers of another one mean nothing in it.
    const auto head = read_head(path);
    if (!head || head->epoch != epoch_) throw;
    write_over(path, text);
  }
}

/// Tries to write it where that failed before.
bool Spool::has_head() {
  if (is_head_written_) return true;
  try {
    write_head(reserved_);
    is_head_written_ = true;
  } catch (const std::exception& error) {
    if (full_pace_.is_due()) {
      log::error("link",
                 "spool cannot be written: events are kept in memory until it can",
                 {{"folder", folder_.string()}, {"reason", error.what()}});
    }
  }
  return is_head_written_;
}

std::int64_t Spool::append(const std::function<std::string(std::int64_t)>& build) {
  const auto sequence = next_;
  auto payload = build(sequence);
  ++next_;
  retry_disk();
  if (!memory_.empty() || !write(sequence, payload)) {
    keep_in_memory({sequence, std::move(payload)});
  }
  if (next_ + reserved_block / 2 > reserved_) {
    reserved_ = next_ + reserved_block;
    flusher_->reserve(reserved_);
  }
  return sequence;
}

bool Spool::write(std::int64_t sequence, std::string_view payload) {
  if (!has_head()) return false;
  make_room(payload.size());
  const auto segments = log_.segments();
  if (!log_.append(sequence, payload)) {
    say_disk_is_full();
    return false;
  }
  if (std::exchange(said_full_, false)) log::info("link", "the disk takes events again");
  const auto segment = log_.segment_number(log_.segments() - 1);
  if (log_.segments() != segments) {
    // A new file is durable with its folder. -1 is no segment's number.
    const Descriptor folder{::open(folder_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    flusher_->flush(-1, folder.get());
  }
  flusher_->flush(segment, log_.descriptor());
  return true;
}

void Spool::make_room(std::size_t payload_bytes) {
  std::int64_t lost = 0;
  while (log_.segments() > 0 && log_.bytes() + payload_bytes > limits_.total_bytes) {
    lost += log_.drop_oldest(head_);
    const auto begin = log_.begin();
    if (head_.segment < begin.segment || log_.segments() == 0) {
      head_ = begin;
      read_at_ = -1;
    }
  }
  drop_over_limit(lost);
}

void Spool::say_disk_is_full() {
  if (!full_pace_.is_due()) return;
  said_full_ = true;
  log::error("link",
             "the disk takes no events: they are kept in memory until it does",
             {{"folder", folder_.string()},
              {"reason", log_.failure()},
              {"at_most", limits_.memory_records}});
}

void Spool::keep_in_memory(Record record) {
  memory_.push_back(std::move(record));
  if (memory_.size() > limits_.memory_records) drop_from_memory();
}

void Spool::drop_from_memory() {
  memory_.pop_front();
  ++dropped_;
  if (!memory_pace_.is_due()) return;
  log::error("link",
             "unacknowledged events are dropped: the disk takes none and memory holds no more",
             {{"folder", folder_.string()},
              {"limit_events", limits_.memory_records},
              {"dropped_so_far", dropped_}});
}

void Spool::drop_over_limit(std::int64_t records) {
  if (records == 0) return;
  dropped_ += records;
  if (!said_dropping_) {
    said_dropping_ = true;
    log::error("link",
               "unacknowledged events are dropped: the spool has reached its limit",
               {{"folder", folder_.string()}, {"limit_bytes", limits_.total_bytes}});
  }
}

void Spool::retry_disk() {
  if (memory_.empty()) return;
  while (!memory_.empty() && write(memory_.front().number, memory_.front().payload)) {
    memory_.pop_front();
  }
  if (memory_.empty()) log::debug("link", "what was kept in memory is on the disk");
}

void Spool::tell_flushed(std::promise<bool> done) {
  retry_disk();
  if (memory_.empty()) {
    flusher_->tell(std::move(done));
  } else {
    done.set_value(false);
  }
}

bool Spool::ack(std::string_view epoch, std::int64_t sequence) {
  if (epoch != epoch_) return false;
  if (sequence >= next_) {
    // The folder is older than what the controller has seen of it: restored from a copy, perhaps.
    log::warn("link",
              "acknowledged beyond what was written: the sequence goes on behind it",
              {{"acknowledged", sequence}, {"last", last_sequence()}});
    next_ = sequence + 1;
  }
  if (sequence <= acked_) return true;
  acked_ = sequence;
  said_dropping_ = false;
  while (!memory_.empty() && memory_.front().number <= sequence) {
    memory_.pop_front();
  }
  // A segment before one that begins within what is acknowledged needs no look inside.
  for (std::size_t i = log_.segments(); i-- > 1;) {
    if (log_.segment_number(i) > sequence + 1) continue;
    if (log_.segment_number(i) > head_.segment) {
      head_ = {log_.segment_number(i), 0, log_.segment_number(i) - 1};
    }
    break;
  }
  bool is_more = false;
  for (auto next = head_;; head_ = next) {
    const auto record = log_.read(next);
    if (!record || record->number > sequence) {
      is_more = record.has_value();
      break;
    }
  }
  if (is_more) {
    log_.drop_before(head_);
  } else {
    log_.clear();
    flusher_->forget_failures();
    head_ = log_.begin();
    head_.after = std::max(head_.after, sequence);
    read_at_ = -1;
  }
  return true;
}

std::optional<Record> Spool::read_after(std::int64_t sequence) {
  if (sequence < log_.last_number()) {
    if (read_at_ != sequence) reader_ = head_;
    while (auto record = log_.read(reader_)) {
      if (record->number > sequence && record->number > acked_) {
        read_at_ = record->number;
        return record;
      }
    }
    read_at_ = -1;
  }
  const auto kept = std::find_if(memory_.begin(), memory_.end(), [&](const Record& record) {
    return record.number > sequence;
  });
  if (kept == memory_.end()) return std::nullopt;
  return *kept;
}

}  // namespace portoser::agent::link
