/// Tells when libzmq's I/O thread has come around: whatever it was in the middle of when `ask` was
/// called is done. One thread, and a context of one I/O thread.
#pragma once

#include <memory>

namespace zmq {
class context_t;
class socket_t;
}  // namespace zmq

namespace portoser::fleet {

class IoTurn {
 public:
  explicit IoTurn(zmq::context_t& context);
  IoTurn(const IoTurn&) = delete;
  IoTurn& operator=(const IoTurn&) = delete;
  ~IoTurn();

  /// Once until `has_come`.
  void ask();
  /// True once for each `ask`. Never blocks.
  bool has_come();
  /// For zmq_poll: readable when it has.
  [[nodiscard]] void* handle() const;

 private:
  std::unique_ptr<zmq::socket_t> out_;
  std::unique_ptr<zmq::socket_t> in_;
};

}  // namespace portoser::fleet
