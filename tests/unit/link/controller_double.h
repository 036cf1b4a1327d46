/// A controller as the link sees it: a ROUTER with CURVE, a ZAP handler that admits the keys it
/// knows, and a memory of what came in that outlives a restart.
#pragma once

#include "common/file.h"
#include "protocol/codec.h"
#include "protocol/curve.h"

#include <zmq.hpp>

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

namespace portoser::test {

/// What a controller knows; its database, so to speak.
class ControllerMemory {
 public:
  /// All messages since the start, or since `forget`. Under the lock of `await`.
  struct Seen {
    std::vector<protocol::AnyMessage> messages;
    std::map<std::string, std::int64_t> acked;  ///< by spool epoch

    template <class Message>
    [[nodiscard]] std::vector<Message> all() const {
      std::vector<Message> found;
      for (const auto& message : messages) {
        if (const auto* one = std::get_if<Message>(&message)) found.push_back(*one);
      }
      return found;
    }
    /// The sequences of events and results, in the order in which they came.
    [[nodiscard]] std::vector<std::int64_t> sequences() const;
  };

  void add(protocol::AnyMessage message);
  void acknowledge(const std::string& epoch, std::int64_t sequence);
  void forget();
  [[nodiscard]] Seen seen() const;
  /// Waits until `condition` holds; false after 20 s.
  bool await(const std::function<bool(const Seen&)>& condition);

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  Seen seen_;
};

class ControllerDouble {
 public:
  struct Behaviour {
    bool welcomes = true;
    bool acknowledges = true;
    std::string sample_boot_id = {};
    std::int64_t sample_uptime_ns = 0;
    bool reads = true;  ///< false: nothing behind a hello
  };

  ControllerDouble(protocol::KeyPair keys,
                   std::shared_ptr<ControllerMemory> memory,
                   Behaviour behaviour,
                   int port);
  ControllerDouble(const ControllerDouble&) = delete;
  ControllerDouble& operator=(const ControllerDouble&) = delete;
  ~ControllerDouble();

  void admit(const std::string& public_key);
  void behave(Behaviour behaviour);
  /// To the connection that spoke last.
  void send(std::string frame);
  template <class Message>
  void send(const Message& message) {
    send(protocol::encode(message));
  }
  /// Handshakes that were refused.
  [[nodiscard]] int refused() const { return refused_; }

 private:
  void serve_admission();
  void serve();
  void receive();
  [[nodiscard]] Behaviour behaviour();
  void answer(const protocol::AnyMessage& message);
  void put(const std::string& frame);
  void wake();

  protocol::KeyPair keys_;
  std::shared_ptr<ControllerMemory> memory_;
  zmq::context_t context_{1};
  zmq::socket_t admission_;
  zmq::socket_t router_;
  std::mutex mutex_;
  Behaviour behaviour_;
  std::set<std::string> admitted_;
  std::vector<std::string> outgoing_;
  Descriptor wake_;
  std::atomic<int> refused_{0};
  std::string peer_;      ///< of the router's thread: routing id of who spoke last
  std::string epoch_;     ///< of the router's thread
  bool is_deaf_ = false;  ///< of the router's thread
  std::thread admission_thread_;
  std::thread router_thread_;
};

}  // namespace portoser::test
