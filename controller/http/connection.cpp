#include "controller/http/connection.h"

#include "common/log.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <unistd.h>
#include <utility>

namespace portoser::http {
namespace {

using boost::system::error_code;

constexpr auto no_deadline = std::numeric_limits<std::int64_t>::max();
constexpr std::size_t read_size = 4U << 10U;

/// Who may not use a socket is told by its close code, which needs the socket to be open first; a
/// page of a foreign origin does not get as far.
bool is_for_socket(const Exchange& exchange, bool is_admitted) {
  return exchange.is_socket() && exchange.request.wants_socket &&
         (is_admitted || (exchange.failure && exchange.failure->reason() != "ORIGIN_NOT_ALLOWED"));
}

}  // namespace

Connection::Connection(tcp::socket socket,
                       std::shared_ptr<ServerContext> context,
                       std::shared_ptr<Listening> listening,
                       std::shared_ptr<Lane> lane)
    : executor_(socket.get_executor()),
      context_(std::move(context)),
      listening_(std::move(listening)),
      lane_(std::move(lane)),
      buffer_(listening_->settings.header_limit + body_read_size),
      parser_(exchange_.request, listening_->settings.header_limit) {
  error_code failure;
  socket.set_option(tcp::no_delay{true}, failure);
  const auto peer = socket.remote_endpoint(failure);
  if (!failure) {
    protocol_ = peer.protocol();
    exchange_.request.remote = peer.address().to_string();
  }
  socket.native_non_blocking(true, failure);
  if (!failure) descriptor_ = socket.release(failure);
  await_request(listening_->settings.header_timeout);
  ++listening_->open;
  context_->pipeline.observer().connection_opened();
}

Connection::~Connection() {
  if (descriptor_ >= 0) ::close(descriptor_);
  --listening_->open;
  context_->pipeline.observer().connection_closed();
  context_->peers.remove(this);
}

void Connection::start() {
  // A lane that has stopped drops the work, and with it the last owner of this object.
  lane_->post([self = shared_from_this()] { self->settle(); });
}

void Connection::settle() {
  if (descriptor_ < 0) return;  // it was cut meanwhile
  if (!lane_->watch(descriptor_, shared_from_this())) return end();
  if (context_->stopping) return end_when_idle();
  serve_buffered();
}

void Connection::readable() {
  const auto self = shared_from_this();
  if (receive()) {
    serve_buffered();
  } else {
    end();
  }
}

/// Answers what has arrived whole. One read brings at most a few requests, so no peer holds the
/// lane for long.
void Connection::serve_buffered() {
  while (buffer_.size() > 0) {
    const bool is_http = parse();
    if (is_http && !parser_.is_header_done()) {
      if (buffer_.size() == 0 && !parser_.has_begun()) {
        phase_ = Phase::idle;  // blank lines alone are no request
      } else if (phase_ == Phase::idle) {
        phase_ = Phase::reading;
        set_deadline(listening_->settings.header_timeout);
      }
      return;
    }
    exchange_.started = context_->clock.uptime();
    if (!finish_at_once(is_http ? admit() : Step::answer)) return;
    await_request(listening_->settings.idle_timeout);
  }
}

/// False: it has left the lane, or ended.
bool Connection::finish_at_once(Step step) {
  if (step == Step::handler && exchange_.match.endpoint->at_once) {
    context_->pipeline.run_at_once(exchange_);
    step = Step::answer;
  }
  if (step == Step::answer) {
    make_answer();
    switch (outgoing_.send(descriptor_)) {
      case Outgoing::Outcome::all:
        if (is_complete_ && keep_alive_) return true;
        if (is_complete_) {
          end();
          return false;
        }
        break;
      case Outgoing::Outcome::some:
        break;
      case Outgoing::Outcome::failed:
        end();
        return false;
    }
    step = Step::rest_of_answer;
  }
  leave_lane(step);
  return false;
}

void Connection::leave_lane(Step step) {
  auto self = shared_from_this();
  lane_->let_go(*this);
  error_code failure;
  auto& socket = socket_.emplace(executor_);
  socket.assign(protocol_, descriptor_, failure);
  if (failure) {
    socket_.reset();
    return end();
  }
  descriptor_ = -1;
  set_deadline(std::chrono::nanoseconds::max());
  is_in_lane_ = false;
  auto work = go_on(std::move(self), step);
  asio::co_spawn(executor_, std::move(work), [](const std::exception_ptr& failed) {
    if (!failed) return;
    try {
      std::rethrow_exception(failed);
    } catch (const std::exception& error) {
      log::error("http", "connection failed unexpectedly", {{"reason", error.what()}});
    }
  });
}

/// False: the peer is gone.
bool Connection::receive() {
  const auto space = std::min(read_size, buffer_.max_size() - buffer_.size());
  const auto into = buffer_.prepare(space);
  const auto got = ::recv(descriptor_, into.data(), into.size(), 0);
  if (got > 0) buffer_.commit(static_cast<std::size_t>(got));
  return got > 0 || (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR));
}

