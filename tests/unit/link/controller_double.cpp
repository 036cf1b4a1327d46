#include "tests/unit/link/controller_double.h"

#include <sys/eventfd.h>

#include <array>
#include <unistd.h>
#include <utility>
#include <variant>

namespace portoser::test {

std::vector<std::int64_t> ControllerMemory::Seen::sequences() const {
  std::vector<std::int64_t> found;
  for (const auto& message : messages) {
    if (const auto* event = std::get_if<protocol::Event>(&message)) {
      found.push_back(event->sequence);
    } else if (const auto* result = std::get_if<protocol::CommandResult>(&message)) {
      found.push_back(result->sequence);
    }
  }
  return found;
}

void ControllerMemory::add(protocol::AnyMessage message) {
  const std::lock_guard lock{mutex_};
  seen_.messages.push_back(std::move(message));
  changed_.notify_all();
}

void ControllerMemory::acknowledge(const std::string& epoch, std::int64_t sequence) {
  const std::lock_guard lock{mutex_};
  seen_.acked[epoch] = sequence;
  changed_.notify_all();
}

void ControllerMemory::forget() {
  const std::lock_guard lock{mutex_};
  seen_.messages.clear();
}

ControllerMemory::Seen ControllerMemory::seen() const {
  const std::lock_guard lock{mutex_};
  return seen_;
}

bool ControllerMemory::await(const std::function<bool(const Seen&)>& condition) {
  std::unique_lock lock{mutex_};
  return changed_.wait_for(lock, std::chrono::seconds{20}, [&] { return condition(seen_); });
}

ControllerDouble::ControllerDouble(protocol::KeyPair keys,
                                   std::shared_ptr<ControllerMemory> memory,
                                   Behaviour behaviour,
                                   int port)
    : keys_(std::move(keys)),
      memory_(std::move(memory)),
      admission_(context_, zmq::socket_type::rep),
      router_(context_, zmq::socket_type::router),
      behaviour_(std::move(behaviour)),
      wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  admission_.bind("inproc://zeromq.zap.01");
  protocol::set_common_options(router_);
  protocol::make_curve_server(router_, keys_.secret_key);
  router_.bind("tcp://127.0.0.1:" + std::to_string(port));
  admission_thread_ = std::thread{[this] { serve_admission(); }};
  router_thread_ = std::thread{[this] { serve(); }};
}

ControllerDouble::~ControllerDouble() {
  context_.shutdown();
  wake();  // one that does not read does not see it
  admission_thread_.join();
  router_thread_.join();
}

void ControllerDouble::admit(const std::string& public_key) {
  const std::lock_guard lock{mutex_};
  admitted_.insert(public_key);
}

void ControllerDouble::behave(Behaviour behaviour) {
  const std::lock_guard lock{mutex_};
  behaviour_ = std::move(behaviour);
}

void ControllerDouble::send(std::string frame) {
  const std::lock_guard lock{mutex_};
  outgoing_.push_back(std::move(frame));
  wake();
}

void ControllerDouble::wake() {
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(wake_.get(), &one, sizeof one);
}

void ControllerDouble::serve_admission() try {
  for (;;) {
    // version, request id, domain, address, identity, mechanism, credentials (the key)
    std::vector<zmq::message_t> frames;
    do {
      frames.emplace_back();
      (void)admission_.recv(frames.back());
    } while (frames.back().more());
    std::string key(41, '\0');
    ::zmq_z85_encode(key.data(), frames.at(6).data<std::uint8_t>(), frames.at(6).size());
    key.pop_back();
    bool is_admitted = false;
    {
      const std::lock_guard lock{mutex_};
      is_admitted = admitted_.contains(key);
    }
    if (!is_admitted) ++refused_;
    const std::array<std::string, 6> answer{"1.0",
                                            frames.at(1).to_string(),
                                            is_admitted ? "200" : "400",
                                            is_admitted ? "OK" : "not enrolled",
                                            key,
                                            ""};
    for (std::size_t i = 0; i < answer.size(); ++i) {
      admission_.send(zmq::buffer(answer[i]),
                      i + 1 < answer.size() ? zmq::send_flags::sndmore : zmq::send_flags::none);
    }
  }
} catch (const zmq::error_t&) {
  admission_.close();  // the context is shut down
}

void ControllerDouble::serve() try {
  for (;;) {
    std::array<zmq::pollitem_t, 2> items{
        {{router_.handle(), 0, static_cast<short>(is_deaf_ ? 0 : ZMQ_POLLIN), 0},
         {nullptr, wake_.get(), ZMQ_POLLIN, 0}}};
    zmq::poll(items.data(), items.size(), std::chrono::milliseconds{-1});
    if ((items[0].revents & ZMQ_POLLIN) != 0) receive();
    if ((items[1].revents & ZMQ_POLLIN) == 0) continue;
    std::vector<std::string> frames;
    {
      const std::lock_guard lock{mutex_};
      std::uint64_t count = 0;
      [[maybe_unused]] const auto got = ::read(wake_.get(), &count, sizeof count);
      frames = std::exchange(outgoing_, {});
    }
    for (const auto& frame : frames) {
      put(frame);
    }
  }
} catch (const zmq::error_t&) {
  router_.close();
}

ControllerDouble::Behaviour ControllerDouble::behaviour() {
  const std::lock_guard lock{mutex_};
  return behaviour_;
}

void ControllerDouble::receive() {
  while (!is_deaf_) {
    zmq::message_t peer;
    zmq::message_t frame;
    if (!router_.recv(peer, zmq::recv_flags::dontwait)) return;
    (void)router_.recv(frame);
    peer_ = peer.to_string();
    const auto envelope = protocol::decode(frame.to_string_view());
    const auto& message = std::get<protocol::AnyMessage>(envelope.body);
    memory_->add(message);
    answer(message);
    is_deaf_ = std::holds_alternative<protocol::Hello>(message) && !behaviour().reads;
  }
}

void ControllerDouble::answer(const protocol::AnyMessage& message) {
  const auto behaviour = this->behaviour();
  if (const auto* hello = std::get_if<protocol::Hello>(&message); hello && behaviour.welcomes) {
    epoch_ = hello->spool_epoch;
    protocol::Welcome welcome;
    welcome.device_id = "device";
    const auto acked = memory_->seen().acked;
    const auto known = acked.find(epoch_);
    welcome.acked_sequence = known == acked.end() ? 0 : known->second;
    welcome.sample_boot_id = behaviour.sample_boot_id;
    welcome.sample_uptime_ns = behaviour.sample_uptime_ns;
    put(protocol::encode(welcome));
  }
  std::int64_t sequence = 0;
  if (const auto* event = std::get_if<protocol::Event>(&message)) sequence = event->sequence;
  if (const auto* result = std::get_if<protocol::CommandResult>(&message)) {
    sequence = result->sequence;
  }
  if (sequence > 0 && behaviour.acknowledges) {
    memory_->acknowledge(epoch_, sequence);
    put(protocol::encode(protocol::Ack{epoch_, sequence}));
  }
}

void ControllerDouble::put(const std::string& frame) {
  router_.send(zmq::buffer(peer_), zmq::send_flags::sndmore);
  router_.send(zmq::buffer(frame), zmq::send_flags::none);
}

}  // namespace portoser::test
