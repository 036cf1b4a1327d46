#include "controller/http/websocket_session.h"

#include "controller/http/respond.h"
#include "controller/http/websocket_inside.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/string_type.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/message.hpp>

#include <algorithm>

namespace portoser::http {
namespace {

namespace beast = boost::beast;
namespace websocket = beast::websocket;
using boost::system::error_code;

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

}  // namespace

WebSocketSession::WebSocketSession(asio::ip::tcp::socket socket,
                                   Exchange exchange,
                                   std::shared_ptr<ServerContext> context)
    : executor_(socket.get_executor()),
      stream_(std::move(socket)),
      exchange_(std::move(exchange)),
      call_(exchange_.request, exchange_.match.endpoint->parameters, exchange_.match.values),
      context_(std::move(context)),
      inbox_changed_(executor_, asio::steady_timer::time_point::max()),
      frame_written_(executor_, asio::steady_timer::time_point::max()),
      writer_sleep_(executor_, asio::steady_timer::time_point::max()),
      part_ended_(executor_, asio::steady_timer::time_point::max()) {
  error_code ignored;
  stream_.next_layer().set_option(
      asio::socket_base::send_buffer_size{context_->settings.sockets.send_buffer}, ignored);
  stream_.read_message_max(0);  // `read_message` has its own limit
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
  const bool is_served = self->serve_or_refuse();
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
    context.pipeline.observer().socket_closed(route, self->end_code_);
  }
  if (self->is_held_) context.unwelcome.released();
  context.peers.remove(self.get());
}

/// True: it is counted in, and its handler may have it.
bool WebSocketSession::serve_or_refuse() {
  const auto& pipeline = context_->pipeline;
  const auto now = context_->clock.uptime();
  is_served_ = !exchange_.failure && context_->sockets.take(exchange_.request.user->sub);
  if (is_served_) {
    pipeline.report(exchange_, 101, now);
    pipeline.observer().socket_opened(route_name(exchange_));
  } else if (exchange_.failure) {
    const auto code = close_code_of(*exchange_.failure);
    pipeline.report(exchange_, code, now);
    refuse({code, exchange_.failure->message()});
  } else {
    pipeline.report(exchange_, 1013, now);
    refuse({1013, "too many sockets are open"});
  }
  return is_served_;
}

void WebSocketSession::refuse(CloseReason reason) {
  const auto now = context_->clock.uptime();
  const auto wait = context_->unwelcome.hold(exchange_.request.remote, now);
  if (wait == wait.zero()) {
    close(reason.code, reason.text);
    return;
  }
  is_held_ = true;
  refusal_ = std::move(reason);
  refuse_at_ = (now + wait).count();
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

void WebSocketSession::close(std::uint16_t code, std::string_view reason) {
  const bool wakes = outbox_.close({code, fit_reason(reason)});
  ends_with(code);
  is_closed_ = true;
  asio::post(executor_, [self = shared_from_this(), wakes] {
    self->wake_handler();
    if (wakes) self->writer_sleep_.cancel();
  });
}

void WebSocketSession::enqueue(std::string_view key, std::shared_ptr<const std::string> text) {
  if (is_closed_) return;
  const auto added = outbox_.add(key, std::move(text));
  if (added.dropped > 0) dropped(added);
  if (added.replaced) context_->pipeline.observer().frames_replaced(route_name(exchange_), 1);
  if (added.wakes_writer) wake_writer();
}

void WebSocketSession::dropped(const Outbox::Added& lost) {
  ends_with(1013);
  is_closed_ = true;
  if (lost.dropped > 0) {
    context_->pipeline.observer().frames_dropped(route_name(exchange_), lost.dropped);
  }
  asio::post(executor_, [self = shared_from_this()] { self->wake_handler(); });
}

void WebSocketSession::wake_writer() {
  asio::post(executor_, [self = shared_from_this()] { self->writer_sleep_.cancel(); });
}

void WebSocketSession::wake_handler() {
  inbox_changed_.cancel();
  frame_written_.cancel();
}

void WebSocketSession::mark_closed() {
  is_closed_ = true;
  wake_handler();
}

void WebSocketSession::tick(Uptime now) {
  const auto& limits = context_->settings.sockets;
  const auto is_over = [now](std::int64_t since, std::chrono::nanoseconds limit) {
    return since != 0 && now.count() - since >= limit.count();
  };
  // A close frame cannot come in the middle of another: the client has once more the time in which
  // it may let that one through and read why it is closed.
  const auto longest_write = (is_closing_ ? 1 : 2) * limits.write_timeout;
  if (is_over(write_started_, longest_write) || is_over(last_heard_, limits.idle_timeout)) {
    abort();
    return;
  }
  if (is_over(write_started_, limits.write_timeout) && !is_closed_) {
    const auto lost = outbox_.give_up();
    dropped(lost);
    if (lost.wakes_writer) wake_writer();
  }
  if (const auto at = refuse_at_.load(); at != 0 && now.count() >= at && !is_closed_) {
    close(refusal_.code, refusal_.text);
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
    self->ends_with(1006);
    self->mark_closed();
    if (self->outbox_.end()) self->writer_sleep_.cancel();
    self->stream_.next_layer().close(ignored);
  });
}

asio::awaitable<void> run_socket(asio::ip::tcp::socket socket,
                                 Exchange exchange,
                                 std::shared_ptr<ServerContext> context) {
  auto session = std::make_shared<WebSocketSession>(
      std::move(socket), std::move(exchange), std::move(context));
  co_await WebSocketSession::run(std::move(session));
}

}  // namespace portoser::http
