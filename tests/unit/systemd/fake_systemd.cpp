#include "tests/unit/systemd/fake_systemd.h"

#include "tests/unit/systemd/message_writer.h"

#include <boost/asio/detached.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>

#include <cstdlib>
#include <stdexcept>

namespace portoser::agent::systemd {
namespace {

std::filesystem::path new_folder() {
  std::string name = "/tmp/portoser-systemd-XXXXXX";
  if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error{"no temporary folder"};
  return name;
}

}  // namespace

FakeSystemd::FakeSystemd(asio::io_context& context)
    : folder_(new_folder()),
      context_(context),
      acceptor_(context, asio::local::stream_protocol::endpoint{(folder_ / "private").string()}) {
  asio::co_spawn(context_, accept(), asio::detached);
}

FakeSystemd::~FakeSystemd() {
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

asio::awaitable<void> FakeSystemd::accept() {
  for (;;) {
    auto socket = co_await acceptor_.async_accept(asio::use_awaitable);
    sockets_.push_back(std::move(socket));
    asio::co_spawn(context_, serve(std::prev(sockets_.end())), asio::detached);
  }
}

asio::awaitable<void> FakeSystemd::serve(std::list<Socket>::iterator socket) {
  try {
    std::string line;
    co_await asio::async_read_until(
        *socket, asio::dynamic_buffer(line), std::string{"BEGIN\r\n"}, asio::use_awaitable);
    calls.push_back(line.substr(1, line.find('\r') - 1));
    co_await asio::async_write(*socket, asio::buffer(greeting), asio::use_awaitable);
    for (;;) {
      std::string bytes(fixed_bytes, '\0');
      co_await asio::async_read(*socket, asio::buffer(bytes), asio::use_awaitable);
      std::string rest(message_size(bytes) - fixed_bytes, '\0');
      co_await asio::async_read(*socket, asio::buffer(rest), asio::use_awaitable);
      const auto call = decode(bytes + rest);
      const auto reply = bytes_of(answer(call));
      if (frozen_) continue;
      co_await asio::async_write(*socket, asio::buffer(reply), asio::use_awaitable);
    }
  } catch (const std::exception&) {
    // Whoever asked went away.
  }
  sockets_.erase(socket);
}

Message FakeSystemd::answer(const Message& call) {
  Message reply;
  reply.type = MessageType::answer;
  reply.serial = 1000 + call.serial;
  reply.reply_serial = call.serial;
  BytesWriter body;
  if (call.member == "LoadUnit" || call.member == "GetUnit") {
    const auto name = BodyReader{call}.text();
    calls.push_back(call.member + " " + name);
    if (call.member == "LoadUnit" && !units.contains(name)) tell_new(name);
    if (call.member == "GetUnit" && !units.contains(name)) {
      reply.type = MessageType::error;
      reply.error_name = "org.freedesktop.systemd1.NoSuchUnit";
      reply.signature = "s";
      body.text("Unit not loaded");
    } else {
      reply.signature = "o";
      body.text(path_of(name));
    }
  } else if (call.member == "GetAll") {
    const auto name = call.path.substr(path_of("").size());
    const auto found = units.find(name);
    if (found == units.end()) {
      reply.type = MessageType::error;
      reply.error_name = "org.freedesktop.DBus.Error.UnknownObject";
      reply.signature = "s";
      body.text("Unknown object");
    } else {
      reply.signature = "a{sv}";
      body.properties(found->second);
    }
  } else if (call.member == "Get") {
    BodyReader arguments{call};
    arguments.text();
    reply.signature = "v";
    body.variant(arguments.text() == "SystemState" ? system_state : std::string{"252.1-test"});
  }
  reply.body = body.bytes;
  return reply;
}

void FakeSystemd::tell_new(const std::string& name) {
  Message message;
  message.path = "/org/freedesktop/systemd1";
  message.interface = "org.freedesktop.systemd1.Manager";
  message.member = "UnitNew";
  message.signature = "so";
  BytesWriter body;
  body.text(name);
  body.text(path_of(name));
  message.body = body.bytes;
  signal(std::move(message));
}

void FakeSystemd::signal(Message message) {
  message.type = MessageType::signal;
  const auto bytes = bytes_of(message);
  for (auto& socket : sockets_) asio::write(socket, asio::buffer(bytes));
}

void FakeSystemd::change(const std::string& name,
                         const Properties& service,
                         const Properties& unit) {
  for (const auto& [interface, news] : {std::pair{"org.freedesktop.systemd1.Service", service},
                                        std::pair{"org.freedesktop.systemd1.Unit", unit}}) {
    for (const auto& [key, value] : news) units[name][key] = value;
    Message message;
    message.path = path_of(name);
    message.interface = "org.freedesktop.DBus.Properties";
    message.member = "PropertiesChanged";
    message.signature = "sa{sv}as";
    BytesWriter body;
    body.text(interface);
    body.properties(news);
    body.number(std::uint32_t{0});
    message.body = body.bytes;
    signal(std::move(message));
  }
}

void FakeSystemd::hang_up() {
  for (auto& socket : sockets_) socket.close();
}

}  // namespace portoser::agent::systemd
