#include "tests/support/host.h"

#include "common/error.h"
#include "common/file.h"
#include "tests/support/await.h"
#include "tests/support/cgroups.h"

#include <fmt/core.h>

#include <csignal>
#include <fstream>
#include <iostream>
#include <unistd.h>

namespace portoser::test {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

constexpr int first_address = 10;  // of host 0: a host is told by its address
constexpr auto cgroup_prefix = "portoser-hosts-";
const fs::path cgroup_root{"/sys/fs/cgroup"};

/// Seconds since the machine started, rounded down.
long uptime() {
  double seconds = 0;
  std::ifstream{"/proc/uptime"} >> seconds;
  return static_cast<long>(seconds);
}

/// Where cgroups are: below each hierarchy of v1, and at the top, where v2 has its own.
std::vector<fs::path> cgroup_parents() {
  std::vector<fs::path> parents{cgroup_root};
  for (const auto& entry : fs::directory_iterator{cgroup_root}) {
    if (entry.is_directory()) parents.push_back(entry.path());
  }
  return parents;
}

/// Where it can be: a cpuset that nobody has filled takes no process.
void make_in_all_hierarchies(const fs::path& name) {
  for (const auto& parent : cgroup_parents()) {
    if (!fs::exists(parent / "cgroup.procs") || parent.filename() == "cpuset") continue;
    fs::create_directories(parent / name);
  }
}

/// `name` in every hierarchy.
bool remove_in_all_hierarchies(const fs::path& name) {
  bool is_all = true;
  for (const auto& parent : cgroup_parents()) {
    const auto group = parent / name;
    if (fs::exists(group) && !remove_cgroup(group)) is_all = false;
  }
  return is_all;
}

}  // namespace

Host::Host(Network& network, int number, const fs::path& folder, HostKind kind)
    : network_(network), number_(number), disk_(folder / fmt::format("h{}", number)), kind_(kind) {
  static const bool cleared = [] {
    clear_abandoned_hosts();
    return true;
  }();
  static_cast<void>(cleared);
  make_folder(disk_, 0755);
}

Host::~Host() {
  try {
    power_off();
    remove_in_all_hierarchies(fs::path{cgroup()}.parent_path().relative_path());
  } catch (const std::exception& error) {
    std::cerr << name() << " left something behind: " << error.what() << "\n";
  }
}

std::string Host::name() const {
  return fmt::format("h{}", number_);
}
std::string Host::address() const {
  return Network::address_of(first_address + number_);
}
std::string Host::cgroup() const {
  return fmt::format("/{}{}/{}", cgroup_prefix, ::getpid(), name());
}

// A host that is on has mounts of its own, where a new one of ours is not seen.
const SmallDisk& Host::add_small_disk(const fs::path& folder, std::size_t mebibytes) {
  if (is_on()) throw Error{Code::conflict, name() + " is on: it would not see a new disk"};
  small_disks_.push_back(std::make_unique<SmallDisk>(disk_ / folder, mebibytes));
  return *small_disks_.back();
}

std::vector<std::string> Host::boot_command() const {
  // Its uptime begins at zero, as after every boot.
  std::vector<std::string> argv{"unshare",
                                "--fork",
                                "--kill-child",
                                "--pid",
                                "--mount",
                                "--mount-proc",
                                "--uts",
                                "--ipc",
                                "--net",
                                "--time",
                                fmt::format("--boottime=-{}", uptime())};
  if (kind_ == HostKind::plain) {
    argv.insert(argv.end(), {PORTOSER_HOST_BOOT, name()});
    return argv;
  }
  argv.insert(argv.end(), {"--cgroup", PORTOSER_SYSTEMD_BOOT, "boot", name(), disk_.string()});
  argv.insert(argv.begin(), {PORTOSER_SYSTEMD_BOOT, "enter", cgroup()});
  return argv;
}

void Host::power_on() {
  if (is_on()) return;
  const auto log = disk_ / "boot.log";
  ProcessRequest request{.argv = boot_command(), .log_file = log};
  if (kind_ == HostKind::systemd) make_in_all_hierarchies(fs::path{cgroup()}.relative_path());
  boot_.emplace(std::move(request));
  const auto init = await_child(boot_->pid());
  if (!init) throw Error{Code::unavailable, name() + " did not boot: " + boot_->log_tail()};
  init_ = *init;
  await_until(
      name() + " has booted",
      30s,
      [&] {
        if (!boot_->running()) throw Error{Code::unavailable, "it ended: " + boot_->log_tail()};
        return fs::exists(fmt::format("/proc/{}/root/run/booted", init_));
      },
      [&] { return boot_->log_tail(); });
  network_.plug_in(first_address + number_, init_);
  if (kind_ == HostKind::systemd) await_systemd();
}

