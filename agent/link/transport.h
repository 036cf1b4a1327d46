/// One ZeroMQ DEALER with CURVE at a time, and what its monitor tells. A connection that is lost is
/// closed with everything that still waited in its socket: a new one begins empty, with a hello, so
/// reconnecting is ours and not ZeroMQ's. Lives on the link's thread.
#pragma once

#include "protocol/curve.h"

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace portoser::agent::link {

enum class TransportEvent {
  connected,         ///< the handshake succeeded
  refused,           ///< the controller does not admit our key
  handshake_failed,  ///< a wrong controller key, no controller at all, or it went away meanwhile
  lost,              ///< could not connect, or was connected
};

struct TransportSettings {
  std::string endpoint;  ///< "tcp://10.0.0.5:8990"
  protocol::KeyPair keys;
  std::string controller_key;
  std::chrono::milliseconds heartbeat = protocol::default_heartbeat;
};

class Transport {
 public:
  explicit Transport(TransportSettings settings);
  ~Transport();

  /// Begins to connect. An endpoint that is none: `Error{invalid}`.
  void open();
  /// What was sent may still leave within `linger`, which is waited for at destruction.
  void close(std::chrono::milliseconds linger = {});
  [[nodiscard]] bool is_open() const;

  /// False: the socket's queue is full.
  bool send(std::string_view bytes);
  std::optional<std::string> receive();        ///< nullopt: nothing is there
  std::optional<TransportEvent> next_event();  ///< nullopt: nothing is there

  struct Wanted {
    int wake_descriptor = -1;
    bool messages = true;
    bool room_to_send = false;
    std::chrono::milliseconds limit{};
  };
  struct Ready {
    bool wake = false;
    bool messages = false;
    bool events = false;
    bool room_to_send = false;
  };
  Ready wait(const Wanted& wanted);

 private:
  struct Sockets;
  TransportSettings settings_;
  std::unique_ptr<Sockets> sockets_;
};

}  // namespace portoser::agent::link
