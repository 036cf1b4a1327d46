#include "tests/support/http_client.h"

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/buffers_to_string.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/websocket/stream.hpp>

#include <stdexcept>

namespace portoser::test {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
using asio::ip::tcp;
using boost::system::error_code;

tcp::socket connect(asio::io_context& context, std::uint16_t port) {
  tcp::socket socket{context};
  socket.connect(tcp::endpoint{asio::ip::address_v4::loopback(), port});
  socket.set_option(tcp::no_delay{true});
  return socket;
}

bool is_same_name(std::string_view a, std::string_view b) {
  return beast::iequals({a.data(), a.size()}, {b.data(), b.size()});
}

}  // namespace

std::string HttpAnswer::header(std::string_view name) const {
  for (const auto& [key, value] : headers) {
    if (is_same_name(key, name)) return value;
  }
  return {};
}

bool HttpAnswer::has_header(std::string_view name) const {
  for (const auto& [key, value] : headers) {
    if (is_same_name(key, name)) return true;
  }
  return false;
}

struct HttpClient::Implementation {
  explicit Implementation(std::uint16_t port) : socket(connect(context, port)) {}
  asio::io_context context;
  tcp::socket socket;
  beast::flat_buffer buffer;
};

HttpClient::HttpClient(std::uint16_t port)
    : implementation_(std::make_unique<Implementation>(port)) {}
HttpClient::~HttpClient() = default;

HttpAnswer HttpClient::get(std::string_view target, const Headers& headers) {
  return request("GET", target, {}, headers);
}

HttpAnswer HttpClient::post(std::string_view target,
                            std::string_view body,
                            const Headers& headers) {
  return request("POST", target, body, headers);
}

HttpAnswer HttpClient::request(std::string_view method,
                               std::string_view target,
                               std::string_view body,
                               const Headers& headers) {
  std::string text{method};
  text += ' ';
  text += target;
  text += " HTTP/1.1\r\nHost: 127.0.0.1\r\n";
  for (const auto& [name, value] : headers) text += name + ": " + value + "\r\n";
  if (!body.empty() || method == "POST" || method == "PUT" || method == "PATCH") {
    text += "Content-Length: " + std::to_string(body.size()) + "\r\n";
  }
  text += "\r\n";
  text += body;
  send_raw(text);
  return read(method == "HEAD");
}

void HttpClient::send_raw(std::string_view bytes) {
  asio::write(implementation_->socket, asio::buffer(bytes.data(), bytes.size()));
}

HttpAnswer HttpClient::read(bool to_head) {
  beast::http::response_parser<beast::http::string_body> parser;
  parser.body_limit(boost::none);
  parser.skip(to_head);
  beast::http::read(implementation_->socket, implementation_->buffer, parser);
  auto message = parser.release();
  HttpAnswer answer;
  answer.status = message.result_int();
  for (const auto& field : message) {
    answer.headers.emplace_back(std::string{field.name_string()}, std::string{field.value()});
  }
  answer.body = std::move(message.body());
  return answer;
}

std::string HttpClient::read_raw() {
  std::string bytes(64U << 10U, '\0');
  error_code failure;
  bytes.resize(implementation_->socket.read_some(asio::buffer(bytes), failure));
  return bytes;
}

bool HttpClient::is_closed_by_server() {
  return implementation_->buffer.size() == 0 && read_raw().empty();
}

void HttpClient::hang_up() {
  error_code ignored;
  implementation_->socket.close(ignored);
}

struct SocketClient::Implementation {
  explicit Implementation(std::uint16_t port) : stream(connect(context, port)) {}
  asio::io_context context;
  beast::websocket::stream<tcp::socket, false> stream;
  beast::websocket::response_type answer;
  beast::flat_buffer buffer;
  std::size_t pings = 0;
};

SocketClient::SocketClient(std::uint16_t port, std::string_view target, const Headers& headers)
    : implementation_(std::make_unique<Implementation>(port)) {
  auto& stream = implementation_->stream;
  stream.set_option(
      beast::websocket::stream_base::decorator([&headers](beast::websocket::request_type& request) {
        for (const auto& [name, value] : headers) request.set(name, value);
      }));
  stream.control_callback([this](beast::websocket::frame_type kind, beast::string_view /*text*/) {
    if (kind == beast::websocket::frame_type::ping) ++implementation_->pings;
  });
  stream.read_message_max(0);
  error_code failure;
  stream.handshake(implementation_->answer,
                   "127.0.0.1",
                   beast::string_view{target.data(), target.size()},
                   failure);
  if (failure) {
    throw std::runtime_error{"the handshake was answered with " +
                             std::to_string(implementation_->answer.result_int())};
  }
}

SocketClient::~SocketClient() = default;

void SocketClient::send(std::string_view text) {
  implementation_->stream.text(true);
  implementation_->stream.write(asio::buffer(text.data(), text.size()));
}

void SocketClient::send_binary(std::string_view bytes) {
  implementation_->stream.binary(true);
  implementation_->stream.write(asio::buffer(bytes.data(), bytes.size()));
}

std::optional<std::string> SocketClient::receive() {
  error_code failure;
  implementation_->buffer.clear();
  implementation_->stream.read(implementation_->buffer, failure);
  if (failure) return std::nullopt;
  return beast::buffers_to_string(implementation_->buffer.data());
}

std::uint16_t SocketClient::await_close() {
  while (receive()) {
  }
  const auto code = implementation_->stream.reason().code;
  return code == beast::websocket::close_code::none ? std::uint16_t{1006} : std::uint16_t{code};
}

std::string SocketClient::close_reason() const {
  const auto& reason = implementation_->stream.reason().reason;
  return {reason.data(), reason.size()};
}

std::string SocketClient::subprotocol() const {
  return std::string{implementation_->answer[beast::http::field::sec_websocket_protocol]};
}

std::size_t SocketClient::pings() const {
  return implementation_->pings;
}

void SocketClient::close() {
  error_code ignored;
  implementation_->stream.close(beast::websocket::close_code::normal, ignored);
}

void SocketClient::reset() {
  error_code ignored;
  implementation_->stream.next_layer().set_option(tcp::socket::linger{true, 0}, ignored);
  implementation_->stream.next_layer().close(ignored);
}

void SocketClient::hang_up() {
  error_code ignored;
  implementation_->stream.next_layer().close(ignored);
}

}  // namespace portoser::test
