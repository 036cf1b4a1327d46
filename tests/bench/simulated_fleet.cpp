#include "tests/bench/simulated_fleet.h"

#include "common/clock.h"
#include "protocol/codec.h"
#include "protocol/curve.h"
#include "tests/support/await.h"
#include "tests/support/wire_peer.h"

#include <fmt/format.h>
#include <sys/resource.h>
#include <zmq.hpp>

#include <filesystem>
#include <iterator>
#include <optional>
#include <stdexcept>
#include <utility>
#include <variant>

namespace portoser::bench {

using namespace std::chrono_literals;

struct SimulatedFleet::Wire {
  zmq::context_t context{1};
};

struct SimulatedFleet::Member {
  explicit Member(MadeUpHost made) : host(std::move(made)) {}

  MadeUpHost host;
  test::Enrolled enrolled;
  zmq::socket_t dealer;
  bool is_welcomed = false;
  std::optional<Clock::time_point> opens;  ///< a connection that is to come
  Clock::time_point next_look;
  Clock::time_point next_sample;
};

namespace {

void need_descriptors(std::size_t count) {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_cur >= count) return;
  throw std::runtime_error{fmt::format(
      "{} file descriptors are needed and {} allowed (ulimit -Hn)", count, limit.rlim_cur)};
}

/// libzmq gives the descriptors of sockets back some time after they were closed.
void await_few_descriptors(std::size_t few) {
  const std::filesystem::directory_iterator end;
  const auto open = [&] {
    return static_cast<std::size_t>(
        std::distance(std::filesystem::directory_iterator{"/proc/self/fd"}, end));
  };
  test::await_until("closed sockets are gone", 60s, [&] { return open() <= few; });
}

protocol::Moment now_of(const MadeUpHost& host) {
  const SystemClock clock;
  return {host.boot_id(), clock.uptime().count(), to_unix_us(clock.now())};
}

}  // namespace

SimulatedFleet::SimulatedFleet(FleetSize size, std::chrono::milliseconds interval)
    : size_(size), interval_(interval), wire_(std::make_unique<Wire>()) {
  // A socket has its connection and a mailbox.
  need_descriptors(2 * size.hosts + 500);
  wire_->context.set(zmq::ctxopt::max_sockets, static_cast<int>(size.hosts) + 100);
  for (std::size_t i = 0; i < size.hosts; ++i) {
    members_.push_back(
        std::make_unique<Member>(MadeUpHost{fmt::format("host-{:04}", i), size.services, i}));
  }
}

SimulatedFleet::~SimulatedFleet() {
  is_over_ = true;
  if (thread_.joinable()) thread_.join();
}

std::string SimulatedFleet::registry() const {
  std::string hosts = "hosts:\n";
  std::string services = "services:\n";
  for (const auto& member : members_) {
    fmt::format_to(std::back_inserter(hosts), "  {}: {{ip: 127.0.0.1}}\n", member->host.name());
    for (std::size_t i = 0; i < size_.services; ++i) {
      fmt::format_to(std::back_inserter(services),
                     "  {0}: {{current_host: {1}, docker_compose: /srv/{0}/compose.yml}}\n",
                     member->host.service(i),
                     member->host.name());
    }
  }
  return hosts + services;
}

void SimulatedFleet::join(const std::string& token) {
  for (auto& member : members_) member->enrolled = test::join_by_hand(token, member->host.name());
}

void SimulatedFleet::connect(std::chrono::milliseconds spread) {
  spread_ms_ = spread.count();
  if (!thread_.joinable()) thread_ = std::thread{[this] { run(); }};
}

void SimulatedFleet::run() {
  std::mt19937_64 random{1};
  while (!is_over_) {
    const auto round = Clock::now();
    if (const auto spread = spread_ms_.exchange(-1); spread >= 0) {
      welcomed_ = 0;
      for (auto& member : members_) {
        member->dealer.close();
        member->is_welcomed = false;
      }
      await_few_descriptors(members_.size());
      for (auto& member : members_) {
        member->opens = Clock::now() + std::chrono::milliseconds{random() % (spread + 1)};
        member->next_sample =
            *member->opens + std::chrono::milliseconds{random() % interval_.count()};
      }
    }
    for (auto& member : members_) visit(*member, Clock::now());
    std::this_thread::sleep_until(round + 5ms);
  }
  for (auto& member : members_) member->dealer.close();
}

void SimulatedFleet::open(Member& member) {
  auto& dealer = member.dealer = zmq::socket_t{wire_->context, zmq::socket_type::dealer};
  protocol::set_common_options(dealer);
  protocol::test_with_heartbeats(dealer);
  // Agents wait about as long before they try again; by itself libzmq would knock ten times a
  // second.
  dealer.set(zmq::sockopt::reconnect_ivl, 1000);
  protocol::make_curve_client(dealer, member.enrolled.keys, member.enrolled.controller_key);
  dealer.connect(member.enrolled.endpoint);
  auto hello = test::make_hello(member.host.boot_id());
  hello.facts.hostname = member.host.name();
  hello.facts.engine_version = member.host.state({}).engine_version;
  dealer.send(zmq::buffer(protocol::encode(hello)), zmq::send_flags::dontwait);
}

void SimulatedFleet::hear(Member& member) {
  zmq::message_t frame;
  while (member.dealer.recv(frame, zmq::recv_flags::dontwait)) {
    const auto decoded = protocol::decode(frame.to_string_view());
    const auto* message = std::get_if<protocol::AnyMessage>(&decoded.body);
    if (message == nullptr) continue;
    if (!std::holds_alternative<protocol::Welcome>(*message) || member.is_welcomed) continue;
    member.is_welcomed = true;
    ++welcomed_;
    member.dealer.send(zmq::buffer(protocol::encode(member.host.state(now_of(member.host)))),
                       zmq::send_flags::dontwait);
  }
}

void SimulatedFleet::visit(Member& member, Clock::time_point now) {
  if (member.opens && now >= *member.opens) {
    member.opens.reset();
    member.next_look = now + 100ms;
    open(member);
  }
  if (!member.dealer) return;
  if (now >= member.next_look) {
    hear(member);
    // What comes to one that was welcomed is not urgent.
    member.next_look = now + (member.is_welcomed ? 2000ms : 100ms);
  }
  if (!member.is_welcomed || now < member.next_sample) return;
  const std::chrono::duration<double> seconds = interval_;
  const auto bytes = protocol::encode(member.host.next(now_of(member.host), seconds.count()));
  if (member.dealer.send(zmq::buffer(bytes), zmq::send_flags::dontwait)) {
    ++sent_;
  } else {
    ++dropped_;
  }
  member.next_sample += interval_;
  if (member.next_sample < now) member.next_sample = now + interval_;
}

}  // namespace portoser::bench
