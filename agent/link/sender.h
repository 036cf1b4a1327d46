/// What goes out on a connection, and in which order: progress, events and results within a window
/// of unacknowledged ones, answers, the state, live samples, then late ones at a bounded rate, and
/// streams with the room that is left. While there is no welcome it keeps what must not be lost.
/// Lives on the link's thread.
#pragma once

#include "agent/link/backlog.h"
#include "agent/link/link_stats.h"
#include "agent/link/outbox.h"
#include "agent/link/spool.h"
#include "agent/link/transport.h"
#include "common/pace.h"
#include "protocol/messages.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>

namespace portoser::agent::link {

struct SendLimits {
  std::size_t window = 256;  ///< events and results on their way and not acknowledged
  std::chrono::milliseconds acknowledge_limit =
      std::chrono::seconds{30};  ///< then they are sent again
  std::size_t late_samples_per_second = 100;
  RecentLimits recent;
};

class Sender {
 public:
  using Instant = std::chrono::steady_clock::time_point;

  /// All references outlive the sender.
  Sender(Transport& transport, Spool& spool, Backlog& backlog, LinkStats& stats, SendLimits limits);

  void greet(const protocol::Hello& hello);
  /// A welcome came: sending begins behind what the controller has.
  void begin(const protocol::Welcome& welcome, Instant now);
  /// The connection is lost or given up.
  void end();
  [[nodiscard]] bool is_online() const { return is_online_; }

  void take(Outbox::Batch batch, Instant now);
  void acknowledge(const protocol::Ack& ack, Instant now);
  /// Sends what can be sent.
  void pump(Instant now);
  void farewell();

  /// When `pump` has something to do although nothing happened.
  [[nodiscard]] Instant next_due(Instant now) const;
  /// The socket's queue is full: pump again when it has room.
  [[nodiscard]] bool is_blocked() const { return is_blocked_; }

 private:
  template <class Message>
  void keep(Message message, Instant now);
  void take(protocol::Event event, Instant now) { keep(std::move(event), now); }
  void take(protocol::CommandResult result, Instant now) { keep(std::move(result), now); }
  void take(protocol::Progress progress, Instant now);
  void take(protocol::Answer answer);
  void take(const protocol::Sample& sample, Instant now);
  void take(Outbox::StreamMessage message);
  template <class Message>
  std::string encode_fitting(const Message& message);
  bool send(const std::string& bytes);
  void note_sent(std::int64_t sequence, Instant now);
  void send_again_when_overdue(Instant now);
  void send_progress();
  void send_answers();
  void send_durable(Instant now);
  void send_state();
  void send_samples(Instant now);
  void send_late_samples(Instant now);
  void send_streams();
  void keep_for_later(const RecentSamples::Entry& sample);
  void count();

  Transport& transport_;
  Spool& spool_;
  Backlog& backlog_;
  LinkStats& stats_;
  SendLimits limits_;
  RecentSamples recent_;  ///< sent; perhaps some never arrived
  std::int64_t message_id_ = 0;
  bool is_online_ = false;
  bool is_blocked_ = false;
  std::exception_ptr broken_;  ///< why a message could not be sent; told when all are safe

  std::int64_t sent_through_ = 0;       ///< newest durable message sent on this connection
  std::deque<std::int64_t> in_flight_;  ///< sent and not acknowledged
  Instant waiting_since_{};             ///< for an acknowledgement
  Instant retry_disk_at_{};

  std::deque<std::string> progress_;
  std::deque<std::string> answers_;
  std::deque<Outbox::StreamMessage> streams_;
  std::optional<protocol::State> state_;
  std::optional<RecentSamples::Entry> live_;  ///< waits for room
  std::optional<std::string> late_;           ///< taken from the backlog, waits for room
  Instant late_at_{};
  std::int64_t outbox_dropped_durable_ = 0;
  std::int64_t outbox_dropped_samples_ = 0;
  Pace left_out_pace_{std::chrono::hours{1}};
};

}  // namespace portoser::agent::link
