/// What libzmq tells of a socket's connections (zmq_socket_monitor). Made in the thread that makes
/// the socket, used in the one that uses it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace zmq {
class context_t;
class socket_t;
}  // namespace zmq

namespace portoser::fleet {

enum class SocketEvent {
  connection_came,
  handshake_succeeded,
  handshake_failed,
  handshake_refused,  ///< by us; followed by the connection's end, as with the one before
  accept_failed,
  connection_ended,
};

class SocketMonitor {
 public:
  struct Report {
    SocketEvent event;
    std::string reason;  ///< may be empty: libzmq does not say why a connection ended
  };

  /// Of a socket that is not bound yet, or its first connections are missed.
  SocketMonitor(zmq::context_t& context, zmq::socket_t& watched);
  SocketMonitor(const SocketMonitor&) = delete;
  SocketMonitor& operator=(const SocketMonitor&) = delete;
  ~SocketMonitor();

  /// For zmq_poll.
  [[nodiscard]] void* handle() const;
  /// What waits, some thousand reports at most. Never blocks.
  std::vector<Report> take();
  /// The descriptor on which the socket listens, once: after `bind`, before the first `take`.
  /// `Error{internal}`: libzmq did not tell it.
  int listening();

 private:
  struct Event {
    std::uint16_t kind = 0;
    std::uint32_t value = 0;
  };
  bool receive(Event& event);

  zmq::socket_t& watched_;
  std::unique_ptr<zmq::socket_t> socket_;
};

}  // namespace portoser::fleet
