#include "tests/support/network.h"

#include "common/error.h"
#include "common/file.h"
#include "tests/support/process.h"

#include <arpa/inet.h>
#include <fmt/core.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <sys/eventfd.h>
#include <sys/mount.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <poll.h>
#include <queue>
#include <sched.h>
#include <string_view>
#include <unistd.h>
#include <utility>
#include <vector>

namespace portoser::test {
namespace {

using Instant = std::chrono::steady_clock::time_point;

constexpr std::string_view our_hardware{"\x02\x50\x54\x00\x00", 5};
/// Before each frame: what a network card would still have to do with it (`virtio_net_hdr`, whose
/// header is no C++).
constexpr std::size_t offload_header = 10;

std::string hardware_of(int port) {
  return fmt::format("02:50:54:00:00:{:02x}", port);
}
std::string interface_of(int port) {
  return fmt::format("port{}", port);
}

void must(bool done, std::string_view what) {
  if (!done)
    throw Error{Code::unavailable, system_error_text(std::string{what}, "the test network")};
}

template <class Value>
void set_option(int socket, int option, const Value& value) {
  must(::setsockopt(socket, SOL_PACKET, option, &value, sizeof value) == 0, "cannot set up");
}

/// All frames of the interface, and nothing of what we send on it.
Descriptor listen_on(const std::string& interface) {
  Descriptor socket{::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, htons(ETH_P_ALL))};
  must(socket.is_open(), "cannot open");
  set_option(socket.get(), PACKET_VNET_HDR, 1);  // large offloaded frames stay whole
  set_option(socket.get(), PACKET_IGNORE_OUTGOING, 1);
  const int room = 8 << 20;
  ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room);
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_protocol = htons(ETH_P_ALL);
  address.sll_ifindex = static_cast<int>(::if_nametoindex(interface.c_str()));
  const void* raw = &address;
  must(::bind(socket.get(), static_cast<const sockaddr*>(raw), sizeof address) == 0, "cannot join");
  return socket;
}

}  // namespace

void leave_the_machine() {
  static const bool done = [] {
    must(::unshare(CLONE_NEWNET | CLONE_NEWNS) == 0, "root is needed for");
    must(::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0, "cannot keep mounts in");
    must_run({"ip", "link", "set", "lo", "up"});
    return true;
  }();
  static_cast<void>(done);
}

struct Network::Port {
  int number = 0;
  Descriptor socket;
  Cable cable;
};

/// Those on their way, the next one first.
struct Network::Frames {
  struct Frame {
    Instant due;
    std::uint64_t order = 0;  // what was sent first comes first
    int port = 0;
    std::string bytes;
    bool operator<(const Frame& other) const {
      return std::pair{due, order} > std::pair{other.due, other.order};
    }
  };
  std::priority_queue<Frame> queue;
  std::uint64_t count = 0;
};

Network::Network(std::uint64_t seed)
    : chance_(seed), waiting_(std::make_unique<Frames>()), wake_(::eventfd(0, EFD_CLOEXEC)) {
  leave_the_machine();
  must_run({"ip",
            "link",
            "add",
            interface_of(own_port),
            "type",
            "veth",
            "peer",
            "name",
            "uplink",
            "address",
            hardware_of(own_port)});
  must_run({"ip", "address", "add", address_of(own_port) + "/24", "dev", "uplink"});
  must_run({"ip", "link", "set", "uplink", "up"});
  add_port(own_port);
  thread_ = std::thread{[this] { run(); }};
}

Network::~Network() {
  stopping_ = true;
  ::eventfd_write(wake_, 1);
  thread_.join();
  for (const auto& [number, port] : ports_) {
    run_command({"ip", "link", "delete", interface_of(number)});
  }
  ::close(wake_);
}

std::string Network::address_of(int port) {
  return fmt::format("10.213.0.{}", port);
}

