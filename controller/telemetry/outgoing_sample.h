/// What of a sample goes to a store elsewhere: the values of the families that /metrics has about
/// hosts and services, under the same names and labels, and as bytes for the queue. Pure; any
/// thread.
#pragma once

#include "protocol/messages.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace portoser::telemetry {

/// The numbers are written into the queue: one that was given is never given again.
enum class OutgoingFamily : std::uint8_t {
  host_up = 1,
  host_cpu_percent = 2,
  host_load1 = 3,
  host_memory_used_bytes = 4,
  host_memory_total_bytes = 5,
  host_swap_used_bytes = 6,
  host_swap_total_bytes = 7,
  host_disk_used_bytes = 8,
  host_disk_total_bytes = 9,
  host_network_receive_bytes = 10,
  host_network_transmit_bytes = 11,
  host_boot_time_seconds = 12,
  filesystem_size_bytes = 13,
  filesystem_used_bytes = 14,
  filesystem_avail_bytes = 15,
  filesystem_read_bytes_per_second = 16,
  filesystem_written_bytes_per_second = 17,
  network_receive_bytes = 18,
  network_transmit_bytes = 19,
  service_up = 20,
  service_cpu_percent = 21,
  service_memory_bytes = 22,
  service_network_receive_bytes = 23,
  service_network_transmit_bytes = 24,
  service_block_read_bytes = 25,
  service_block_written_bytes = 26,
  host_load5 = 27,
  host_load15 = 28,
  host_temperature_celsius = 29,
};

struct OutgoingFamilyInfo {
  std::string_view name;
  std::array<std::string_view, 3> labels;  ///< beside "machine"; the first empty one ends them
};
/// Null: there is no such family.
const OutgoingFamilyInfo* info_of(OutgoingFamily family);

struct OutgoingValue {
  OutgoingFamily family{};
  std::array<std::string_view, 3> labels{};  ///< values of the family's, in its order
  double value = 0;
  bool is_stale = false;  ///< the series has no value any more

  /// The same series of a host.
  [[nodiscard]] bool is_of(const OutgoingValue& other) const {
    return family == other.family && labels == other.labels;
  }
};

/// The texts of the values are those of the sample and live as long as it.
std::vector<OutgoingValue> outgoing_values(const protocol::Sample& sample);

/// Adds the end of every series that `before` has and `values` have not.
void add_ends(std::vector<OutgoingValue>& values, std::span<const OutgoingValue> before);

/// All values of a host at one time.
struct OutgoingRecord {
  std::int64_t time_ms = 0;
  std::vector<OutgoingValue> values;
};

std::string encode(const OutgoingRecord& record);
/// The texts of the values are those of `bytes`. Bytes that `encode` did not make:
/// `Error{internal}`.
OutgoingRecord decode_outgoing(std::string_view bytes);

}  // namespace portoser::telemetry
