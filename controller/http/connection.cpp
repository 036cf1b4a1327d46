#include "controller/http/connection.h"

#include "common/ids.h"
#include "common/log.h"
#include "controller/http/request_parser.h"
#include "controller/http/websocket_session.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <limits>

namespace portoser::http {
namespace {

using boost::system::error_code;

constexpr auto no_deadline = std::numeric_limits<std::int64_t>::max();
constexpr std::size_t header_read_size = 4U << 10U;
constexpr std::size_t body_read_size = 64U << 10U;
constexpr std::chrono::seconds write_timeout{60};
constexpr std::size_t slowest_bytes_per_second = 64U << 10U;
constexpr std::chrono::seconds linger_timeout{2};
constexpr std::size_t linger_limit = 4U << 20U;

/// UUIDs of version 4. They name requests and keep no secret, so one draw from the kernel for each
/// connection is enough (splitmix64 from there).
class RequestIds {
 public:
  RequestIds() { std::memcpy(&state_, random_bytes(sizeof state_).data(), sizeof state_); }

  void next(std::string& out) {
    constexpr std::string_view digits = "0123456789abcdef";
    std::uint64_t bits = 0;
    out.assign(36, '-');
    for (std::size_t i = 0, used = 0; i < 36; ++i) {
      if (i == 8 || i == 13 || i == 18 || i == 23) continue;
      if (used++ % 16 == 0) bits = draw();
      out[i] = digits[bits & 15];
      bits >>= 4;
    }
    out[14] = '4';
    out[19] = "89ab"[draw() & 3];
  }

 private:
  std::uint64_t draw() {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15U);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31);
  }
  std::uint64_t state_ = 0;
};

/// Who may not use a socket is told by its close code, which needs the socket to be open first; a
/// page of a foreign origin does not get as far.
bool is_for_socket(const Exchange& exchange, bool is_admitted) {
  return exchange.is_socket() && exchange.request.wants_socket &&
         (is_admitted || (exchange.failure && exchange.failure->reason() != "ORIGIN_NOT_ALLOWED"));
}

class Connection : public Peer, public std::enable_shared_from_this<Connection> {
 public:
  Connection(asio::ip::tcp::socket socket,
             std::shared_ptr<ServerContext> context,
             std::shared_ptr<Listening> listening);
  ~Connection() override;

  /// `self` keeps the object for as long as the coroutine lives.
  static asio::awaitable<void> run(std::shared_ptr<Connection> self);

  void tick(Uptime now) override;
  void stop() override;
  void abort() override;

 private:
  enum class Phase { idle, reading, running, writing, upgraded };

  asio::awaitable<bool> serve_one();
  asio::awaitable<bool> read_header();
  asio::awaitable<bool> read_body();
  asio::awaitable<bool> read_more(std::size_t wanted);
  asio::awaitable<bool> respond();
  asio::awaitable<void> linger();
  bool parse();
  bool is_sound();
  void fail(Error error);
  void set_deadline(std::chrono::nanoseconds from_now);
  void on_deadline();
  std::string_view date();

  const asio::any_io_executor executor_;  // a copy: other threads may not touch the socket
  asio::ip::tcp::socket socket_;
  std::shared_ptr<ServerContext> context_;
  std::shared_ptr<Listening> listening_;
  boost::beast::flat_buffer buffer_;
  RequestParser parser_;
  Exchange exchange_;
  RequestIds ids_;
  std::string head_;
  std::string date_;
  std::chrono::sys_seconds date_of_{};
  Phase phase_ = Phase::idle;
  bool is_first_ = true;
  bool timed_out_ = false;
  bool is_gone_ = false;                             // the peer hung up: there is nobody to answer
  std::atomic<std::int64_t> deadline_{no_deadline};  // of the clock's uptime, in ns
};

Connection::Connection(asio::ip::tcp::socket socket,
                       std::shared_ptr<ServerContext> context,
                       std::shared_ptr<Listening> listening)
    : executor_(socket.get_executor()),
      socket_(std::move(socket)),
      context_(std::move(context)),
      listening_(std::move(listening)),
      buffer_(listening_->settings.header_limit + body_read_size),
      parser_(exchange_.request, listening_->settings.header_limit) {
  error_code ignored;
  socket_.set_option(asio::ip::tcp::no_delay{true}, ignored);
  const auto peer = socket_.remote_endpoint(ignored);
  exchange_.request.remote = peer.address().to_string();
  ++listening_->open;
}

Connection::~Connection() {
  --listening_->open;
  context_->peers.remove(this);
}

asio::awaitable<void> Connection::run(std::shared_ptr<Connection> self) {
  while (co_await self->serve_one()) {
  }
  error_code ignored;
  if (self->phase_ != Phase::upgraded) self->socket_.close(ignored);
}

