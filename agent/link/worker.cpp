#include "agent/link/worker.h"

#include "common/error.h"
#include "common/log.h"
#include "protocol/codec.h"

#include <boost/asio/post.hpp>

#include <algorithm>
#include <optional>
#include <utility>
#include <variant>

namespace portoser::agent::link {
namespace {

using Instant = std::chrono::steady_clock::time_point;
using std::chrono::milliseconds;

/// A turn takes no more than this from the socket before it sends again.
constexpr int messages_a_turn = 64;
/// Handlers that were posted and have not run; then the socket is left unread until they did.
constexpr int handler_limit = 1000;
constexpr milliseconds handler_pause{20};

void require_key(const std::string& key, const char* where) {
  if (!protocol::is_key(key)) {
    throw Error{Code::invalid, "this is not a CURVE key (40 letters of Z85)", where}.hint(
        "join again: portoser-agent join TOKEN");
  }
}

}  // namespace

/// What to do with each message of the controller.
struct Link::Worker::Receiver {
  Worker& link;
  Instant now;

  void operator()(protocol::Welcome& welcome) const {
    link.sender_.begin(welcome, now);
    ++link.stats_.welcomes;
    link.failed_attempts_ = 0;
    link.change(ConnectionState::online);
    link.tell(&LinkHandlers::on_welcome, std::move(welcome));
  }
  void operator()(protocol::Assign& assign) const {
    pass_on(&LinkHandlers::on_assign, std::move(assign));
  }
  void operator()(protocol::Command& command) const {
    pass_on(&LinkHandlers::on_command, std::move(command));
  }
  void operator()(protocol::Cancel& cancel) const {
    pass_on(&LinkHandlers::on_cancel, std::move(cancel));
  }
  void operator()(protocol::Question& question) const {
    pass_on(&LinkHandlers::on_question, std::move(question));
  }
  void operator()(protocol::Chunk& chunk) const {
    pass_on(&LinkHandlers::on_chunk, std::move(chunk));
  }
  void operator()(protocol::Credit& credit) const {
    pass_on(&LinkHandlers::on_credit, std::move(credit));
  }
  void operator()(protocol::StreamEnd& end) const {
    pass_on(&LinkHandlers::on_stream_end, std::move(end));
  }
  void operator()(protocol::Ack& ack) const {
    if (link.sender_.is_online()) {
      link.sender_.acknowledge(ack, now);
    } else {
      unexpected(protocol::Ack::type);
    }
  }
  void operator()(protocol::Goodbye& goodbye) const {
    const bool comes_back = goodbye.reason == "stopping";
    log::warn("link",
              "the controller said goodbye",
              {{"reason", goodbye.reason}, {"message", goodbye.message}});
    link.give_up(comes_back ? ConnectionState::connecting : ConnectionState::refused,
                 comes_back ? link.after_loss_pause() : link.settings_.refused_retry);
    link.tell(&LinkHandlers::on_goodbye, std::move(goodbye));
  }
  template <class Other>
  void operator()(Other&) const {
    unexpected(Other::type);
  }

