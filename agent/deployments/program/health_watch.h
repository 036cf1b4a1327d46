/// Judges, over several looks at the containers of a deployment, whether they came up. Pure.
#pragma once

#include "agent/engine/container.h"

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace portoser::agent::deployments {

struct HealthVerdict {
  enum class Kind { well, waits, exited, unhealthy };
  Kind kind = Kind::well;
  engine::Container container;  ///< the one that is not well
  std::string text;             ///< a sentence about it
};

class HealthWatch {
 public:
  using Steady = std::chrono::steady_clock;

  /// A container without a check of its own counts as up after `settle`, by the engine's own time
  /// of its start.
  explicit HealthWatch(std::chrono::microseconds settle) : settle_(settle) {}

  /// Of a container in that state nobody expects to be well: it was not so before, and has not been
  /// touched since.
  void leave_alone(const std::string& id, std::int64_t started_us, const std::string& state) {
    left_alone_.insert_or_assign(id, std::pair{started_us, state});
  }

  /// What ended badly comes first, then what is waited for.
  HealthVerdict look(const std::vector<engine::Container>& containers,
                     std::int64_t now_us,
                     Steady::time_point now);

 private:
  struct Seen {
    std::int64_t started_us = 0;
    Steady::time_point since;
  };

  [[nodiscard]] HealthVerdict judge(const engine::Container& container,
                                    std::int64_t now_us,
                                    Steady::time_point now);

  std::chrono::microseconds settle_;
  std::map<std::string, std::pair<std::int64_t, std::string>> left_alone_;
  std::map<std::string, Seen> seen_;
};

}  // namespace portoser::agent::deployments
