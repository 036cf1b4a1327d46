#include "agent/link/transport.h"

#include "common/error.h"
#include "protocol/uninterrupted.h"

#include <fmt/format.h>
#include <zmq.hpp>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>

namespace portoser::agent::link {
namespace {

constexpr int watched_events =
    ZMQ_EVENT_CLOSED | ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_HANDSHAKE_SUCCEEDED |
    ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL |
    ZMQ_EVENT_HANDSHAKE_FAILED_AUTH;
constexpr std::uint32_t zap_not_admitted = 400;
/// A sample has some kilobytes and the whole agent 8 MiB.
constexpr int send_queue = 64;

std::optional<TransportEvent> translate(std::uint16_t event, std::uint32_t value) {
  switch (event) {
    case ZMQ_EVENT_HANDSHAKE_SUCCEEDED:
      return TransportEvent::connected;
    case ZMQ_EVENT_HANDSHAKE_FAILED_AUTH:
      return value == zap_not_admitted ? TransportEvent::refused : TransportEvent::handshake_failed;
    case ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL:
    case ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL:
      return TransportEvent::handshake_failed;
    case ZMQ_EVENT_DISCONNECTED:
    case ZMQ_EVENT_CLOSED:
      return TransportEvent::lost;
    default:
      return std::nullopt;
  }
}

}  // namespace

struct Transport::Sockets {
  zmq::context_t context{1};
  zmq::socket_t dealer;
  zmq::socket_t monitor;
  std::int64_t opened = 0;
};

Transport::Transport(TransportSettings settings)
    : settings_(std::move(settings)), sockets_(std::make_unique<Sockets>()) {}

Transport::~Transport() {
  close();
}

bool Transport::is_open() const {
  return sockets_->dealer.handle() != nullptr;
}

void Transport::open() {
  close();
  auto& s = *sockets_;
  s.dealer = zmq::socket_t{s.context, zmq::socket_type::dealer};
  protocol::set_common_options(s.dealer);
  protocol::test_with_heartbeats(s.dealer, settings_.heartbeat);
  s.dealer.set(zmq::sockopt::sndhwm, send_queue);
  s.dealer.set(zmq::sockopt::reconnect_ivl, -1);
  // Only for an address in brackets: with it a name would be looked up as IPv6 first.
  s.dealer.set(zmq::sockopt::ipv6, settings_.endpoint.find('[') != std::string::npos);
  protocol::make_curve_client(s.dealer, settings_.keys, settings_.controller_key);
  const auto address = fmt::format("inproc://monitor-{}", ++s.opened);
  if (::zmq_socket_monitor(s.dealer.handle(), address.c_str(), watched_events) != 0) {
    throw Error{Code::internal, std::string{"cannot watch the socket: "} + ::zmq_strerror(errno)};
  }
  s.monitor = zmq::socket_t{s.context, zmq::socket_type::pair};
  s.monitor.set(zmq::sockopt::linger, 0);
  s.monitor.connect(address);
  if (::zmq_connect(s.dealer.handle(), settings_.endpoint.c_str()) != 0) {
    const std::string reason = ::zmq_strerror(errno);
    close();
    throw Error{Code::invalid,
                "\"" + settings_.endpoint + "\" cannot be connected to: " + reason,
                "controller_endpoint"};
  }
}

void Transport::close(std::chrono::milliseconds linger) {
  auto& s = *sockets_;
  if (s.dealer.handle() == nullptr) return;
  ::zmq_socket_monitor(s.dealer.handle(), nullptr, 0);
  s.monitor.close();
  s.dealer.set(zmq::sockopt::linger, static_cast<int>(linger.count()));
  s.dealer.close();
}

bool Transport::send(std::string_view bytes) {
  return protocol::uninterrupted([&] {
    return sockets_->dealer.send(zmq::buffer(bytes), zmq::send_flags::dontwait).has_value();
  });
}

std::optional<std::string> Transport::receive() {
  zmq::message_t message;
  const auto receive = [&] {
    return sockets_->dealer.recv(message, zmq::recv_flags::dontwait).has_value();
  };
  if (!protocol::uninterrupted(receive)) return std::nullopt;
  return message.to_string();
}

std::optional<TransportEvent> Transport::next_event() {
  for (;;) {
    zmq::message_t fact;
    zmq::message_t address;
    auto& monitor = sockets_->monitor;
    const auto receive = [&](zmq::message_t& frame) {
      return protocol::uninterrupted(
          [&] { return monitor.recv(frame, zmq::recv_flags::dontwait).has_value(); });
    };
    if (!receive(fact)) return std::nullopt;
    // The frames of a message come together.
    if (fact.more() && !receive(address)) return std::nullopt;
    // The first frame is a 16 bit event and a 32 bit value, unaligned and in the host's byte order.
    std::uint16_t event = 0;
    std::uint32_t value = 0;
    if (fact.size() != sizeof event + sizeof value) continue;
    std::memcpy(&event, fact.data(), sizeof event);
    std::memcpy(&value, static_cast<const char*>(fact.data()) + sizeof event, sizeof value);
    if (const auto translated = translate(event, value)) return translated;
  }
}

Transport::Ready Transport::wait(const Wanted& wanted) {
  std::array<zmq_pollitem_t, 3> items{};
  items[0] = {nullptr, wanted.wake_descriptor, ZMQ_POLLIN, 0};
  std::size_t used = 1;
  if (is_open()) {
    auto dealer_events = static_cast<short>((wanted.messages ? ZMQ_POLLIN : 0) |
                                            (wanted.room_to_send ? ZMQ_POLLOUT : 0));
    items[1] = {sockets_->monitor.handle(), 0, ZMQ_POLLIN, 0};
    items[2] = {sockets_->dealer.handle(), 0, dealer_events, 0};
    used = dealer_events != 0 ? 3 : 2;
  }
  const int found =
      ::zmq_poll(items.data(), static_cast<int>(used), static_cast<long>(wanted.limit.count()));
  if (found < 0 && errno != EINTR) {
    throw Error{Code::internal,
                std::string{"cannot wait for the socket: "} + ::zmq_strerror(errno)};
  }
  return {(items[0].revents & ZMQ_POLLIN) != 0,
          (items[2].revents & ZMQ_POLLIN) != 0,
          (items[1].revents & ZMQ_POLLIN) != 0,
          (items[2].revents & ZMQ_POLLOUT) != 0};
}

}  // namespace portoser::agent::link
