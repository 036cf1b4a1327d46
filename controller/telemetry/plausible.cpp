#include "controller/telemetry/plausible.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <optional>
#include <vector>

namespace portoser::telemetry {
namespace {

constexpr double most_percent = 101;
constexpr double most_load = 1e6;
constexpr double most_rate = 1e14;
constexpr double coldest = -274;
constexpr double hottest = 1e4;
constexpr std::int64_t most_size = std::int64_t{1} << 60U;
constexpr std::int64_t most_counted = std::int64_t{1} << 62U;
constexpr std::int64_t last_date_us = 253'402'300'800'000'000;

/// No comparison with what is no number holds.
bool is_within(double value, double least, double most) {
  return value >= least && value <= most;
}
bool is_within(std::int64_t value, std::int64_t most) {
  return value >= 0 && value <= most;
}

void keep(std::optional<double>& value, double most) {
  if (value && !is_within(*value, 0, most)) value.reset();
}
void keep(std::optional<std::int64_t>& value, std::int64_t most) {
  if (value && !is_within(*value, most)) value.reset();
}

void keep_date(std::int64_t& date_us) {
  if (!is_within(date_us, last_date_us)) date_us = 0;
}

bool is_possible(const protocol::MemorySample& memory) {
  return is_within(memory.total_bytes, most_size) && is_within(memory.available_bytes, most_size) &&
         is_within(memory.swap_total_bytes, most_size) &&
         is_within(memory.swap_used_bytes, most_size);
}

bool is_possible(const protocol::DiskSample& disk) {
  return is_within(disk.total_bytes, most_size) && is_within(disk.used_bytes, most_size) &&
         is_within(disk.available_bytes, most_size);
}

bool is_possible(const protocol::NetworkSample& network) {
  return is_within(network.receive_bytes, most_counted) &&
         is_within(network.transmit_bytes, most_counted);
}

bool is_possible(const protocol::TemperatureSample& temperature) {
  return is_within(temperature.celsius, coldest, hottest);
}

template <class Thing>
void keep_possible(std::vector<Thing>& things) {
  std::erase_if(things, [](const Thing& thing) { return !is_possible(thing); });
}

void make_plausible(protocol::ContainerSample& container) {
  keep(container.cpu_percent, most_percent);
  keep(container.memory_bytes, most_size);
  keep(container.memory_limit_bytes, most_size);
  for (auto* counter : {&container.receive_bytes,
                        &container.transmit_bytes,
                        &container.block_read_bytes,
                        &container.block_write_bytes}) {
    keep(*counter, most_counted);
  }
  if (!container.per_second) return;
  auto& rates = *container.per_second;
  for (auto* rate : {&rates.receive, &rates.transmit, &rates.block_read, &rates.block_write}) {
    keep(*rate, static_cast<std::int64_t>(most_rate));
  }
}

}  // namespace

void make_plausible(protocol::Sample& sample) {
  keep_date(sample.when.wall_us);
  keep_date(sample.boot_time_us);
  keep(sample.cpu.percent, most_percent);
  for (auto& core : sample.cpu.core_percent) {
    // They are counted; what they say is shown nowhere.
    if (!is_within(core, 0, most_percent)) core = 0;
  }
  for (auto* load : {&sample.cpu.load_1, &sample.cpu.load_5, &sample.cpu.load_15}) {
    keep(*load, most_load);
  }
  if (sample.memory && !is_possible(*sample.memory)) sample.memory.reset();
  if (auto& memory = sample.memory) {
    // Read one after the other they may disagree by a page.
    memory->available_bytes = std::min(memory->available_bytes, memory->total_bytes);
    memory->swap_used_bytes = std::min(memory->swap_used_bytes, memory->swap_total_bytes);
  }
  keep_possible(sample.disks);
  for (auto& disk : sample.disks) {
    keep(disk.read_bytes_per_second, most_rate);
    keep(disk.write_bytes_per_second, most_rate);
  }
  keep_possible(sample.networks);
  for (auto& network : sample.networks) {
    keep(network.receive_bytes_per_second, most_rate);
    keep(network.transmit_bytes_per_second, most_rate);
  }
  for (auto& container : sample.containers) make_plausible(container);
  keep_possible(sample.temperatures);
  if (sample.containers_left_out < 0) sample.containers_left_out = 0;
}

void make_plausible(protocol::State& state) {
  constexpr std::int64_t ms_of_100_years = std::int64_t{100} * 366 * 86'400'000;
  keep(state.engine_silent_ms, ms_of_100_years);
  if (state.containers_left_out < 0) state.containers_left_out = 0;
}

}  // namespace portoser::telemetry
