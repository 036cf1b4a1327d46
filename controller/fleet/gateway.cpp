#include "controller/fleet/gateway.h"

#include "common/log.h"
#include "protocol/curve.h"

#include <boost/asio/post.hpp>
#include <sys/eventfd.h>
#include <zmq.hpp>

#include <array>
#include <unistd.h>

namespace portoser::fleet {
namespace {

/// At most so many messages are taken in a row before outgoing ones have their turn.
constexpr int batch_limit = 256;

std::vector<std::string> receive_multipart(zmq::socket_t& socket) {
  std::vector<std::string> frames;
  zmq::message_t frame;
  do {
    if (!socket.recv(frame, zmq::recv_flags::dontwait)) {
      return {};
    }
    frames.push_back(frame.to_string());
  } while (frame.more());
  return frames;
}

}  // namespace

Gateway::Gateway(const GatewaySettings& settings,
                 const Clock& clock,
                 asio::any_io_executor executor,
                 Receive receive)
    : clock_(clock),
      executor_(std::move(executor)),
      receive_(std::move(receive)),
      context_(std::make_unique<zmq::context_t>(1)),
      admission_socket_(std::make_unique<zmq::socket_t>(*context_, zmq::socket_type::rep)),
      router_(std::make_unique<zmq::socket_t>(*context_, zmq::socket_type::router)),
      wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  admission_socket_->set(zmq::sockopt::linger, 0);
  // Before the ROUTER binds: a handshake that finds no ZAP handler is admitted.
  admission_socket_->bind("inproc://zeromq.zap.01");
  protocol::set_common_options(*router_);
  protocol::make_curve_server(*router_, settings.secret_key);
  router_->set(zmq::sockopt::router_mandatory, true);
  router_->set(zmq::sockopt::backlog, 4096);
  router_->set(zmq::sockopt::linger, 500);
  const auto endpoint = "tcp://" + settings.address + ":" +
                        (settings.port == 0 ? "*" : std::to_string(settings.port));
  try {
    router_->bind(endpoint);
  } catch (const zmq::error_t& error) {
    throw Error{Code::unavailable,
                "cannot listen for agents on " + settings.address + ":" +
                    std::to_string(settings.port) + ": " + error.what(),
                "wire.port"}
        .reason("PORT_TAKEN")
        .hint("end the program that uses it, or set wire.port (PORTOSER_WIRE_PORT)");
  }
  const auto bound = router_->get(zmq::sockopt::last_endpoint);
  port_ = static_cast<std::uint16_t>(std::stoi(bound.substr(bound.rfind(':') + 1)));
  thread_ = std::thread{[this] { run(); }};
}

Gateway::~Gateway() {
  {
    const std::lock_guard lock{mutex_};
    stopping_ = true;
  }
  ::eventfd_write(wake_.get(), 1);
  thread_.join();
}

void Gateway::send(std::string route, std::string frame) {
  {
    const std::lock_guard lock{mutex_};
    outgoing_.push_back({std::move(route), std::move(frame)});
  }
  ::eventfd_write(wake_.get(), 1);
}

void Gateway::run() {
  std::array<zmq::pollitem_t, 3> items{{
      {router_->handle(), 0, ZMQ_POLLIN, 0},
      {admission_socket_->handle(), 0, ZMQ_POLLIN, 0},
      {nullptr, wake_.get(), ZMQ_POLLIN, 0},
  }};
  for (;;) {
    try {
      zmq::poll(items.data(), items.size(), std::chrono::milliseconds{-1});
      if ((items[1].revents & ZMQ_POLLIN) != 0) answer_admission();
      if ((items[0].revents & ZMQ_POLLIN) != 0) receive_all();
      if ((items[2].revents & ZMQ_POLLIN) != 0) {
        eventfd_t ignored = 0;
        ::eventfd_read(wake_.get(), &ignored);
        send_all();
        const std::lock_guard lock{mutex_};
        if (stopping_ && outgoing_.empty()) return;
      }
    } catch (const zmq::error_t& error) {
      if (error.num() == EINTR) continue;
      log::error("fleet", "the gateway's socket failed", {{"reason", error.what()}});
      return;
    }
  }
}

