#include "tests/bench/exporter.h"

#include "common/clock.h"
#include "tests/support/free_port.h"
#include "tests/support/wire_peer.h"

#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <memory>
#include <poll.h>
#include <stdexcept>
#include <vector>

namespace portoser::bench {
namespace {

constexpr int backlog = 1024;
constexpr int look_ms = 100;

Descriptor listen_on(std::uint16_t port) {
  Descriptor socket{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const void* raw = &address;
  if (::bind(socket.get(), static_cast<const sockaddr*>(raw), sizeof address) != 0 ||
      ::listen(socket.get(), backlog) != 0) {
    throw std::runtime_error{system_error_text("cannot listen on", std::to_string(port))};
  }
  return socket;
}

}  // namespace

Exporter::Exporter(std::size_t hosts, std::size_t services, std::chrono::milliseconds interval)
    : interval_(interval), port_(test::free_port()), listener_(listen_on(port_)) {
  for (std::size_t i = 0; i < hosts; ++i) {
    const auto name = fmt::format("host-{:04}", i);
    hosts_.emplace("/" + name + "/metrics", MadeUpHost{name, services, i});
  }
  thread_ = std::thread{[this] { run(); }};
}

Exporter::~Exporter() {
  is_over_ = true;
  thread_.join();
}

std::string Exporter::scrape_config() const {
  auto text = fmt::format(
      "global: {{scrape_interval: {0}ms, scrape_timeout: {0}ms}}\nscrape_configs:\n- job_name: "
      "fleet\n  static_configs:\n",
      interval_.count());
  for (const auto& [path, host] : hosts_) {
    fmt::format_to(
        std::back_inserter(text),
        "  - targets: ['127.0.0.1:{}']\n    labels: {{__metrics_path__: {}, instance: {}}}\n",
        port_,
        path,
        host.name());
  }
  return text;
}

void Exporter::run() {
  std::vector<std::unique_ptr<Connection>> connections;
  while (!is_over_) {
    std::vector<pollfd> items{{listener_.get(), POLLIN, 0}};
    for (const auto& one : connections) items.push_back({one->socket.get(), POLLIN, 0});
    if (::poll(items.data(), items.size(), look_ms) <= 0) continue;
    for (std::size_t i = connections.size(); i-- > 0;) {
      if (items[i + 1].revents == 0 || serve(*connections[i])) continue;
      connections.erase(connections.begin() + static_cast<std::ptrdiff_t>(i));
    }
    if (items[0].revents == 0) continue;
    auto one = std::make_unique<Connection>();
    one->socket = Descriptor{::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC)};
    if (one->socket.is_open()) connections.push_back(std::move(one));
  }
}

bool Exporter::serve(Connection& connection) {
  std::array<char, 4096> part{};
  const auto got = ::recv(connection.socket.get(), part.data(), part.size(), 0);
  if (got <= 0) return false;
  connection.received.append(part.data(), static_cast<std::size_t>(got));
  if (!connection.received.ends_with("\r\n\r\n")) return true;
  const auto text = answer(connection.received);
  connection.received.clear();
  return test::send_raw(connection.socket, text) == text.size();
}

std::string Exporter::answer(const std::string& request) {
  const auto begin = request.find(' ') + 1;
  const auto found = hosts_.find(request.substr(begin, request.find(' ', begin) - begin));
  if (found == hosts_.end()) return "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
  auto& host = found->second;
  const std::chrono::duration<double> seconds = interval_;
  const auto body = exposition_of(host.name(), host.next({host.boot_id(), 0, 0}, seconds.count()));
  return fmt::format(
      "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\nContent-Length: {}\r\n\r\n{}",
      body.size(),
      body);
}

}  // namespace portoser::bench
