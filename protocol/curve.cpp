#include "protocol/curve.h"

#include "common/error.h"
#include "protocol/codec.h"

#include <zmq.hpp>

namespace portoser::protocol {
namespace {

constexpr std::size_t key_letters = 40;
constexpr std::string_view z85_alphabet =
    "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#";

}  // namespace

KeyPair make_key_pair() {
  std::string public_key(key_letters + 1, '\0');
  std::string secret_key(key_letters + 1, '\0');
  if (::zmq_curve_keypair(public_key.data(), secret_key.data()) != 0) {
    throw Error{Code::internal, "this libzmq was built without CURVE"};
  }
  public_key.resize(key_letters);
  secret_key.resize(key_letters);
  return {std::move(public_key), std::move(secret_key)};
}

std::string public_key_of(const std::string& secret_key) {
  std::string public_key(key_letters + 1, '\0');
  if (!is_key(secret_key) || ::zmq_curve_public(public_key.data(), secret_key.c_str()) != 0) {
    throw Error{Code::invalid, "this is not a CURVE secret key (40 letters of Z85)"};
  }
  public_key.resize(key_letters);
  return public_key;
}

bool is_key(std::string_view text) {
  return text.size() == key_letters &&
         text.find_first_not_of(z85_alphabet) == std::string_view::npos;
}

void make_curve_server(zmq::socket_t& socket, const std::string& secret_key) {
  socket.set(zmq::sockopt::curve_server, true);
  socket.set(zmq::sockopt::curve_secretkey, secret_key);
  socket.set(zmq::sockopt::zap_domain, "portoser");
}

void make_curve_client(zmq::socket_t& socket, const KeyPair& own, const std::string& server_key) {
  socket.set(zmq::sockopt::curve_publickey, own.public_key);
  socket.set(zmq::sockopt::curve_secretkey, own.secret_key);
  socket.set(zmq::sockopt::curve_serverkey, server_key);
}

void set_common_options(zmq::socket_t& socket) {
  socket.set(zmq::sockopt::maxmsgsize, socket_limit);
  socket.set(zmq::sockopt::sndhwm, 4096);
  socket.set(zmq::sockopt::rcvhwm, 4096);
  socket.set(zmq::sockopt::linger, 0);
}

void test_with_heartbeats(zmq::socket_t& socket, std::chrono::milliseconds heartbeat) {
  const auto interval = static_cast<int>(heartbeat.count());
  socket.set(zmq::sockopt::heartbeat_ivl, interval);
  socket.set(zmq::sockopt::heartbeat_timeout, 3 * interval);
}

void end_dead_connections(zmq::socket_t& socket, std::chrono::milliseconds heartbeat) {
  const auto seconds = static_cast<int>(std::chrono::ceil<std::chrono::seconds>(heartbeat).count());
  socket.set(zmq::sockopt::tcp_keepalive, 1);
  socket.set(zmq::sockopt::tcp_keepalive_idle, 3 * seconds);
  socket.set(zmq::sockopt::tcp_keepalive_intvl, seconds);
  socket.set(zmq::sockopt::tcp_keepalive_cnt, 3);
  // What was sent and nobody took: without it the kernel would try for a quarter of an hour.
  socket.set(zmq::sockopt::tcp_maxrt, static_cast<int>(6 * heartbeat.count()));
}

}  // namespace portoser::protocol
