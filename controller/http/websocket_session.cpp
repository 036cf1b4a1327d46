#include "controller/http/websocket_session.h"

#include "common/log.h"
#include "controller/http/outbox.h"
#include "controller/http/respond.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/websocket/stream.hpp>

#include <algorithm>
#include <atomic>
#include <deque>

namespace portoser::http {
namespace {

namespace beast = boost::beast;
namespace websocket = beast::websocket;
using boost::system::error_code;

constexpr std::size_t message_limit = 64U << 10U;
constexpr std::size_t inbox_limit = 64;
constexpr std::string_view subprotocol_prefix = "bearer.";

beast::string_view beast_view(std::string_view text) {
  return {text.data(), text.size()};
}

/// A close frame has room for 123 bytes of text; a cut inside a letter would not be UTF-8.
std::string fit_reason(std::string_view text) {
  std::size_t size = std::min<std::size_t>(text.size(), 123);
  while (size > 0 && size < text.size() &&
         (static_cast<unsigned char>(text[size]) & 0xC0U) == 0x80U) {
    --size;
  }
  return std::string{text.substr(0, size)};
}

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
  asio::awaitable<void> write();
  asio::awaitable<error_code> write_next(Outbox::Next next);
  asio::awaitable<bool> make_room();
  void start(asio::awaitable<void> work);
  void enqueue(std::string_view key, std::shared_ptr<const std::string> text);
  void wake_writer();
  void heard() { last_heard_ = context_->clock.uptime().count(); }
  void mark_closed();

  const asio::any_io_executor executor_;
  websocket::stream<asio::ip::tcp::socket, false> stream_;
  Exchange exchange_;
  const CallContext call_;
  std::shared_ptr<ServerContext> context_;
  Outbox outbox_;
  std::atomic<bool> is_closed_{false};

  // On the executor only. A timer that never ends is a condition variable for coroutines.
  std::deque<std::string> inbox_;
  asio::steady_timer inbox_changed_;
  asio::steady_timer writer_sleep_;
  asio::steady_timer part_ended_;
  int parts_ = 0;

  // Of the clock's uptime, in ns; 0: not under way.
  std::atomic<std::int64_t> last_heard_{0};
  std::atomic<std::int64_t> last_ping_{0};
  std::atomic<std::int64_t> write_started_{0};
};

WebSocketSession::WebSocketSession(asio::ip::tcp::socket socket,
                                   Exchange exchange,
                                   std::shared_ptr<ServerContext> context)
    : executor_(socket.get_executor()),
      stream_(std::move(socket)),
      exchange_(std::move(exchange)),
      call_(exchange_.request, exchange_.match.endpoint->parameters, exchange_.match.values),
      context_(std::move(context)),
      inbox_changed_(executor_, asio::steady_timer::time_point::max()),
      writer_sleep_(executor_, asio::steady_timer::time_point::max()),
      part_ended_(executor_, asio::steady_timer::time_point::max()) {
  stream_.read_message_max(message_limit);
  stream_.auto_fragment(false);
  stream_.text(true);
  // Timeouts are the tick's matter, for all sockets alike.
  websocket::stream_base::timeout timeouts{};
  timeouts.handshake_timeout = websocket::stream_base::none();
  timeouts.idle_timeout = websocket::stream_base::none();
  timeouts.keep_alive_pings = false;
  stream_.set_option(timeouts);
  stream_.control_callback(
      [this](websocket::frame_type /*kind*/, beast::string_view /*text*/) { heard(); });
  heard();
  last_ping_ = last_heard_.load();
}

asio::awaitable<void> WebSocketSession::run(std::shared_ptr<WebSocketSession> self) {
  auto& context = *self->context_;
  const auto& exchange = self->exchange_;
  context.peers.add(self);
  self->write_started_ = context.clock.uptime().count();
  const bool is_open = co_await self->accept();
  self->write_started_ = 0;
  if (!is_open) {
    self->mark_closed();
    context.peers.remove(self.get());
    co_return;
  }
  const auto user = exchange.request.user->sub;
  const auto route = std::string{route_name(exchange)};
  const bool is_served = !exchange.failure && context.sockets.take(user);
  if (exchange.failure) {
    const auto code = close_code_of(*exchange.failure);
    context.pipeline.report(exchange, code, context.clock.uptime());
    self->close(code, exchange.failure->message());
  } else if (!is_served) {
    context.pipeline.report(exchange, 1013, context.clock.uptime());
    self->close(1013, "too many sockets are open");
  } else {
    context.pipeline.report(exchange, 101, context.clock.uptime());
    context.pipeline.observer().socket_opened(route);
  }
  self->start(self->read());
  self->start(self->write());
  if (context.stopping) self->stop();
  if (is_served) co_await self->handle();
  while (self->parts_ > 0) {
    error_code ignored;
    co_await self->part_ended_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  }
  if (is_served) {
    context.sockets.give_back(user);
    context.pipeline.observer().socket_closed(route);
  }
  context.peers.remove(self.get());
}

asio::awaitable<bool> WebSocketSession::accept() {
  const auto& request = exchange_.request;
  beast::http::request<beast::http::empty_body> upgrade{
      beast::http::verb::get, beast_view(request.target), 11};
  request.for_each_header([&upgrade](std::string_view name, std::string_view value) {
    upgrade.insert(beast_view(name), beast_view(value));
  });
  std::string subprotocol;
  const auto offered = request.header("Sec-WebSocket-Protocol");
  const auto token = request.bearer_token();
  if (offered && token && offered->find(subprotocol_prefix) != std::string_view::npos) {
    subprotocol = std::string{subprotocol_prefix} + *token;
    // The token may have come by another way, and only what was offered may be chosen.
    if (offered->find(subprotocol) == std::string_view::npos) subprotocol.clear();
  }
  stream_.set_option(websocket::stream_base::decorator(
      [subprotocol, id = request.request_id](websocket::response_type& response) {
        response.set("X-Request-ID", id);
        response.set(beast::http::field::server, "portoser");
        if (!subprotocol.empty()) {
          response.set(beast::http::field::sec_websocket_protocol, subprotocol);
        }
      }));
  error_code failure;
  co_await stream_.async_accept(upgrade, asio::redirect_error(asio::use_awaitable, failure));
  co_return !failure;
}

asio::awaitable<void> WebSocketSession::handle() {
  try {
    co_await exchange_.match.endpoint->socket(shared_from_this());
    close(1000, "");
  } catch (...) {
    const auto error = to_error(std::current_exception(), exchange_.request);
    close(close_code_of(error), error.message());
  }
}

void WebSocketSession::start(asio::awaitable<void> work) {
  ++parts_;
  auto done = [self = shared_from_this()](const std::exception_ptr& failure) {
    if (failure) to_error(failure, self->exchange_.request);  // logs it
    --self->parts_;
    self->part_ended_.cancel();
  };
  asio::co_spawn(executor_, std::move(work), std::move(done));
}

asio::awaitable<void> WebSocketSession::read() {
  beast::flat_buffer buffer;
  for (;;) {
    if (!co_await make_room()) co_return;
    error_code failure;
    const auto size =
        co_await stream_.async_read(buffer, asio::redirect_error(asio::use_awaitable, failure));
    if (failure) break;
    heard();
    if (stream_.got_binary()) {
      close(1003, "frames are JSON texts here");
      co_return;  // the closing handshake of the writer reads the rest
    }
    const auto data = buffer.data();
    inbox_.emplace_back(static_cast<const char*>(data.data()), size);
    buffer.consume(size);
    inbox_changed_.cancel();
  }
  // The peer closed, or the stream broke; our own close ends here too, and then this changes
  // nothing.
  mark_closed();
  if (outbox_.end()) writer_sleep_.cancel();
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
    write_started_ = context_->clock.uptime().count();
    const auto failure = co_await write_next(std::move(next));
    write_started_ = 0;
    if (failure || is_last) break;
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
      const websocket::ping_data nothing;
      co_await stream_.async_ping(nothing, asio::redirect_error(asio::use_awaitable, failure));
      break;
    }
    case Outbox::Next::Kind::close: {
      const auto code = static_cast<websocket::close_code>(next.reason.code);
      const websocket::close_reason reason{code, beast_view(next.reason.text)};
      co_await stream_.async_close(reason, asio::redirect_error(asio::use_awaitable, failure));
      break;
    }
    case Outbox::Next::Kind::wait:
    case Outbox::Next::Kind::end:
      break;
  }
  co_return failure;
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