void Network::plug_in(int port, pid_t process) {
  // It may still be there from before: the kernel takes its time to end a network namespace.
  run_command({"ip", "link", "delete", interface_of(port)});
  must_run({"ip",
            "link",
            "add",
            interface_of(port),
            "type",
            "veth",
            "peer",
            "name",
            "eth0",
            "address",
            hardware_of(port),
            "netns",
            std::to_string(process)});
  const CommandOptions there{.within = process};
  must_run({"ip", "address", "add", address_of(port) + "/24", "dev", "eth0"}, there);
  must_run({"ip", "link", "set", "eth0", "up"}, there);
  add_port(port);
}

void Network::add_port(int port) {
  // Without ARP, or the kernel would answer for this program's address on every port and take what
  // is sent to it past the switch.
  must_run({"ip", "link", "set", interface_of(port), "arp", "off", "up"});
  auto entry = std::make_unique<Port>();
  entry->number = port;
  entry->socket = listen_on(interface_of(port));
  {
    const std::lock_guard lock{mutex_};
    ports_[port] = std::move(entry);
  }
  ::eventfd_write(wake_, 1);
}

void Network::unplug(int port) {
  {
    const std::lock_guard lock{mutex_};
    ports_.erase(port);
  }
  run_command({"ip", "link", "delete", interface_of(port)});
}

void Network::set(int port, Cable cable) {
  const std::lock_guard lock{mutex_};
  receive();  // what was sent before goes by the cable that was there
  if (const auto found = ports_.find(port); found != ports_.end()) found->second->cable = cable;
}

void Network::run() {
  while (!stopping_) {
    std::vector<pollfd> watched{{wake_, POLLIN, 0}};
    int limit = -1;
    {
      const std::lock_guard lock{mutex_};
      for (const auto& [number, port] : ports_) watched.push_back({port->socket.get(), POLLIN, 0});
      if (!waiting_->queue.empty()) {
        const auto left = waiting_->queue.top().due - std::chrono::steady_clock::now();
        const auto rounded = std::chrono::ceil<std::chrono::milliseconds>(left).count();
        limit = static_cast<int>(std::max<std::int64_t>(0, rounded));
      }
    }
    ::poll(watched.data(), watched.size(), limit);
    if ((watched.front().revents & POLLIN) != 0) {
      eventfd_t ignored = 0;
      ::eventfd_read(wake_, &ignored);
    }
    const std::lock_guard lock{mutex_};
    receive();
    send_due();
  }
}

void Network::receive() {
  for (const auto& [number, port] : ports_) {
    ssize_t got = 0;
    // A bounded number, so that one busy host does not keep the others waiting.
    for (int i = 0; i < 64 && got >= 0; ++i) {
      got = ::recv(port->socket.get(), buffer_.data(), buffer_.size(), 0);
      if (got > 0) forward(*port, std::string{buffer_.data(), static_cast<std::size_t>(got)});
    }
  }
}

void Network::forward(const Port& from, std::string frame) {
  if (frame.size() < offload_header + ETH_HLEN || from.cable.cut_out) return;
  const std::string_view target{frame.data() + offload_header, ETH_ALEN};
  const bool is_known = target.starts_with(our_hardware);
  for (const auto& [number, to] : ports_) {
    if (number == from.number) continue;
    if (is_known && static_cast<unsigned char>(target.back()) != number) continue;
    std::uniform_real_distribution<double> dice{0, 1};
    const bool is_lost = dice(chance_) < from.cable.loss || dice(chance_) < to->cable.loss;
    if (to->cable.cut_in || is_lost) continue;
    waiting_->queue.push({std::chrono::steady_clock::now() + from.cable.delay + to->cable.delay,
                          ++waiting_->count,
                          number,
                          frame});
  }
}

void Network::send_due() {
  auto& queue = waiting_->queue;
  const auto now = std::chrono::steady_clock::now();
  while (!queue.empty() && queue.top().due <= now) {
    const auto& frame = queue.top();
    // A full queue, or a host that has just gone, loses the frame, as a wire does.
    if (const auto to = ports_.find(frame.port); to != ports_.end()) {
      ::send(to->second->socket.get(), frame.bytes.data(), frame.bytes.size(), MSG_DONTWAIT);
    }
    queue.pop();
  }
}

}  // namespace portoser::test
