/// A host of its own on this machine: own processes, own network and address, own boot id and
/// uptime, own /run, and a disk (a folder) that outlives its boots. Its engine is Debian's dockerd.
/// It shares the machine's kernel, clock, CPUs and memory. Nothing of it outlives the test program.
/// Needs root. One thread, which must not end before the host.
#pragma once

#include "tests/support/network.h"
#include "tests/support/process.h"
#include "tests/support/small_disk.h"

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace portoser::test {

enum class HostKind {
  plain,    ///< no service manager: what runs there a test has started
  systemd,  ///< the machine's own systemd, with a journal and no other service; its units lie in
            ///< `disk()/units`
};

class Host {
 public:
  /// `number` 1 to 200; its disk becomes `folder/h<number>`. Off.
  Host(Network& network,
       int number,
       const std::filesystem::path& folder,
       HostKind kind = HostKind::plain);
  ~Host();
  Host(const Host&) = delete;
  Host& operator=(const Host&) = delete;

  [[nodiscard]] std::string name() const;
  [[nodiscard]] std::string address() const;
  [[nodiscard]] const std::filesystem::path& disk() const { return disk_; }

  /// A disk that can be filled, mounted on a folder of `disk()`. It outlives the boots too. The
  /// host must be off.
  const SmallDisk& add_small_disk(const std::filesystem::path& folder, std::size_t mebibytes = 8);

  void power_on();
  /// As a power cut: every process is gone at once, and what lay in /run. But what was written and
  /// not synced stays: the kernel that holds it is the machine's.
  void power_off();
  /// Of a host with systemd: `systemctl poweroff`, and waits for the end.
  void shut_down();
  [[nodiscard]] bool is_on() const { return init_ != 0; }
  /// For `ProcessRequest::within`; 0: off.
  [[nodiscard]] pid_t first_process() const { return init_; }
  /// Output of a command in the host; throws unless it succeeds.
  std::string run(std::vector<std::string> argv) const;

  void cut();      ///< the cable is pulled
  void cut_out();  ///< it hears and is not heard
  void cut_in();   ///< it is heard and does not hear
  void slow(std::chrono::milliseconds delay, double loss = 0);
  void heal();  ///< undoes all four

  /// Back at once; `await_engine` waits until it answers, so that those of several hosts start side
  /// by side.
  void start_engine();
  void await_engine() const;
  void stop_engine();    ///< as a service manager does: containers are stopped too
  void crash_engine();   ///< SIGKILL to dockerd: containers go on
  void freeze_engine();  ///< it answers nobody until `thaw_engine`
  void thaw_engine();
  [[nodiscard]] bool engine_runs() const { return engine_ && engine_->running(); }
  /// As the host's programs see it.
  static constexpr auto engine_socket = "/run/docker.sock";
  /// `DOCKER_HOST` for docker commands of this test.
  [[nodiscard]] Environment docker_environment() const;
  std::string docker(std::vector<std::string> arguments) const;

 private:
  void plug_in(const Cable& cable);
  [[nodiscard]] std::string cgroup() const;
  [[nodiscard]] std::vector<std::string> boot_command() const;
  void await_systemd() const;
  void clear_away();

  Network& network_;
  int number_;
  std::filesystem::path disk_;
  HostKind kind_;
  std::vector<std::unique_ptr<SmallDisk>> small_disks_;
  std::optional<Process> boot_;
  pid_t init_ = 0;
  std::optional<Process> engine_;
};

/// Removes what hosts of a test program that crashed left in the cgroup hierarchies.
void clear_abandoned_hosts();

}  // namespace portoser::test
