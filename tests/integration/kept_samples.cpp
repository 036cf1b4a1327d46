#include "tests/integration/kept_samples.h"

#include "agent/link/backlog.h"
#include "protocol/codec.h"

#include <string>

namespace portoser::test {
namespace {

protocol::Sample sample_at(std::chrono::nanoseconds uptime, Time wall) {
  protocol::Sample sample;
  sample.when = {"boot-before", uptime.count(), to_unix_us(wall)};
  sample.cpu.percent = 12.5;
  sample.cpu.core_percent = {10, 15};
  sample.cpu.load_1 = 0.5;
  sample.memory = protocol::MemorySample{std::int64_t{8} << 30U, std::int64_t{4} << 30U, 0, 0};
  for (int i = 0; i < 20; ++i) {
    protocol::ContainerSample container;
    container.id = std::string(62, 'a') + std::to_string(10 + i);
    container.cpu_percent = 0.1 * i;
    container.memory_bytes = 1 << 20U;
    sample.containers.push_back(std::move(container));
  }
  return sample;
}

}  // namespace

std::size_t keep_samples(const std::filesystem::path& agent_data,
                         std::size_t count,
                         std::chrono::seconds apart) {
  ManualClock clock;
  const auto end = SystemClock{}.now();
  agent::link::Backlog backlog{agent_data / "backlog", clock};
  for (std::size_t i = 1; i <= count; ++i) {
    clock.advance(apart);
    const auto wall = end - apart * static_cast<std::int64_t>(count - i + 1);
    auto sample = sample_at(clock.uptime(), wall);
    sample.number = static_cast<std::int64_t>(i);
    backlog.keep(protocol::encode(sample));
  }
  return backlog.bytes();
}

}  // namespace portoser::test
