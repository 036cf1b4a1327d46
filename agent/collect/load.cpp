#include "agent/collect/load.h"

#include "agent/collect/text.h"

#include <charconv>
#include <cmath>

namespace portoser::agent::collect {

std::optional<std::array<double, 3>> parse_loadavg(std::string_view text) {
  auto line = next_line(text);
  if (!line) return std::nullopt;
  std::array<double, 3> loads{};
  for (double& load : loads) {
    const auto word = next_word(*line);
    const auto* end = word.data() + word.size();
    const auto [stopped, failure] =
        std::from_chars(word.data(), end, load, std::chars_format::fixed);
    if (failure != std::errc{} || stopped != end || !std::isfinite(load) || load < 0.0) {
      return std::nullopt;
    }
  }
  return loads;
}

void LoadCollector::collect(ReadBuffer& buffer, Problems& problems, protocol::CpuSample& out) {
  const auto reading = file_.read(buffer);
  if (!reading) {
    problems.add("cpu", file_.path(), reading.error());
    return;
  }
  const auto loads = parse_loadavg(*reading);
  if (!loads) {
    problems.add("cpu", file_.path() + " does not hold three load averages");
    return;
  }
  out.load_1 = (*loads)[0];
  out.load_5 = (*loads)[1];
  out.load_15 = (*loads)[2];
}

}  // namespace portoser::agent::collect
