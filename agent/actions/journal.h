/// The journal of commands: one folder each, kept so that no command ever runs twice. What lies in
/// the folder says how far it came:
///   command.json   taken on; durable before anything else happens
///   spec.json      planned: what the runner is to do
///   runner.lock    locked while the runner lives; output.log is what the steps wrote
///   outcome.json   the runner came to an end
///   result.json    over: this is the answer to every repeat
/// Of an activation also what agent/deployments/program writes there: `policies.json`, `started`,
/// and `verdict`, which says whether it holds.
/// The answer has its room on the disk before the command is taken on (`result.room`), and what the
/// runner will write (its outcome, its pid) from the plan on, so that a disk which becomes full
/// meanwhile neither loses how it ended nor lets the next agent give another answer. Blocking; any
/// thread, one call at a time for each command.
#pragma once

#include "agent/actions/runner/files.h"
#include "common/clock.h"
#include "protocol/messages.h"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace portoser::agent::actions {

struct JournalLimits {
  std::size_t entries = 500;
  std::uintmax_t bytes = std::uintmax_t{256} << 20U;  ///< of the finished ones together
};

class Journal {
 public:
  /// Makes the folder. Cannot: `Error{internal}`.
  explicit Journal(std::filesystem::path folder, JournalLimits limits = {});

  [[nodiscard]] std::filesystem::path folder_of(const std::string& id) const {
    return folder_ / id;
  }

  /// A disk that is full, here and below: `Error{unavailable}`, DISK_FULL; nothing is left of it.
  void begin(const protocol::Command& command);
  /// Also makes the empty output, so that it can be watched.
  void plan(const std::string& id, const runner::Spec& spec);
  /// Of a command that could not even begin, too. Where there is no other room than what was made
  /// for it, it goes without its last lines. It is the newest result from now on, also when the
  /// clock was set back.
  void finish(const protocol::CommandResult& result) const;

  [[nodiscard]] const std::filesystem::path& folder() const { return folder_; }

  /// None: there is none, or it cannot be read (which is logged).
  [[nodiscard]] std::optional<protocol::Command> command(const std::string& id) const;
  [[nodiscard]] std::optional<runner::Spec> spec(const std::string& id) const;
  /// When it was planned, wall clock; none as `spec`.
  [[nodiscard]] std::optional<Time> planned_at(const std::string& id) const;
  [[nodiscard]] std::optional<runner::Outcome> outcome(const std::string& id) const;
  [[nodiscard]] std::optional<protocol::CommandResult> result(const std::string& id) const;

  /// Commands without a result, oldest first.
  [[nodiscard]] std::vector<std::string> unfinished() const;
  /// Removes finished commands that are over the limits, oldest first. None for its age: that would
  /// be told by a clock which somebody sets, and a command that is forgotten could run again.
  void prune() const;

 private:
  void make_newest(const std::filesystem::path& entry) const;

  std::filesystem::path folder_;
  JournalLimits limits_;
};

}  // namespace portoser::agent::actions
