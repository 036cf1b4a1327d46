/// The agent: builds its rooms and joins them. One Asio thread runs all of it but the link's thread
/// and a pool of one for what blocks.
#pragma once

#include "agent/actions/actions.h"
#include "agent/collect/sampler.h"
#include "agent/data_disk.h"
#include "agent/engine/client.h"
#include "agent/engine_follower.h"
#include "agent/identity/identity.h"
#include "agent/identity/settings.h"
#include "agent/inspection/inspector.h"
#include "agent/link/connection.h"
#include "agent/services/board.h"
#include "agent/services/checkpoint_file.h"
#include "agent/streams/streams.h"
#include "agent/systemd/client.h"
#include "agent/unit_follower.h"
#include "common/clock.h"
#include "common/tasks.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/thread_pool.hpp>

#include <memory>
#include <optional>
#include <string>

namespace portoser::agent {

class Agent : private actions::EngineControl, private actions::UnitControl {
 public:
  /// A host that has not joined: `Error{invalid}` that says how. Another agent on the same data
  /// folder: `Error{conflict}`.
  explicit Agent(identity::AgentSettings settings);
  ~Agent() override;

  /// Runs until SIGTERM or SIGINT. Returns the exit status.
  int run_until_signal();

 private:
  asio::awaitable<void> run();
  void close_commands();
  void assign(protocol::Assign assign);
  services::BoardCallbacks board_callbacks();
  services::BoardCallbacks unit_board_callbacks();
  asio::awaitable<void> gather_facts();
  asio::awaitable<void> find_compose();
  asio::awaitable<void> send_samples();
  asio::awaitable<void> send_state_soon();
  asio::awaitable<void> reconcile();
  bool keep_checkpoints(const std::optional<services::Checkpoint>& containers,
                        const std::optional<services::Checkpoint>& units);
  void connect();
  void send_state();
  void send_sample();
  void checkpoint_soon();
  asio::awaitable<void> keep_checkpoint();
  protocol::Hello hello() const;
  actions::ActionCallbacks action_callbacks();
  link::LinkHandlers link_handlers();

  // For actions, which know the engine by their own interface.
  asio::awaitable<std::vector<engine::Container>> containers() override;
  asio::awaitable<void> set_restart_policy(std::string id, std::string policy) override;
  // Likewise systemd.
  asio::awaitable<systemd::Unit> unit(std::string name) override;
  asio::awaitable<std::string> systemd_version() override;

  identity::AgentSettings settings_;
  FileLock lock_;
  identity::Identity identity_;
  SystemClock clock_;
  std::string boot_id_;
  std::int64_t sample_number_;  ///< of the newest
  asio::io_context context_{1};
  asio::thread_pool pool_{1};
  TaskGroup tasks_{context_.get_executor()};
  services::CheckpointFile checkpoint_file_;
  services::CheckpointFile unit_checkpoint_file_;
  DataDisk data_disk_;
  engine::Client engine_;
  collect::Sampler sampler_;
  services::ServiceBoard board_;
  EngineFollower follower_;
  systemd::Client systemd_;
  services::ServiceBoard unit_board_;  ///< native and local services
  UnitFollower unit_follower_;
  std::unique_ptr<link::Link> link_;
  actions::Actions actions_;
  inspection::Inspector inspector_;
  streams::Streams streams_;
  protocol::HostFacts facts_;
  std::vector<protocol::ServiceState> service_states_;  ///< as they were told last
  std::chrono::milliseconds sample_interval_{5000};
  asio::steady_timer next_sample_{context_};
  bool state_is_due_ = false;
  bool checkpoint_is_due_ = false;
  bool events_are_safe_ = false;     ///< at the end
  bool keeping_checkpoint_ = false;  ///< one at a time, also on a disk that hangs
};

}  // namespace portoser::agent