/// False when the connection ends.
asio::awaitable<bool> Connection::serve_one() {
  exchange_.clear();
  parser_.restart();
  ids_.next(exchange_.request.request_id);
  if (!co_await read_header()) {
    if (is_gone_ || !exchange_.failure) co_return false;
    co_return co_await respond();
  }
  auto& pipeline = context_->pipeline;
  set_deadline(std::chrono::nanoseconds::max());
  phase_ = Phase::running;
  bool admitted = is_sound();
  if (admitted) {
    const auto admission = pipeline.admit(exchange_, listening_->router);
    admitted = admission == Pipeline::Admission::admitted ||
               (admission == Pipeline::Admission::unknown_user &&
                co_await pipeline.authenticate(exchange_));
  }
  if (is_for_socket(exchange_, admitted)) {
    phase_ = Phase::upgraded;
    co_await run_socket(std::move(socket_), std::move(exchange_), context_);
    co_return false;
  }
  if (admitted && !parser_.is_done()) admitted = co_await read_body();
  if (is_gone_) co_return false;
  if (admitted) {
    // No deadline: a handler may wait minutes for a job. Nothing is read meanwhile either, so a
    // client that hangs up is noticed when the answer is written.
    set_deadline(std::chrono::nanoseconds::max());
    phase_ = Phase::running;
    if (exchange_.match.endpoint->at_once) {
      pipeline.run_at_once(exchange_);
    } else {
      co_await pipeline.run(exchange_);
    }
  }
  co_return co_await respond();
}

asio::awaitable<bool> Connection::read_header() {
  const auto& settings = listening_->settings;
  bool has_begun = buffer_.size() > 0;
  phase_ = has_begun ? Phase::reading : Phase::idle;
  set_deadline(has_begun || is_first_ ? settings.header_timeout : settings.idle_timeout);
  is_first_ = false;
  for (;;) {
    if (!parse()) co_return false;
    if (parser_.is_header_done()) break;
    if (!has_begun && context_->stopping) co_return false;
    if (!co_await read_more(header_read_size)) co_return false;
    if (!has_begun) {
      has_begun = true;
      phase_ = Phase::reading;
      set_deadline(settings.header_timeout);
    }
  }
  exchange_.started = context_->clock.uptime();
  co_return true;
}

asio::awaitable<bool> Connection::read_body() {
  const auto limit = exchange_.match.endpoint->route.body_limit;
  if (!parser_.limit_body(limit)) {
    fail(body_too_large(limit));
    co_return false;
  }
  phase_ = Phase::reading;
  set_deadline(listening_->settings.body_timeout);
  const auto expected = exchange_.request.header("Expect");
  if (expected && equals_ignoring_case(*expected, "100-continue") && buffer_.size() == 0) {
    constexpr std::string_view go_on = "HTTP/1.1 100 Continue\r\n\r\n";
    error_code failure;
    co_await asio::async_write(socket_,
                               asio::buffer(go_on.data(), go_on.size()),
                               asio::redirect_error(asio::use_awaitable, failure));
    if (failure) {
      is_gone_ = true;
      co_return false;
    }
  }
  for (;;) {
    if (!parse()) co_return false;
    if (parser_.is_done()) co_return true;
    if (!co_await read_more(body_read_size)) co_return false;
  }
}

/// Hands what is in the buffer to the parser, up to the end of the header or of the message. False:
/// not HTTP, and the failure is set.
bool Connection::parse() {
  const bool was_header_done = parser_.is_header_done();
  while (buffer_.size() > 0) {
    error_code failure;
    const auto data = buffer_.data();
    const auto used = parser_.feed(static_cast<const char*>(data.data()), data.size(), failure);
    buffer_.consume(used);
    if (parser_.is_done() || (!was_header_done && parser_.is_header_done() && !failure)) {
      return true;
    }
    if (RequestParser::needs_more(failure)) return true;
    if (failure) {
      fail(parser_.error_of(failure));
      return false;
    }
    if (used == 0) return true;
  }
  return true;
}

/// False: the peer is gone, or it was too slow and the failure is set.
asio::awaitable<bool> Connection::read_more(std::size_t wanted) {
  const auto space = std::min(wanted, buffer_.max_size() - buffer_.size());
  if (space == 0) {
    fail(Error{Code::bad_request, "a chunk's header is too long"});
    co_return false;
  }
  error_code failure;
  const auto got = co_await socket_.async_read_some(
      buffer_.prepare(space), asio::redirect_error(asio::use_awaitable, failure));
  buffer_.commit(got);
  if (!failure) co_return true;
  if (timed_out_ && phase_ == Phase::reading) {
    fail(Error{Code::bad_request, "the request took too long to arrive"}.reason("REQUEST_TIMEOUT"));
    co_return false;
  }
  is_gone_ = true;
  co_return false;
}

