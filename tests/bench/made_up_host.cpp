#include "tests/bench/made_up_host.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

namespace portoser::bench {
namespace {

constexpr double mebibyte = 1024.0 * 1024.0;
constexpr std::int64_t page = 4096;

std::int64_t whole_pages(double bytes) {
  return static_cast<std::int64_t>(bytes) / page * page;
}

/// As /proc gives shares: of ticks, so with two digits at most.
double hundredths(double value) {
  return std::round(value * 100) / 100;
}

std::string container_id(const std::string& host, std::size_t index) {
  const auto number = std::hash<std::string>{}(host) + index;
  return fmt::format("{0:016x}{1:016x}{0:016x}{1:016x}", number, index);
}

}  // namespace

MadeUpHost::MadeUpHost(std::string name, std::size_t services, std::uint64_t seed)
    : name_(std::move(name)), boot_id_("boot-of-" + name_), random_(seed) {
  sample_.cpu = {20, {}, 0.5, 0.5, 0.5};
  const auto memory = std::int64_t{8} << 30U;
  sample_.memory = protocol::MemorySample{memory, memory / 2, std::int64_t{2} << 30U, 0};
  protocol::DiskSample disk;
  disk.mount = "/";
  disk.device = "/dev/sda1";
  disk.file_system = "ext4";
  disk.total_bytes = std::int64_t{240} << 30U;
  disk.used_bytes = whole_pages(static_cast<double>(random_() % 200) * 1024 * mebibyte);
  sample_.disks.push_back(std::move(disk));
  protocol::NetworkSample network;
  network.interface = "eth0";
  sample_.networks.push_back(std::move(network));
  for (std::size_t i = 0; i < services; ++i) {
    protocol::ContainerSample container;
    container.id = container_id(name_, i);
    container.cpu_percent = 0.5;
    container.memory_bytes = whole_pages(static_cast<double>(random_() % 300 + 20) * mebibyte);
    container.memory_limit_bytes = std::int64_t{512} << 20U;
    container.receive_bytes = container.transmit_bytes = 0;
    container.block_read_bytes = container.block_write_bytes = 0;
    container.services = {service(i)};
    sample_.services.push_back({service(i), true});
    sample_.containers.push_back(std::move(container));
  }
}

std::string MadeUpHost::service(std::size_t index) const {
  return fmt::format("{}-service-{}", name_, index);
}

bool MadeUpHost::happens(double share) {
  return std::uniform_real_distribution{}(random_) < share;
}

double MadeUpHost::wander(double value, double step, double low, double high) {
  return std::clamp(value + std::normal_distribution{0.0, step}(random_), low, high);
}

std::int64_t MadeUpHost::traffic(double seconds) {
  if (!happens(0.4)) return 0;
  return static_cast<std::int64_t>(std::exponential_distribution{1.0}(random_)*20'000 * seconds);
}

const protocol::Sample& MadeUpHost::next(const protocol::Moment& when, double seconds) {
  auto& s = sample_;
  s.when = when;
  ++s.number;
  s.cpu.percent = hundredths(wander(*s.cpu.percent, 3, 0.5, 100));
  const auto average = [&](std::optional<double>& load, double minutes) {
    const auto old = std::exp(-seconds / 60 / minutes);
    load = hundredths(*load * old + *s.cpu.percent / 25 * (1 - old));
  };
  average(s.cpu.load_1, 1);
  average(s.cpu.load_5, 5);
  average(s.cpu.load_15, 15);
  auto& memory = *s.memory;
  memory.available_bytes = whole_pages(wander(static_cast<double>(memory.available_bytes),
                                              mebibyte,
                                              512 * mebibyte,
                                              static_cast<double>(memory.total_bytes)));
  auto& disk = s.disks.front();
  if (happens(0.3)) disk.used_bytes += page * static_cast<std::int64_t>(random_() % 100);
  disk.available_bytes = disk.total_bytes - disk.used_bytes;
  disk.read_bytes_per_second = happens(0.1) ? static_cast<double>(traffic(1) / page * page) : 0;
  disk.write_bytes_per_second = static_cast<double>(traffic(1) / page * page);
  auto& network = s.networks.front();
  const auto received = traffic(seconds);
  const auto sent = traffic(seconds);
  network.receive_bytes += received;
  network.transmit_bytes += sent;
  network.receive_bytes_per_second = static_cast<double>(received) / seconds;
  network.transmit_bytes_per_second = static_cast<double>(sent) / seconds;
  for (auto& container : s.containers) {
    // Most services wait for somebody most of the time.
    const double idle = 0.05;
    container.cpu_percent =
        hundredths(happens(0.3) ? wander(*container.cpu_percent, 0.5, 0, 100) : idle);
    if (happens(0.5)) {
      container.memory_bytes = whole_pages(wander(
          static_cast<double>(*container.memory_bytes), 0.2 * mebibyte, mebibyte, 500 * mebibyte));
    }
    *container.receive_bytes += traffic(seconds);
    *container.transmit_bytes += traffic(seconds);
    if (happens(0.05)) *container.block_read_bytes += traffic(seconds) / page * page;
    if (happens(0.2)) *container.block_write_bytes += traffic(seconds) / page * page;
  }
  return s;
}

protocol::State MadeUpHost::state(const protocol::Moment& when) const {
  protocol::State state;
  state.when = when;
  state.engine_available = true;
  state.engine_version = "20.10.24";
  for (std::size_t i = 0; i < sample_.containers.size(); ++i) {
    protocol::Container container;
    container.id = sample_.containers[i].id;
    container.name = service(i);
    container.image = "busybox";
    container.state = "running";
    container.restart_policy = "always";
    container.started_us = when.wall_us;
    state.containers.push_back(std::move(container));
    protocol::ServiceState one;
    one.name = service(i);
    one.status = "running";
    one.health = "unknown";
    one.container_ids = {sample_.containers[i].id};
    state.services.push_back(std::move(one));
  }
  return state;
}

void for_each_value(const protocol::Sample& sample, const ShowValue& show) {
  const auto number = [](auto value) { return static_cast<double>(value); };
  show("host_cpu_percent", "", "", *sample.cpu.percent);
  show("host_load1", "", "", *sample.cpu.load_1);
  show("host_load5", "", "", *sample.cpu.load_5);
  show("host_load15", "", "", *sample.cpu.load_15);
  const auto& memory = *sample.memory;
  show("host_memory_used_bytes", "", "", number(memory.total_bytes - memory.available_bytes));
  show("host_memory_total_bytes", "", "", number(memory.total_bytes));
  show("host_swap_used_bytes", "", "", number(memory.swap_used_bytes));
  show("host_swap_total_bytes", "", "", number(memory.swap_total_bytes));
  for (const auto& disk : sample.disks) {
    show("host_disk_used_bytes", "mount", disk.mount, number(disk.used_bytes));
    show("host_disk_total_bytes", "mount", disk.mount, number(disk.total_bytes));
    show("host_disk_read", "mount", disk.mount, *disk.read_bytes_per_second);
    show("host_disk_write", "mount", disk.mount, *disk.write_bytes_per_second);
  }
  const auto& network = sample.networks.front();
  show("host_network_receive", "", "", *network.receive_bytes_per_second);
  show("host_network_transmit", "", "", *network.transmit_bytes_per_second);
  for (const auto& container : sample.containers) {
    const auto& service = container.services.front();
    show("service_cpu_percent", "service", service, *container.cpu_percent);
    show("service_memory_bytes", "service", service, number(*container.memory_bytes));
    show("service_memory_limit_bytes", "service", service, number(*container.memory_limit_bytes));
    show("service_receive_bytes_total", "service", service, number(*container.receive_bytes));
    show("service_transmit_bytes_total", "service", service, number(*container.transmit_bytes));
    show("service_block_read_bytes_total", "service", service, number(*container.block_read_bytes));
    show("service_block_write_bytes_total",
         "service",
         service,
         number(*container.block_write_bytes));
  }
  for (const auto& service : sample.services) {
    show("service_up", "service", service.name, service.up ? 1 : 0);
  }
}

std::string exposition_of(const std::string& host, const protocol::Sample& sample) {
  std::string text;
  for_each_value(
      sample,
      [&](std::string_view family, std::string_view label, std::string_view subject, double value) {
        fmt::format_to(std::back_inserter(text), "{}{{host=\"{}\"", family, host);
        if (!label.empty()) {
          fmt::format_to(std::back_inserter(text), ",{}=\"{}\"", label, subject);
        }
        fmt::format_to(std::back_inserter(text), "}} {}\n", value);
      });
  return text;
}

}  // namespace portoser::bench
