#include "controller/http/websocket_inside.h"

#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/websocket/error.hpp>

#include <utility>

namespace portoser::http {
namespace {

namespace frames = boost::beast::websocket;
using boost::system::error_code;

constexpr std::size_t message_limit = 64U << 10U;
constexpr std::size_t inbox_limit = 64;

/// How a socket ended whose reading ended so.
std::uint16_t code_of_end(error_code failure, const frames::close_reason& said) {
  if (failure == frames::error::closed) {
    // The client may choose any of thousands of codes, and each would be a series of its own.
    const bool is_common =
        said.code == frames::close_code::normal || said.code == frames::close_code::going_away;
    return is_common ? std::uint16_t{said.code} : std::uint16_t{1005};
  }
  if (failure == frames::error::message_too_big || failure == frames::error::buffer_overflow) {
    return 1009;
  }
  if (failure == frames::error::bad_frame_payload) return 1007;
  return failure == frames::condition::protocol_violation ? 1002 : 1006;
}

}  // namespace

asio::awaitable<void> WebSocketSession::read() {
  boost::beast::flat_buffer buffer;
  for (;;) {
    if (!co_await make_room()) co_return;
    const auto failure = co_await read_message(buffer);
    if (failure) {
      ends_with(code_of_end(failure, stream_.reason()));
      break;
    }
    heard();
    if (!is_served_) {
      buffer.clear();  // nobody is there to hear it
      continue;
    }
    const bool is_too_long = buffer.size() > message_limit;
    if (is_too_long || stream_.got_binary()) {
      is_too_long ? close(1009, "a message has 64 KiB at most")
                  : close(1003, "frames are JSON texts here");
      co_return;  // the closing handshake of the writer reads the rest
    }
    const auto data = buffer.data();
    inbox_.emplace_back(static_cast<const char*>(data.data()), data.size());
    buffer.clear();
    inbox_changed_.cancel();
  }
  // The peer closed, or the stream broke; our own close ends here too, and then this changes
  // nothing.
  mark_closed();
  if (outbox_.end()) writer_sleep_.cancel();
}

/// A whole message, or so much of it that it is too long. The limit of Beast would not do: it ends
/// the connection with bytes unread, which resets it, and the client may never see why.
asio::awaitable<error_code> WebSocketSession::read_message(boost::beast::flat_buffer& buffer) {
  error_code failure;
  do {
    const auto space = message_limit + 1 - buffer.size();
    co_await stream_.async_read_some(
        buffer, space, asio::redirect_error(asio::use_awaitable, failure));
  } while (!failure && !stream_.is_message_done() && buffer.size() <= message_limit);
  co_return failure;
}

/// A handler that is slower than its client makes the client wait: nothing is read until it catches
/// up.
asio::awaitable<bool> WebSocketSession::make_room() {
  while (inbox_.size() >= inbox_limit && !is_closed_) {
    last_heard_ = 0;  // not listening is our doing, so silence does not count
    error_code ignored;
    co_await inbox_changed_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  }
  heard();
  co_return !is_closed_;
}

asio::awaitable<void> WebSocketSession::write() {
  for (;;) {
    auto next = outbox_.next();
    if (next.kind == Outbox::Next::Kind::end) break;
    if (next.kind == Outbox::Next::Kind::wait) {
      error_code ignored;
      co_await writer_sleep_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
      continue;
    }
    const bool is_last = next.kind == Outbox::Next::Kind::close;
    const bool is_frame = next.kind == Outbox::Next::Kind::frame;
    is_closing_ = is_last;
    write_started_ = context_->clock.uptime().count();
    const auto failure = co_await write_next(std::move(next));
    write_started_ = 0;
    if (failure || is_last) break;
    frame_written_.cancel();
    if (is_frame) context_->pipeline.observer().frames_sent(route_name(exchange_), 1);
  }
  mark_closed();
  error_code ignored;
  stream_.next_layer().close(ignored);
}

asio::awaitable<error_code> WebSocketSession::write_next(Outbox::Next next) {
  error_code failure;
  switch (next.kind) {
    case Outbox::Next::Kind::frame: {
      const auto frame = asio::buffer(*next.text);
      co_await stream_.async_write(frame, asio::redirect_error(asio::use_awaitable, failure));
      break;
    }
    case Outbox::Next::Kind::ping: {
      const frames::ping_data nothing;
      co_await stream_.async_ping(nothing, asio::redirect_error(asio::use_awaitable, failure));
      break;
    }
    case Outbox::Next::Kind::close: {
      const auto code = static_cast<frames::close_code>(next.reason.code);
      const frames::close_reason reason{code, {next.reason.text.data(), next.reason.text.size()}};
      co_await stream_.async_close(reason, asio::redirect_error(asio::use_awaitable, failure));
      break;
    }
    case Outbox::Next::Kind::wait:
    case Outbox::Next::Kind::end:
      break;
  }
  co_return failure;
}

asio::awaitable<void> WebSocketSession::drained() {
  co_await asio::post(executor_, asio::use_awaitable);
  while (!is_closed_ && !outbox_.is_drained()) {
    error_code ignored;
    co_await frame_written_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    const auto state = co_await asio::this_coro::cancellation_state;
    if (state.cancelled() != asio::cancellation_type::none) {
      throw boost::system::system_error{asio::error::operation_aborted};
    }
  }
}

asio::awaitable<std::optional<std::string>> WebSocketSession::receive() {
  while (inbox_.empty() && !is_closed_) {
    error_code ignored;
    co_await inbox_changed_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    const auto state = co_await asio::this_coro::cancellation_state;
    if (state.cancelled() != asio::cancellation_type::none) {
      throw boost::system::system_error{asio::error::operation_aborted};
    }
  }
  if (inbox_.empty()) co_return std::nullopt;
  auto text = std::move(inbox_.front());
  inbox_.pop_front();
  inbox_changed_.cancel();
  co_return text;
}

}  // namespace portoser::http
