/// One WebSocket from its handshake to its end. Inside controller/http only.
#pragma once

#include "controller/http/pipeline.h"
#include "controller/http/server_context.h"

#include <boost/asio/ip/tcp.hpp>

#include <memory>

namespace portoser::http {

/// Answers the upgrade, runs the handler of the route and ends when the socket has ended and the
/// handler has returned. With `exchange.failure` set the socket is opened and closed with the code
/// of it.
asio::awaitable<void> run_socket(asio::ip::tcp::socket socket,
                                 Exchange exchange,
                                 std::shared_ptr<ServerContext> context);

}  // namespace portoser::http
