#include "controller/telemetry/fleet_families.h"
#include "controller/telemetry/service_view.h"

#include <algorithm>
#include <array>
#include <functional>
#include <optional>

namespace portoser::telemetry {
namespace {

/// A host with its labels, as all its families need them.
struct HostLine {
  const HostLive* live;
  std::string_view name;
  std::string labels;
};
using HostLines = std::vector<HostLine>;

using HostValue = std::function<std::optional<double>(const HostLive&)>;

struct HostFamily {
  std::string_view name;
  std::string_view type;
  std::string_view help;
  HostValue value;
};

std::optional<double> memory(const HostLive& host, bool used) {
  const auto& sample = *host.sample;
  if (!sample.memory) return std::nullopt;
  const auto total = sample.memory->total_bytes;
  return static_cast<double>(used ? total - sample.memory->available_bytes : total);
}

std::optional<double> swap(const HostLive& host, std::int64_t protocol::MemorySample::*part) {
  const auto& memory = host.sample->memory;
  return memory ? std::optional{static_cast<double>((*memory).*part)} : std::nullopt;
}

/// Unknown while no interface is.
std::optional<double> counted(const HostLive& host, std::optional<std::int64_t> total) {
  const bool is_known = total && !host.sample->networks.empty();
  return is_known ? std::optional{static_cast<double>(*total)} : std::nullopt;
}

std::optional<double> disk(const HostLive& host, std::int64_t protocol::DiskSample::*part) {
  const auto* main = main_disk(*host.sample);
  return main == nullptr ? std::nullopt : std::optional{static_cast<double>(main->*part)};
}

std::optional<double> seconds_of(std::int64_t us) {
  constexpr double microseconds = 1e6;
  return us == 0 ? std::nullopt : std::optional{static_cast<double>(us) / microseconds};
}

/// What the newest sample says, of hosts where it is of now.
const std::vector<HostFamily>& host_families() {
  static const std::vector<HostFamily> families{
      {"portoser_host_cpu_percent",
       "gauge",
       "CPU use of the whole machine, 0 to 100",
       [](const auto& host) { return host.sample->cpu.percent; }},
      {"portoser_host_load1",
       "gauge",
       "Load average over one minute",
       [](const auto& host) { return host.sample->cpu.load_1; }},
      {"portoser_host_memory_used_bytes",
       "gauge",
       "Memory in use: total less available",
       [](const auto& host) { return memory(host, true); }},
      {"portoser_host_memory_total_bytes",
       "gauge",
       "Memory of the machine",
       [](const auto& host) { return memory(host, false); }},
      {"portoser_host_swap_used_bytes",
       "gauge",
       "Swap in use",
       [](const auto& host) { return swap(host, &protocol::MemorySample::swap_used_bytes); }},
      {"portoser_host_swap_total_bytes",
       "gauge",
       "Swap of the machine",
       [](const auto& host) { return swap(host, &protocol::MemorySample::swap_total_bytes); }},
      {"portoser_host_disk_used_bytes",
       "gauge",
       "Use of the root file system",
       [](const auto& host) { return disk(host, &protocol::DiskSample::used_bytes); }},
      {"portoser_host_disk_total_bytes",
       "gauge",
       "Size of the root file system",
       [](const auto& host) { return disk(host, &protocol::DiskSample::total_bytes); }},
      {"portoser_host_network_receive_bytes_total",
       "counter",
       "Received on all interfaces since the controller knows the host",
       [](const auto& host) { return counted(host, host.network.receive_bytes); }},
      {"portoser_host_network_transmit_bytes_total",
       "counter",
       "Sent on all interfaces since the controller knows the host",
       [](const auto& host) { return counted(host, host.network.transmit_bytes); }},
      {"portoser_host_boot_time_seconds",
       "gauge",
       "When the host booted, in Unix time",
       [](const auto& host) { return seconds_of(host.sample->boot_time_us); }},
      {"portoser_host_clock_offset_seconds",
       "gauge",
       "The host's wall clock less the controller's, when the newest sample was taken",
       [](const auto& host) {
         const auto wall_us = host.sample->when.wall_us;
         return wall_us == 0
                    ? std::nullopt
                    : std::optional{seconds_of(wall_us - to_unix_us(host.sample_at)).value_or(0.0)};
       }},
      {"portoser_host_engine_available",
       "gauge",
       "1: the host's container engine answers, 0: it does not",
       [](const auto& host) {
         return host.state ? std::optional{host.state->engine_available ? 1.0 : 0.0} : std::nullopt;
       }},
  };
  return families;
}

/// A thing of a host with labels of its own. No two of a host have the same: what a host reports
/// twice (a mount over a mount) is the series of the first.
template <class Thing>
struct ThingLine {
  const Thing* thing;
  std::string labels;
};

template <class Thing, class LabelsOf>
std::vector<ThingLine<Thing>> lines_of(const HostLines& hosts,
                                       std::vector<Thing> protocol::Sample::*things,
                                       LabelsOf labels_of) {
  std::vector<ThingLine<Thing>> lines;
  for (const auto& host : hosts) {
    const auto first = lines.size();
    for (const auto& thing : (*host.live->sample).*things) {
      auto labels = labels_of(host.name, thing);
      const auto begin = lines.begin() + static_cast<std::ptrdiff_t>(first);
      const bool is_there =
          std::any_of(begin, lines.end(), [&](const auto& line) { return line.labels == labels; });
      if (!is_there) lines.push_back({&thing, std::move(labels)});
    }
  }
  return lines;
}

/// One series for each file system, with the labels of Prometheus' own node exporter.
void write_disks(Exposition& out, const HostLines& hosts) {
  using Disk = protocol::DiskSample;
  using Value = std::optional<double> (*)(const Disk&);
  struct Family {
    std::string_view name;
    std::string_view help;
    Value value;
  };
  static constexpr std::array<Family, 5> families{{
      {"portoser_filesystem_size_bytes",
       "Size of a file system",
       [](const Disk& disk) { return std::optional{static_cast<double>(disk.total_bytes)}; }},
      {"portoser_filesystem_used_bytes",
       "Use of a file system",
       [](const Disk& disk) { return std::optional{static_cast<double>(disk.used_bytes)}; }},
      {"portoser_filesystem_avail_bytes",
       "What an unprivileged user may still fill",
       [](const Disk& disk) { return std::optional{static_cast<double>(disk.available_bytes)}; }},
      {"portoser_filesystem_device_read_bytes_per_second",
       "Read from the device of a file system",
       [](const Disk& disk) { return disk.read_bytes_per_second; }},
      {"portoser_filesystem_device_written_bytes_per_second",
       "Written to the device of a file system",
       [](const Disk& disk) { return disk.write_bytes_per_second; }},
  }};
  const auto lines =
      lines_of(hosts, &protocol::Sample::disks, [](std::string_view machine, const Disk& disk) {
        return label_text({{"machine", machine},
                           {"device", disk.device},
                           {"mountpoint", disk.mount},
                           {"fstype", disk.file_system}});
      });
  for (const auto& family : families) {
    out.family(family.name, "gauge", family.help);
    for (const auto& line : lines) {
      if (const auto value = family.value(*line.thing)) out.sample_at(line.labels, *value);
    }
  }
}

void write_networks(Exposition& out, const HostLines& hosts) {
  using Network = protocol::NetworkSample;
  const auto lines = lines_of(
      hosts, &protocol::Sample::networks, [](std::string_view machine, const Network& network) {
        return label_text({{"machine", machine}, {"device", network.interface}});
      });
  const auto write = [&](std::string_view name, std::string_view help, auto part) {
    out.family(name, "counter", help);
    for (const auto& line : lines) {
      out.sample_at(line.labels, static_cast<double>((*line.thing).*part));
    }
  };
  write("portoser_network_receive_bytes_total",
        "Received on an interface since the host booted",
        &Network::receive_bytes);
  write("portoser_network_transmit_bytes_total",
        "Sent on an interface since the host booted",
        &Network::transmit_bytes);
}

void write_temperatures(Exposition& out, const HostLines& hosts) {
  using Temperature = protocol::TemperatureSample;
  out.family("portoser_host_temperature_celsius", "gauge", "Temperature at a sensor of the host");
  const auto lines = lines_of(
      hosts, &protocol::Sample::temperatures, [](std::string_view machine, const Temperature& at) {
        return label_text({{"machine", machine}, {"sensor", at.sensor}});
      });
  for (const auto& line : lines) out.sample_at(line.labels, line.thing->celsius);
}

}  // namespace

void write_host_families(Exposition& out,
                         const FleetReading& fleet,
                         const fleet::RoundTrips::Reading& round_trips) {
  HostLines known;  // that were ever heard
  HostLines current;
  for (const auto& host : fleet.registry.hosts()) {
    const auto found = fleet.hosts.find(host.name);
    if (found == fleet.hosts.end()) continue;
    known.push_back({found->second.get(), host.name, label_text({{"machine", host.name}})});
    if (is_current(*found->second, fleet.now)) current.push_back(known.back());
  }
  out.family("portoser_host_up", "gauge", "1: the host's agent is heard, 0: it is not");
  for (const auto& host : known) {
    // A host that never had an agent is neither up nor down.
    if (host.live->liveness == fleet::Liveness::unknown) continue;
    out.sample_at(host.labels, host.live->liveness == fleet::Liveness::offline ? 0 : 1);
  }
  for (const auto& family : host_families()) {
    out.family(family.name, family.type, family.help);
    for (const auto& host : current) {
      if (const auto value = family.value(*host.live)) out.sample_at(host.labels, *value);
    }
  }
  write_temperatures(out, current);
  write_disks(out, current);
  write_networks(out, current);
  out.family("portoser_agent_last_sample_age_seconds", "gauge", "Age of the newest sample");
  for (const auto& host : known) {
    if (!host.live->sample) continue;
    const std::chrono::duration<double> age = fleet.now - host.live->sample_at;
    out.sample_at(host.labels, std::max(age.count(), 0.0));
  }
  out.family("portoser_agent_rtt_seconds",
             "gauge",
             "Round trip of TCP to the host's agent, as the kernel has smoothed it");
  for (const auto& host : current) {
    const auto found = round_trips.find(host.name);
    if (found == round_trips.end()) continue;
    out.sample_at(host.labels, std::chrono::duration<double>(found->second).count());
  }
  out.family("metrics_ingested_total", "counter", "Samples taken in since the start");
  const auto late = fleet.live.late_samples();
  out.sample({{"source", "agent"}, {"type", "sample"}}, static_cast<double>(fleet.live.samples()));
  out.sample({{"source", "agent"}, {"type", "late"}}, static_cast<double>(late));
}

}  // namespace portoser::telemetry
