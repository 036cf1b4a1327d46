#include "controller/fleet/gateway.h"

#include "common/file.h"
#include "common/log.h"
#include "controller/fleet/io_turn.h"
#include "controller/fleet/socket_monitor.h"
#include "protocol/curve.h"
#include "protocol/uninterrupted.h"

#include <boost/asio/post.hpp>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <zmq.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <fcntl.h>
#include <iterator>
#include <limits>
#include <stdexcept>
#include <string_view>
#include <unistd.h>

namespace portoser::fleet {
namespace {

/// At most so many messages are taken in a row before outgoing ones have their turn.
constexpr int batch_limit = 256;
/// A batch with so many bytes is full, however few its messages are.
constexpr std::size_t batch_bytes = 4U << 20U;
/// Of one connection, between libzmq and us: what it holds in memory while we do not read.
constexpr int receive_queue = 256;
/// Handshakes that wait for their answer at most; the others wait in libzmq.
constexpr std::size_t admission_limit = 64;
/// A turn of libzmq's I/O thread takes microseconds; one that has not come by now was lost.
constexpr std::chrono::seconds turn_limit{1};
/// How often a door that is shut is looked at.
constexpr std::chrono::milliseconds door_period{100};

/// False: there is none.
bool receive_frame(zmq::socket_t& socket, zmq::message_t& frame) {
  return protocol::uninterrupted(
      [&] { return socket.recv(frame, zmq::recv_flags::dontwait).has_value(); });
}

/// What the kernel has found out of the connection that the message came on. libzmq tells its
/// descriptor; should it be another's by now, that one's round trip stands there until the next
/// message, or none.
std::optional<std::chrono::microseconds> round_trip_of(const zmq::message_t& frame) {
  // The name by which zmq_msg_gets() knows what ZMQ_SRCFD, which is deprecated, asks for.
  const auto* const name = ::zmq_msg_gets(frame.handle(), "__fd");
  if (name == nullptr) return std::nullopt;
  const std::string_view text{name};
  int descriptor = -1;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), descriptor);
  if (parsed.ec != std::errc{} || descriptor < 0) return std::nullopt;
  tcp_info info{};
  socklen_t size = sizeof info;
  if (::getsockopt(descriptor, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return std::nullopt;
  if (info.tcpi_rtt == 0) return std::nullopt;
  return std::chrono::microseconds{info.tcpi_rtt};
}

std::vector<std::string> receive_multipart(zmq::socket_t& socket) {
  std::vector<std::string> frames;
  zmq::message_t frame;
  do {
    if (!receive_frame(socket, frame)) return {};
    frames.push_back(frame.to_string());
  } while (frame.more());
  return frames;
}

}  // namespace

/// How many batches are on their way to the executor; they may outlive the gateway.
struct Gateway::Flow {
  explicit Flow(std::size_t most) : wake(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)), limit(most) {}
  Descriptor wake;
  const std::size_t limit;
  std::atomic<std::size_t> in_flight{0};
};

/// One batch's place, free again when the batch is done with or given up.
class Gateway::Ticket {
 public:
  explicit Ticket(std::shared_ptr<Flow> flow) : flow_(std::move(flow)) { ++flow_->in_flight; }
  Ticket(Ticket&&) noexcept = default;
  Ticket& operator=(Ticket&&) = delete;
  ~Ticket() {
    if (flow_ && flow_->in_flight.fetch_sub(1) == flow_->limit) {
      ::eventfd_write(flow_->wake.get(), 1);
    }
  }

 private:
  std::shared_ptr<Flow> flow_;
};