/// What the parser lets through although it cannot be served safely.
bool Connection::is_sound() {
  const auto& request = exchange_.request;
  if (request.target.empty() || (request.target.front() != '/' && request.target != "*")) {
    fail(Error{Code::bad_request, "the target of a request is a path that begins with \"/\""});
  } else if (parser_.is_version_11() && !request.header("Host")) {
    fail(Error{Code::bad_request, "a request of HTTP/1.1 has a Host header"});
  } else if (const auto coding = request.header("Transfer-Encoding");
             coding && !equals_ignoring_case(*coding, "chunked")) {
    // Another coding would leave the end of the body to guessing: request smuggling.
    fail(Error{Code::bad_request, "the only transfer encoding known here is \"chunked\""});
  } else if (request.wants_socket && (!parser_.is_done() || buffer_.size() > 0)) {
    fail(Error{Code::bad_request, "nothing may follow an upgrade before its answer"});
  }
  return !exchange_.failure;
}

asio::awaitable<bool> Connection::respond() {
  const bool is_complete = parser_.is_done();
  const bool keep_alive = is_complete && parser_.keep_alive() && !context_->stopping;
  const auto& response = exchange_.response;
  const auto now = context_->clock.uptime();
  const ResponseHead::Facts facts{exchange_.request,
                                  response,
                                  context_->pipeline.origins().is_listed(exchange_.request),
                                  keep_alive,
                                  now - exchange_.started,
                                  date()};
  context_->head.write(head_, facts);
  const bool without_body =
      exchange_.request.method == Method::head || response.status == 204 || response.status == 304;
  const auto text = without_body ? std::string_view{} : response.text();
  const std::array<asio::const_buffer, 2> parts{asio::buffer(head_),
                                                asio::buffer(text.data(), text.size())};
  // Before the write, so that whoever has the answer finds the entry.
  context_->pipeline.report(exchange_, response.status);
  phase_ = Phase::writing;
  timed_out_ = false;
  set_deadline(write_timeout + std::chrono::seconds{text.size() / slowest_bytes_per_second});
  error_code failure;
  co_await asio::async_write(socket_, parts, asio::redirect_error(asio::use_awaitable, failure));
  if (failure) co_return false;
  if (!is_complete) co_await linger();
  co_return keep_alive;
}

/// Closing with unread bytes resets the connection, and the peer may lose the answer with it: say
/// that we are done, then drop what still comes, within bounds.
asio::awaitable<void> Connection::linger() {
  error_code failure;
  socket_.shutdown(asio::ip::tcp::socket::shutdown_send, failure);
  set_deadline(linger_timeout);
  std::size_t dropped = 0;
  while (!failure && dropped < linger_limit) {
    buffer_.clear();
    dropped += co_await socket_.async_read_some(buffer_.prepare(body_read_size),
                                                asio::redirect_error(asio::use_awaitable, failure));
  }
}

void Connection::fail(Error error) {
  if (exchange_.started == Uptime{}) exchange_.started = context_->clock.uptime();
  context_->pipeline.fail(exchange_, std::move(error));
}

void Connection::set_deadline(std::chrono::nanoseconds from_now) {
  deadline_.store(from_now == std::chrono::nanoseconds::max()
                      ? no_deadline
                      : (context_->clock.uptime() + from_now).count(),
                  std::memory_order_relaxed);
}

void Connection::tick(Uptime now) {
  if (now.count() < deadline_.load(std::memory_order_relaxed)) return;
  asio::post(executor_, [self = shared_from_this()] { self->on_deadline(); });
}

void Connection::on_deadline() {
  // It may have been met and set anew since the tick.
  if (context_->clock.uptime().count() < deadline_.load(std::memory_order_relaxed)) return;
  deadline_.store(no_deadline, std::memory_order_relaxed);
  timed_out_ = true;
  error_code ignored;
  if (phase_ == Phase::reading) {
    socket_.cancel(ignored);
  } else if (phase_ != Phase::upgraded) {
    socket_.close(ignored);
  }
}

void Connection::stop() {
  asio::post(executor_, [self = shared_from_this()] {
    error_code ignored;
    if (self->phase_ == Phase::idle) self->socket_.close(ignored);
  });
}

void Connection::abort() {
  asio::post(executor_, [self = shared_from_this()] {
    error_code ignored;
    if (self->phase_ != Phase::upgraded) self->socket_.close(ignored);
  });
}

std::string_view Connection::date() {
  const auto now = context_->clock.now();
  const auto second = std::chrono::floor<std::chrono::seconds>(now);
  if (second != date_of_ || date_.empty()) {
    date_of_ = second;
    date_ = http_date(now);
  }
  return date_;
}

}  // namespace

void start_connection(asio::ip::tcp::socket socket,
                      std::shared_ptr<ServerContext> context,
                      std::shared_ptr<Listening> listening) {
  const auto executor = socket.get_executor();
  auto connection = std::make_shared<Connection>(std::move(socket), context, std::move(listening));
  context->peers.add(connection);
  auto work = Connection::run(std::move(connection));
  asio::co_spawn(executor, std::move(work), [](const std::exception_ptr& failure) {
    if (!failure) return;
    try {
      std::rethrow_exception(failure);
    } catch (const std::exception& error) {
      log::error("http", "connection failed unexpectedly", {{"reason", error.what()}});
    }
  });
}

}  // namespace portoser::http
