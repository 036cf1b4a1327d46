/// The network between test hosts: a switch in this process to which each host is wired by a veth
/// pair, and on which every cable can be cut, in one direction too, delayed and made to lose
/// frames. Needs no bridge, no netem and no firewall, which not every kernel has. Needs root.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <vector>

namespace portoser::test {

/// Moves this program into a network and a mount namespace of its own, so that nothing of what it
/// sets up is seen by the machine or outlives it. Call it before other threads are started. Once is
/// enough.
void leave_the_machine();

/// What a cable does to frames.
struct Cable {
  bool cut_out = false;                ///< what the host sends is lost
  bool cut_in = false;                 ///< what is sent to the host is lost
  std::chrono::milliseconds delay{0};  ///< in each direction
  double loss = 0;                     ///< of the frames of each direction, 0 to 1
};

/// Owned by one thread; the switch is a thread of its own.
class Network {
 public:
  /// The port of this program itself.
  static constexpr int own_port = 1;

  /// `seed` decides which frames get lost.
  explicit Network(std::uint64_t seed);
  ~Network();
  Network(const Network&) = delete;
  Network& operator=(const Network&) = delete;

  /// 2 to 254: "10.213.0.<port>".
  static std::string address_of(int port);

  /// Gives the network namespace of `process` an eth0 with the address of `port`.
  void plug_in(int port, pid_t process);
  void unplug(int port);
  void set(int port, Cable cable);

 private:
  struct Port;
  struct Frames;

  void add_port(int port);
  void run();
  void receive();
  void forward(const Port& from, std::string frame);
  void send_due();

  std::mt19937_64 chance_;
  std::mutex mutex_;
  std::map<int, std::unique_ptr<Port>> ports_;
  std::unique_ptr<Frames> waiting_;
  std::vector<char> buffer_ = std::vector<char>(std::size_t{1} << 17U);
  std::atomic<bool> stopping_{false};
  int wake_ = -1;
  std::thread thread_;
};

}  // namespace portoser::test
