/// Commands: taken on once, carried out by a runner outside this process, reported. Owns the
/// journal and what every command has in common: a repeat gets the first result or joins the one
/// under way, the deadline, one at a time in a compose project, and the translation of errors. A
/// command that the journal's disk has no room for is refused (DISK_FULL), and nothing is run.
/// Lives on the agent's Asio thread; disk and YAML go to the pool.
#pragma once

#include "agent/actions/catalogue.h"
#include "agent/actions/compose.h"
#include "agent/actions/engine_control.h"
#include "agent/actions/journal.h"
#include "agent/actions/move_data.h"
#include "agent/actions/native.h"
#include "agent/actions/restart_policies.h"
#include "agent/actions/result_keeper.h"
#include "agent/actions/routing.h"
#include "common/clock.h"
#include "common/tasks.h"
#include "protocol/messages.h"

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>

namespace portoser::agent::actions {

struct ActionSettings {
  std::filesystem::path data_folder;  ///< the agent's; journal and policies lie in it
  std::string boot_id;
  std::string host;  ///< its name, for messages
  /// Path of portoser-action; the other programs of steps lie beside it.
  std::string runner;
  ComposeSettings compose;
  NativeSettings native;
  std::string routing_program;  ///< path of portoser-routing; empty: beside the runner
  MoveSettings move;
  JournalLimits journal;
  /// What a cancelled step has between SIGTERM and SIGKILL.
  std::chrono::milliseconds grace{std::chrono::seconds{10}};
};

/// Called on the agent's Asio thread.
struct ActionCallbacks {
  std::function<void(protocol::Progress)> on_progress;
  /// Without its sequence: the spool's matter. Comes again for a repeat.
  std::function<void(protocol::CommandResult)> on_result;
  /// What the engine is told to do with the service between the two is the command's doing.
  /// `began`: wall clock; in the past for one that an earlier agent began.
  std::function<void(
      const std::string& id, const std::string& service, std::string_view command, Time began)>
      on_service_command_started;
  std::function<void(const std::string& id, const std::string& service, bool succeeded, Time ended)>
      on_service_command_ended;
};

class Actions {
 public:
  /// `clock`, `engine`, `units` and `pool` must outlive it. Cannot make its folders:
  /// `Error{internal}`.
  Actions(asio::any_io_executor executor,
          asio::thread_pool& pool,
          const Clock& clock,
          EngineControl& engine,
          UnitControl& units,
          ActionSettings settings,
          ActionCallbacks callbacks);
  ~Actions();
  Actions(const Actions&) = delete;
  Actions& operator=(const Actions&) = delete;

  /// Once, before `handle`: takes over what an earlier agent left under way, and reports what ended
  /// or was cut off meanwhile. Reads the journal's folder, so it blocks for a moment.
  void adopt();
  /// Of a command that is over. Reads the disk.
  [[nodiscard]] std::optional<protocol::CommandResult> result(const std::string& id) const {
    return journal_.result(id);
  }
  [[nodiscard]] std::vector<std::string> known_commands() const { return catalogue_.names(); }
  void handle(protocol::Command command);
  /// The command then ends with ACTION_CANCELLED, unless it is over; with `unless_begun`, if it has
  /// not begun, with COMMAND_TOO_LATE. Unknown ids are ignored.
  void cancel(const protocol::Cancel& cancel);
  /// Once the engine answers for the first time: see RestartPolicies.
  asio::awaitable<void> reconcile_restart_policies();
  /// Once systemd answers for the first time: see Native.
  asio::awaitable<void> resume_native_services(std::set<std::string> assigned_units);
  /// For the host's facts; empty: there is no compose tool.
  asio::awaitable<std::string> compose_version();

  /// Leaves runners alone: the next agent adopts them. Then wait for `join` before destruction.
  void stop();
  asio::awaitable<void> join();

 private:
  struct Run;
  using RunPointer = std::shared_ptr<Run>;

  asio::awaitable<void> take_on(RunPointer run);
  asio::awaitable<void> take_over(RunPointer run);
  template <class Work>
  asio::awaitable<void> conclude(RunPointer run, Work work);
  asio::awaitable<void> carry_out(RunPointer run);
  asio::awaitable<void> go_on(RunPointer run);
  asio::awaitable<void> with_room(asio::awaitable<void> work);
  asio::awaitable<void> supervise(RunPointer run);
  asio::awaitable<void> judge(RunPointer run);
  asio::awaitable<ActionError> failure_of(RunPointer run);
  [[nodiscard]] ActionError error_of(const Run& run, const StepFailure& failure) const;
  static asio::awaitable<void> without_failing(asio::awaitable<void> work);
  void refuse_if_busy(const Run& run) const;
  void announce(Run& run, Time began);
  asio::awaitable<void> report(RunPointer run, protocol::CommandResult result);
  Error no_room(const std::string& consequence) const;
  Error cut_off() const;
  protocol::CommandResult result_of(const Run& run) const;

  asio::any_io_executor executor_;
  asio::thread_pool& pool_;
  const Clock& clock_;
  ActionSettings settings_;
  ActionCallbacks callbacks_;
  Journal journal_;
  RestartPolicies policies_;
  Compose compose_;
  NativeMemory native_memory_;
  Native native_;
  Routing routing_;
  MoveData move_;
  Catalogue catalogue_;
  ResultKeeper results_;
  std::map<std::string, RunPointer> runs_;  ///< by command id: those without a result
  TaskGroup tasks_;
};

}  // namespace portoser::agent::actions
