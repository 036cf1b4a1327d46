/// What lies in a command's folder of the journal, as agent and runner both read and write it. The
/// runner is a small program, so this needs nothing but the standard library and nlohmann's JSON.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace portoser::agent::actions::runner {

inline constexpr auto spec_file = "spec.json";
inline constexpr auto output_file = "output.log";
inline constexpr auto outcome_file = "outcome.json";
/// Room for the outcome, which the runner writes into it and renames.
inline constexpr auto reserved_outcome_file = "outcome.json.new";
inline constexpr std::size_t outcome_bytes = 4096;
/// Locked (flock) from before the runner starts until it is gone; holds its pid, then blanks.
inline constexpr auto lock_file = "runner.lock";
inline constexpr std::size_t pid_bytes = 16;
/// How far the runner came; see progress.h. There for a spec with an undo, and full of blanks at
/// first, so that a disk without room cannot hide it.
inline constexpr auto progress_file = "progress.log";
inline constexpr std::size_t progress_bytes = 4096;
/// What steps of our own need to know, as JSON: their command lines name no more than the folder.
inline constexpr auto parameters_file = "parameters.json";
/// What the file of `Spec::settled_by` says when the change holds; a line of its own.
inline constexpr auto settled_text = "confirmed";
/// In the environment of every step: the command's id, by which what a killed runner left behind is
/// found.
inline constexpr auto command_variable = "PORTOSER_COMMAND";
/// The descriptor on which the runner inherits the lock.
inline constexpr int lock_descriptor = 3;

/// Every record of the output is one line; its first character says what it is.
inline constexpr char step_mark = '=';    ///< a step begins: its name
inline constexpr char line_mark = ' ';    ///< a line that a step wrote
inline constexpr char notice_mark = '!';  ///< a line of the runner's own

struct Step {
  std::string name;
  std::vector<std::string> argv;  ///< argv[0] is looked up in PATH
  std::string folder;             ///< working directory
  bool may_fail = false;          ///< its failure does not end the run
};

/// A spec may say how its change is undone. Steps before `undo_from` change nothing. A failure, a
/// cancel or the deadline in one from there on leads to the undo, which has a time of its own and
/// cannot be cancelled. From `settled_from` on the change holds: those steps have the same, and a
/// runner that is started anew goes through them again. So each step from `settled_from` on, of
/// `undo` and of `tidy` gives the same end when it is killed and run again.
///
/// With `settled_by` it is not the progress that says whether the change holds but that file, which
/// others may write too: a step has to see to it that it is there before `settled_from` is reached.
/// Whatever ended the run, and also after an undo, what is settled is finished and has succeeded.
struct Spec {
  std::string service;             ///< for the agent
  std::vector<std::string> locks;  ///< for the agent: what no other command may touch meanwhile
  std::vector<Step> steps;
  std::map<std::string, std::string> environment;
  std::vector<std::string> unset;  ///< variables taken out of the environment
  std::int64_t deadline_ns = 0;    ///< CLOCK_BOOTTIME; 0: none
  std::int64_t grace_ms = 10'000;  ///< between SIGTERM and SIGKILL
  std::vector<Step> undo{};        ///< empty: what is done stays
  std::int64_t undo_from = 0;      ///< number of a step, from 0
  std::int64_t settled_from = 0;   ///< number of a step, or how many there are
  std::int64_t undo_limit_ms = 0;  ///< of the undo as a whole
  std::vector<Step> tidy{};        ///< at the end, however it comes; failures are only logged
  std::string acts_as{};           ///< for the agent: the command it is like; empty: itself
  std::string settled_by{};        ///< path of a file, from the command's folder; empty: none
  /// For the agent: the deadline is not later (CLOCK_BOOTTIME); 0: it may be.
  std::int64_t not_after_ns = 0;
  /// For the agent: what happens to the service meanwhile is none of the command's doing.
  bool is_bystander = false;
  std::string parameters{};  ///< for the steps; in a file of its own
};

/// The exit status by which a step of the undo says that nothing has changed, so that no other step
/// of it is needed.
inline constexpr int nothing_to_undo = 100;
/// Values of `Outcome::undone`; empty: there was nothing to undo.
inline constexpr auto undo_returned = "returned";
inline constexpr auto undo_failed = "failed";

struct Outcome {
  std::int64_t exit_code = 0;  ///< of the failed step; 128 + signal for one that a signal ended
  std::string failed_step;     ///< empty: all went well
  std::string problem;         ///< why the step could not even be started; empty: it was
  bool cancelled = false;
  bool timed_out = false;
  bool interrupted = false;    ///< another runner before it was killed, in `failed_step`
  std::string undone{};        ///< what became of what ran before
  std::string failed_undo{};   ///< the step of the undo that failed; empty: none
  std::string undo_problem{};  ///< why it could not even be started
  std::string boot_id;         ///< when it ended
  std::int64_t uptime_ns = 0;
  std::int64_t wall_us = 0;
};

std::string to_text(const Spec& spec);
std::string to_text(const Outcome& outcome);
/// Text that is neither: `std::exception`. What an earlier version did not write has its default.
Spec spec_from(std::string_view text);
Outcome outcome_from(std::string_view text);

}  // namespace portoser::agent::actions::runner
