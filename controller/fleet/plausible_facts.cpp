#include "controller/fleet/plausible_facts.h"

#include <cstdint>

namespace portoser::fleet {
namespace {

constexpr std::int64_t most_cores = 1'000'000;
constexpr std::int64_t most_of_a_size = std::int64_t{1} << 60U;

std::int64_t if_possible(std::int64_t value, std::int64_t most) {
  return value >= 0 && value <= most ? value : 0;
}

}  // namespace

protocol::HostFacts plausible(protocol::HostFacts facts) {
  facts.cpu_cores = if_possible(facts.cpu_cores, most_cores);
  facts.cpu_threads = if_possible(facts.cpu_threads, most_cores);
  facts.memory_bytes = if_possible(facts.memory_bytes, most_of_a_size);
  facts.disk_bytes = if_possible(facts.disk_bytes, most_of_a_size);
  return facts;
}

}  // namespace portoser::fleet
