/// A controller on this program's own network, and hosts with an engine and an agent each. On every
/// host runs the compose service "notes-<host>", one container that needs no image from elsewhere;
/// the restart policy is the host's: h1 none, h2 unless-stopped, h3 always, h4 none ... Samples
/// and heartbeats come ten times as often as users have them, and a host is offline after 6 s, so
/// that no test waits by the clock.
#pragma once

#include "tests/integration/portoser.h"
#include "tests/support/compose_project.h"
#include "tests/support/host.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace portoser::test {

struct ClusterOptions {
  std::uint64_t seed = 1;  ///< of the cables that lose frames
  /// The data folders of agents and controller lie on disks of their own that can be filled.
  bool has_small_disks = false;
  /// Compose builds the services' images, so that a rebuild has something to do and pulls nothing.
  bool is_built = false;
  /// Names in the registry of which there is no host here.
  std::vector<std::string> strangers{};
};

/// One host with all that is ours on it.
class ClusterHost {
 public:
  ClusterHost(Network& network,
              int number,
              const std::filesystem::path& folder,
              const ClusterOptions& options);

  [[nodiscard]] Host& machine() { return machine_; }
  [[nodiscard]] const Host& machine() const { return machine_; }
  [[nodiscard]] AgentProcess& agent() { return agent_; }
  [[nodiscard]] const AgentProcess& agent() const { return agent_; }
  [[nodiscard]] std::string name() const { return machine_.name(); }
  [[nodiscard]] std::string service() const { return "notes-" + name(); }
  [[nodiscard]] const ComposeProject& project() const { return project_; }
  /// Of the agent's data; there if the cluster has small disks.
  [[nodiscard]] const SmallDisk& data_disk() const { return *data_disk_; }

  /// What of machine, engine and agent does not run, as after a boot.
  void switch_on();
  /// Power and agent; the engine comes later.
  void switch_on_without_engine();
  void power_off();
  /// The service's container, with its whole id; empty: there is none. A recreation that was cut
  /// off leaves two: then the one that runs, else the newest.
  [[nodiscard]] std::string container() const;
  /// Waits until the agent has noted that the container is in this state: a power cut may take what
  /// it told since.
  void await_noted(const std::string& state) const;
  /// As a crash: SIGKILL to the container's first process, the engine was not asked. Back when the
  /// engine has seen it.
  void crash_container() const;

 private:
  Host machine_;
  const SmallDisk* data_disk_ = nullptr;
  ComposeProject project_;
  AgentProcess agent_;
};

/// One call of docker-compose.
struct ComposeCall {
  std::string
      command;  ///< whose (a job's id is its command's); what an agent calls for itself: any
  std::string arguments;
};

/// Stands in the way of docker-compose on all hosts and writes down which command called it.
class ComposeWitness {
 public:
  explicit ComposeWitness(const std::filesystem::path& folder);

  /// Of all hosts, in their order.
  [[nodiscard]] std::vector<ComposeCall> calls() const;
  /// The arguments of those of one command.
  [[nodiscard]] std::vector<std::string> calls_of(const std::string& command) const;

 private:
  std::filesystem::path log_;
};

class Cluster {
 public:
  /// Everything is up, joined, online, and the services run.
  explicit Cluster(int hosts, ClusterOptions options = {});

  /// What a test may have left: cables healed, everything on, online and running.
  void make_whole();

  [[nodiscard]] ControllerProcess& controller() { return controller_; }
  [[nodiscard]] const ControllerProcess& controller() const { return controller_; }
  /// Of the controller's data; there if the cluster has small disks.
  [[nodiscard]] const SmallDisk& data_disk() const { return *data_disk_; }
  [[nodiscard]] const std::filesystem::path& folder() const { return folder_.path(); }
  [[nodiscard]] const ComposeWitness& compose() const { return compose_; }
  [[nodiscard]] ClusterHost& host(int number) {
    return *hosts_.at(static_cast<std::size_t>(number - 1));
  }
  [[nodiscard]] const std::vector<std::unique_ptr<ClusterHost>>& hosts() const { return hosts_; }

  /// The stored events of a service after `since`, oldest first: frames of /api/uptime/ws.
  [[nodiscard]] std::vector<Json> events(const std::string& service, std::int64_t since = 0) const;
  /// Their types.
  [[nodiscard]] std::vector<std::string> event_types(const std::string& service,
                                                     std::int64_t since = 0) const;
  /// The newest id of an event of the service; 0: none.
  [[nodiscard]] std::int64_t newest_event(const std::string& service) const;
  void await_event(const std::string& service, const std::string& type, std::int64_t since) const;
  /// Starts the action and returns the job's id; throws unless it was accepted.
  [[nodiscard]] std::string begin(const std::string& service, const std::string& action) const;
  /// The jobs that `Cluster` itself began: what it started to be whole.
  [[nodiscard]] const std::vector<std::string>& own_jobs() const { return own_jobs_; }
  /// Waits for the end of a job; its whole answer.
  Json await_job(const std::string& id) const;

 private:
  [[nodiscard]] std::string registry_text() const;
  void boot_hosts();
  void start_services();

  ClusterOptions options_;
  TempFolder folder_{"cluster"};
  ComposeWitness compose_{folder_.path()};
  Network network_;
  std::optional<SmallDisk> data_disk_;
  ControllerProcess controller_;
  std::vector<std::unique_ptr<ClusterHost>> hosts_;
  std::vector<std::string> own_jobs_;
};

}  // namespace portoser::test
