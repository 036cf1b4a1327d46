#include "tests/support/wire_peer.h"

#include "common/clock.h"
#include "common/crypto.h"
#include "common/describe_json.h"
#include "protocol/join.h"
#include "tests/support/http_client.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <zmq.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <poll.h>
#include <utility>

namespace portoser::test {
namespace {

constexpr int watched_events =
    ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL |
    ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH | ZMQ_EVENT_DISCONNECTED;
constexpr int patience_ms = 30000;

bool await_ready(const Descriptor& socket, short events, int milliseconds) {
  pollfd item{socket.get(), events, 0};
  return ::poll(&item, 1, milliseconds) == 1;
}

zmq::context_t& context() {
  static zmq::context_t one{1};
  return one;
}

}  // namespace

Enrolled join_by_hand(const std::string& token,
                      const std::string& name,
                      const protocol::KeyPair& keys) {
  const auto parts = protocol::decode_join_token(token);
  const Json body{{"hostname", name},
                  {"public_key", keys.public_key},
                  {"token_id", parts.id},
                  {"proof", protocol::join_proof(sha256(parts.secret), name, keys.public_key)}};
  const auto port = std::stoi(parts.url.substr(parts.url.rfind(':') + 1));
  HttpClient client{static_cast<std::uint16_t>(port)};
  const auto answer =
      client.post("/api/v1/devices", dump(body), {{"Content-Type", "application/json"}});
  if (answer.status != 201 && answer.status != 200) throw std::runtime_error{answer.body};
  const auto json = Json::parse(answer.body);
  return {name, keys, json["controller_key"], json["controller_endpoint"]};
}

struct WirePeer::Sockets {
  explicit Sockets(const std::string& address) : dealer(context(), zmq::socket_type::dealer) {
    if (::zmq_socket_monitor(dealer.handle(), address.c_str(), watched_events) != 0) {
      throw std::runtime_error{::zmq_strerror(errno)};
    }
    monitor = zmq::socket_t{context(), zmq::socket_type::pair};
    monitor.set(zmq::sockopt::linger, 0);
    monitor.connect(address);
  }
  ~Sockets() { ::zmq_socket_monitor(dealer.handle(), nullptr, 0); }
  Sockets(const Sockets&) = delete;
  Sockets& operator=(const Sockets&) = delete;

