#include "controller/http/server.h"

#include "common/log.h"
#include "controller/http/connection.h"
#include "controller/http/openapi.h"
#include "controller/http/server_context.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <fmt/format.h>

#include <mutex>

namespace portoser::http {
namespace {

using asio::ip::tcp;
using boost::system::error_code;

constexpr std::string_view too_many_connections =
    "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nRetry-After: 1\r\n"
    "Connection: close\r\n\r\n";

struct Listener {
  Listener(asio::any_io_executor executor, ListenerSettings settings, const Router& router)
      : acceptor(executor), listening(std::make_shared<Listening>(std::move(settings), router)) {}
  tcp::acceptor acceptor;
  std::shared_ptr<Listening> listening;
};

/// Opens the port, or says what is in the way.
void open(Listener& listener) {
  const auto& settings = listener.listening->settings;
  error_code failure;
  const auto address = asio::ip::make_address(settings.address, failure);
  if (failure) {
    throw Error{Code::invalid,
                fmt::format("\"{}\" is not an IP address", settings.address),
                settings.address}
        .hint("use 127.0.0.1 for this machine only, 0.0.0.0 for all addresses");
  }
  const tcp::endpoint endpoint{address, settings.port};
  auto& acceptor = listener.acceptor;
  acceptor.open(endpoint.protocol(), failure);
  if (!failure) acceptor.set_option(tcp::acceptor::reuse_address{true}, failure);
  if (!failure) acceptor.bind(endpoint, failure);
  if (!failure) acceptor.listen(asio::socket_base::max_listen_connections, failure);
  if (!failure) return;
  const auto place = fmt::format("{}:{}", settings.address, settings.port);
  const auto setting = settings.port_setting.empty() ? "the port" : settings.port_setting;
  throw Error{
      Code::unavailable, fmt::format("cannot listen on {}: {}", place, failure.message()), place}
      .hint(failure == asio::error::address_in_use
                ? fmt::format("another program has this port: stop it, or set {} to a free one",
                              setting)
                : fmt::format("set the address to one of this machine's, and {} to one that this "
                              "user may open",
                              setting));
}

/// A descriptor too many, say: the listener waits a moment and goes on.
asio::awaitable<void> wait_after(ServerContext& context, error_code failure) {
  context.refusals.add(Refusal::accept_failed, failure.message());
  co_await pause(std::chrono::milliseconds{100});
}

std::string address_of(const tcp::socket& socket) {
  error_code failure;
  const auto peer = socket.remote_endpoint(failure);
  return failure ? "gone already" : peer.address().to_string();
}

void refuse(tcp::socket socket) {
  error_code ignored;
  socket.non_blocking(true, ignored);
  socket.write_some(asio::buffer(too_many_connections.data(), too_many_connections.size()),
                    ignored);
  socket.shutdown(tcp::socket::shutdown_send, ignored);
}

asio::awaitable<void> accept_all(std::shared_ptr<Listener> listener,
                                 std::shared_ptr<ServerContext> context,
                                 ExecutorSource executors,
                                 std::shared_ptr<Lanes> lanes) {
  while (!context->stopping) {
    error_code failure;
    auto executor = executors();
    auto socket = co_await listener->acceptor.async_accept(
        executor, asio::redirect_error(asio::use_awaitable, failure));
    if (failure == asio::error::operation_aborted || !listener->acceptor.is_open()) co_return;
    if (failure) {
      co_await wait_after(*context, failure);
    } else if (listener->listening->open >= listener->listening->settings.max_connections) {
      context->refusals.add(Refusal::too_many, address_of(socket));
      refuse(std::move(socket));
    } else {
      start_connection(std::move(socket), context, listener->listening, lanes->next());
    }
  }
}

/// Looks at the deadlines of all peers, again and again.
asio::awaitable<void> sweep(std::shared_ptr<ServerContext> context,
                            std::shared_ptr<asio::steady_timer> timer) {
  for (;;) {
    error_code failure;
    timer->expires_after(context->settings.sweep_period);
    co_await timer->async_wait(asio::redirect_error(asio::use_awaitable, failure));
    if (failure) co_return;
    const auto now = context->clock.uptime();
    for (const auto& peer : context->peers.all()) peer->tick(now);
    context->refusals.tell_due();
  }
}

void log_failure(const std::exception_ptr& failure) {
  if (!failure || is_cancellation(failure)) return;
  try {
    std::rethrow_exception(failure);
  } catch (const std::exception& error) {
    log::error("http", "a part of the server failed", {{"reason", error.what()}});
  }
}

}  // namespace

struct Server::State {
  State(ExecutorSource source, std::shared_ptr<ServerContext> shared)
      : executors(std::move(source)),
        context(std::move(shared)),
        lanes(std::make_shared<Lanes>(context->settings.lanes)),
        sweep_executor(executors()),
        sweep_timer(std::make_shared<asio::steady_timer>(sweep_executor)) {}