void Host::await_systemd() const {
  std::string said;
  await_until(
      "systemd of " + name() + " has started everything",
      60s,
      [&] {
        if (!boot_->running()) throw Error{Code::unavailable, "it ended: " + boot_->log_tail()};
        if (!fs::exists(fmt::format("/proc/{}/root/run/systemd/private", init_))) return false;
        said = run_command({"systemctl", "is-system-running"}, {.within = init_}).output;
        return said == "running\n" || said == "degraded\n";
      },
      [&] { return said + boot_->log_tail(); });
}

void Host::shut_down() {
  run_command({"systemctl", "poweroff", "--no-wall"}, {.within = init_});
  boot_->wait(120s);
  clear_away();
}

void Host::power_off() {
  if (!is_on()) return;
  ::kill(init_, SIGKILL);  // takes every process of its pid namespace along
  boot_->wait(60s);
  clear_away();
}

void Host::clear_away() {
  boot_.reset();
  init_ = 0;
  engine_.reset();
  network_.unplug(first_address + number_);
  const auto group = fs::path{cgroup()}.relative_path();
  await_until("the cgroups of " + name() + " are gone", 30s, [&] {
    return remove_in_all_hierarchies(group);
  });
}

std::string Host::run(std::vector<std::string> argv) const {
  return must_run(std::move(argv), {.within = init_});
}

void Host::cut() {
  network_.set(first_address + number_, {.cut_out = true, .cut_in = true});
}
void Host::cut_out() {
  network_.set(first_address + number_, {.cut_out = true});
}
void Host::cut_in() {
  network_.set(first_address + number_, {.cut_in = true});
}
void Host::slow(std::chrono::milliseconds delay, double loss) {
  network_.set(first_address + number_, {.delay = delay, .loss = loss});
}
void Host::heal() {
  network_.set(first_address + number_, {});
}

void Host::start_engine() {
  const auto config = disk_ / "daemon.json";
  // The key would otherwise go to /etc/docker.
  write_file_atomic(config,
                    fmt::format(R"({{"deprecated-key-path": "{}/key.json"}})", disk_.string()));
  ProcessRequest request{.argv = {"dockerd",
                                  "--config-file=" + config.string(),
                                  "--data-root=" + (disk_ / "docker").string(),
                                  fmt::format("--host=unix://{}", engine_socket),
                                  "--exec-opt=native.cgroupdriver=cgroupfs",
                                  "--cgroup-parent=" + cgroup(),
                                  "--iptables=false",
                                  "--ip6tables=false",
                                  "--ip-masq=false"},
                         .log_file = disk_ / "dockerd.log",
                         .within = init_};
  engine_.emplace(std::move(request));
}

void Host::await_engine() const {
  await_until(
      "the engine of " + name() + " answers",
      120s,
      [&] {
        if (!engine_runs()) throw Error{Code::unavailable, "it ended: " + engine_->log_tail()};
        if (!fs::exists(fmt::format("/proc/{}/root{}", init_, engine_socket))) return false;
        return run_command({"docker", "version"}, {.environment = docker_environment()})
                   .exit_status == 0;
      },
      [&] { return engine_->log_tail(); });
}

void Host::stop_engine() {
  engine_->terminate(60s);
  engine_.reset();
}
void Host::crash_engine() {
  engine_->kill();
  engine_.reset();
}
void Host::freeze_engine() {
  engine_->freeze();
}
void Host::thaw_engine() {
  if (engine_) engine_->thaw();
}

Environment Host::docker_environment() const {
  return {{"DOCKER_HOST", fmt::format("unix:///proc/{}/root{}", init_, engine_socket)}};
}

std::string Host::docker(std::vector<std::string> arguments) const {
  arguments.insert(arguments.begin(), "docker");
  return must_run(std::move(arguments), {.environment = docker_environment()});
}

void clear_abandoned_hosts() {
  for (const auto& parent : cgroup_parents()) {
    std::error_code failure;
    for (const auto& group : fs::directory_iterator{parent, failure}) {
      const auto name = group.path().filename().string();
      if (!name.starts_with(cgroup_prefix)) continue;
      const auto owner = name.substr(std::string_view{cgroup_prefix}.size());
      if (!fs::exists("/proc/" + owner)) remove_cgroup(group.path());
    }
  }
}

}  // namespace portoser::test