Gateway::Gateway(const GatewaySettings& settings,
                 KeySet known,
                 const Clock& clock,
                 asio::any_io_executor executor,
                 Receive receive,
                 Failed failed)
    : clock_(clock),
      executor_(std::move(executor)),
      receive_(std::move(receive)),
      failed_(std::move(failed)),
      admission_(std::move(known)),
      context_(std::make_unique<zmq::context_t>(1)),
      admission_socket_(std::make_unique<zmq::socket_t>(*context_, zmq::socket_type::router)),
      io_turn_(std::make_unique<IoTurn>(*context_)),
      router_(std::make_unique<zmq::socket_t>(*context_, zmq::socket_type::router)),
      monitor_(std::make_unique<SocketMonitor>(*context_, *router_)),
      crowd_(settings.crowd),
      flow_(std::make_shared<Flow>(settings.batches_in_flight)) {
  admission_socket_->set(zmq::sockopt::linger, 0);
  // Before the ROUTER binds: a handshake that finds no ZAP handler is admitted.
  admission_socket_->bind("inproc://zeromq.zap.01");
  protocol::set_common_options(*router_);
  protocol::end_dead_connections(*router_, settings.heartbeat);
  protocol::make_curve_server(*router_, settings.secret_key);
  router_->set(zmq::sockopt::router_mandatory, true);
  // Should two connections have the same routing id all the same (see Admission), libzmq would keep
  // the second open and unread, with all that it sends. Neither is listened to; this way the first
  // is let go.
  router_->set(zmq::sockopt::router_handover, true);
  router_->set(zmq::sockopt::backlog, settings.backlog);
  router_->set(zmq::sockopt::handshake_ivl,
               static_cast<int>(
                   std::chrono::ceil<std::chrono::milliseconds>(settings.crowd.handshake).count()));
  router_->set(zmq::sockopt::rcvhwm, receive_queue);
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
  door_ = std::make_unique<Door>(monitor_->listening());
  thread_ = std::thread{[this] { run(); }};
}

Gateway::~Gateway() {
  {
    const std::lock_guard lock{mutex_};
    stopping_ = true;
  }
  ::eventfd_write(flow_->wake.get(), 1);
  thread_.join();
}

void Gateway::send(std::string route, std::string frame, Lost lost) {
  {
    const std::lock_guard lock{mutex_};
    outgoing_.push_back({std::move(route), std::move(frame), std::move(lost)});
  }
  ::eventfd_write(flow_->wake.get(), 1);
}

void Gateway::run() {
  try {
    serve();
  } catch (const std::exception& failure) {
    log::error("fleet", "the gateway failed: no agent is heard", {{"reason", failure.what()}});
    auto error = Error{Code::internal,
                       std::string{"the socket of the agents failed: "} + failure.what(),
                       "wire"}
                     .reason("WIRE_FAILED")
                     .hint("start the controller again; agents come back by themselves");
    asio::post(executor_, [failed = failed_, error = std::move(error)]() mutable {
      failed(std::move(error));
    });
  }
}

void Gateway::serve() {
  std::array<zmq::pollitem_t, 5> items{{
      {router_->handle(), 0, ZMQ_POLLIN, 0},
      {admission_socket_->handle(), 0, ZMQ_POLLIN, 0},
      {monitor_->handle(), 0, ZMQ_POLLIN, 0},
      {nullptr, flow_->wake.get(), ZMQ_POLLIN, 0},
      {io_turn_->handle(), 0, ZMQ_POLLIN, 0},
  }};
  for (;;) {
    try {
      items[0].events = may_receive() ? ZMQ_POLLIN : short{0};
      items[1].events = asked_.size() < admission_limit ? ZMQ_POLLIN : short{0};
      auto quiet = complaints_.wait(clock_.uptime());
      if (door_->is_shut()) quiet = std::min<Uptime>(quiet.value_or(door_period), door_period);
      if (answerable_ > 0) quiet = std::min<Uptime>(quiet.value_or(turn_limit), turn_limit);
      zmq::poll(items.data(),
                items.size(),
                quiet ? std::chrono::ceil<std::chrono::milliseconds>(*quiet)
                      : std::chrono::milliseconds{-1});
      if ((items[4].revents & ZMQ_POLLIN) != 0) answer_admission();
      mind_turn();
      if ((items[1].revents & ZMQ_POLLIN) != 0) hear_admission();
      if ((items[0].revents & ZMQ_POLLIN) != 0) receive_all();
      if ((items[2].revents & ZMQ_POLLIN) != 0) read_monitor();
      if (door_->is_shut() || (items[2].revents & ZMQ_POLLIN) != 0) mind_door();
      for (const auto& complaint : complaints_.due(clock_.uptime())) tell(complaint);
      if ((items[3].revents & ZMQ_POLLERR) != 0) throw std::runtime_error{"its wake-up is broken"};
      if ((items[3].revents & ZMQ_POLLIN) != 0) {
        eventfd_t ignored = 0;
        ::eventfd_read(flow_->wake.get(), &ignored);
        send_all();
        const std::lock_guard lock{mutex_};
        if (stopping_ && outgoing_.empty()) return;
      }
    } catch (const zmq::error_t& error) {
      if (error.num() != EINTR) throw;
    }
  }
}

