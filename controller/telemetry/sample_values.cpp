#include "controller/telemetry/sample_values.h"

#include "controller/storage/series_store.h"
#include "controller/telemetry/optional_sum.h"
#include "controller/telemetry/service_view.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>

namespace portoser::telemetry {
namespace {

using protocol::ContainerSample;
using protocol::Sample;

class ValueList {
 public:
  void add(std::string_view service,
           Metric metric,
           std::string_view subject,
           std::optional<double> value) {
    // A sum of all samples of a span must fit: 20,000 times 4e14 (364 TiB) does.
    constexpr double beyond_all_measure = 4e14;
    if (!value || !std::isfinite(*value)) return;
    const auto scaled = *value * static_cast<double>(scale_of(metric));
    if (std::abs(scaled) > beyond_all_measure) return;
    values_.push_back({service, metric, subject, std::llround(scaled)});
  }
  void add(std::string_view service,
           Metric metric,
           std::string_view subject,
           std::optional<std::int64_t> value) {
    if (value) add(service, metric, subject, std::optional{static_cast<double>(*value)});
  }
  std::vector<SampleValue> take() { return std::move(values_); }

 private:
  std::vector<SampleValue> values_;
};

std::optional<double> number(const std::optional<std::int64_t>& value) {
  return value ? std::optional{static_cast<double>(*value)} : std::nullopt;
}

std::optional<double> seconds_between(const Sample* before,
                                      const Sample& after,
                                      double neighbours) {
  if (before == nullptr || before->when.boot_id != after.when.boot_id) return std::nullopt;
  const auto seconds =
      (static_cast<double>(after.when.uptime_ns) - static_cast<double>(before->when.uptime_ns)) /
      1e9;
  if (seconds <= 0 || seconds > neighbours) return std::nullopt;
  return seconds;
}

void add_host(ValueList& out, const Sample& sample) {
  out.add({}, Metric::cpu_percent, {}, sample.cpu.percent);
  out.add({}, Metric::load_1, {}, sample.cpu.load_1);
  out.add({}, Metric::load_5, {}, sample.cpu.load_5);
  out.add({}, Metric::load_15, {}, sample.cpu.load_15);
  if (const auto& memory = sample.memory) {
    out.add({},
            Metric::memory_used_bytes,
            {},
            std::optional{static_cast<double>(memory->total_bytes) -
                          static_cast<double>(memory->available_bytes)});
    out.add({}, Metric::memory_total_bytes, {}, std::optional{memory->total_bytes});
    out.add({}, Metric::swap_used_bytes, {}, std::optional{memory->swap_used_bytes});
    out.add({}, Metric::swap_total_bytes, {}, std::optional{memory->swap_total_bytes});
  }
  for (const auto& disk : sample.disks) {
    out.add({}, Metric::disk_used_bytes, disk.mount, std::optional{disk.used_bytes});
    out.add({}, Metric::disk_total_bytes, disk.mount, std::optional{disk.total_bytes});
    out.add({}, Metric::disk_read_bytes_per_second, disk.mount, disk.read_bytes_per_second);
    out.add({}, Metric::disk_write_bytes_per_second, disk.mount, disk.write_bytes_per_second);
  }
  const auto network = network_of(sample);
  out.add({}, Metric::receive_bytes_per_second, {}, network.receive_bytes_per_second);
  out.add({}, Metric::transmit_bytes_per_second, {}, network.transmit_bytes_per_second);
  for (const auto& one : sample.temperatures) {
    out.add({}, Metric::temperature_celsius, one.sensor, std::optional{one.celsius});
  }
}

/// All containers of a service together.
struct Together {
  std::optional<double> cpu_percent;
  std::optional<double> memory_bytes;
  std::optional<double> limit{0};  ///< nothing: one container has none
  std::optional<double> receive;
  std::optional<double> transmit;
  std::optional<double> block_read;
  std::optional<double> block_write;
};

using Previous = std::unordered_map<std::string_view, const ContainerSample*>;

/// A counter that fell back belongs to a container that was started anew: no rate for that span.
std::optional<double> counter_rate(const std::optional<std::int64_t>& before,
                                   const std::optional<std::int64_t>& after,
                                   double seconds) {
  if (!before || !after || *after < *before) return std::nullopt;
  return (static_cast<double>(*after) - static_cast<double>(*before)) / seconds;
}

void add_container(Together& sum,
                   const ContainerSample& now,
                   const Previous& previous,
                   std::optional<double> seconds) {
  add(sum.cpu_percent, now.cpu_percent);
  add(sum.memory_bytes, number(now.memory_bytes));
  if (sum.limit && now.memory_limit_bytes) {
    *sum.limit += static_cast<double>(*now.memory_limit_bytes);
  } else {
    sum.limit.reset();
  }
  if (const auto& told = now.per_second) {
    add(sum.receive, number(told->receive));
    add(sum.transmit, number(told->transmit));
    add(sum.block_read, number(told->block_read));
    add(sum.block_write, number(told->block_write));
    return;
  }
  const auto found = previous.find(now.id);
  if (!seconds || found == previous.end()) return;
  const auto& before = *found->second;
  add(sum.receive, counter_rate(before.receive_bytes, now.receive_bytes, *seconds));
  add(sum.transmit, counter_rate(before.transmit_bytes, now.transmit_bytes, *seconds));
  add(sum.block_read, counter_rate(before.block_read_bytes, now.block_read_bytes, *seconds));
  add(sum.block_write, counter_rate(before.block_write_bytes, now.block_write_bytes, *seconds));
}

storage::FoundState found_state(const protocol::ServiceUp& service) {
  using storage::FoundState;
  if (service.failed.value_or(false)) return FoundState::failed;
  if (!service.failed) return service.up ? FoundState::some_running : FoundState::not_running;
  return service.up ? FoundState::running : FoundState::stopped;
}

void add_services(ValueList& out,
                  const Sample& sample,
                  const Sample* before,
                  double neighbours_seconds) {
  const auto seconds = seconds_between(before, sample, neighbours_seconds);
  Previous previous;
  if (seconds) {
    for (const auto& container : before->containers) previous.emplace(container.id, &container);
  }
  std::map<std::string_view, Together> services;
  for (const auto& container : sample.containers) {
    for (const auto& service : container.services) {
      add_container(services[service], container, previous, seconds);
    }
  }
  for (const auto& service : sample.services) {
    out.add(service.name,
            Metric::found,
            {},
            std::optional{static_cast<std::int64_t>(found_state(service))});
  }
  for (const auto& [service, sum] : services) {
    auto total = sum.limit;
    if (!total && sample.memory) total = static_cast<double>(sample.memory->total_bytes);
    out.add(service, Metric::cpu_percent, {}, sum.cpu_percent);
    out.add(service, Metric::memory_used_bytes, {}, sum.memory_bytes);
    out.add(service, Metric::memory_total_bytes, {}, total);
    out.add(service, Metric::receive_bytes_per_second, {}, sum.receive);
    out.add(service, Metric::transmit_bytes_per_second, {}, sum.transmit);
    out.add(service, Metric::block_read_bytes_per_second, {}, sum.block_read);
    out.add(service, Metric::block_write_bytes_per_second, {}, sum.block_write);
  }
}

}  // namespace

std::vector<SampleValue> values_of(const Sample& sample,
                                   const Sample* before,
                                   double neighbours_seconds) {
  ValueList out;
  add_host(out, sample);
  add_services(out, sample, before, neighbours_seconds);
  return out.take();
}

}  // namespace portoser::telemetry
