/// A WebSocket's session as its two sources see it: websocket_session.cpp has its life,
/// websocket_io.cpp what it reads and writes. Nobody else includes this.
#pragma once

#include "controller/http/outbox.h"
#include "controller/http/pipeline.h"
#include "controller/http/server_context.h"
#include "controller/http/websocket.h"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/websocket/stream.hpp>

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>

namespace portoser::http {

class WebSocketSession final : public WebSocket,
                               public Peer,
                               public std::enable_shared_from_this<WebSocketSession> {
 public:
  WebSocketSession(asio::ip::tcp::socket socket,
                   Exchange exchange,
                   std::shared_ptr<ServerContext> context);

  static asio::awaitable<void> run(std::shared_ptr<WebSocketSession> self);

  using WebSocket::send;
  void send(std::shared_ptr<const std::string> text) override { enqueue({}, std::move(text)); }
  void send_latest(std::string_view key, std::shared_ptr<const std::string> text) override {
    enqueue(key, std::move(text));
  }
  asio::awaitable<void> drained() override;
  asio::awaitable<std::optional<std::string>> receive() override;
  void close(std::uint16_t code, std::string_view reason) override;
  bool closed() const override { return is_closed_; }
  const CallContext& call() const override { return call_; }

  void tick(Uptime now) override;
  void stop() override { close(1001, "the server is stopping"); }
  void abort() override;

 private:
  asio::awaitable<bool> accept();
  asio::awaitable<void> handle();
  asio::awaitable<void> read();
  asio::awaitable<boost::system::error_code> read_message(boost::beast::flat_buffer& buffer);
  asio::awaitable<void> write();
  asio::awaitable<boost::system::error_code> write_next(Outbox::Next next);
  asio::awaitable<bool> make_room();
  bool serve_or_refuse();
  void refuse(CloseReason reason);
  void start(asio::awaitable<void> work);
  void enqueue(std::string_view key, std::shared_ptr<const std::string> text);
  void wake_writer();
  void wake_handler();
  void heard() { last_heard_ = context_->clock.uptime().count(); }
  void mark_closed();
  /// The first to know why it ends says so.
  void ends_with(std::uint16_t code) {
    std::uint16_t none = 0;
    end_code_.compare_exchange_strong(none, code);
  }
  void dropped(const Outbox::Added& lost);

  const asio::any_io_executor executor_;
  boost::beast::websocket::stream<asio::ip::tcp::socket, false> stream_;
  Exchange exchange_;
  const CallContext call_;
  std::shared_ptr<ServerContext> context_;
  Outbox outbox_;
  std::atomic<bool> is_closed_{false};
  std::atomic<std::uint16_t> end_code_{0};
  bool is_served_ = false;
  bool is_held_ = false;
  CloseReason refusal_;  // of one that is held

  // On the executor only. A timer that never ends is a condition variable for coroutines.
  std::deque<std::string> inbox_;
  asio::steady_timer inbox_changed_;
  asio::steady_timer frame_written_;
  asio::steady_timer writer_sleep_;
  asio::steady_timer part_ended_;
  int parts_ = 0;

  // Of the clock's uptime, in ns; 0: not under way.
  std::atomic<std::int64_t> last_heard_{0};
  std::atomic<std::int64_t> last_ping_{0};
  std::atomic<std::int64_t> write_started_{0};
  std::atomic<std::int64_t> refuse_at_{0};
  std::atomic<bool> is_closing_{false};  // the closing handshake is under way
};

}  // namespace portoser::http
