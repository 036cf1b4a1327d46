/// A controller and agents as real processes on loopback, for integration tests.
#pragma once

#include "common/describe_json.h"
#include "tests/support/free_port.h"
#include "tests/support/host.h"
#include "tests/support/http_client.h"
#include "tests/support/process.h"
#include "tests/support/temp_folder.h"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

namespace portoser::test {

/// The answer of one request of its own connection.
struct ApiAnswer {
  unsigned status = 0;
  Json body;  ///< null when it is not JSON
  std::string text;
  Headers headers;
};

class ControllerProcess {
 public:
  /// Data in `folder/controller`, registry in `folder/registry.yml`. Not started yet. Agents find
  /// it at `address`, this test on loopback.
  explicit ControllerProcess(std::filesystem::path folder, std::string address = "127.0.0.1");

  void write_registry(const std::string& text) const;
  /// Of the next start.
  void limit_descriptors(int limit) { descriptor_limit_ = limit; }
  /// Of the programs that are started from now on.
  void set_environment(Environment environment) { environment_ = std::move(environment); }
  /// Back when /ping answers.
  void start();
  void stop();  ///< SIGTERM; throws unless it ends well
  void kill();
  void freeze() const { process_->freeze(); }
  void thaw() const { process_->thaw(); }
  [[nodiscard]] bool running() const { return process_ && process_->running(); }
  [[nodiscard]] pid_t pid() const { return process_->pid(); }
  [[nodiscard]] std::string log_tail() const { return process_ ? process_->log_tail() : ""; }
  [[nodiscard]] std::string log() const { return process_ ? process_->log() : ""; }
  /// The value of a sample of /metrics, by its name with labels; none: it is not there.
  [[nodiscard]] std::optional<double> metric(const std::string& name) const;

  /// `portoser-controller token create` with these options.
  [[nodiscard]] std::string create_token(std::vector<std::string> options = {}) const;

  ApiAnswer get(const std::string& path) const;
  ApiAnswer post(const std::string& path,
                 const std::string& body = "",
                 const Headers& headers = {}) const;
  /// The row of that name in a list such as {"services": [...]}; null when it is not there.
  [[nodiscard]] Json row(const std::string& path,
                         const std::string& list,
                         const std::string& name) const;
  /// The stored events of a service after the one with id `since`, in their order: frames of
  /// /api/uptime/ws.
  [[nodiscard]] std::vector<Json> events_of(const std::string& service, std::int64_t since) const;
  /// The job's command runs on its host and writes: what can be known before was looked at.
  [[nodiscard]] bool job_writes(const std::string& id) const;
  void await_machine(const std::string& name, const std::string& status) const;
  void await_service(const std::string& name, const std::string& status) const;

  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] std::uint16_t wire_port() const { return static_cast<std::uint16_t>(port_ + 2); }
  [[nodiscard]] std::uint16_t join_port() const { return static_cast<std::uint16_t>(port_ + 3); }
  [[nodiscard]] std::filesystem::path log_file() const { return folder_ / "controller.log"; }
  [[nodiscard]] std::filesystem::path registry() const { return folder_ / "registry.yml"; }
  [[nodiscard]] std::filesystem::path data() const { return folder_ / "controller"; }

 private:
  [[nodiscard]] std::vector<std::string> options() const;

  std::filesystem::path folder_;
  std::string address_;
  std::uint16_t port_;
  int descriptor_limit_ = 0;  ///< 0: ours
  Environment environment_;
  std::optional<Process> process_;
};

class AgentProcess {
 public:
  /// Data in `folder/<name>`. `socket`: the engine's.
  AgentProcess(std::filesystem::path folder, std::string name, std::filesystem::path socket);
  /// The agent of a host, with its data on that host's disk. Gone when the host's power is.
  explicit AgentProcess(const Host& host);

  /// `portoser-agent join TOKEN`. Returns its output; throws unless it succeeds.
  std::string join(const std::string& token) const;
  [[nodiscard]] CommandResult try_join(const std::string& token) const;
  /// Of the daemon, from its next start on.
  void set_environment(Environment environment) { environment_ = std::move(environment); }
  void start();
  void stop();      ///< SIGTERM; throws unless it ends well
  int terminate();  ///< SIGTERM; how it ended
  void kill();
  void freeze() const { process_->freeze(); }
  void thaw() const { process_->thaw(); }
  [[nodiscard]] std::filesystem::path data() const { return folder_ / name_; }
  /// Waits until its checkpoint (`services.json`) says that the container is in this state.
  void await_noted(const std::string& container_id, const std::string& state) const;
  [[nodiscard]] pid_t pid() const { return process_->pid(); }
  [[nodiscard]] bool running() const { return process_ && process_->running(); }
  [[nodiscard]] int wait() const { return process_->wait(std::chrono::seconds{30}); }
  [[nodiscard]] std::string log_tail() const { return process_ ? process_->log_tail() : ""; }
  [[nodiscard]] std::string log() const { return process_ ? process_->log() : ""; }

 private:
  std::filesystem::path folder_;
  std::string name_;
  std::filesystem::path socket_;
  const Host* host_ = nullptr;  ///< null: this machine
  Environment environment_;
  std::optional<Process> process_;
};

/// The type of each event.
std::vector<std::string> types_of(const std::vector<Json>& events);

/// Frames of a WebSocket until one fulfils `wanted`; all of them, that one last. Throws when the
/// socket ends first.
std::vector<Json> frames_until(SocketClient& socket,
                               const std::function<bool(const Json&)>& wanted);

}  // namespace portoser::test