bool Gateway::may_receive() {
  const bool full = flow_->in_flight.load() >= flow_->limit;
  if (full && !holding_back_) counters_.held_back.fetch_add(1, std::memory_order_relaxed);
  holding_back_ = full;
  return !full;
}

void Gateway::count(std::atomic<std::uint64_t>& counter, Trouble trouble, std::string latest) {
  counter.fetch_add(1, std::memory_order_relaxed);
  if (const auto complaint = complaints_.add(trouble, std::move(latest), clock_.uptime())) {
    tell(*complaint);
  }
}

void Gateway::read_monitor() {
  for (auto& report : monitor_->take()) {
    switch (report.event) {
      case SocketEvent::connection_came:
        crowd_.came(clock_.uptime());
        break;
      case SocketEvent::handshake_succeeded:
        crowd_.admitted();
        break;
      case SocketEvent::handshake_refused:
        crowd_.failed();
        break;
      case SocketEvent::handshake_failed:
        crowd_.failed();
        count(counters_.handshakes_failed, Trouble::handshake_failed, std::move(report.reason));
        break;
      case SocketEvent::accept_failed:
        crowd_.could_not_come(clock_.uptime());
        count(counters_.accepts_failed, Trouble::accept_failed, std::move(report.reason));
        break;
      case SocketEvent::connection_ended:
        crowd_.ended();
        count(counters_.connections_ended, Trouble::connection_ended, std::move(report.reason));
        break;
    }
  }
}

void Gateway::mind_door() {
  const Descriptor next{::fcntl(flow_->wake.get(), F_DUPFD_CLOEXEC, 0)};
  const int lowest_free = next.is_open() ? next.get() : std::numeric_limits<int>::max();
  if (crowd_.is_full(door_->is_shut(), lowest_free, clock_.uptime())) {
    if (!door_->is_shut()) {
      count(counters_.door_shut,
            Trouble::crowded,
            std::to_string(crowd_.strangers()) + " handshakes under way, next descriptor " +
                std::to_string(lowest_free));
    }
    door_->shut();
  } else {
    door_->open();
  }
  counters_.strangers.store(crowd_.strangers(), std::memory_order_relaxed);
}

void Gateway::hear_admission() {
  while (asked_.size() < admission_limit) {
    auto request = receive_multipart(*admission_socket_);
    if (request.empty()) break;
    asked_.push_back(std::move(request));
  }
  ask_for_turn();
}

/// libzmq looks for the answer to its question right after it has put it, and reads the peer's own
/// words, the routing id of its choice among them, after that: an answer that was there so soon
/// would count for less than they do. Behind a turn of its thread it comes last.
void Gateway::ask_for_turn() {
  if (answerable_ > 0 || asked_.empty()) return;
  answerable_ = asked_.size();
  turn_asked_at_ = clock_.uptime();
  io_turn_->ask();
}

/// Without it one turn that is lost would leave everybody outside for ever.
void Gateway::mind_turn() {
  if (answerable_ == 0 || clock_.uptime() - turn_asked_at_ < turn_limit) return;
  turn_asked_at_ = clock_.uptime();
  io_turn_->ask_again();
}

void Gateway::answer_admission() {
  if (!io_turn_->has_come()) return;
  for (; answerable_ > 0; --answerable_) {
    answer_one(asked_.front());
    asked_.pop_front();
  }
  ask_for_turn();
}

void Gateway::answer_one(const std::vector<std::string>& frames) {
  // The connection to libzmq's handshake and an empty frame stand before question and answer.
  constexpr std::size_t envelope = 2;
  if (frames.size() < envelope) return;
  std::vector<std::string> reply(frames.begin(), frames.begin() + envelope);
  auto answer = admission_.answer({frames.begin() + envelope, frames.end()});
  if (answer.frames.empty()) return;
  std::move(answer.frames.begin(), answer.frames.end(), std::back_inserter(reply));
  if (answer.refused) {
    if (const auto complaint =
            complaints_.add(Trouble::key_refused, *answer.refused, clock_.uptime())) {
      tell(*complaint);
    }
  }
  for (std::size_t i = 0; i < reply.size(); ++i) {
    const auto more = i + 1 < reply.size() ? zmq::send_flags::sndmore : zmq::send_flags::none;
    protocol::uninterrupted([&] { return admission_socket_->send(zmq::buffer(reply[i]), more); });
  }
}

