/// Tells when libzmq's I/O thread has come around: whatever it was in the middle of when `ask` was
/// called is done. One thread, and a context of one I/O thread.
#pragma once

#include <cstdint>
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

  /// Once until `has_come`. Never blocks.
  void ask();
  /// For the same turn, should the question have been lost.
  void ask_again();
  /// True once for each `ask`; a turn that was asked for before it does not count. Never blocks.
  bool has_come();
  /// For zmq_poll: readable when it has.
  [[nodiscard]] void* handle() const;

 private:
  std::unique_ptr<zmq::socket_t> out_;
  std::unique_ptr<zmq::socket_t> in_;
  std::uint64_t asked_ = 0;  ///< the number of the newest turn
  std::uint64_t come_ = 0;
};

}  // namespace portoser::fleet