void WebSocketSession::close(std::uint16_t code, std::string_view reason) {
  const bool wakes = outbox_.close({code, fit_reason(reason)});
  is_closed_ = true;
  asio::post(executor_, [self = shared_from_this(), wakes] {
    self->inbox_changed_.cancel();
    if (wakes) self->writer_sleep_.cancel();
  });
}

void WebSocketSession::enqueue(std::string_view key, std::shared_ptr<const std::string> text) {
  if (is_closed_) return;
  const auto added = outbox_.add(key, std::move(text));
  if (added.dropped > 0) {
    is_closed_ = true;
    context_->pipeline.observer().frames_dropped(route_name(exchange_), added.dropped);
    asio::post(executor_, [self = shared_from_this()] { self->inbox_changed_.cancel(); });
  }
  if (added.wakes_writer) wake_writer();
}

void WebSocketSession::wake_writer() {
  asio::post(executor_, [self = shared_from_this()] { self->writer_sleep_.cancel(); });
}

void WebSocketSession::mark_closed() {
  is_closed_ = true;
  inbox_changed_.cancel();
}

void WebSocketSession::tick(Uptime now) {
  const auto& limits = context_->settings.sockets;
  const auto is_over = [now](std::int64_t since, std::chrono::nanoseconds limit) {
    return since != 0 && now.count() - since >= limit.count();
  };
  if (is_over(write_started_, limits.write_timeout) || is_over(last_heard_, limits.idle_timeout)) {
    abort();
    return;
  }
  if (is_over(last_ping_, limits.ping_period)) {
    last_ping_ = now.count();
    if (outbox_.ping()) wake_writer();
  }
  const auto& until = exchange_.request.user->valid_until;
  if (until && !is_closed_ && context_->clock.now() >= *until) close(4401, "the token has expired");
}

void WebSocketSession::abort() {
  asio::post(executor_, [self = shared_from_this()] {
    error_code ignored;
    self->mark_closed();
    if (self->outbox_.end()) self->writer_sleep_.cancel();
    self->stream_.next_layer().close(ignored);
  });
}

}  // namespace

asio::awaitable<void> run_socket(asio::ip::tcp::socket socket,
                                 Exchange exchange,
                                 std::shared_ptr<ServerContext> context) {
  auto session = std::make_shared<WebSocketSession>(
      std::move(socket), std::move(exchange), std::move(context));
  co_await WebSocketSession::run(std::move(session));
}

}  // namespace portoser::http