void Gateway::receive_all() {
  std::vector<Inbound> batch;
  std::size_t bytes = 0;
  zmq::message_t route;
  zmq::message_t frame;
  for (int i = 0; i < batch_limit && bytes < batch_bytes && receive_frame(*router_, route); ++i) {
    if (!route.more() || !receive_frame(*router_, frame)) continue;
    bytes += frame.size();
    bool has_more = frame.more();
    if (has_more) {
      // A message is one frame; what follows it is read away.
      zmq::message_t rest;
      while (has_more && receive_frame(*router_, rest)) has_more = rest.more();
      count(counters_.malformed, Trouble::malformed, "a message of several frames");
      continue;
    }
    take(route, frame, batch);
  }
  if (!batch.empty()) {
    asio::post(executor_,
               [receive = receive_, batch = std::move(batch), ticket = Ticket{flow_}]() mutable {
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
    count(counters_.not_admitted, Trouble::not_admitted, "the key " + key);
    return;
  }
  // Whoever could choose one might take the place of another connection of the ROUTER.
  if (!is_given_route(route.to_string_view())) {
    count(counters_.own_route, Trouble::own_route, "the key " + key);
    return;
  }
  try {
    auto envelope = protocol::decode(frame.to_string_view());
    if (const auto* unknown = std::get_if<protocol::Unknown>(&envelope.body)) {
      constexpr std::size_t enough = 64;
      count(counters_.unknown_type,
            Trouble::unknown_type,
            "\"" + unknown->type.substr(0, enough) + "\" of the key " + key);
      return;
    }
    std::optional<std::chrono::microseconds> round_trip;
    const auto& body = std::get<protocol::AnyMessage>(envelope.body);
    if (std::holds_alternative<protocol::Sample>(body)) round_trip = round_trip_of(frame);
    batch.push_back({std::move(key),
                     route.to_string(),
                     {clock_.now(), clock_.uptime()},
                     frame.size(),
                     std::move(envelope),
                     round_trip});
  } catch (const Error& error) {
    auto latest = error.message() + ", of the key " + key;
    if (error.code() == Code::too_large) {
      count(counters_.too_large, Trouble::too_large, std::move(latest));
    } else {
      count(counters_.malformed, Trouble::malformed, std::move(latest));
    }
  }
}

void Gateway::send_all() {
  std::vector<Outbound> batch;
  {
    const std::lock_guard lock{mutex_};
    batch.swap(outgoing_);
  }
  for (auto& message : batch) {
    try {
      const auto send = [&](const std::string& frame, zmq::send_flags flags) {
        return protocol::uninterrupted([&] {
          return router_->send(zmq::buffer(frame), flags | zmq::send_flags::dontwait).has_value();
        });
      };
      if (send(message.route, zmq::send_flags::sndmore) &&
          send(message.frame, zmq::send_flags::none)) {
        counters_.sent.fetch_add(1, std::memory_order_relaxed);
        continue;
      }
    } catch (const zmq::error_t& error) {
      if (error.num() != EHOSTUNREACH) throw;
    }
    // Gone, or its queue is full because it does not read: its next hello starts it anew.
    counters_.unroutable.fetch_add(1, std::memory_order_relaxed);
    if (message.lost) asio::post(executor_, std::move(message.lost));
  }
}

GatewayStats Gateway::stats() const {
  GatewayStats stats;
  stats.received = counters_.received;
  stats.received_bytes = counters_.received_bytes;
  stats.sent = counters_.sent;
  stats.dropped_malformed = counters_.malformed;
  stats.dropped_too_large = counters_.too_large;
  stats.dropped_unknown_type = counters_.unknown_type;
  stats.dropped_not_admitted = counters_.not_admitted;
  stats.dropped_own_route = counters_.own_route;
  stats.door_shut = counters_.door_shut;
  stats.strangers = counters_.strangers;
  stats.dropped_unroutable = counters_.unroutable;
  stats.handshakes_refused = admission_.refused();
  stats.handshakes_failed = counters_.handshakes_failed;
  stats.accepts_failed = counters_.accepts_failed;
  stats.connections_ended = counters_.connections_ended;
  stats.held_back = counters_.held_back;
  return stats;
}

}  // namespace portoser::fleet
