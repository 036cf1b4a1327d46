#include "tests/support/engine.h"

#include "common/error.h"
#include "tests/support/await.h"
#include "tests/support/claim.h"
#include "tests/support/engine_remains.h"

#include <fmt/core.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <iostream>
#include <unistd.h>
#include <utility>

namespace portoser::test {
namespace {

using namespace std::chrono_literals;

constexpr int slots = 64;

// Always the same place, so that the next test program finds what a crashed one left there.
std::filesystem::path slot_folder(int slot) {
  return fmt::format("/var/tmp/portoser-engine-{}", slot);
}
Descriptor claim_slot(int slot) {
  return claim(fmt::format("portoser-test-engine-{}", slot));
}

// 198.18.0.0/15 cut into one /21 for each slot: 32 networks of 64 addresses.
std::string address(int slot, int last) {
  return fmt::format("198.{}.{}.{}", 18 + slot / 32, slot % 32 * 8, last);
}
std::string range(int slot) {
  return address(slot, 0) + "/21";
}
std::string bridge(int slot) {
  return fmt::format("portoser-t{}", slot);
}

void check_programs() {
  if (::geteuid() != 0) throw Error{Code::unavailable, "a private engine needs root"};
  for (const auto* program : {"dockerd", "containerd", "docker", "ip", "tar"}) {
    if (run_command({"sh", "-c", fmt::format("command -v {}", program)}).exit_status == 0) continue;
    throw Error{
        Code::unavailable,
        fmt::format("{} is not there: packaging/install-dependencies test installs it", program)};
  }
}

/// True when somebody answers on the socket: the engine listens only once it is ready.
bool answers(const std::filesystem::path& path) {
  const Descriptor client{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const auto text = path.string();
  std::copy_n(text.begin(), std::min(text.size(), sizeof address.sun_path - 1), address.sun_path);
  const void* raw = &address;
  return ::connect(client.get(), static_cast<const sockaddr*>(raw), sizeof address) == 0;
}

}  // namespace

PrivateEngine::PrivateEngine() {
  check_programs();
  clear_abandoned_engines();
  for (int slot = 0; slot < slots && slot_ < 0; ++slot) {
    claim_ = claim_slot(slot);
    if (claim_.is_open()) slot_ = slot;
  }
  if (slot_ < 0) throw Error{Code::unavailable, fmt::format("{} engines run already", slots)};
  folder_ = slot_folder(slot_);
  socket_ = folder_ / "docker.sock";
  make_folder(folder_, 0700);
  try {
    must_run({"ip", "link", "add", bridge(slot_), "type", "bridge"});
    must_run({"ip", "address", "add", address(slot_, 1) + "/26", "dev", bridge(slot_)});
    must_run({"ip", "link", "set", bridge(slot_), "up"});
    start_containerd();
    start_dockerd();
  } catch (...) {
    clear();
    throw;
  }
}

PrivateEngine::~PrivateEngine() {
  try {
    clear();
  } catch (const std::exception& error) {
    std::cerr << "the private engine left something behind: " << error.what() << "\n";
  }
}

PrivateEngine& PrivateEngine::shared() {
  static PrivateEngine engine;
  return engine;
}

Environment PrivateEngine::environment() const {
  return {{"DOCKER_HOST", "unix://" + socket_.string()}};
}

std::string PrivateEngine::docker(std::vector<std::string> arguments) const {
  arguments.insert(arguments.begin(), "docker");
  return must_run(std::move(arguments), {.environment = environment()});
}

CommandResult PrivateEngine::try_docker(std::vector<std::string> arguments) const {
  arguments.insert(arguments.begin(), "docker");
  return run_command(std::move(arguments), {.environment = environment()});
}

void PrivateEngine::stop() {
  dockerd_->terminate(60s);
  dockerd_.reset();
}

void PrivateEngine::crash() {
  dockerd_->kill();
  dockerd_.reset();
}

void PrivateEngine::start() {
  start_dockerd();
}
void PrivateEngine::freeze() {
  dockerd_->freeze();
}
void PrivateEngine::thaw() {
  dockerd_->thaw();
}

std::string PrivateEngine::log_tail() const {
  return dockerd_ ? dockerd_->log_tail() : "dockerd does not run";
}

// Without --containerd, dockerd takes the machine's own where one runs.
void PrivateEngine::start_containerd() {
  const auto config = folder_ / "containerd.toml";
  write_file_atomic(config,
                    fmt::format("version = 2\n"
                                "root = \"{0}/containerd\"\n"
                                "state = \"{0}/run\"\n"
                                "disabled_plugins = [\"io.containerd.grpc.v1.cri\"]\n"
                                "[grpc]\n"
                                "address = \"{0}/containerd.sock\"\n",
                                folder_.string()));
  ProcessRequest request{.argv = {"containerd", "--config", config.string()},
                         .environment = mark_of(folder_),
                         .folder = folder_,
                         .log_file = folder_ / "containerd.log"};
  containerd_.emplace(std::move(request));
  await_until(
      "containerd answers",
      60s,
      [&] { return answers(folder_ / "containerd.sock"); },
      [&] { return containerd_->log_tail(); });
}

void PrivateEngine::start_dockerd() {
  const auto config = folder_ / "daemon.json";
  // The key would otherwise go to /etc/docker.
  write_file_atomic(config,
                    fmt::format(R"({{"deprecated-key-path": "{}/key.json",)"
                                R"( "default-address-pools": [{{"base": "{}", "size": 26}}]}})",
                                folder_.string(),
                                range(slot_)));
  std::filesystem::remove(socket_);
  ProcessRequest request{
      .argv = {"dockerd",
               "--config-file=" + config.string(),
               "--data-root=" + (folder_ / "data").string(),
               "--exec-root=" + (folder_ / "exec").string(),
               "--pidfile=" + (folder_ / "docker.pid").string(),
               "--host=unix://" + socket_.string(),
               "--containerd=" + (folder_ / "containerd.sock").string(),
               "--bridge=" + bridge(slot_),
               "--exec-opt=native.cgroupdriver=cgroupfs",
               "--iptables=false",
               "--ip6tables=false",
               "--ip-forward=false",  // it would switch forwarding on for the whole machine
               "--ip-masq=false"},
      .environment = mark_of(folder_),
      .folder = folder_,
      .log_file = folder_ / "dockerd.log"};
  dockerd_.emplace(std::move(request));
  await_until(
      "the private engine answers",
      120s,
      [&] {
        if (!dockerd_->running()) {
          throw Error{Code::unavailable, "dockerd ended:\n" + dockerd_->log_tail()};
        }
        return answers(socket_);
      },
      [&] { return dockerd_->log_tail(); });
}

void PrivateEngine::clear() {
  dockerd_.reset();
  containerd_.reset();
  remove_remains(folder_, range(slot_));
}

void clear_abandoned_engines() {
  for (int slot = 0; slot < slots; ++slot) {
    if (!std::filesystem::exists(slot_folder(slot))) continue;
    // A folder whose slot nobody claims is nobody's.
    const auto claimed = claim_slot(slot);
    if (claimed.is_open()) remove_remains(slot_folder(slot), range(slot));
  }
}

}  // namespace portoser::test