void Gateway::answer_admission() {
  const auto request = receive_multipart(*admission_socket_);
  if (request.empty()) {
    return;
  }
  const auto reply = admission_.answer(request);
  for (std::size_t i = 0; i < reply.size(); ++i) {
    admission_socket_->send(
        zmq::buffer(reply[i]),
        i + 1 < reply.size() ? zmq::send_flags::sndmore : zmq::send_flags::none);
  }
}

void Gateway::receive_all() {
  std::vector<Inbound> batch;
  zmq::message_t route;
  zmq::message_t frame;
  for (int i = 0; i < batch_limit && router_->recv(route, zmq::recv_flags::dontwait); ++i) {
    if (!route.more() || !router_->recv(frame, zmq::recv_flags::dontwait)) {
      continue;
    }
    bool has_more = frame.more();
    if (has_more) {
      // A message is one frame; what follows it is read away.
      zmq::message_t rest;
      while (has_more && router_->recv(rest, zmq::recv_flags::dontwait)) has_more = rest.more();
      counters_.malformed.fetch_add(1, std::memory_order_relaxed);
      continue;
    }
    take(route, frame, batch);
  }
  if (!batch.empty()) {
    asio::post(executor_, [receive = receive_, batch = std::move(batch)]() mutable {
      receive(std::move(batch));
    });
  }
}

void Gateway::take(zmq::message_t& route, zmq::message_t& frame, std::vector<Inbound>& batch) {
  counters_.received.fetch_add(1, std::memory_order_relaxed);
  counters_.received_bytes.fetch_add(frame.size(), std::memory_order_relaxed);
  const char* user = frame.gets("User-Id");
  std::string key = user == nullptr ? "" : user;
  // ZAP is asked at the handshake only, so a device that was removed since then is dropped here.
  if (!admission_.allows(key)) {
    counters_.not_admitted.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  try {
    auto envelope = protocol::decode(frame.to_string_view());
    if (const auto* unknown = std::get_if<protocol::Unknown>(&envelope.body)) {
      counters_.unknown_type.fetch_add(1, std::memory_order_relaxed);
      log::warn("fleet", "message of an unknown type dropped", {{"type", unknown->type}});
      return;
    }
    batch.push_back({std::move(key),
                     route.to_string(),
                     {clock_.now(), clock_.uptime()},
                     frame.size(),
                     std::move(envelope)});
  } catch (const Error& error) {
    auto& counter = error.code() == Code::too_large ? counters_.too_large : counters_.malformed;
    counter.fetch_add(1, std::memory_order_relaxed);
    log::warn("fleet", "message dropped", {{"key", key}, {"reason", error.what()}});
  }
}

void Gateway::send_all() {
  std::vector<Outbound> batch;
  {
    const std::lock_guard lock{mutex_};
    batch.swap(outgoing_);
  }
  for (const auto& message : batch) {
    try {
      const auto routed = router_->send(zmq::buffer(message.route),
                                        zmq::send_flags::sndmore | zmq::send_flags::dontwait);
      if (routed && router_->send(zmq::buffer(message.frame), zmq::send_flags::dontwait)) {
        counters_.sent.fetch_add(1, std::memory_order_relaxed);
        continue;
      }
    } catch (const zmq::error_t& error) {
      if (error.num() != EHOSTUNREACH) throw;
    }
    // Gone, or its queue is full because it does not read: its next hello starts it anew.
    counters_.unroutable.fetch_add(1, std::memory_order_relaxed);
  }
}

GatewayStats Gateway::stats() const {
  return {counters_.received,
          counters_.received_bytes,
          counters_.sent,
          counters_.malformed,
          counters_.too_large,
          counters_.unknown_type,
          counters_.not_admitted,
          counters_.unroutable,
          admission_.refused()};
}

}  // namespace portoser::fleet
