#include "agent/collect/memory.h"

#include "agent/collect/text.h"

#include <algorithm>
#include <limits>

namespace portoser::agent::collect {
namespace {

/// "       24683620 kB"
std::optional<std::int64_t> bytes_from(std::string_view rest) {
  const auto kibibytes = to_count(next_word(rest));
  if (!kibibytes || next_word(rest) != "kB") return std::nullopt;
  if (*kibibytes > std::numeric_limits<std::int64_t>::max() / 1024) return std::nullopt;
  return *kibibytes * 1024;
}

}  // namespace

std::optional<protocol::MemorySample> parse_meminfo(std::string_view text) {
  std::optional<std::int64_t> total;
  std::optional<std::int64_t> available;
  std::optional<std::int64_t> swap_total;
  std::optional<std::int64_t> swap_free;
  while (auto line = next_line(text)) {
    const auto key = next_field(*line, ':');
    if (key == "MemTotal") {
      total = bytes_from(*line);
    } else if (key == "MemAvailable") {
      available = bytes_from(*line);
    } else if (key == "SwapTotal") {
      swap_total = bytes_from(*line);
    } else if (key == "SwapFree") {
      swap_free = bytes_from(*line);
      break;  // the last of the four
    }
  }
  if (!total || !available) return std::nullopt;
  protocol::MemorySample sample;
  sample.total_bytes = *total;
  sample.available_bytes = *available;
  if (swap_total && swap_free) {
    sample.swap_total_bytes = *swap_total;
    sample.swap_used_bytes = std::max<std::int64_t>(0, *swap_total - *swap_free);
  }
  return sample;
}

std::optional<protocol::MemorySample> MemoryCollector::collect(ReadBuffer& buffer,
                                                               Problems& problems) {
  const auto reading = file_.read(buffer);
  if (!reading) {
    problems.add("memory", file_.path(), reading.error());
    return std::nullopt;
  }
  auto sample = parse_meminfo(*reading);
  if (!sample) problems.add("memory", file_.path() + " names no total or no available memory");
  return sample;
}

}  // namespace portoser::agent::collect