  void stop_accepting() {
    context->stopping = true;
    const std::lock_guard lock{mutex};
    for (const auto& listener : listeners) {
      asio::post(listener->acceptor.get_executor(), [listener] {
        error_code ignored;
        listener->acceptor.close(ignored);
      });
    }
    listeners.clear();
  }

  void stop_sweeping() {
    asio::post(sweep_executor, [timer = sweep_timer] { timer->cancel(); });
  }

  ExecutorSource executors;
  std::shared_ptr<ServerContext> context;
  std::shared_ptr<Lanes> lanes;
  asio::any_io_executor sweep_executor;
  std::shared_ptr<asio::steady_timer> sweep_timer;
  std::mutex mutex;
  std::vector<std::shared_ptr<Listener>> listeners;
};

Server::Server(ExecutorSource executors,
               ServerSettings settings,
               Authenticator& authenticator,
               AuditSink& audit,
               RequestObserver& observer,
               const Clock& clock)
    : state_(std::make_shared<State>(
          std::move(executors),
          std::make_shared<ServerContext>(
              std::move(settings), authenticator, audit, observer, clock))) {
  auto work = sweep(state_->context, state_->sweep_timer);
  asio::co_spawn(state_->sweep_executor, std::move(work), log_failure);
}

Server::Server(asio::io_context& context,
               ServerSettings settings,
               Authenticator& authenticator,
               AuditSink& audit,
               RequestObserver& observer,
               const Clock& clock)
    : Server([&context] { return asio::any_io_executor{asio::make_strand(context)}; },
             std::move(settings),
             authenticator,
             audit,
             observer,
             clock) {}

Server::~Server() {
  state_->stop_accepting();
  state_->stop_sweeping();
  for (const auto& peer : state_->context->peers.all()) peer->abort();
  state_->lanes->stop();
}

std::uint16_t Server::listen(ListenerSettings settings, Router& router) {
  if (!settings.openapi_title.empty()) serve_openapi(router, settings.openapi_title);
  auto listener = std::make_shared<Listener>(state_->executors(), std::move(settings), router);
  open(*listener);
  const auto executor = listener->acceptor.get_executor();
  const auto port = listener->acceptor.local_endpoint().port();
  {
    const std::lock_guard lock{state_->mutex};
    state_->listeners.push_back(listener);
  }
  auto work = accept_all(std::move(listener), state_->context, state_->executors, state_->lanes);
  asio::co_spawn(executor, std::move(work), log_failure);
  return port;
}

asio::awaitable<void> Server::stop() {
  constexpr std::chrono::milliseconds step{10};
  auto state = state_;
  auto& peers = state->context->peers;
  state->stop_accepting();
  for (const auto& peer : peers.all()) peer->stop();
  for (auto waited = step; peers.size() > 0 && waited < state->context->settings.stop_grace;
       waited += step) {
    co_await pause(step);
  }
  state->stop_sweeping();
  for (const auto& peer : peers.all()) peer->abort();
}

}  // namespace portoser::http
