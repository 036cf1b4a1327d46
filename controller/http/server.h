/// The HTTP and WebSocket server. It owns listeners and connections and knows no domain: what it
/// serves is in the routers, who may ask is the authenticator's matter.
///
/// A connection waits for requests on one of the server's own threads (a lane). A handler that
/// answers at once runs there; a coroutine runs on the connection's executor. Routers,
/// authenticator, audit, observer and clock are given by reference and must outlive the contexts'
/// last run: a handler that is still waiting at the end of `stop` keeps its connection until then.
#pragma once

#include "common/clock.h"
#include "common/tasks.h"
#include "controller/http/auth.h"
#include "controller/http/observers.h"
#include "controller/http/response_head.h"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/io_context.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace portoser::http {

class Router;

struct ListenerSettings {
  std::string address = "127.0.0.1";
  std::uint16_t port = 0;      ///< 0: any free one
  std::string port_setting{};  ///< how the user sets the port ("BACKEND_PORT"), for the error text
  std::size_t max_connections = 4096;       ///< more are told 503
  std::uint32_t header_limit = 16U << 10U;  ///< bytes; more is 431
  std::chrono::seconds header_timeout{15};  ///< from the first byte to the end of the header
  std::chrono::seconds body_timeout{60};
  std::chrono::seconds idle_timeout{75};  ///< between two requests of a connection
  std::string openapi_title{};            ///< not empty: GET /openapi.json describes the router
};

struct SocketSettings {
  std::size_t max_open = 1000;
  std::size_t max_open_per_user = 50;  ///< 0: no limit (when everybody is the same user)
  std::chrono::seconds ping_period{20};
  std::chrono::seconds idle_timeout{60};  ///< without a sign of the client
  /// So long may a frame take that the client does not let through; then what waits is dropped and
  /// the socket closed with 1013, and cut after as long again.
  std::chrono::seconds write_timeout{10};
  /// What the kernel keeps for a client that does not read. Its own limit is megabytes, which a
  /// thousand sockets would make gigabytes.
  int send_buffer = 256 << 10;
};

struct ServerSettings {
  std::vector<std::string> allowed_origins{};  ///< "https://portoser.example", for CORS and sockets
  HeadSettings head{};
  SocketSettings sockets{};
  std::size_t lanes = 2;  ///< threads of its own, which answer what memory answers
  std::chrono::milliseconds stop_grace{5000};    ///< for requests that run when `stop` comes
  std::chrono::milliseconds sweep_period{1000};  ///< how often timeouts are looked at
};

/// Called once for each connection, for what takes longer than an answer from memory: a strand, or
/// the executor of a context that one thread runs. Contexts of one thread each, taken in turn, are
/// the fastest.
using ExecutorSource = std::function<asio::any_io_executor()>;

class Server {
 public:
  Server(ExecutorSource executors,
         ServerSettings settings,
         Authenticator& authenticator,
         AuditSink& audit,
         RequestObserver& observer,
         const Clock& clock);
  /// A strand of `context` for each connection; any number of threads may run it.
  Server(asio::io_context& context,
         ServerSettings settings,
         Authenticator& authenticator,
         AuditSink& audit,
         RequestObserver& observer,
         const Clock& clock);
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  ~Server();

  /// Starts to accept and returns the port that was bound. An address that is none:
  /// `Error{invalid}`; a port that is taken: `Error{unavailable}`. Several listeners are fine, each
  /// with its router.
  std::uint16_t listen(ListenerSettings settings, Router& router);

  /// Accepts no more, closes what is idle, closes sockets with 1001, lets running requests end for
  /// `stop_grace`, then cuts the rest.
  asio::awaitable<void> stop();

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace portoser::http
