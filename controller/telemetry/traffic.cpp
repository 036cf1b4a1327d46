#include "controller/telemetry/traffic.h"

#include <algorithm>
#include <limits>
#include <set>

namespace portoser::telemetry {
namespace {

using NamedTraffic = std::pair<std::string_view, Traffic>;

constexpr std::array traffic_parts{&Traffic::receive_bytes,
                                   &Traffic::transmit_bytes,
                                   &Traffic::block_read_bytes,
                                   &Traffic::block_write_bytes};

/// A counter that an agent says is negative is none.
std::optional<std::int64_t> counter(std::optional<std::int64_t> value) {
  return value && *value < 0 ? std::nullopt : value;
}

void put_in_order(std::vector<NamedTraffic>& reading) {
  std::stable_sort(reading.begin(), reading.end(), [](const auto& one, const auto& other) {
    return one.first < other.first;
  });
  const auto same = [](const auto& one, const auto& other) { return one.first == other.first; };
  reading.erase(std::unique(reading.begin(), reading.end(), same), reading.end());
}

const Traffic* find_traffic(const std::vector<NamedTraffic>& reading, std::string_view name) {
  const auto found = std::lower_bound(
      reading.begin(), reading.end(), name, [](const NamedTraffic& one, std::string_view wanted) {
        return one.first < wanted;
      });
  return found == reading.end() || found->first != name ? nullptr : &found->second;
}

/// `before` is null: it is seen for the first time.
Traffic increase_of(const Traffic* before, const Traffic& now, bool has_booted) {
  const auto fell = [&](auto part) {
    return before->*part && now.*part && *(now.*part) < *(before->*part);
  };
  // All of its counters begin anew together, though only one may be seen to go back.
  const bool is_anew =
      has_booted ||
      (before != nullptr && std::any_of(traffic_parts.begin(), traffic_parts.end(), fell));
  Traffic more;
  for (const auto part : traffic_parts) {
    if (!(now.*part)) continue;
    if (is_anew) {
      more.*part = now.*part;
    } else {
      more.*part = before != nullptr && before->*part ? *(now.*part) - *(before->*part) : 0;
    }
  }
  return more;
}

/// What agents say adds up to anything; a total stays at the most that it can be.
void add_traffic(Traffic& total, const Traffic& more) {
  for (const auto part : traffic_parts) {
    if (!(more.*part)) continue;
    const auto sum = (total.*part).value_or(0);
    const auto room = std::numeric_limits<std::int64_t>::max() - sum;
    total.*part = sum + std::min(room, *(more.*part));
  }
}

}  // namespace

void TrafficMeter::measured(std::shared_ptr<const protocol::Sample> sample,
                            const protocol::State* state) {
  Reading interfaces_before;
  Reading containers_before;
  bool has_booted = false;
  if (newest_) {
    interfaces_before = interfaces_of(*newest_);
    containers_before = containers_of(*newest_);
    has_booted = newest_->when.boot_id != sample->when.boot_id;
  }
  const auto interfaces =
      increases(interfaces_before, interfaces_of(*sample), has_booted, missing_interfaces_);
  for (const auto& [name, more] : interfaces) add_traffic(host_, more);
  const auto containers =
      increases(containers_before, containers_of(*sample), has_booted, missing_containers_);
  if (state != nullptr) add_to_services(*state, containers);
  newest_ = std::move(sample);
}

void TrafficMeter::assigned(const protocol::State& state) {
  std::set<std::string_view> names;
  for (const auto& service : state.services) names.insert(service.name);
  std::erase_if(services_, [&](const auto& entry) { return !names.contains(entry.first); });
  if (!newest_) return;
  // The total of a service begins when we first know what it runs.
  auto containers = containers_of(*newest_);
  for (auto& [id, value] : containers) value = increase_of(nullptr, value, false);
  add_to_services(state, containers);
}

Traffic TrafficMeter::of(std::string_view service) const {
  const auto found = services_.find(service);
  return found == services_.end() ? Traffic{} : found->second;
}

TrafficMeter::Reading TrafficMeter::interfaces_of(const protocol::Sample& sample) {
  Reading reading;
  for (const auto& network : sample.networks) {
    Traffic value;
    value.receive_bytes = counter(network.receive_bytes);
    value.transmit_bytes = counter(network.transmit_bytes);
    reading.emplace_back(network.interface, value);
  }
  put_in_order(reading);
  return reading;
}

TrafficMeter::Reading TrafficMeter::containers_of(const protocol::Sample& sample) {
  Reading reading;
  for (const auto& container : sample.containers) {
    Traffic value;
    value.receive_bytes = counter(container.receive_bytes);
    value.transmit_bytes = counter(container.transmit_bytes);
    value.block_read_bytes = counter(container.block_read_bytes);
    value.block_write_bytes = counter(container.block_write_bytes);
    reading.emplace_back(container.id, value);
  }
  put_in_order(reading);
  return reading;
}

TrafficMeter::Reading TrafficMeter::increases(const Reading& before,
                                              const Reading& now,
                                              bool has_booted,
                                              Missing& missing) {
  constexpr std::size_t most_missing = 256;
  Reading more;
  for (const auto& [name, value] : now) {
    const auto* old = find_traffic(before, name);
    const auto kept = missing.find(name);
    if (old == nullptr && kept != missing.end()) old = &kept->second;
    more.emplace_back(name, increase_of(old, value, has_booted));
    if (kept != missing.end()) missing.erase(kept);
  }
  for (const auto& [name, value] : before) {
    if (find_traffic(now, name) == nullptr) missing.insert_or_assign(std::string{name}, value);
  }
  // A host that runs many short containers: those that do come back count as new ones.
  if (has_booted || missing.size() > most_missing) missing.clear();
  return more;
}

void TrafficMeter::add_to_services(const protocol::State& state, const Reading& containers) {
  for (const auto& service : state.services) {
    for (const auto& id : service.container_ids) {
      if (const auto* more = find_traffic(containers, id)) {
        add_traffic(services_[service.name], *more);
      }
    }
  }
}

}  // namespace portoser::telemetry
