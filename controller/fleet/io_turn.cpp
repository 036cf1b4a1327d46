#include "controller/fleet/io_turn.h"

#include "common/ids.h"
#include "protocol/uninterrupted.h"

#include <zmq.hpp>

namespace portoser::fleet {

// A message from a socket to another over the kernel: it is written and read by the I/O thread,
// each time from its loop. (Over inproc it would pass that thread by.)
IoTurn::IoTurn(zmq::context_t& context)
    : out_(std::make_unique<zmq::socket_t>(context, zmq::socket_type::pair)),
      in_(std::make_unique<zmq::socket_t>(context, zmq::socket_type::pair)) {
  const auto address = "ipc://@portoser-" + random_hex(16);  // no file, and nobody guesses it
  for (auto* socket : {out_.get(), in_.get()}) socket->set(zmq::sockopt::linger, 0);
  in_->bind(address);
  out_->connect(address);
}

IoTurn::~IoTurn() = default;

void IoTurn::ask() {
  ++asked_;
  ask_again();
}

void IoTurn::ask_again() {
  // That it finds no room is as if it were lost.
  protocol::uninterrupted(
      [&] { return out_->send(zmq::buffer(&asked_, sizeof asked_), zmq::send_flags::dontwait); });
}

bool IoTurn::has_come() {
  const auto before = come_;
  std::uint64_t number = 0;
  while (protocol::uninterrupted([&] {
    return in_->recv(zmq::buffer(&number, sizeof number), zmq::recv_flags::dontwait).has_value();
  })) {
    if (number == asked_) come_ = number;
  }
  return come_ != before;
}

void* IoTurn::handle() const {
  return in_->handle();
}

}  // namespace portoser::fleet
