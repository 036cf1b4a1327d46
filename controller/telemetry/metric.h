/// What is measured of hosts and services, as series keep it. Any thread.
#pragma once

#include <cstdint>

namespace portoser::telemetry {

/// The numbers are written into the database: one that was given is never given again.
enum class Metric : std::uint8_t {
  cpu_percent = 1,  ///< of the whole machine
  load_1 = 2,
  load_5 = 3,
  load_15 = 4,
  memory_used_bytes = 5,
  memory_total_bytes = 6,  ///< of a service: its limit, or the machine's memory without one
  swap_used_bytes = 7,
  swap_total_bytes = 8,
  disk_used_bytes = 9,  ///< subject: the mount point
  disk_total_bytes = 10,
  disk_read_bytes_per_second = 11,
  disk_write_bytes_per_second = 12,
  receive_bytes_per_second = 13,
  transmit_bytes_per_second = 14,
  block_read_bytes_per_second = 15,
  block_write_bytes_per_second = 16,
  temperature_celsius = 17,  ///< subject: the sensor
  found = 18,  ///< of a service: a storage::FoundState, of which no mean says anything
};

/// Series keep whole numbers, which add up to the same sum in any order: this many of them are one
/// unit of the metric.
constexpr std::int64_t scale_of(Metric metric) {
  switch (metric) {
    case Metric::cpu_percent:
    case Metric::load_1:
    case Metric::load_5:
    case Metric::load_15:
    case Metric::temperature_celsius:
      return 100;
    default:
      return 1;
  }
}

}  // namespace portoser::telemetry
