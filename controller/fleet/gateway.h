/// The wire's end in the controller: one ROUTER socket, owned by one thread. What comes in is
/// decoded there and handed to an executor in batches; what goes out is queued and sent by that
/// thread. It hands over no more than the executor keeps up with: beyond a number of batches it
/// stops reading, and the queues of libzmq, then TCP, hold the agents back.
#pragma once

#include "common/clock.h"
#include "common/tasks.h"
#include "controller/fleet/admission.h"
#include "controller/fleet/complaints.h"
#include "controller/fleet/door.h"
#include "controller/fleet/host_clock.h"
#include "protocol/codec.h"
#include "protocol/curve.h"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace zmq {
class context_t;
class message_t;
class socket_t;
}  // namespace zmq

namespace portoser::fleet {

class IoTurn;
class SocketMonitor;

struct GatewaySettings {
  std::string address = "0.0.0.0";
  std::uint16_t port = 8990;  ///< 0: any free one
  std::string secret_key;     ///< CURVE, Z85
  std::chrono::milliseconds heartbeat = protocol::default_heartbeat;
  /// Batches that may wait for the executor; each has 256 messages and about 4 MiB at most.
  std::size_t batches_in_flight = 16;
  CrowdLimits crowd{};
  /// Connections that the kernel keeps until they are taken.
  int backlog = 1024;
};

/// One message of a device.
struct Inbound {
  std::string key;    ///< CURVE public key of the sender (Z85), as libzmq checked it
  std::string route;  ///< routing id of the connection
  Receipt received;
  std::size_t bytes = 0;
  protocol::Envelope envelope;
  /// Of a sample: the round trip of its connection by then; none: not known.
  std::optional<std::chrono::microseconds> round_trip;
};

struct GatewayStats {
  std::uint64_t received = 0;
  std::uint64_t received_bytes = 0;
  std::uint64_t sent = 0;
  std::uint64_t dropped_malformed = 0;
  std::uint64_t dropped_too_large = 0;
  std::uint64_t dropped_unknown_type = 0;
  std::uint64_t dropped_not_admitted = 0;
  std::uint64_t dropped_own_route = 0;   ///< the connection chose its routing id
  std::uint64_t dropped_unroutable = 0;  ///< outgoing, to a connection that is gone or full
  std::uint64_t handshakes_refused = 0;  ///< the key belongs to no device
  std::uint64_t handshakes_failed = 0;   ///< libzmq gave it up before a key was known
  std::uint64_t accepts_failed = 0;
  /// Whatever the reason: an agent that stops, a broken network, a frame over ZMQ_MAXMSGSIZE.
  std::uint64_t connections_ended = 0;
  std::uint64_t door_shut = 0;  ///< how often connections had to wait
  std::uint64_t strangers = 0;  ///< connections whose handshake has not ended, now
  std::uint64_t held_back = 0;  ///< how often it stopped reading until the executor had caught up
};

class Gateway {
 public:
  using Receive = std::function<void(std::vector<Inbound>)>;
  using Failed = std::function<void(Error)>;
  using Lost = std::function<void()>;

  /// Binds and starts the thread. The port is taken: `Error{unavailable}` that names it. `receive`
  /// is called on `executor`, and so is `failed`, once: the thread has ended and nobody is heard
  /// any more.
  Gateway(const GatewaySettings& settings,
          KeySet known,
          const Clock& clock,
          asio::any_io_executor executor,
          Receive receive,
          Failed failed);
  Gateway(const Gateway&) = delete;
  Gateway& operator=(const Gateway&) = delete;
  /// Sends what is queued, then ends the thread.
  ~Gateway();

  [[nodiscard]] std::uint16_t port() const { return port_; }

  // Any thread.
  void allow(const std::string& key) { admission_.allow(key); }
  /// The device's next handshake is refused, and what it sends until then is dropped.
  void forget(const std::string& key) { admission_.forget(key); }
  /// A route that is gone, or whose queue is full: counted and dropped; then `lost`, if there is
  /// one, is called on the executor.
  void send(std::string route, std::string frame, Lost lost = nullptr);
  [[nodiscard]] GatewayStats stats() const;

 private:
  struct Outbound {
    std::string route;
    std::string frame;
    Lost lost;
  };
  struct Counters {
    std::atomic<std::uint64_t> received{0}, received_bytes{0}, sent{0}, malformed{0}, too_large{0},
        unknown_type{0}, not_admitted{0}, own_route{0}, unroutable{0}, handshakes_failed{0},
        accepts_failed{0}, connections_ended{0}, door_shut{0}, strangers{0}, held_back{0};
  };
  struct Flow;
  class Ticket;

  void run();
  void serve();
  [[nodiscard]] bool may_receive();
  void hear_admission();
  void ask_for_turn();
  void mind_turn();
  void answer_admission();
  void answer_one(const std::vector<std::string>& frames);
  void receive_all();
  void send_all();
  void read_monitor();
  void mind_door();
  void take(zmq::message_t& route, zmq::message_t& frame, std::vector<Inbound>& batch);
  void count(std::atomic<std::uint64_t>& counter, Trouble trouble, std::string latest);

  const Clock& clock_;
  asio::any_io_executor executor_;
  Receive receive_;
  Failed failed_;
  Admission admission_;
  Complaints complaints_;  // the thread's
  std::unique_ptr<zmq::context_t> context_;
  std::unique_ptr<zmq::socket_t> admission_socket_;
  std::unique_ptr<IoTurn> io_turn_;             // the thread's
  std::deque<std::vector<std::string>> asked_;  // the thread's: handshakes that wait
  std::size_t answerable_ = 0;                  // the thread's: the first of them, behind the turn
  Uptime turn_asked_at_{};                      // the thread's
  std::unique_ptr<zmq::socket_t> router_;
  std::unique_ptr<SocketMonitor> monitor_;
  Crowd crowd_;                 // the thread's
  std::unique_ptr<Door> door_;  // the thread's
  std::shared_ptr<Flow> flow_;
  bool holding_back_ = false;  // the thread's
  std::uint16_t port_ = 0;
  std::mutex mutex_;
  std::vector<Outbound> outgoing_;
  bool stopping_ = false;
  Counters counters_;
  std::thread thread_;
};

}  // namespace portoser::fleet
