/// Containers and their events as the engine reports them.
#pragma once

#include "common/describe.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>

namespace portoser::agent::engine {

struct Container {
  std::string id;        ///< 64 hexadecimal digits
  std::string name;      ///< without the leading slash
  std::string image;     ///< as it was named when the container was made
  std::string image_id;  ///< "sha256:..."
  std::map<std::string, std::string> labels;
  std::string state;     ///< created, running, paused, restarting, removing, exited, dead
  std::string health;    ///< starting, healthy, unhealthy; empty: no check is defined
  std::int64_t pid = 0;  ///< of its first process, as this machine counts; 0: not running
  std::int64_t exit_code = 0;
  bool oom_killed = false;
  std::string restart_policy;      ///< no, always, unless-stopped, on-failure
  std::int64_t restart_limit = 0;  ///< of on-failure: how often at most; 0: no limit
  std::int64_t started_us = 0;     ///< wall clock; 0: never
  std::int64_t finished_us = 0;    ///< wall clock; 0: never
  std::int64_t stop_signal = 15;   ///< number; Config.StopSignal, SIGTERM when it is not set
  /// Of one that is down: whether who ran it calls that a failure. None: the exit code tells.
  std::optional<bool> failed;
  std::string ending;  ///< how it ended, in words; empty: the exit code tells

  [[nodiscard]] bool is_up() const {
    return state == "running" || state == "restarting" || state == "paused";
  }
  /// As people write it: "on-failure:5".
  [[nodiscard]] std::string whole_policy() const {
    return restart_limit <= 0 ? restart_policy
                              : restart_policy + ':' + std::to_string(restart_limit);
  }
  [[nodiscard]] std::string label(const std::string& key) const {
    const auto found = labels.find(key);
    return found == labels.end() ? std::string{} : found->second;
  }
};
BOOST_DESCRIBE_STRUCT(Container,
                      (),
                      (id,
                       name,
                       image,
                       image_id,
                       labels,
                       state,
                       health,
                       pid,
                       exit_code,
                       oom_killed,
                       restart_policy,
                       restart_limit,
                       started_us,
                       finished_us,
                       stop_signal,
                       failed,
                       ending))

/// One line of `/events` about a container.
struct ContainerEvent {
  std::string
      action;  ///< create, start, kill, stop, die, oom, destroy, rename, update, health_status
  std::string id;
  std::string name;
  std::string health;                     ///< for health_status: healthy or unhealthy
  std::optional<std::int64_t> exit_code;  ///< for die
  std::optional<std::int64_t> signal;     ///< for kill
  std::int64_t time_ns = 0;               ///< the engine's wall clock
  std::optional<bool> failed{};           ///< for die, as `Container::failed`
  std::string ending{};                   ///< for die, as `Container::ending`
};

}  // namespace portoser::agent::engine
