/// HTTP over a unix socket, in plain types: http.cpp is the only source of this room that includes
/// Beast. Each call has a connection of its own. Whoever waits brings the deadline; cancelling
/// closes the connection.
#pragma once

#include "common/tasks.h"

#include <chrono>
#include <functional>
#include <string>
#include <string_view>

namespace portoser::agent::engine {

struct HttpRequest {
  std::string method;
  std::string target;
  std::string body;  ///< JSON; empty: none
};

struct HttpReply {
  unsigned status = 0;
  std::string body;  ///< at most 4 MiB
};

/// No socket, no permission, nobody who listens, a broken connection:
/// `Error{unavailable, ENGINE_UNAVAILABLE}`; a larger body: `Error{too_large}`.
asio::awaitable<HttpReply> exchange(asio::any_io_executor executor,
                                    std::string socket_path,
                                    HttpRequest request);

struct LineStream {
  std::string target;
  std::chrono::milliseconds header_limit{};  ///< for connecting and the answer's header; then none
  std::function<void()> connected;           ///< called when the header says 200
  std::function<void(std::string_view)> on_line;
};

/// GET whose answer never ends. With status 200 it ends by an exception: the `Error`s of
/// `exchange`, `Error{deadline}` without a header in time, `Error{too_large}` for a line over 1
/// MiB, and what a callback throws. Any other status is returned with its body.
asio::awaitable<HttpReply> stream_lines(asio::any_io_executor executor,
                                        std::string socket_path,
                                        LineStream stream);

}  // namespace portoser::agent::engine
