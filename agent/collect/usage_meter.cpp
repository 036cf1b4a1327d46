#include "agent/collect/usage_meter.h"

#include "agent/collect/text.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <utility>

namespace portoser::agent::collect {
namespace {

/// Of the whole machine, 0 to 100.
double machine_percent(std::int64_t used_ns, Uptime elapsed, std::size_t threads) {
  const auto possible = static_cast<double>(elapsed.count()) * static_cast<double>(threads);
  return std::clamp(100.0 * static_cast<double>(used_ns) / possible, 0.0, 100.0);
}

/// In whole bytes; unknown where one of the two is.
std::optional<std::int64_t> whole_rate(const std::optional<std::int64_t>& before,
                                       const std::optional<std::int64_t>& now,
                                       double seconds) {
  if (!before || !now) return std::nullopt;
  const auto rate = per_second(*before, *now, seconds);
  return rate ? std::optional{std::llround(*rate)} : std::nullopt;
}

}  // namespace

void UsageMeter::add(const CgroupUsage& usage,
                     Uptime now,
                     std::size_t threads,
                     protocol::ContainerSample& out) {
  if (usage.cpu_ns) {
    if (cpu_ && threads > 0 && now > cpu_->when && *usage.cpu_ns >= cpu_->used_ns) {
      out.cpu_percent = machine_percent(*usage.cpu_ns - cpu_->used_ns, now - cpu_->when, threads);
    }
    cpu_ = CpuReading{*usage.cpu_ns, now};
  } else {
    cpu_.reset();
  }
  out.memory_bytes = usage.memory_bytes;
  out.memory_limit_bytes = usage.memory_limit_bytes;
  if (usage.io) {
    out.block_read_bytes = usage.io->read;
    out.block_write_bytes = usage.io->written;
  }
}

void UsageMeter::add_rates(Uptime now, protocol::ContainerSample& out) {
  const auto before = std::exchange(
      traffic_,
      {out.receive_bytes, out.transmit_bytes, out.block_read_bytes, out.block_write_bytes, now});
  const auto seconds = std::chrono::duration<double>(now - before.when).count();
  protocol::ContainerRates rates;
  rates.receive = whole_rate(before.receive, out.receive_bytes, seconds);
  rates.transmit = whole_rate(before.transmit, out.transmit_bytes, seconds);
  rates.block_read = whole_rate(before.block_read, out.block_read_bytes, seconds);
  rates.block_write = whole_rate(before.block_write, out.block_write_bytes, seconds);
  out.per_second = rates;
}

}  // namespace portoser::agent::collect