  zmq::socket_t dealer;
  zmq::socket_t monitor;
};

WirePeer::WirePeer(const Enrolled& who, const std::string& routing_id) {
  static std::atomic<int> made{0};
  sockets_ = std::make_unique<Sockets>("inproc://wire-peer-" + std::to_string(++made));
  auto& dealer = sockets_->dealer;
  protocol::set_common_options(dealer);
  protocol::test_with_heartbeats(dealer);
  dealer.set(zmq::sockopt::maxmsgsize, std::int64_t{-1});
  dealer.set(zmq::sockopt::reconnect_ivl, -1);
  dealer.set(zmq::sockopt::sndtimeo, patience_ms);
  if (!routing_id.empty()) dealer.set(zmq::sockopt::routing_id, routing_id);
  protocol::make_curve_client(dealer, who.keys, who.controller_key);
  dealer.connect(who.endpoint);
}

WirePeer::WirePeer(WirePeer&&) noexcept = default;
WirePeer& WirePeer::operator=(WirePeer&&) noexcept = default;
WirePeer::~WirePeer() = default;

void WirePeer::send_raw(std::string_view frame) {
  if (!sockets_->dealer.send(zmq::buffer(frame))) throw std::runtime_error{"nothing can be sent"};
}

void WirePeer::send_frames(const std::vector<std::string>& frames) {
  for (std::size_t i = 0; i < frames.size(); ++i) {
    sockets_->dealer.send(zmq::buffer(frames[i]),
                          i + 1 < frames.size() ? zmq::send_flags::sndmore : zmq::send_flags::none);
  }
}

std::optional<protocol::AnyMessage> WirePeer::receive(std::chrono::milliseconds limit) {
  auto& dealer = sockets_->dealer;
  dealer.set(zmq::sockopt::rcvtimeo, static_cast<int>(limit.count()));
  zmq::message_t frame;
  if (!dealer.recv(frame)) return std::nullopt;
  return std::get<protocol::AnyMessage>(protocol::decode(frame.to_string_view()).body);
}

WirePeer::Fate WirePeer::await_fate() {
  sockets_->monitor.set(zmq::sockopt::rcvtimeo, patience_ms);
  zmq::message_t head;
  if (!sockets_->monitor.recv(head)) throw std::runtime_error{"nothing happens to the connection"};
  zmq::message_t address;
  if (head.more()) (void)sockets_->monitor.recv(address);
  std::uint16_t event = 0;
  std::memcpy(&event, head.data(), sizeof event);
  switch (event) {
    case ZMQ_EVENT_HANDSHAKE_SUCCEEDED:
      return Fate::admitted;
    case ZMQ_EVENT_HANDSHAKE_FAILED_AUTH:
      return Fate::refused;
    case ZMQ_EVENT_DISCONNECTED:
      return Fate::lost;
    default:
      return Fate::failed;
  }
}

protocol::Hello make_hello(const std::string& boot_id) {
  const SystemClock clock;
  protocol::Hello hello;
  hello.agent_version = "wire-peer";
  hello.protocol_low = protocol::version_low;
  hello.protocol_high = protocol::version_high;
  hello.spool_epoch = "epoch-of-" + boot_id;
  hello.now = {boot_id, clock.uptime().count(), to_unix_us(clock.now())};
  hello.facts.hostname = "wire-peer";
  return hello;
}

protocol::Sample make_sample(double cpu_percent, const std::string& boot_id) {
  const SystemClock clock;
  protocol::Sample sample;
  sample.when = {boot_id, clock.uptime().count(), to_unix_us(clock.now())};
  sample.cpu.percent = cpu_percent;
  sample.memory = protocol::MemorySample{1000, 500, 0, 0};
  return sample;
}

Descriptor begin_raw(std::uint16_t port) {
  Descriptor socket{::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const void* raw = &address;
  if (!socket.is_open() ||
      (::connect(socket.get(), static_cast<const sockaddr*>(raw), sizeof address) != 0 &&
       errno != EINPROGRESS)) {
    throw std::runtime_error{std::string{"cannot connect: "} + std::strerror(errno)};
  }
  return socket;
}

Descriptor connect_raw(std::uint16_t port) {
  auto socket = begin_raw(port);
  if (!await_ready(socket, POLLOUT, patience_ms)) throw std::runtime_error{"nobody takes it"};
  return socket;
}

std::size_t send_raw(const Descriptor& socket, std::string_view bytes) {
  std::size_t sent = 0;
  while (sent < bytes.size()) {
    if (!await_ready(socket, POLLOUT, 1000)) break;
    const auto more = ::send(socket.get(), bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
    if (more <= 0) break;
    sent += static_cast<std::size_t>(more);
  }
  return sent;
}

std::string received_raw(const Descriptor& socket) {
  std::string all;
  std::array<char, 4096> part{};
  for (;;) {
    const auto got = ::recv(socket.get(), part.data(), part.size(), 0);
    if (got <= 0) return all;
    all.append(part.data(), static_cast<std::size_t>(got));
  }
}

bool is_ended(const Descriptor& socket) {
  std::array<char, 4096> part{};
  for (;;) {
    const auto got = ::recv(socket.get(), part.data(), part.size(), 0);
    if (got == 0) return true;
    // One that is still being established says EAGAIN too.
    if (got < 0) return errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR;
  }
}

std::size_t count_ended(const std::vector<Descriptor>& sockets) {
  return static_cast<std::size_t>(std::count_if(sockets.begin(), sockets.end(), is_ended));
}

std::string zmtp_greeting() {
  using namespace std::string_literals;
  auto greeting = "\xff\0\0\0\0\0\0\0\x01\x7f\x03\x01"s + "CURVE";
  greeting.resize(64, '\0');
  return greeting;
}

}  // namespace portoser::test
