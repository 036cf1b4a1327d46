/// A Docker engine of a test's own, from Debian's docker.io: nothing of it is shared with an engine
/// that the machine may run, and nothing of it is left afterwards.
///
/// It runs in the machine's own namespaces, so that pids, cgroups (`/docker/<id>`) and network
/// counters are what an agent sees on a real host, and without iptables: a port published on
/// 127.0.0.1 is served by docker's proxy, containers of one network reach each other, and none
/// reaches the outside. Addresses come from 198.18.0.0/15, which is set aside for tests (RFC 2544),
/// so no real network is in the way. A test that crashes leaves the engine behind; the next one
/// that starts an engine ends and removes it. Needs root.
#pragma once

#include "common/file.h"
#include "tests/support/process.h"

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace portoser::test {

class PrivateEngine {
 public:
  /// Back when the engine answers, a second or two later. `Error{unavailable}` with what is
  /// missing, or with the end of the engine's log. Calls `clear_abandoned_engines` first.
  PrivateEngine();
  ~PrivateEngine();
  PrivateEngine(const PrivateEngine&) = delete;
  PrivateEngine& operator=(const PrivateEngine&) = delete;

  /// One for the whole test program, started at the first call and ended with the program.
  static PrivateEngine& shared();

  [[nodiscard]] const std::filesystem::path& socket() const { return socket_; }
  /// `DOCKER_HOST` for docker and docker-compose.
  [[nodiscard]] Environment environment() const;

  /// Runs the docker command against this engine; returns its output, throws unless it succeeds.
  std::string docker(std::vector<std::string> arguments) const;
  [[nodiscard]] CommandResult try_docker(std::vector<std::string> arguments) const;

  void stop();    ///< as a service manager does: containers are stopped too, up to 10 s each
  void crash();   ///< SIGKILL to dockerd: containers go on until it starts again
  void start();   ///< after `stop` or `crash`; containers return as their restart policies say
  void freeze();  ///< dockerd answers nobody until `thaw`
  void thaw();
  [[nodiscard]] std::string log_tail() const;

 private:
  void start_containerd();
  void start_dockerd();
  void clear();

  Descriptor claim_;
  int slot_ = -1;
  std::filesystem::path folder_;
  std::filesystem::path socket_;
  std::optional<Process> containerd_;
  std::optional<Process> dockerd_;
};

/// Ends and removes the engines whose test program is gone.
void clear_abandoned_engines();

}  // namespace portoser::test
