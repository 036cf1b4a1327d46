#include "agent/systemd/connection.h"

#include "common/ids.h"

#include <boost/asio/read.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/write.hpp>
#include <fmt/format.h>
#include <sys/un.h>

#include <unistd.h>

namespace portoser::agent::systemd {
namespace {

using boost::system::error_code;

Error missing(const std::string& socket_path, const error_code& failure) {
  const bool is_away = failure == boost::system::errc::no_such_file_or_directory ||
                       failure == asio::error::connection_refused;
  if (is_away) {
    return Error{Code::unavailable, "this host runs no systemd", socket_path}
        .reason("SYSTEMD_MISSING")
        .hint(
            "native and local services are run by systemd; on a host without it use a docker "
            "service");
  }
  return Error{Code::unavailable,
               fmt::format("systemd takes no connection at {}: {}", socket_path, failure.message()),
               socket_path}
      .reason("SYSTEMD_UNAVAILABLE")
      .hint("the agent has to run as root");
}

Error lost(const std::string& why) {
  return Error{Code::unavailable, fmt::format("the connection to systemd broke: {}", why)}
      .reason("SYSTEMD_UNAVAILABLE")
      .hint("it comes back by itself after systemctl daemon-reexec");
}

void check(const error_code& failure) {
  if (!failure) return;
  if (failure == asio::error::operation_aborted) throw boost::system::system_error{failure};
  throw lost(failure.message());
}

}  // namespace

asio::awaitable<void> Connection::open(std::string socket_path) {
  if (socket_path.empty() || socket_path.size() >= sizeof(sockaddr_un::sun_path)) {
    throw Error{Code::invalid, "\"" + socket_path + "\" cannot be the path of a unix socket"};
  }
  error_code failure;
  const asio::local::stream_protocol::endpoint endpoint{socket_path};
  co_await socket_.async_connect(endpoint, asio::redirect_error(asio::use_awaitable, failure));
  if (failure && failure != asio::error::operation_aborted) throw missing(socket_path, failure);
  check(failure);
  // Who we are the kernel tells; the text has to say the same. BEGIN goes along: systemd leaves a
  // call lying that it reads together with BEGIN, until more comes.
  const auto hello =
      std::string{'\0'} + "AUTH EXTERNAL " + to_hex(std::to_string(::getuid())) + "\r\nBEGIN\r\n";
  co_await asio::async_write(
      socket_, asio::buffer(hello), asio::redirect_error(asio::use_awaitable, failure));
  check(failure);
  std::string line;
  constexpr std::size_t longest_line = 1024;
  while (!line.ends_with("\r\n")) {
    if (line.size() > longest_line) throw lost("it does not speak D-Bus");
    co_await read(1);
    line += bytes_;
  }
  if (!line.starts_with("OK ")) {
    throw Error{Code::unavailable, "systemd refuses us: " + line.substr(0, line.size() - 2)}
        .reason("SYSTEMD_UNAVAILABLE")
        .hint("the agent has to run as root");
  }
  socket_.non_blocking(true);
}

std::uint32_t Connection::send(const std::string& path,
                               const std::string& interface,
                               const std::string& member,
                               const std::string& signature,
                               const std::vector<std::string>& arguments) {
  Message call;
  call.serial = ++serial_;
  call.path = path;
  call.interface = interface;
  call.member = member;
  call.signature = signature;
  const auto bytes = encode_call(call, arguments);
  error_code failure;
  const auto written = socket_.write_some(asio::buffer(bytes), failure);
  if (failure) throw lost(failure.message());
  if (written != bytes.size()) throw lost("it does not read what it is asked");
  return call.serial;
}

asio::awaitable<void> Connection::read(std::size_t count) {
  bytes_.resize(count);
  error_code failure;
  co_await asio::async_read(
      socket_, asio::buffer(bytes_), asio::redirect_error(asio::use_awaitable, failure));
  check(failure);
}

asio::awaitable<Message> Connection::receive() {
  co_await read(fixed_bytes);
  auto whole = bytes_;
  const auto size = message_size(whole);
  if (size > largest_message) throw lost("a message is too large");
  co_await read(size - fixed_bytes);
  whole += bytes_;
  co_return decode(whole);
}

asio::awaitable<Message> Connection::answer_to(std::uint32_t serial) {
  for (;;) {
    auto message = co_await receive();
    if (message.reply_serial != serial) continue;
    if (message.type == MessageType::error) throw error_of(message);
    if (message.type == MessageType::answer) co_return message;
  }
}

Error error_of(const Message& message) {
  std::string text;
  if (message.signature.starts_with("s")) text = BodyReader{message}.text();
  if (text.empty()) text = message.error_name;
  const bool is_unknown =
      message.error_name.ends_with(".NoSuchUnit") || message.error_name.ends_with(".UnknownObject");
  return Error{is_unknown ? Code::not_found : Code::invalid, "systemd says: " + text};
}

}  // namespace portoser::agent::systemd
