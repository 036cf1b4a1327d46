#include "controller/api/metrics_frames.h"

#include "controller/api/client_message.h"
#include "controller/api/metrics_rows.h"

#include <utility>

namespace portoser::api {

std::shared_ptr<const HostFrames> MetricsFrames::of(const std::string& host,
                                                    const telemetry::HostLive& live) {
  // An age that is a second old is no news to anybody.
  constexpr std::chrono::seconds used_for{1};
  if (!live.sample) return nullptr;
  auto registry = registry_.snapshot()->registry;
  const auto now = clock_.uptime();
  {
    const std::lock_guard lock{mutex_};
    const auto found = made_.find(host);
    if (found != made_.end() && found->second.sample == live.sample &&
        found->second.registry == registry && now - found->second.at < used_for) {
      return found->second.frames;
    }
  }
  auto frames = make(host, live, *registry);
  const std::lock_guard lock{mutex_};
  made_[host] = {live.sample, std::move(registry), now, frames};
  return frames;
}

void MetricsFrames::forget(const std::string& host) {
  const std::lock_guard lock{mutex_};
  made_.erase(host);
}

std::shared_ptr<const HostFrames> MetricsFrames::make(const std::string& host,
                                                      const telemetry::HostLive& live,
                                                      const registry::Registry& registry) const {
  const auto now = clock_.now();
  auto frames = std::make_shared<HostFrames>();
  frames->on_machine = "*@" + host;
  frames->key = "machine " + host;
  const auto row = to_json(machine_metrics(registry, host, &live, now));
  auto frame = stamped("machine_metrics_update", clock_);
  frame["machine"] = host;
  frame["data"] = row;
  frame["metrics"] = row;
  frames->text = std::make_shared<const std::string>(dump(frame));
  for (const auto* service : registry.services_on(host)) {
    const auto metrics = service_metrics(service->name, host, &live, now, "1h");
    if (!metrics.current) continue;
    HostFrames::OfService of;
    of.pair = service->name + "@" + host;
    of.anywhere = service->name + "@*";
    of.key = "service " + of.pair;
    auto update = stamped("metrics_update", clock_);
    update["service"] = service->name;
    update["machine"] = host;
    update["data"] = to_json(metrics);
    update["metrics"] = to_json(*metrics.current);
    of.text = std::make_shared<const std::string>(dump(update));
    frames->services.push_back(std::move(of));
  }
  return frames;
}

}  // namespace portoser::api
