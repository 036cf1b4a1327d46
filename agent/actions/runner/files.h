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

struct Spec {
  std::string service;             ///< for the agent
  std::vector<std::string> locks;  ///< for the agent: what no other command may touch meanwhile
  std::vector<Step> steps;
  std::map<std::string, std::string> environment;
  std::vector<std::string> unset;  ///< variables taken out of the environment
  std::int64_t deadline_ns = 0;    ///< CLOCK_BOOTTIME; 0: none
  std::int64_t grace_ms = 10'000;  ///< between SIGTERM and SIGKILL
};

struct Outcome {
  std::int64_t exit_code = 0;  ///< of the failed step; 128 + signal for one that a signal ended
  std::string failed_step;     ///< empty: all went well
  std::string problem;         ///< why the step could not even be started; empty: it was
  bool cancelled = false;
  bool timed_out = false;
  std::string boot_id;  ///< when it ended
  std::int64_t uptime_ns = 0;
  std::int64_t wall_us = 0;
};

std::string to_text(const Spec& spec);
std::string to_text(const Outcome& outcome);
/// Text that is neither: `std::exception`.
Spec spec_from(std::string_view text);
Outcome outcome_from(std::string_view text);

}  // namespace portoser::agent::actions::runner
