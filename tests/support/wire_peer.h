/// Peers of the controller that a test plays itself, down to the bytes: on the wire with CURVE,
/// with a key that joined or not, and plain TCP for what speaks no protocol at all. In one thread.
#pragma once

#include "common/file.h"
#include "protocol/codec.h"
#include "protocol/curve.h"

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace portoser::test {

/// What a host knows once it has joined.
struct Enrolled {
  std::string name;
  protocol::KeyPair keys;
  std::string controller_key;
  std::string endpoint;  ///< "tcp://127.0.0.1:8990"
};

/// Joins as `portoser-agent join` does. A refusal: `std::runtime_error` with the answer.
Enrolled join_by_hand(const std::string& token,
                      const std::string& name,
                      const protocol::KeyPair& keys = protocol::make_key_pair());

/// A DEALER that sends whatever it is told to. It connects once and never by itself again.
class WirePeer {
 public:
  /// `routing_id`: agents set none.
  explicit WirePeer(const Enrolled& who, const std::string& routing_id = "");
  WirePeer(WirePeer&&) noexcept;
  WirePeer& operator=(WirePeer&&) noexcept;
  ~WirePeer();

  template <class Message>
  void send(const Message& message) {
    send_raw(protocol::encode(message));
  }
  void send_raw(std::string_view frame);
  void send_frames(const std::vector<std::string>& frames);

  /// The next message; nullopt: none came in time.
  std::optional<protocol::AnyMessage> receive(std::chrono::milliseconds limit);
  /// The next message of that type, others skipped. None in 30 s: `std::runtime_error`.
  template <class Message>
  Message await() {
    while (const auto message = receive(std::chrono::seconds{30})) {
      if (const auto* wanted = std::get_if<Message>(&*message)) return *wanted;
    }
    throw std::runtime_error{"no \"" + std::string{Message::type} + "\" came"};
  }

  enum class Fate { admitted, refused, failed, lost };
  /// The next thing that happens to the connection.
  Fate await_fate();

 private:
  struct Sockets;
  std::unique_ptr<Sockets> sockets_;
};

/// A hello as an agent would say it; another boot id is another machine.
protocol::Hello make_hello(const std::string& boot_id = "boot-1");
/// A sample of now in which the processor is that busy.
protocol::Sample make_sample(double cpu_percent, const std::string& boot_id = "boot-1");

/// A TCP connection to 127.0.0.1 that does not block. `begin`: not established yet.
Descriptor begin_raw(std::uint16_t port);
/// Established, or `std::runtime_error` after 30 s.
Descriptor connect_raw(std::uint16_t port);
/// As much as the kernel takes within a second without progress; how much that was.
std::size_t send_raw(const Descriptor& socket, std::string_view bytes);
/// What has arrived; "" also at the end.
std::string received_raw(const Descriptor& socket);
/// The other side has closed or reset it, all that came before is dropped. Never blocks.
bool is_ended(const Descriptor& socket);
/// How many have been ended by the other side.
std::size_t count_ended(const std::vector<Descriptor>& sockets);

/// The first 64 bytes of a ZMTP 3.1 peer that wants CURVE.
std::string zmtp_greeting();

}  // namespace portoser::test
