#include "agent/link/sender.h"

#include "agent/link/fit.h"
#include "common/error.h"
#include "common/log.h"
#include "protocol/codec.h"
#include "protocol/stream_id.h"

#include <algorithm>
#include <utility>
#include <variant>

namespace portoser::agent::link {
namespace {

constexpr std::chrono::milliseconds late_tick{100};
constexpr std::chrono::milliseconds settle_tick{1000};
constexpr std::chrono::seconds disk_retry{5};
constexpr std::chrono::hours idle{1};
constexpr std::size_t longest_text = 2000;

/// What is too large to travel goes without its lengthy parts: a job must learn how it ended.
void shorten(protocol::Event& event) {
  event.details.resize(std::min(event.details.size(), longest_text));
}

void shorten(protocol::CommandResult& result) {
  result.last_lines.clear();
  result.message.resize(std::min(result.message.size(), longest_text));
  result.hint.resize(std::min(result.hint.size(), longest_text));
}

/// What tells a message apart from others of this host, whatever its number.
const std::string& mark_of(const protocol::Event& event) {
  return event.origin;
}
const std::string& mark_of(const protocol::CommandResult& result) {
  return result.command_id;
}

}  // namespace

Sender::Sender(
    Transport& transport, Spool& spool, Backlog& backlog, LinkStats& stats, SendLimits limits)
    : transport_(transport),
      spool_(spool),
      backlog_(backlog),
      stats_(stats),
      limits_(limits),
      recent_(limits.recent) {
  count();
}

void Sender::greet(const protocol::Hello& hello) {
  is_blocked_ = false;
  send(protocol::encode(hello, ++message_id_));
}

void Sender::begin(const protocol::Welcome& welcome, Instant now) {
  spool_.ack(spool_.epoch(), welcome.acked_sequence);
  if (!is_online_) {
    is_online_ = true;
    sent_through_ = spool_.acked_sequence();
    in_flight_.clear();
    late_at_ = now;
    recent_.repeat_later_than(welcome.sample_boot_id, welcome.sample_uptime_ns);
  }
  count();
}

void Sender::end() {
  is_online_ = false;
  is_blocked_ = false;
  broken_ = nullptr;
  in_flight_.clear();
  stats_.progress_dropped += static_cast<std::int64_t>(progress_.size());
  progress_.clear();
  answers_.clear();
  streams_.clear();
  state_.reset();
  if (live_) keep_for_later(*live_);
  live_.reset();
  late_.reset();
  backlog_.rewind();
  count();
}

void Sender::take(Outbox::Batch batch, Instant now) {
  outbox_dropped_durable_ += batch.dropped_durable;
  outbox_dropped_samples_ += batch.dropped_samples;
  stats_.progress_dropped += batch.dropped_progress;
  if (batch.dropped_durable > 0) {
    log::error("link",
               "events dropped: more came at once than can wait",
               {{"events", batch.dropped_durable}});
  }
  for (auto& message : batch.ordered) {
    std::visit([&](auto& one) { take(std::move(one), now); }, message);
  }
  for (auto& answer : batch.answers) take(std::move(answer));
  // While away the state is of no use: the owner sends the newest after the welcome.
  if (batch.state && is_online_) state_ = std::move(batch.state);
  for (const auto& sample : batch.samples) {
    take(sample, now);
  }
  // Sent by `pump`, in their turn.
  for (auto& message : batch.streams) take(std::move(message));
  count();
}

template <class Message>
void Sender::keep(Message message, Instant now) {
  const bool is_next = is_online_ && !is_blocked_ && progress_.empty() &&
                       sent_through_ >= spool_.last_sequence() &&
                       in_flight_.size() < limits_.window;
  // Sent first, then written: the disk delays nothing.
  const auto number = spool_.append([&](std::int64_t sequence) {
    message.sequence = sequence;
    auto bytes = protocol::encode(message, ++message_id_);
    if (bytes.size() > protocol::message_limit) {
      log::warn("link", "message shortened: it was too large", {{"bytes", bytes.size()}});
      shorten(message);
      bytes = protocol::encode(message, message_id_);
    }
    if (is_next && send(bytes)) note_sent(sequence, now);
    return bytes;
  });
  log::debug("link",
             "durable message",
             {{"epoch", spool_.epoch()},
              {"sequence", number},
              {"type", Message::type},
              {"mark", mark_of(message)},
              {"in_memory", spool_.in_memory()}});
  if (spool_.in_memory() > 0) {
    retry_disk_at_ = now + disk_retry;
  }
}

void Sender::take(protocol::Progress progress, Instant) {
  if (!is_online_) {
    ++stats_.progress_dropped;  // adopting the command repeats it
    return;
  }
  auto bytes = protocol::encode(progress, ++message_id_);
  if (bytes.size() > protocol::message_limit) {
    log::warn("link", "progress dropped: it is too large", {{"bytes", bytes.size()}});
    ++stats_.progress_dropped;
    return;
  }
  if (progress_.size() >= Outbox::progress_limit) {
    progress_.pop_front();
    ++stats_.progress_dropped;
  }
  progress_.push_back(std::move(bytes));
  send_progress();
}

void Sender::take(protocol::Answer answer) {
  if (!is_online_) return;  // who asked has gone too, or asks again
  auto bytes = protocol::encode(answer, ++message_id_);
  if (bytes.size() > protocol::message_limit) {
    const auto error = Error{Code::too_large, "the answer does not fit into a message"};
    answer.succeeded = false;
    answer.code = to_string(error.code());
    answer.reason = error.reason();
    answer.message = error.message();
    answer.content = {};
    bytes = protocol::encode(answer, message_id_);
  }
  answers_.push_back(std::move(bytes));
  send_answers();
}

void Sender::take(const protocol::Sample& sample, Instant now) {
  auto entry =
      RecentSamples::Entry{sample.when.boot_id, sample.when.uptime_ns, encode_fitting(sample)};
  if (entry.bytes.size() > protocol::message_limit) {
    log::warn("link", "sample dropped: it is too large", {{"bytes", entry.bytes.size()}});
    ++outbox_dropped_samples_;
    return;
  }
  if (live_) keep_for_later(*live_);
  live_.reset();
  if (!is_online_) {
    keep_for_later(entry);
    return;
  }
  live_ = std::move(entry);
  send_samples(now);
}

void Sender::take(Outbox::StreamMessage message) {
  if (!is_online_) return;  // its stream is broken
  const auto* end = std::get_if<protocol::StreamEnd>(&message);
  if (end != nullptr && !end->problem.empty()) {
    // Nobody wants the rest of it.
    std::erase_if(streams_, [&](const auto& waiting) {
      return std::visit(
          [&](const auto& one) { return protocol::is_part_of_stream(one.stream, end->stream); },
          waiting);
    });
  }
  streams_.push_back(std::move(message));
}

/// With as many containers as a message holds. Longer than that only where it is too large without.
template <class Message>
std::string Sender::encode_fitting(const Message& message) {
  auto bytes = protocol::encode(message, ++message_id_);
  if (bytes.size() <= protocol::message_limit) return bytes;
  const auto shorter = fitted(message);
  if (left_out_pace_.is_due()) {
    log::warn("link",
              "containers left out: a message does not hold so many",
              {{"message", Message::type},
               {"containers", message.containers.size()},
               {"left_out", shorter.containers_left_out}});
  }
  return protocol::encode(shorter, message_id_);
}

void Sender::keep_for_later(const RecentSamples::Entry& sample) {
  backlog_.keep(sample.bytes);
  ++stats_.samples_kept;
}

void Sender::acknowledge(const protocol::Ack& ack, Instant now) {
  if (!spool_.ack(ack.spool_epoch, ack.sequence)) {
    ++stats_.received_unexpected;
    log::warn("link", "acknowledgement of another spool ignored", {{"epoch", ack.spool_epoch}});
    return;
  }
  while (!in_flight_.empty() && in_flight_.front() <= ack.sequence) {
    in_flight_.pop_front();
  }
  sent_through_ = std::max(sent_through_, ack.sequence);
  waiting_since_ = now;
  count();
}

void Sender::pump(Instant now) {
  if (broken_) std::rethrow_exception(std::exchange(broken_, nullptr));
  if (spool_.in_memory() > 0 && now >= retry_disk_at_) {
    spool_.retry_disk();
    retry_disk_at_ = now + disk_retry;
  }
  if (is_online_) {
    is_blocked_ = false;
    send_again_when_overdue(now);
    send_progress();
    send_durable(now);
    send_answers();
    send_state();
    send_samples(now);
    send_late_samples(now);
    send_streams();
  }
  count();
}

bool Sender::send(const std::string& bytes) {
  if (is_blocked_) return false;
  try {
    is_blocked_ = !transport_.send(bytes);
  } catch (const std::exception&) {
    is_blocked_ = true;
    broken_ = std::current_exception();
  }
  if (is_blocked_) return false;
  ++stats_.sent;
  return true;
}

void Sender::note_sent(std::int64_t sequence, Instant now) {
  if (in_flight_.empty()) waiting_since_ = now;
  in_flight_.push_back(sequence);
  sent_through_ = sequence;
}

void Sender::send_again_when_overdue(Instant now) {
  if (in_flight_.empty() || now - waiting_since_ < limits_.acknowledge_limit) return;
  log::warn("link",
            "events are not acknowledged: they are sent again",
            {{"oldest", in_flight_.front()}, {"events", in_flight_.size()}});
  ++stats_.events_resent;
  in_flight_.clear();
  sent_through_ = spool_.acked_sequence();
}

void Sender::send_progress() {
  while (!progress_.empty() && send(progress_.front())) {
    progress_.pop_front();
  }
}

void Sender::send_answers() {
  while (!answers_.empty() && send(answers_.front())) {
    answers_.pop_front();
  }
}

void Sender::send_durable(Instant now) {
  while (!is_blocked_ && sent_through_ < spool_.last_sequence() &&
         in_flight_.size() < limits_.window) {
    const auto record = spool_.read_after(sent_through_);
    if (!record) {
      sent_through_ = spool_.last_sequence();  // the rest are numbers that were never used
      return;
    }
    if (send(record->payload)) note_sent(record->number, now);
  }
}

void Sender::send_state() {
  if (!state_ || is_blocked_) return;
  const auto bytes = encode_fitting(*state_);
  if (bytes.size() > protocol::message_limit) {
    log::error("link", "state dropped: it is too large", {{"bytes", bytes.size()}});
    state_.reset();
  } else if (send(bytes)) {
    state_.reset();
  }
}

void Sender::send_samples(Instant now) {
  while (const auto* sample = recent_.next_again()) {
    if (!send(*sample)) return;
    recent_.sent_again(now);
  }
  if (live_ && send(live_->bytes)) {
    recent_.keep(std::move(*live_), now);
    live_.reset();
  }
}

void Sender::send_late_samples(Instant now) {
  if (now < late_at_) return;
  late_at_ = now + (backlog_.is_empty() && !late_ ? settle_tick : late_tick);
  const auto ticks_per_second = std::chrono::milliseconds{1000} / late_tick;
  auto left = std::max<std::size_t>(
      1, limits_.late_samples_per_second / static_cast<std::size_t>(ticks_per_second));
  for (; left > 0 && !is_blocked_; --left) {
    if (!late_) late_ = backlog_.next(now);
    if (!late_) break;
    if (send(*late_)) {
      late_.reset();
      ++stats_.samples_late;
    }
  }
  if (!late_) backlog_.settle(now);
}

void Sender::send_streams() {
  while (!streams_.empty() && !is_blocked_) {
    const auto bytes = std::visit(
        [&](const auto& one) { return protocol::encode(one, ++message_id_); }, streams_.front());
    if (send(bytes)) streams_.pop_front();
  }
}

void Sender::farewell() {
  if (!is_online_) return;
  send(protocol::encode(protocol::Goodbye{"stopping", "the agent stops"}, ++message_id_));
}

Sender::Instant Sender::next_due(Instant now) const {
  auto due = now + idle;
  if (spool_.in_memory() > 0) due = std::min(due, retry_disk_at_);
  if (!is_online_) return due;
  if (!in_flight_.empty()) due = std::min(due, waiting_since_ + limits_.acknowledge_limit);
  if (late_ || !backlog_.is_empty() || backlog_.bytes() > 0) due = std::min(due, late_at_);
  return due;
}

void Sender::count() {
  stats_.events_dropped = spool_.dropped() + outbox_dropped_durable_;
  stats_.spool_bytes = static_cast<std::int64_t>(spool_.bytes());
  stats_.spool_in_memory = static_cast<std::int64_t>(spool_.in_memory());
  stats_.spool_corrupt = spool_.corrupt();
  stats_.samples_dropped = backlog_.lost() + outbox_dropped_samples_;
  stats_.backlog_bytes = static_cast<std::int64_t>(backlog_.bytes());
  stats_.backlog_corrupt = backlog_.corrupt();
}

}  // namespace portoser::agent::link
