#include "controller/telemetry/outgoing_sample.h"

#include "controller/telemetry/integer_codec.h"
#include "controller/telemetry/optional_sum.h"
#include "controller/telemetry/service_view.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <map>
#include <optional>
#include <set>

namespace portoser::telemetry {
namespace {

using Sent = OutgoingFamily;
using FamilyLabels = std::array<std::string_view, 3>;

constexpr FamilyLabels no_labels{};
constexpr FamilyLabels disk_labels{"device", "mountpoint", "fstype"};
constexpr FamilyLabels device_label{"device"};
constexpr FamilyLabels service_label{"service"};
constexpr FamilyLabels sensor_label{"sensor"};

/// By number, from 1.
constexpr std::array<OutgoingFamilyInfo, 29> family_infos{{
    {"portoser_host_up", no_labels},
    {"portoser_host_cpu_percent", no_labels},
    {"portoser_host_load1", no_labels},
    {"portoser_host_memory_used_bytes", no_labels},
    {"portoser_host_memory_total_bytes", no_labels},
    {"portoser_host_swap_used_bytes", no_labels},
    {"portoser_host_swap_total_bytes", no_labels},
    {"portoser_host_disk_used_bytes", no_labels},
    {"portoser_host_disk_total_bytes", no_labels},
    {"portoser_host_network_receive_bytes_total", no_labels},
    {"portoser_host_network_transmit_bytes_total", no_labels},
    {"portoser_host_boot_time_seconds", no_labels},
    {"portoser_filesystem_size_bytes", disk_labels},
    {"portoser_filesystem_used_bytes", disk_labels},
    {"portoser_filesystem_avail_bytes", disk_labels},
    {"portoser_filesystem_device_read_bytes_per_second", disk_labels},
    {"portoser_filesystem_device_written_bytes_per_second", disk_labels},
    {"portoser_network_receive_bytes_total", device_label},
    {"portoser_network_transmit_bytes_total", device_label},
    {"portoser_service_up", service_label},
    {"portoser_service_cpu_percent", service_label},
    {"portoser_service_memory_bytes", service_label},
    {"portoser_service_network_receive_bytes_total", service_label},
    {"portoser_service_network_transmit_bytes_total", service_label},
    {"portoser_service_block_read_bytes_total", service_label},
    {"portoser_service_block_written_bytes_total", service_label},
    {"portoser_host_load5", no_labels},
    {"portoser_host_load15", no_labels},
    {"portoser_host_temperature_celsius", sensor_label},
}};

/// A host that invents names must not fill the queue; its message is 1 MiB at most anyway.
constexpr std::size_t longest_label = 1024;
constexpr std::size_t most_outgoing_values = 10'000;

bool sorts_before(const OutgoingValue& one, const OutgoingValue& other) {
  return one.family != other.family ? one.family < other.family : one.labels < other.labels;
}

/// A series that a host reports twice has its first value, as in /metrics.
class OutgoingList {
 public:
  template <class Number>
  void add(Sent family, const FamilyLabels& labels, std::optional<Number> value) {
    if (value) add(family, labels, *value);
  }
  template <class Number>
  void add(Sent family, const FamilyLabels& labels, Number value) {
    if (values_.size() >= most_outgoing_values) return;
    for (const auto& label : labels) {
      if (label.size() > longest_label) return;
    }
    const OutgoingValue one{family, labels, static_cast<double>(value), false};
    if (seen_.insert(one).second) values_.push_back(one);
  }
  std::vector<OutgoingValue> take() { return std::move(values_); }

