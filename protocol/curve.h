/// CURVE keys and the options that every socket of ours has.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

namespace zmq {
class socket_t;
}

namespace portoser::protocol {

/// A CURVE key pair, both halves in Z85 (40 letters).
struct KeyPair {
  std::string public_key;
  std::string secret_key;
};

KeyPair make_key_pair();
/// The public half that belongs to a secret key. Not a key: `Error{invalid}`.
std::string public_key_of(const std::string& secret_key);
bool is_key(std::string_view text);  ///< 40 letters of the Z85 alphabet

/// The controller's side; whoever sets this serves ZAP too, or libzmq admits every key.
void make_curve_server(zmq::socket_t& socket, const std::string& secret_key);
void make_curve_client(zmq::socket_t& socket, const KeyPair& own, const std::string& server_key);

/// How often a connection is tested unless a setting says otherwise. One that has been silent for
/// three of these is dead.
inline constexpr std::chrono::milliseconds default_heartbeat{5000};

/// Message size limit, a bounded queue, and no lingering at the end.
void set_common_options(zmq::socket_t& socket);

/// The agent's side: it asks that often whether the controller still answers.
void test_with_heartbeats(zmq::socket_t& socket,
                          std::chrono::milliseconds heartbeat = default_heartbeat);
/// The controller's side: the kernel ends connections whose host is gone, six heartbeats after its
/// last sign. ZMTP heartbeats of its own would cost more than all that the connections carry:
/// libzmq 4.3 looks through the timers of all of them for each message that answers one.
void end_dead_connections(zmq::socket_t& socket,
                          std::chrono::milliseconds heartbeat = default_heartbeat);

}  // namespace portoser::protocol