 private:
  template <class Handler, class Message>
  void pass_on(Handler handler, Message&& message) const {
    if (link.sender_.is_online()) {
      link.tell(handler, std::forward<Message>(message));
    } else {
      unexpected(std::decay_t<Message>::type);
    }
  }
  void unexpected(std::string_view type) const {
    ++link.stats_.received_unexpected;
    log::warn("link", "message dropped: it does not belong here", {{"type", type}});
  }
};

Link::Worker::Worker(LinkSettings settings,
                     const Clock& clock,
                     const std::filesystem::path& folder,
                     boost::asio::any_io_executor executor,
                     std::function<protocol::Hello()> hello,
                     LinkHandlers handlers)
    : settings_(std::move(settings)),
      clock_(clock),
      executor_(std::move(executor)),
      spool_(folder / "spool", settings_.spool),
      backlog_(folder / "backlog", clock, settings_.backlog),
      transport_(
          {settings_.endpoint, settings_.keys, settings_.controller_key, settings_.heartbeat}),
      sender_(transport_, spool_, backlog_, stats_, settings_.send) {
  require_key(settings_.keys.secret_key, "the agent's own key");
  require_key(settings_.keys.public_key, "the agent's own key");
  require_key(settings_.controller_key, "controller_key");
  owner_->hello = std::move(hello);
  owner_->handlers = std::move(handlers);
  owner_->outbox = outbox_;
  publish();
  thread_ = std::thread{[this] { work(); }};
}

void Link::Worker::stop() {
  owner_->is_gone = true;
  if (!thread_.joinable()) return;
  outbox_->put_stop();
  thread_.join();
}

LinkStats Link::Worker::stats() const {
  const std::lock_guard lock{stats_mutex_};
  return published_;
}

void Link::Worker::work() {
  while (!is_stopping_) {
    try {
      run();
    } catch (const std::exception& error) {
      log::error("link", "connection failed, it will be tried again", {{"reason", error.what()}});
      give_up(ConnectionState::connecting, settings_.longest_retry);
    }
  }
}

void Link::Worker::run() {
  while (!is_stopping_) {
    turn();
  }
  sender_.pump(std::chrono::steady_clock::now());
  sender_.farewell();
  transport_.close(settings_.linger);
  sender_.end();
  publish();
}

void Link::Worker::turn() {
  auto now = std::chrono::steady_clock::now();
  connect_when_due(now);
  ask_for_hello_when_due(now);
  sender_.pump(now);
  publish();
  const auto ready = wait(now);
  now = std::chrono::steady_clock::now();
  if (ready.wake) {
    auto batch = outbox_->take();
    is_stopping_ = batch.stop;
    if (batch.hello) say_hello(std::move(*batch.hello));
    auto flushes = std::move(batch.flushes);
    sender_.take(std::move(batch), now);
    for (auto& flush : flushes) spool_.tell_flushed(std::move(flush));
  }
  // What came before the connection broke is read before the break is seen.
  if (ready.messages) receive(now);
  if (ready.events) see_events(now);
}

void Link::Worker::connect_when_due(Instant now) {
  if (is_connected_ || now < attempt_at_) return;
  if (transport_.is_open()) {
    log::warn("link", "no answer from the controller", {{"endpoint", settings_.endpoint}});
    give_up(ConnectionState::connecting, failed_attempt_pause());
    return;
  }
  transport_.open();
  attempt_at_ = now + settings_.handshake_limit;
}

void Link::Worker::ask_for_hello_when_due(Instant now) {
  if (!is_connected_ || sender_.is_online() || now < hello_at_) return;
  hello_at_ = now + hello_pause_;
  hello_pause_ = std::min(hello_pause_ * 2, settings_.longest_retry);
  boost::asio::post(executor_, [owner = owner_] {
    if (owner->is_gone) return;
    try {
      owner->outbox->put(owner->hello());
    } catch (const std::exception& error) {
      log::error("link", "no hello could be made", {{"reason", error.what()}});
    }
  });
}

void Link::Worker::say_hello(protocol::Hello hello) {
  if (!is_connected_ || sender_.is_online()) return;
  hello.protocol_low = protocol::version_low;
  hello.protocol_high = protocol::version_high;
  hello.spool_epoch = spool_.epoch();
  hello.last_sequence = spool_.last_sequence();
  hello.now.uptime_ns = clock_.uptime().count();
  hello.now.wall_us = to_unix_us(clock_.now());
  sender_.greet(hello);
}

Transport::Ready Link::Worker::wait(Instant now) {
  auto due = sender_.next_due(now);
  if (!is_connected_) {
    due = std::min(due, attempt_at_);
  } else if (!sender_.is_online()) {
    due = std::min(due, hello_at_);
  }
  Transport::Wanted wanted;
  wanted.wake_descriptor = outbox_->wake_descriptor();
  wanted.messages = owner_->waiting < handler_limit;
  wanted.room_to_send = sender_.is_blocked();
  // One more than the rest, which is rounded down: waking just before the time would spin.
  const auto rest = std::chrono::duration_cast<milliseconds>(due - now) + milliseconds{1};
  wanted.limit = std::max(rest, milliseconds{0});
  if (!wanted.messages) wanted.limit = std::min(wanted.limit, handler_pause);
  return transport_.wait(wanted);
}

void Link::Worker::see_events(Instant now) {
  while (transport_.is_open()) {
    const auto event = transport_.next_event();
    if (!event) return;
    see_event(*event, now);
  }
}

void Link::Worker::see_event(TransportEvent event, Instant now) {
  switch (event) {
    case TransportEvent::connected:
      is_connected_ = true;
      ++stats_.connections;
      hello_at_ = now;
      hello_pause_ = settings_.hello_repeat;
      change(ConnectionState::greeting);
      return;
    case TransportEvent::refused:
      if (stats_.state != ConnectionState::not_enrolled) {
        log::error(
            "link",
            "not enrolled: the controller does not admit this host's key; approve the device "
            "there, or join again with a new token: portoser-agent join TOKEN",
            {{"endpoint", settings_.endpoint}, {"key", settings_.keys.public_key}});
      }
      give_up(ConnectionState::not_enrolled,
              between(settings_.not_enrolled_retry / 2, settings_.not_enrolled_retry));
      return;
    case TransportEvent::handshake_failed:
      if (stats_.state != ConnectionState::handshake_failed) {
        log::error("link",
                   "no secure connection: at this address is not the controller that this host "
                   "joined, or it is just starting; if its key has changed, join again",
                   {{"endpoint", settings_.endpoint}});
      }
      give_up(ConnectionState::handshake_failed, failed_attempt_pause());
      return;
    case TransportEvent::lost:
      if (is_connected_) {
        log::warn("link", "connection to the controller lost", {{"endpoint", settings_.endpoint}});
        give_up(ConnectionState::connecting, after_loss_pause());
        return;
      }
      if (failed_attempts_ == 0) {
        log::warn("link", "the controller cannot be reached", {{"endpoint", settings_.endpoint}});
      }
      give_up(ConnectionState::connecting, failed_attempt_pause());
      return;
  }
}

void Link::Worker::receive(Instant now) {
  for (int left = messages_a_turn; left > 0 && transport_.is_open(); --left) {
    const auto frame = transport_.receive();
    if (!frame) return;
    receive_one(*frame, now);
  }
}

void Link::Worker::receive_one(const std::string& frame, Instant now) {
  ++stats_.received;
  protocol::Envelope envelope;
  try {
    envelope = protocol::decode(frame);
  } catch (const Error& error) {
    ++(error.code() == Code::too_large ? stats_.received_oversized : stats_.received_malformed);
    log::warn("link", "message dropped", {{"reason", error.message()}});
    return;
  }
  if (const auto* unknown = std::get_if<protocol::Unknown>(&envelope.body)) {
    ++stats_.received_unknown;
    log::warn("link", "message of an unknown type dropped", {{"type", unknown->type}});
    return;
  }
  std::visit(Receiver{*this, now}, std::get<protocol::AnyMessage>(envelope.body));
}

/// Closes what there is, and tries again after `retry`.
void Link::Worker::give_up(ConnectionState state, milliseconds retry) {
  transport_.close();
  is_connected_ = false;
  sender_.end();
  attempt_at_ = std::chrono::steady_clock::now() + retry;
  change(state);
}

milliseconds Link::Worker::failed_attempt_pause() {
  const auto doubled = settings_.first_retry * (1 << std::min(failed_attempts_, 10));
  ++failed_attempts_;
  const auto longest = std::min(doubled, settings_.longest_retry);
  return between(longest / 2, longest);
}

milliseconds Link::Worker::between(milliseconds low, milliseconds high) {
  if (high <= low) return high;
  return milliseconds{
      std::uniform_int_distribution<std::int64_t>{low.count(), high.count()}(random_)};
}

void Link::Worker::change(ConnectionState state) {
  if (stats_.state == state) return;
  log::info("link", "connection", {{"state", to_string(state)}});
  stats_.state = state;
  tell(&LinkHandlers::on_state, state);
}

template <class Handler, class Value>
void Link::Worker::tell(Handler handler, Value value) {
  ++owner_->waiting;
  boost::asio::post(executor_, [owner = owner_, handler, value = std::move(value)]() mutable {
    --owner->waiting;
    const auto& function = owner->handlers.*handler;
    if (!owner->is_gone && function) function(std::move(value));
  });
}

void Link::Worker::publish() {
  const std::lock_guard lock{stats_mutex_};
  published_ = stats_;
}

}  // namespace portoser::agent::link
