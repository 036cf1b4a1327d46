/// The wire's end in the controller: one ROUTER socket, owned by one thread. What comes in is
/// decoded there and handed to an executor in batches; what goes out is queued and sent by that
/// thread.
#pragma once

#include "common/clock.h"
#include "common/file.h"
#include "common/tasks.h"
#include "controller/fleet/admission.h"
#include "controller/fleet/host_clock.h"
#include "protocol/codec.h"

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace zmq {
class context_t;
class message_t;
class socket_t;
}  // namespace zmq

namespace portoser::fleet {

struct GatewaySettings {
  std::string address = "0.0.0.0";
  std::uint16_t port = 8990;  ///< 0: any free one
  std::string secret_key;     ///< CURVE, Z85
};

/// One message of a device.
struct Inbound {
  std::string key;    ///< CURVE public key of the sender (Z85), as libzmq checked it
  std::string route;  ///< routing id of the connection
  Receipt received;
  std::size_t bytes = 0;
  protocol::Envelope envelope;
};

struct GatewayStats {
  std::uint64_t received = 0;
  std::uint64_t received_bytes = 0;
  std::uint64_t sent = 0;
  std::uint64_t dropped_malformed = 0;
  std::uint64_t dropped_too_large = 0;
  std::uint64_t dropped_unknown_type = 0;
  std::uint64_t dropped_not_admitted = 0;
  std::uint64_t dropped_unroutable = 0;  ///< outgoing, to a connection that is gone
  std::uint64_t handshakes_refused = 0;
};

class Gateway {
 public:
  using Receive = std::function<void(std::vector<Inbound>)>;

  /// Binds and starts the thread. The port is taken: `Error{unavailable}` that names it. `receive`
  /// is called on `executor`.
  Gateway(const GatewaySettings& settings,
          const Clock& clock,
          asio::any_io_executor executor,
          Receive receive);
  Gateway(const Gateway&) = delete;
  Gateway& operator=(const Gateway&) = delete;
  /// Sends what is queued, then ends the thread.
  ~Gateway();

  [[nodiscard]] std::uint16_t port() const { return port_; }

  /// Any thread.
  void allow(std::shared_ptr<const KeySet> keys) { admission_.allow(std::move(keys)); }
  /// Any thread. A route that is gone: counted and dropped.
  void send(std::string route, std::string frame);
  [[nodiscard]] GatewayStats stats() const;

 private:
  struct Outbound {
    std::string route;
    std::string frame;
  };
  struct Counters {
    std::atomic<std::uint64_t> received{0}, received_bytes{0}, sent{0}, malformed{0}, too_large{0},
        unknown_type{0}, not_admitted{0}, unroutable{0};
  };

  void run();
  void answer_admission();
  void receive_all();
  void send_all();
  void take(zmq::message_t& route, zmq::message_t& frame, std::vector<Inbound>& batch);

  const Clock& clock_;
  asio::any_io_executor executor_;
  Receive receive_;
  Admission admission_;
  std::unique_ptr<zmq::context_t> context_;
  std::unique_ptr<zmq::socket_t> admission_socket_;
  std::unique_ptr<zmq::socket_t> router_;
  Descriptor wake_;
  std::uint16_t port_ = 0;
  std::mutex mutex_;
  std::vector<Outbound> outgoing_;
  bool stopping_ = false;
  Counters counters_;
  std::thread thread_;
};

}  // namespace portoser::fleet
