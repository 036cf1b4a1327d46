#include "agent/deployments/program/health_watch.h"

#include <fmt/format.h>

#include <utility>

namespace portoser::agent::deployments {
namespace {

using Kind = HealthVerdict::Kind;

HealthVerdict verdict(Kind kind, const engine::Container& container, const std::string& what) {
  return {kind, container, container.name + " " + what};
}

bool has_ended(const engine::Container& container) {
  return container.state == "exited" || container.state == "dead";
}

}  // namespace

HealthVerdict HealthWatch::judge(const engine::Container& container,
                                 std::int64_t now_us,
                                 Steady::time_point now) {
  if (container.state == "restarting") {
    return verdict(Kind::exited, container, "ends again and again after its start");
  }
  // What ended with 0 is done.
  if (has_ended(container) && container.exit_code != 0) {
    return verdict(Kind::exited,
                   container,
                   fmt::format("ended right after its start (exit {}{})",
                               container.exit_code,
                               container.oom_killed ? ", out of memory" : ""));
  }
  if (container.state != "running") return {};
  const auto [seen, is_new] = seen_.emplace(container.id, Seen{container.started_us, now});
  // Up again by its restart policy between two looks.
  if (!is_new && seen->second.started_us != container.started_us) {
    return verdict(Kind::exited, container, "ends again and again after its start");
  }
  if (container.health == "healthy") return {};
  if (container.health == "unhealthy") {
    return verdict(Kind::unhealthy, container, "is not healthy");
  }
  if (!container.health.empty()) {
    return verdict(Kind::waits, container, "has not become healthy");
  }
  // By both clocks: the wall clock may be set back while we wait.
  const bool is_settled = std::chrono::microseconds{now_us - container.started_us} >= settle_ ||
                          now - seen->second.since >= settle_;
  if (is_settled) return {};
  return verdict(Kind::waits, container, "has not been up for long enough");
}

HealthVerdict HealthWatch::look(const std::vector<engine::Container>& containers,
                                std::int64_t now_us,
                                Steady::time_point now) {
  HealthVerdict worst;
  for (const auto& container : containers) {
    const auto alone = left_alone_.find(container.id);
    if (alone != left_alone_.end() &&
        alone->second == std::pair{container.started_us, container.state}) {
      continue;
    }
    auto one = judge(container, now_us, now);
    if (one.kind == Kind::exited || one.kind == Kind::unhealthy) return one;
    if (one.kind == Kind::waits) worst = std::move(one);
  }
  return worst;
}

}  // namespace portoser::agent::deployments
