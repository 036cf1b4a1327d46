#include "controller/api/metrics_workers.h"

#include "controller/telemetry/service_view.h"

#include <fmt/format.h>

namespace portoser::api {
namespace {

WorkerView running(std::string description) {
  return {true, "running", std::move(description)};
}

WorkerView failing(std::string description) {
  return {true, "failing", std::move(description)};
}

}  // namespace

WorkerView presence_worker(std::size_t devices, std::chrono::nanoseconds age) {
  constexpr std::chrono::seconds overdue{10};  // it looks each second
  if (age > overdue) {
    return failing(fmt::format("has not looked at the connections of agents for {} s",
                               std::chrono::duration_cast<std::chrono::seconds>(age).count()));
  }
  return running(fmt::format("follows the connections of {} devices", devices));
}

bool is_collecting(const telemetry::HostLives& hosts, Time now) {
  return collector_worker(hosts, now).status == "running";
}

WorkerView collector_worker(const telemetry::HostLives& hosts, Time now) {
  std::size_t known = 0;
  std::size_t measured = 0;
  for (const auto& [name, live] : hosts) {
    const auto standing = telemetry::standing_of(live.get(), now);
    if (!live->sample) continue;  // without an agent nobody measures there
    if (standing != telemetry::HostStanding::unknown) ++known;
    if (standing == telemetry::HostStanding::online) ++measured;
  }
  if (known == 0)
    return {true, "idle", "no agent was heard yet; each measures and sends by itself"};
  const auto count = fmt::format("{} of {} hosts measure and send by themselves", measured, known);
  return measured > 0 ? running(count) : failing(count);
}

WorkerView queue_worker(const storage::DatabaseStats& stats) {
  if (stats.problem) return failing(stats.problem->message);
  return running(fmt::format("writes into the database, {} writes wait", stats.queue_depth));
}

WorkerView remote_write_worker(const telemetry::RemoteWriteStats& stats) {
  if (!stats.is_on) return {false, "disabled", "remote_write.url is not set"};
  if (stats.last_problem.empty()) {
    return running(fmt::format("sends samples to a store, {} wait", stats.waiting.samples));
  }
  return failing(fmt::format("{} samples wait, {} were dropped; the store: {}",
                             stats.waiting.samples,
                             stats.refused + stats.given_up + stats.not_stored + stats.damaged,
                             stats.last_problem));
}

}  // namespace portoser::api
