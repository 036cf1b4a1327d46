/// One TCP connection: bytes to requests, answers to bytes. Inside controller/http only.
#pragma once

#include "controller/http/server_context.h"

#include <boost/asio/ip/tcp.hpp>

#include <memory>

namespace portoser::http {

/// Serves the connection on the executor of `socket` until it ends.
void start_connection(asio::ip::tcp::socket socket,
                      std::shared_ptr<ServerContext> context,
                      std::shared_ptr<Listening> listening);

}  // namespace portoser::http
