#include "controller/telemetry/live.h"

#include "controller/telemetry/plausible.h"
#include "controller/telemetry/service_view.h"

#include <set>
#include <utility>

namespace portoser::telemetry {

namespace {

MeasuredUsages usages_with_traffic(const HostLive& host, const TrafficMeter& meter) {
  auto usages = newest_usages(host);
  for (auto& [service, measured] : usages) measured.traffic = meter.of(service);
  return usages;
}

}  // namespace

void Live::Heartbeats::count(bool is_ok, Time when) {
  if (is_ok) {
    ++ok;
    errors_in_a_row = 0;
    last_ok = when;
  } else {
    ++error;
    ++errors_in_a_row;
    last_error = when;
  }
}

template <class Change>
void Live::change(const std::string& host, Change apply) {
  const std::lock_guard lock{mutex_};
  auto& entry = hosts_[host];
  auto next = entry ? std::make_shared<HostLive>(*entry) : std::make_shared<HostLive>();
  next->fresh_for = fresh_for_;
  apply(*next);
  entry = std::move(next);
  version_.fetch_add(1);
}

void Live::set_fresh_for(std::chrono::milliseconds fresh_for) {
  const std::lock_guard lock{mutex_};
  fresh_for_ = fresh_for;
  for (auto& [host, entry] : hosts_) {
    auto next = std::make_shared<HostLive>(*entry);
    next->fresh_for = fresh_for;
    entry = std::move(next);
  }
  version_.fetch_add(1);
  state_version_.fetch_add(1);
}

void Live::on_sample(const std::string& host, Time when, protocol::Sample sample) {
  make_plausible(sample);
  samples_.fetch_add(1);
  {
    const std::lock_guard lock{mutex_};
    heartbeats_[host].count(is_whole(sample), when);
  }
  auto newest = std::make_shared<const protocol::Sample>(std::move(sample));
  change(host, [&](HostLive& entry) {
    entry.previous = std::exchange(entry.sample, newest);
    entry.previous_at = std::exchange(entry.sample_at, when);
    auto& meter = meters_[host];
    meter.measured(newest, entry.state.get());
    entry.network = meter.host();
    entry.usages = std::make_shared<const MeasuredUsages>(usages_with_traffic(entry, meter));
  });
  for (auto* listener : listeners_) {
    listener->measured(host, when, newest);
    listener->sample_arrived(host);
  }
}

void Live::on_late_sample(const std::string& host, Time when, protocol::Sample sample) {
  make_plausible(sample);
  samples_.fetch_add(1);
  late_samples_.fetch_add(1);
  const auto measured = std::make_shared<const protocol::Sample>(std::move(sample));
  for (auto* listener : listeners_) listener->measured(host, when, measured);
}

void Live::on_state(const std::string& host, Time when, protocol::State state) {
  make_plausible(state);
  auto newest = std::make_shared<const protocol::State>(std::move(state));
  change(host, [&](HostLive& entry) {
    if (newest->engine_available) {
      entry.engine_sign_at.reset();
      entry.last_known.reset();
    } else {
      if (entry.state && entry.state->engine_available) {
        entry.last_known = entry.state;
        entry.engine_sign_at = entry.state_at;  // at the earliest
      }
      // An agent that has just started does not know; what the one before it knew still holds.
      if (const auto silent_ms = newest->engine_silent_ms) {
        entry.engine_sign_at = when - std::chrono::milliseconds{*silent_ms};
      }
    }
    entry.state = std::move(newest);
    entry.state_at = when;
    // A service that has just been found has its use with it, and one that left takes its own away.
    auto& meter = meters_[host];
    meter.assigned(*entry.state);
    entry.usages = std::make_shared<const MeasuredUsages>(usages_with_traffic(entry, meter));
  });
  state_version_.fetch_add(1);
}

void Live::on_event(const storage::EventRecord& event) {
  {
    const std::lock_guard lock{mutex_};
    if (event.scope == "service" && !event.device_id.empty()) {
      count(event);
    }
  }
  for (auto* listener : listeners_) listener->event_arrived(event);
}

/// With the lock held. What an agent calls its events and services is its own affair, so there is a
/// limit.
void Live::count(const storage::EventRecord& event) {
  constexpr std::size_t most = 200'000;
  static const std::set<std::string> types{"start", "stop", "failure", "recovery", "restart"};
  const std::string type = types.contains(event.event_type) ? event.event_type : "other";
  const auto found = event_counts_.find({event.service, event.machine, type});
  if (found != event_counts_.end()) {
    found->second->count.fetch_add(1);
    return;
  }
  if (event_counts_.size() >= most) return;
  auto counted = std::make_unique<EventCount>();
  counted->service = event.service;
  counted->machine = event.machine;
  counted->event_type = type;
  counted->count.store(1);
  all_event_counts_.push_back(counted.get());
  event_counts_.emplace(std::array{event.service, event.machine, type}, std::move(counted));
}

void Live::on_late_result(const storage::EventRecord& result) {
  if (late_result_) late_result_(result);
}

void Live::on_clock_set(std::chrono::microseconds by) {
  const std::lock_guard lock{mutex_};
  for (auto& [host, entry] : hosts_) {
    auto next = std::make_shared<HostLive>(*entry);
    for (auto* time : {&next->sample_at, &next->previous_at, &next->state_at}) *time += by;
    if (next->engine_sign_at) *next->engine_sign_at += by;
    if (next->usages) {
      auto usages = std::make_shared<MeasuredUsages>(*next->usages);
      for (auto& [service, measured] : *usages) measured.at += by;
      next->usages = std::move(usages);
    }
    entry = std::move(next);
  }
  for (auto& [host, heartbeats] : heartbeats_) {
    if (heartbeats.last_ok) *heartbeats.last_ok += by;
    if (heartbeats.last_error) *heartbeats.last_error += by;
  }
  version_.fetch_add(1);
  state_version_.fetch_add(1);
}

void Live::on_liveness(const std::string& host,
                       fleet::Liveness before,
                       fleet::Liveness after,
                       std::optional<Time> last_seen) {
  change(host, [&](HostLive& entry) { entry.liveness = after; });
  state_version_.fetch_add(1);
  for (auto* listener : listeners_) {
    listener->liveness_changed(host, before, after, last_seen);
  }
}

void Live::on_device(const fleet::DeviceEvent& event) {
  if (event.type == "device_deregistered") {
    const std::lock_guard lock{mutex_};
    hosts_.erase(event.hostname);
    meters_.erase(event.hostname);
    heartbeats_.erase(event.hostname);
    version_.fetch_add(1);
    state_version_.fetch_add(1);
  } else if (event.type == "device_registered") {
    // It may be another machine, whose counters have nothing to do with those of the one before.
    const std::lock_guard lock{mutex_};
    meters_.erase(event.hostname);
  }
  for (auto* listener : listeners_) listener->device_changed(event);
}

std::shared_ptr<const HostLive> Live::host(const std::string& name) const {
  const std::lock_guard lock{mutex_};
  const auto found = hosts_.find(name);
  return found == hosts_.end() ? nullptr : found->second;
}

HostLives Live::hosts() const {
  const std::lock_guard lock{mutex_};
  return hosts_;
}

std::map<std::string, Live::Heartbeats, std::less<>> Live::heartbeats() const {
  const std::lock_guard lock{mutex_};
  return heartbeats_;
}

std::vector<const Live::EventCount*> Live::event_counts() const {
  const std::lock_guard lock{mutex_};
  return all_event_counts_;
}

}  // namespace portoser::telemetry
