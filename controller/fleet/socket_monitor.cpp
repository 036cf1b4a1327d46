#include "controller/fleet/socket_monitor.h"

#include "common/error.h"

#include <fmt/format.h>
#include <zmq.hpp>

#include <cstring>
#include <optional>

namespace portoser::fleet {
namespace {

constexpr const char* address = "inproc://portoser.gateway.monitor";
constexpr int watched_events =
    ZMQ_EVENT_LISTENING | ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_HANDSHAKE_SUCCEEDED |
    ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL |
    ZMQ_EVENT_HANDSHAKE_FAILED_AUTH | ZMQ_EVENT_ACCEPT_FAILED | ZMQ_EVENT_DISCONNECTED;
/// A flood of events must not keep its reader from everything else.
constexpr std::size_t reports_at_once = 4096;

std::optional<SocketMonitor::Report> translate(std::uint16_t event, std::uint32_t value) {
  const auto number = static_cast<int>(value);
  switch (event) {
    case ZMQ_EVENT_ACCEPTED:
      return SocketMonitor::Report{SocketEvent::connection_came, ""};
    case ZMQ_EVENT_HANDSHAKE_SUCCEEDED:
      return SocketMonitor::Report{SocketEvent::handshake_succeeded, ""};
    case ZMQ_EVENT_HANDSHAKE_FAILED_AUTH:
      return SocketMonitor::Report{SocketEvent::handshake_refused, ""};
    case ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL:
      return SocketMonitor::Report{SocketEvent::handshake_failed, ::zmq_strerror(number)};
    case ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL:
      return SocketMonitor::Report{SocketEvent::handshake_failed,
                                   fmt::format("protocol error 0x{:x} of libzmq", value)};
    case ZMQ_EVENT_ACCEPT_FAILED:
      return SocketMonitor::Report{SocketEvent::accept_failed, ::zmq_strerror(number)};
    case ZMQ_EVENT_DISCONNECTED:
      return SocketMonitor::Report{SocketEvent::connection_ended, ""};
    default:
      return std::nullopt;
  }
}

}  // namespace

SocketMonitor::SocketMonitor(zmq::context_t& context, zmq::socket_t& watched)
    : watched_(watched), socket_(std::make_unique<zmq::socket_t>(context, zmq::socket_type::pair)) {
  if (::zmq_socket_monitor(watched_.handle(), address, watched_events) != 0) {
    throw Error{Code::internal,
                std::string{"the socket cannot be watched: "} + ::zmq_strerror(::zmq_errno())};
  }
  socket_->set(zmq::sockopt::linger, 0);
  // Unlimited: libzmq's I/O thread waits when this queue is full, and with it every connection.
  socket_->set(zmq::sockopt::rcvhwm, 0);
  socket_->connect(address);
}

SocketMonitor::~SocketMonitor() {
  // Before the queue goes: nobody is to write into it while the connections are closed.
  ::zmq_socket_monitor(watched_.handle(), nullptr, 0);
}

void* SocketMonitor::handle() const {
  return socket_->handle();
}

bool SocketMonitor::receive(Event& event) {
  zmq::message_t head;
  if (!socket_->recv(head, zmq::recv_flags::dontwait)) return false;
  // 16 bits of event, 32 bits of value, both in the machine's own order; then the address.
  event = {};
  if (head.size() >= sizeof event.kind + sizeof event.value) {
    std::memcpy(&event.kind, head.data(), sizeof event.kind);
    std::memcpy(&event.value, head.data<char>() + sizeof event.kind, sizeof event.value);
  }
  zmq::message_t rest;
  for (bool more = head.more(); more; more = rest.more()) {
    if (!socket_->recv(rest, zmq::recv_flags::dontwait)) break;
  }
  return true;
}

std::vector<SocketMonitor::Report> SocketMonitor::take() {
  std::vector<Report> reports;
  Event event;
  while (reports.size() < reports_at_once && receive(event)) {
    if (auto report = translate(event.kind, event.value)) reports.push_back(std::move(*report));
  }
  return reports;
}

int SocketMonitor::listening() {
  Event event;
  while (receive(event)) {
    if (event.kind == ZMQ_EVENT_LISTENING) return static_cast<int>(event.value);
  }
  throw Error{Code::internal, "libzmq does not tell on which descriptor it listens"};
}

}  // namespace portoser::fleet
