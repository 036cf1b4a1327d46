#include "tests/support/socket_crowd.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/beast/core/buffers_to_string.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/websocket/stream.hpp>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <stdexcept>
#include <thread>

namespace portoser::test {

namespace asio = boost::asio;
namespace beast = boost::beast;
using asio::ip::tcp;
using boost::system::error_code;

struct SocketCrowd::Client {
  explicit Client(asio::io_context& context) : stream(context) {}
  beast::websocket::stream<tcp::socket, false> stream;
  beast::flat_buffer buffer;
  std::vector<Received> received;
  bool is_open = true;
};

struct SocketCrowd::Implementation {
  void read(Client& client) {
    client.stream.async_read(client.buffer, [this, &client](error_code failure, std::size_t) {
      {
        const std::lock_guard lock{mutex};
        if (failure) {
          client.is_open = false;
        } else {
          client.received.push_back(
              {beast::buffers_to_string(client.buffer.data()), std::chrono::steady_clock::now()});
        }
      }
      client.buffer.clear();
      if (!failure) read(client);
    });
  }

  asio::io_context context{1};
  mutable std::mutex mutex;  // guards what the clients have received
  std::vector<std::unique_ptr<Client>> clients;
  std::atomic<std::size_t> pings{0};
  std::thread thread;
};

SocketCrowd::SocketCrowd(std::uint16_t port,
                         std::string_view target,
                         std::size_t count,
                         std::string text)
    : implementation_(std::make_unique<Implementation>()) {
  auto& all = *implementation_;
  const tcp::endpoint server{asio::ip::address_v4::loopback(), port};
  for (std::size_t i = 0; i < count; ++i) {
    auto& client = *all.clients.emplace_back(std::make_unique<Client>(all.context));
    client.stream.next_layer().connect(server);
    client.stream.control_callback([&all](beast::websocket::frame_type kind, beast::string_view) {
      if (kind == beast::websocket::frame_type::ping) ++all.pings;
    });
    error_code failure;
    client.stream.handshake("127.0.0.1", beast::string_view{target.data(), target.size()}, failure);
    if (failure) throw std::runtime_error{"the handshake was refused: " + failure.message()};
    if (!text.empty()) client.stream.write(asio::buffer(text));
    all.read(client);
  }
  all.thread = std::thread{[&all] { all.context.run(); }};
}

SocketCrowd::~SocketCrowd() {
  asio::post(implementation_->context, [&all = *implementation_] {
    error_code ignored;
    for (const auto& client : all.clients) client->stream.next_layer().close(ignored);
  });
  if (implementation_->thread.joinable()) implementation_->thread.join();
}

std::size_t SocketCrowd::size() const {
  return implementation_->clients.size();
}

std::size_t SocketCrowd::open() const {
  const std::lock_guard lock{implementation_->mutex};
  const auto& clients = implementation_->clients;
  return static_cast<std::size_t>(std::count_if(
      clients.begin(), clients.end(), [](const auto& client) { return client->is_open; }));
}

std::vector<SocketCrowd::Received> SocketCrowd::received(std::size_t client,
                                                         std::string_view part) const {
  const std::lock_guard lock{implementation_->mutex};
  std::vector<Received> found;
  for (const auto& one : implementation_->clients.at(client)->received) {
    if (one.text.find(part) != std::string::npos) found.push_back(one);
  }
  return found;
}

std::size_t SocketCrowd::count(std::size_t client, std::string_view part) const {
  const std::lock_guard lock{implementation_->mutex};
  const auto& received = implementation_->clients.at(client)->received;
  return static_cast<std::size_t>(
      std::count_if(received.begin(), received.end(), [part](const Received& one) {
        return one.text.find(part) != std::string::npos;
      }));
}

std::size_t SocketCrowd::fewest(std::string_view part) const {
  std::size_t least = static_cast<std::size_t>(-1);
  for (std::size_t i = 0; i < size(); ++i) least = std::min(least, count(i, part));
  return least;
}

void SocketCrowd::forget() {
  const std::lock_guard lock{implementation_->mutex};
  for (const auto& client : implementation_->clients) client->received.clear();
}

std::size_t SocketCrowd::pings() const {
  return implementation_->pings;
}

}  // namespace portoser::test