 private:
  std::vector<OutgoingValue> values_;
  std::set<OutgoingValue, decltype(&sorts_before)> seen_{&sorts_before};
};

void add_machine(OutgoingList& out, const protocol::Sample& sample) {
  out.add(Sent::host_cpu_percent, {}, sample.cpu.percent);
  out.add(Sent::host_load1, {}, sample.cpu.load_1);
  out.add(Sent::host_load5, {}, sample.cpu.load_5);
  out.add(Sent::host_load15, {}, sample.cpu.load_15);
  if (const auto& memory = sample.memory) {
    out.add(Sent::host_memory_used_bytes, {}, memory->total_bytes - memory->available_bytes);
    out.add(Sent::host_memory_total_bytes, {}, memory->total_bytes);
    out.add(Sent::host_swap_used_bytes, {}, memory->swap_used_bytes);
    out.add(Sent::host_swap_total_bytes, {}, memory->swap_total_bytes);
  }
  if (const auto* disk = main_disk(sample)) {
    out.add(Sent::host_disk_used_bytes, {}, disk->used_bytes);
    out.add(Sent::host_disk_total_bytes, {}, disk->total_bytes);
  }
  const auto network = network_of(sample);
  out.add(Sent::host_network_receive_bytes, {}, network.receive_bytes);
  out.add(Sent::host_network_transmit_bytes, {}, network.transmit_bytes);
  if (sample.boot_time_us != 0) {
    out.add(Sent::host_boot_time_seconds, {}, static_cast<double>(sample.boot_time_us) / 1e6);
  }
  for (const auto& one : sample.temperatures) {
    out.add(Sent::host_temperature_celsius, {one.sensor}, one.celsius);
  }
}

void add_devices(OutgoingList& out, const protocol::Sample& sample) {
  for (const auto& disk : sample.disks) {
    const FamilyLabels labels{disk.device, disk.mount, disk.file_system};
    out.add(Sent::filesystem_size_bytes, labels, disk.total_bytes);
    out.add(Sent::filesystem_used_bytes, labels, disk.used_bytes);
    out.add(Sent::filesystem_avail_bytes, labels, disk.available_bytes);
    out.add(Sent::filesystem_read_bytes_per_second, labels, disk.read_bytes_per_second);
    out.add(Sent::filesystem_written_bytes_per_second, labels, disk.write_bytes_per_second);
  }
  for (const auto& network : sample.networks) {
    out.add(Sent::network_receive_bytes, {network.interface}, network.receive_bytes);
    out.add(Sent::network_transmit_bytes, {network.interface}, network.transmit_bytes);
  }
}

/// All containers of a service.
struct ContainerSums {
  std::optional<bool> up;
  std::optional<double> cpu_percent;
  std::optional<std::int64_t> memory_bytes;
  std::optional<std::int64_t> receive_bytes;
  std::optional<std::int64_t> transmit_bytes;
  std::optional<std::int64_t> block_read_bytes;
  std::optional<std::int64_t> block_write_bytes;
};

void add_services_of(OutgoingList& out, const protocol::Sample& sample) {
  std::map<std::string_view, ContainerSums> services;
  for (const auto& service : sample.services) services[service.name].up = service.up;
  for (const auto& container : sample.containers) {
    for (const auto& service : container.services) {
      auto& sum = services[service];
      add(sum.cpu_percent, container.cpu_percent);
      add(sum.memory_bytes, container.memory_bytes);
      add(sum.receive_bytes, container.receive_bytes);
      add(sum.transmit_bytes, container.transmit_bytes);
      add(sum.block_read_bytes, container.block_read_bytes);
      add(sum.block_write_bytes, container.block_write_bytes);
    }
  }
  for (const auto& [name, sum] : services) {
    out.add(Sent::service_up, {name}, sum.up);
    out.add(Sent::service_cpu_percent, {name}, sum.cpu_percent);
    out.add(Sent::service_memory_bytes, {name}, sum.memory_bytes);
    out.add(Sent::service_network_receive_bytes, {name}, sum.receive_bytes);
    out.add(Sent::service_network_transmit_bytes, {name}, sum.transmit_bytes);
    out.add(Sent::service_block_read_bytes, {name}, sum.block_read_bytes);
    out.add(Sent::service_block_written_bytes, {name}, sum.block_write_bytes);
  }
}

/// How a value is written.
enum class Form : std::uint8_t { whole = 0, real = 1, stale = 2 };

Form form_of(const OutgoingValue& value) {
  constexpr double exact = 1LL << 53U;
  if (value.is_stale) return Form::stale;
  const bool is_whole = std::abs(value.value) <= exact && std::trunc(value.value) == value.value &&
                        !(value.value == 0 && std::signbit(value.value));
  return is_whole ? Form::whole : Form::real;
}

std::string bytes_of(double value) {
  auto bits = std::bit_cast<std::uint64_t>(value);
  std::string bytes;
  for (int i = 0; i < 8; ++i, bits >>= 8U) bytes += static_cast<char>(bits & 0xffU);
  return bytes;
}

double double_of(std::string_view bytes) {
  std::uint64_t bits = 0;
  for (std::size_t i = 0; i < 8; ++i) {
    bits |= std::uint64_t{static_cast<unsigned char>(bytes[i])} << (8 * i);
  }
  return std::bit_cast<double>(bits);
}

constexpr std::uint8_t row_format = 1;
constexpr std::size_t most_values_of_a_row = 1U << 20U;

}  // namespace

const OutgoingFamilyInfo* info_of(OutgoingFamily family) {
  const auto number = static_cast<std::size_t>(family);
  return number == 0 || number > family_infos.size() ? nullptr : &family_infos.at(number - 1);
}

std::vector<OutgoingValue> outgoing_values(const protocol::Sample& sample) {
  OutgoingList out;
  add_machine(out, sample);
  add_devices(out, sample);
  add_services_of(out, sample);
  return out.take();
}

void add_ends(std::vector<OutgoingValue>& values, std::span<const OutgoingValue> before) {
  const auto is_same = [](const OutgoingValue& one, const OutgoingValue& other) {
    return one.is_of(other);
  };
  // Samples of a host look alike.
  if (std::equal(values.begin(), values.end(), before.begin(), before.end(), is_same)) return;
  auto sorted = values;
  std::sort(sorted.begin(), sorted.end(), sorts_before);
  for (const auto& old : before) {
    if (old.is_stale || std::binary_search(sorted.begin(), sorted.end(), old, sorts_before))
      continue;
    auto end = old;
    end.value = 0;
    end.is_stale = true;
    values.push_back(end);
  }
}

std::string encode(const OutgoingRecord& record) {
  ByteWriter out;
  out.byte(row_format);
  out.signed_number(record.time_ms);
  out.number(record.values.size());
  const FamilyLabels* before = nullptr;
  for (const auto& value : record.values) {
    const auto form = form_of(value);
    // Values of a service or a disk follow each other: its labels are written once.
    const bool is_like_before = before != nullptr && *before == value.labels;
    out.number(static_cast<std::uint64_t>(value.family) * 8 + static_cast<std::uint64_t>(form) * 2 +
               (is_like_before ? 1 : 0));
    if (!is_like_before) {
      for (const auto& label : value.labels) out.text(label);
    }
    before = &value.labels;
    if (form == Form::whole) out.signed_number(static_cast<std::int64_t>(value.value));
    if (form == Form::real) out.raw(bytes_of(value.value));
  }
  return out.take();
}

OutgoingRecord decode_outgoing(std::string_view bytes) {
  ByteReader in{bytes};
  if (in.byte() != row_format) damaged_series();
  OutgoingRecord record;
  record.time_ms = in.signed_number();
  FamilyLabels labels{};
  for (auto left = in.count(most_values_of_a_row); left > 0; --left) {
    const auto head = in.number();
    OutgoingValue value;
    if (head / 8 > family_infos.size()) damaged_series();
    value.family = static_cast<OutgoingFamily>(head / 8);
    if (info_of(value.family) == nullptr) damaged_series();
    if (head % 2 == 0) {
      for (auto& label : labels) label = in.text();
    }
    value.labels = labels;
    switch (static_cast<Form>(head / 2 % 4)) {
      case Form::whole:
        value.value = static_cast<double>(in.signed_number());
        break;
      case Form::real:
        value.value = double_of(in.raw(8));
        break;
      case Form::stale:
        value.is_stale = true;
        break;
      default:
        damaged_series();
    }
    record.values.push_back(value);
  }
  return record;
}

}  // namespace portoser::telemetry
