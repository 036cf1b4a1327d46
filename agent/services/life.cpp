#include "agent/services/life.h"

#include <fmt/format.h>

#include <csignal>
#include <cstring>

namespace portoser::agent::services {
namespace {

/// A stop signal that the program survived says nothing about its end hours later. Longer than any
/// `stop_grace_period` that people use.
constexpr std::int64_t stop_memory_us = std::int64_t{10} * 60 * 1'000'000;
/// The kernel's victim dies at once; an older kill hit a process beside the container's first.
constexpr std::int64_t oom_memory_us = std::int64_t{10} * 1'000'000;

bool restarts_after_success(const std::string& policy) {
  return policy == "always" || policy == "unless-stopped";
}

}  // namespace

bool is_up(const std::string& state) {
  return state == "running" || state == "paused";
}

bool explains_end(std::int64_t oom_us, std::int64_t exit_code, std::int64_t when_us) {
  if (oom_us == 0 || exit_code == 0) return false;
  return exit_code == 128 + SIGKILL || when_us - oom_us <= oom_memory_us;
}

Ending judge_ending(const Life& life,
                    const engine::Container& container,
                    std::int64_t exit_code,
                    std::int64_t when_us) {
  // Also with 137: the engine sends SIGKILL itself when the grace period is over.
  if (life.stop_asked_us > 0 && when_us - life.stop_asked_us <= stop_memory_us) {
    return Ending::stopped;
  }
  if (container.failed.value_or(exit_code != 0)) return Ending::failed;
  return restarts_after_success(container.restart_policy) ? Ending::recycled : Ending::finished;
}

Ending judge_past_ending(const engine::Container& container) {
  if (container.state == "created") return Ending::stopped;
  if (container.state == "dead") return Ending::failed;
  if (container.failed) {
    if (*container.failed) return Ending::failed;
  } else {
    if (container.exit_code == 128 + container.stop_signal) return Ending::stopped;
    if (container.exit_code != 0) return Ending::failed;
  }
  return container.state == "restarting" ? Ending::recycled : Ending::finished;
}

bool has_surely_failed(const engine::Container& container) {
  if (container.failed) return *container.failed;
  if (container.exit_code == 0) return false;
  return container.oom_killed || container.state == "restarting" || container.state == "dead";
}

std::string ending_text(std::int64_t exit_code, bool out_of_memory) {
  if (out_of_memory) return fmt::format("out of memory (exit {})", exit_code);
  if (exit_code > 128 && exit_code < 128 + NSIG) {
    if (const auto* name = ::sigabbrev_np(static_cast<int>(exit_code - 128))) {
      return fmt::format("exit {} (SIG{})", exit_code, name);
    }
  }
  return fmt::format("exit {}", exit_code);
}

std::string ending_text(const engine::Container& container) {
  if (!container.ending.empty()) return container.ending;
  return ending_text(container.exit_code, container.oom_killed);
}

void note_kill(Life& life, std::int64_t signal, std::int64_t stop_signal, std::int64_t when_us) {
  if (signal == stop_signal) life.stop_asked_us = when_us;
  // SIGHUP, SIGUSR1 and the like are messages, not an end.
  if (signal == stop_signal || signal == SIGTERM || signal == SIGKILL) life.killed = true;
}

}  // namespace portoser::agent::services
