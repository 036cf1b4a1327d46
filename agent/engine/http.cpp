#include "agent/engine/http.h"

#include "agent/engine/lines.h"

#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <fmt/format.h>
#include <sys/un.h>

#include <array>

namespace portoser::agent::engine {
namespace {

namespace beast = boost::beast;
namespace http = beast::http;
using boost::system::error_code;
using Protocol = asio::local::stream_protocol;
using Socket = Protocol::socket;

constexpr std::size_t reply_limit = 4U << 20U;
constexpr std::size_t error_body_limit = 64U << 10U;
constexpr std::size_t buffer_limit = 64U << 10U;
constexpr std::size_t block_size = 8U << 10U;

Error unreachable(const std::string& socket_path, const error_code& failure) {
  std::string message;
  std::string hint;
  if (failure == asio::error::access_denied) {
    message = fmt::format("the Docker engine's socket {} may not be opened: permission denied",
                          socket_path);
    hint = "run the agent as root or as a member of the group that owns the socket";
  } else if (failure == boost::system::errc::no_such_file_or_directory ||
             failure == asio::error::connection_refused) {
    message = fmt::format("no Docker engine listens on {}", socket_path);
    hint = "start it (systemctl start docker), or name its socket in agent.yml";
  } else {
    message = fmt::format(
        "the Docker engine at {} takes no connection: {}", socket_path, failure.message());
    hint = "look at the engine's own log (journalctl -u docker)";
  }
  return Error{Code::unavailable, message, socket_path}.reason("ENGINE_UNAVAILABLE").hint(hint);
}

/// Throws for a connection that broke, and passes a cancellation on as one.
void check(const error_code& failure, const std::string& socket_path) {
  if (!failure) return;
  if (failure == asio::error::operation_aborted) throw boost::system::system_error{failure};
  if (failure == http::error::body_limit || failure == http::error::buffer_overflow) {
    throw Error{Code::too_large, "the Docker engine's answer is too large", socket_path};
  }
  if (failure == asio::error::not_connected) {
    // A stopped engine whose queue of connections is full: the kernel refuses, Asio notices here.
    throw unreachable(socket_path, failure);
  }
  throw Error{Code::unavailable,
              fmt::format("the connection to the Docker engine broke: {}", failure.message()),
              socket_path}
      .reason("ENGINE_UNAVAILABLE")
      .hint("look at the engine's own log (journalctl -u docker)");
}

/// `socket` belongs to the caller, who waits for the end.
asio::awaitable<void> connect(Socket& socket, std::string socket_path) {
  if (socket_path.empty() || socket_path.size() >= sizeof(sockaddr_un::sun_path)) {
    throw Error{Code::invalid, "\"" + socket_path + "\" cannot be the path of a unix socket"};
  }
  const Protocol::endpoint endpoint{socket_path};
  error_code failure;
  co_await socket.async_connect(endpoint, asio::redirect_error(asio::use_awaitable, failure));
  if (failure && failure != asio::error::operation_aborted) throw unreachable(socket_path, failure);
  check(failure, socket_path);
}

http::request<http::string_body> to_message(HttpRequest request) {
  http::request<http::string_body> message;
  message.version(11);
  message.method_string(request.method);
  message.target(request.target);
  message.set(http::field::host, "docker");
  message.set(http::field::user_agent, "portoser-agent");
  message.set(http::field::connection, "close");
  if (!request.body.empty()) message.set(http::field::content_type, "application/json");
  message.body() = std::move(request.body);
  message.prepare_payload();
  return message;
}

/// A GET under way; one block of its body is in memory at a time.
struct Stream {
  explicit Stream(const asio::any_io_executor& executor) : socket(executor) {
    parser.body_limit(boost::none);
  }

  Socket socket;
  beast::flat_buffer buffer{buffer_limit};
  http::response_parser<http::buffer_body> parser;
  std::array<char, block_size> block{};
};

/// `stream` belongs to the caller, who waits for the end.
asio::awaitable<void> open(Stream& stream, std::string socket_path, std::string target) {
  co_await connect(stream.socket, socket_path);
  HttpRequest request;
  request.method = "GET";
  request.target = std::move(target);
  auto message = to_message(std::move(request));
  error_code failure;
  co_await http::async_write(
      stream.socket, message, asio::redirect_error(asio::use_awaitable, failure));
  check(failure, socket_path);
  co_await http::async_read_header(stream.socket,
                                   stream.buffer,
                                   stream.parser,
                                   asio::redirect_error(asio::use_awaitable, failure));
  check(failure, socket_path);
  // Not eager, so that `async_read_some` gives each chunk at once: an eager parser goes on to the
  // next chunk's header and waits for it while it holds the data of this one.
  stream.parser.eager(false);
}

/// What came of the body, possibly nothing (a chunk's header); valid until the next call.
asio::awaitable<std::string_view> read_block(Stream& stream, std::string socket_path) {
  auto& body = stream.parser.get().body();
  body.data = stream.block.data();
  body.size = stream.block.size();
  error_code failure;
  co_await http::async_read_some(stream.socket,
                                 stream.buffer,
                                 stream.parser,
                                 asio::redirect_error(asio::use_awaitable, failure));
  // The block is full, or the connection's end completed the body: both give what came so far.
  if (failure != http::error::need_buffer) check(failure, socket_path);
  co_return std::string_view{stream.block.data(), stream.block.size() - body.size};
}

asio::awaitable<std::string> read_error_body(Stream& stream, std::string socket_path) {
  std::string body;
  while (!stream.parser.is_done() && body.size() < error_body_limit) {
    body += co_await read_block(stream, socket_path);
  }
  co_return body;
}

}  // namespace

asio::awaitable<HttpReply> exchange(asio::any_io_executor executor,
                                    std::string socket_path,
                                    HttpRequest request) {
  Socket socket{executor};
  co_await connect(socket, socket_path);
  auto message = to_message(std::move(request));
  error_code failure;
  co_await http::async_write(socket, message, asio::redirect_error(asio::use_awaitable, failure));
  check(failure, socket_path);
  beast::flat_buffer buffer{buffer_limit};
  http::response_parser<http::string_body> parser;
  parser.body_limit(reply_limit);
  co_await http::async_read(
      socket, buffer, parser, asio::redirect_error(asio::use_awaitable, failure));
  check(failure, socket_path);
  HttpReply reply;
  reply.status = parser.get().result_int();
  reply.body = std::move(parser.get().body());
  co_return reply;
}

asio::awaitable<HttpReply> stream_lines(asio::any_io_executor executor,
                                        std::string socket_path,
                                        LineStream stream) {
  Stream connection{executor};
  auto opening = open(connection, socket_path, stream.target);
  co_await with_deadline(std::move(opening), stream.header_limit, "the Docker engine's answer");
  HttpReply reply;
  reply.status = connection.parser.get().result_int();
  if (reply.status != 200) {
    auto reading = read_error_body(connection, socket_path);
    reply.body = co_await with_deadline(
        std::move(reading), stream.header_limit, "the Docker engine's answer");
    co_return reply;
  }
  stream.connected();
  LineSplitter lines;
  while (!connection.parser.is_done()) {
    const auto block = co_await read_block(connection, socket_path);
    lines.add(block, stream.on_line);
  }
  throw Error{Code::unavailable, "the Docker engine ended its stream", socket_path}.reason(
      "ENGINE_UNAVAILABLE");
}

}  // namespace portoser::agent::engine