void Connection::end() {
  lane_->let_go(*this);
  if (descriptor_ >= 0) ::close(std::exchange(descriptor_, -1));
}

void Connection::await_request(std::chrono::nanoseconds limit) {
  exchange_.clear();
  parser_.restart();
  ids_.next(exchange_.request.request_id);
  phase_ = Phase::idle;
  timed_out_ = false;
  set_deadline(limit);
}

Connection::Step Connection::admit() {
  if (!is_sound()) return Step::answer;
  switch (context_->pipeline.admit(exchange_, listening_->router)) {
    case Pipeline::Admission::unknown_user:
      return Step::authenticate;
    case Pipeline::Admission::admitted:
      return after_admission(true);
    case Pipeline::Admission::answered:
      break;
  }
  return after_admission(false);
}

Connection::Step Connection::after_admission(bool is_admitted) const {
  if (is_for_socket(exchange_, is_admitted)) return Step::upgrade;
  if (!is_admitted) return Step::answer;
  return parser_.is_done() ? Step::handler : Step::body;
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

/// Puts the answer into `outgoing_` and reports the request.
void Connection::make_answer() {
  was_served_ = true;
  is_complete_ = parser_.is_done();
  keep_alive_ = is_complete_ && parser_.keep_alive() && !context_->stopping;
  const auto& response = exchange_.response;
  const auto now = context_->clock.uptime();
  const ResponseHead::Facts facts{exchange_.request,
                                  response,
                                  context_->pipeline.origins().is_listed(exchange_.request),
                                  keep_alive_,
                                  now - exchange_.started,
                                  date_.at(context_->clock.now())};
  context_->head.write(outgoing_.head(), facts);
  const bool without_body =
      exchange_.request.method == Method::head || response.status == 204 || response.status == 304;
  outgoing_.begin(without_body ? std::string_view{} : response.text());
  // Before the write, so that whoever has the answer finds the entry.
  context_->pipeline.report(exchange_, response.status, now);
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

/// Runs `action` on the thread that has the connection, wherever it goes meanwhile.
void Connection::do_where_it_is(Action action) {
  const bool in_lane = is_in_lane_;
  auto work = [self = shared_from_this(), action, in_lane] {
    if (self->is_in_lane_ == in_lane) {
      (*self.*action)();
    } else {
      self->do_where_it_is(action);
    }
  };
  if (in_lane) {
    lane_->post(std::move(work));
  } else {
    asio::post(executor_, std::move(work));
  }
}

void Connection::tick(Uptime now) {
  if (now.count() >= deadline_.load(std::memory_order_relaxed)) {
    do_where_it_is(&Connection::on_deadline);
  }
}

void Connection::stop() {
  do_where_it_is(&Connection::end_when_idle);
}

void Connection::abort() {
  do_where_it_is(&Connection::cut);
}

void Connection::on_deadline() {
  // It may have been met and set anew since the tick.
  if (context_->clock.uptime().count() < deadline_.load(std::memory_order_relaxed)) return;
  deadline_.store(no_deadline, std::memory_order_relaxed);
  timed_out_ = true;
  // One that was served and is idle is let go; that is no fault of its own.
  if ((phase_ != Phase::idle || !was_served_) && !std::exchange(was_too_slow_, true)) {
    context_->refusals.add(Refusal::too_slow, exchange_.request.remote);
  }
  if (phase_ != Phase::reading) return cut();
  if (is_in_lane_ && descriptor_ >= 0) {
    fail(request_too_slow());
    finish_at_once(Step::answer);
  } else if (socket_) {
    error_code ignored;
    socket_->cancel(ignored);  // `read_more` says why
  }
}

void Connection::end_when_idle() {
  if (is_in_lane_ && phase_ == Phase::idle) end();
}

void Connection::cut() {
  if (is_in_lane_) {
    end();
  } else if (socket_) {
    error_code ignored;
    socket_->close(ignored);
  }
}

void start_connection(asio::ip::tcp::socket socket,
                      std::shared_ptr<ServerContext> context,
                      std::shared_ptr<Listening> listening,
                      std::shared_ptr<Lane> lane) {
  auto connection = std::make_shared<Connection>(
      std::move(socket), context, std::move(listening), std::move(lane));
  context->peers.add(connection);
  connection->start();
}

}  // namespace portoser::http
