// What a connection does outside its lane, on its executor: sign-in, bodies, handlers that wait,
// answers that the peer takes slowly, upgrades.
#include "controller/http/connection.h"
#include "controller/http/websocket_session.h"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include <algorithm>

namespace portoser::http {
namespace {

using boost::system::error_code;

constexpr std::chrono::seconds write_timeout{60};
constexpr std::size_t slowest_bytes_per_second = 64U << 10U;
constexpr std::chrono::seconds linger_timeout{2};
constexpr std::size_t linger_limit = 4U << 20U;

}  // namespace

/// `self` keeps the object for as long as the coroutine lives.
asio::awaitable<void> Connection::go_on(std::shared_ptr<Connection> self, Step step) {
  if (co_await self->finish(step)) {
    self->return_to_lane();
  } else if (self->socket_) {
    error_code ignored;
    self->socket_->close(ignored);
  }
}

/// False when the connection ends.
asio::awaitable<bool> Connection::finish(Step step) {
  auto& pipeline = context_->pipeline;
  phase_ = Phase::running;
  if (step == Step::authenticate) {
    const bool is_admitted = co_await pipeline.authenticate(exchange_);
    step = after_admission(is_admitted);
  }
  if (step == Step::upgrade) {
    phase_ = Phase::upgraded;
    auto socket = std::move(*socket_);
    socket_.reset();
    co_await run_socket(std::move(socket), std::move(exchange_), context_);
    co_return false;
  }
  if (step == Step::body) {
    const bool is_read = co_await read_body();
    if (is_gone_) co_return false;
    step = is_read ? Step::handler : Step::answer;
  }
  if (step == Step::handler) {
    // No deadline: a handler may wait minutes for a job. Nothing is read meanwhile either, so a
    // client that hangs up is noticed when the answer is written.
    set_deadline(std::chrono::nanoseconds::max());
    phase_ = Phase::running;
    if (exchange_.match.endpoint->at_once) {
      pipeline.run_at_once(exchange_);
    } else {
      co_await pipeline.run(exchange_);
    }
    step = Step::answer;
  }
  if (step == Step::answer) make_answer();
  phase_ = Phase::writing;
  timed_out_ = false;
  const auto rest = outgoing_.rest();
  set_deadline(write_timeout +
               std::chrono::seconds{asio::buffer_size(rest) / slowest_bytes_per_second});
  if (asio::buffer_size(rest) > 0) {
    error_code failure;
    co_await asio::async_write(*socket_, rest, asio::redirect_error(asio::use_awaitable, failure));
    if (failure) co_return false;
  }
  if (!is_complete_) co_await linger();
  co_return keep_alive_;
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
    co_await asio::async_write(*socket_,
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

/// False: the peer is gone, or it was too slow and the failure is set.
asio::awaitable<bool> Connection::read_more(std::size_t wanted) {
  const auto space = std::min(wanted, buffer_.max_size() - buffer_.size());
  if (space == 0) {
    fail(Error{Code::bad_request, "a chunk's header is too long"});
    co_return false;
  }
  error_code failure;
  const auto got = co_await socket_->async_read_some(
      buffer_.prepare(space), asio::redirect_error(asio::use_awaitable, failure));
  buffer_.commit(got);
  if (!failure) co_return true;
  if (timed_out_ && phase_ == Phase::reading) {
    fail(request_too_slow());
    co_return false;
  }
  is_gone_ = true;
  co_return false;
}

/// Closing with unread bytes resets the connection, and the peer may lose the answer with it: say
/// that we are done, then drop what still comes, within bounds.
asio::awaitable<void> Connection::linger() {
  error_code failure;
  socket_->shutdown(tcp::socket::shutdown_send, failure);
  set_deadline(linger_timeout);
  std::size_t dropped = 0;
  while (!failure && dropped < linger_limit) {
    buffer_.clear();
    dropped += co_await socket_->async_read_some(
        buffer_.prepare(body_read_size), asio::redirect_error(asio::use_awaitable, failure));
  }
}

void Connection::return_to_lane() {
  await_request(listening_->settings.idle_timeout);
  error_code failure;
  descriptor_ = socket_->release(failure);
  socket_.reset();
  if (failure) {
    descriptor_ = -1;
    return;
  }
  is_in_lane_ = true;
  start();
}

}  // namespace portoser::http
