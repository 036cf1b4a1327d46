#include "controller/telemetry/watches.h"

#include <algorithm>
#include <tuple>

namespace portoser::telemetry {
namespace {

/// In a quarter of an hour; a host that tells now and then whether a service runs tells nothing.
constexpr std::size_t most_stretches = 100;

}  // namespace

std::vector<storage::ServiceWatch> watches_in(const std::string& host,
                                              const RawBlock& samples,
                                              const JoinHistory& joins) {
  std::vector<storage::ServiceWatch> watches;
  for (const auto& column : samples.columns) {
    if (column.key.metric != Metric::found) continue;
    bool is_open = false;
    std::size_t stretches = 0;
    for (std::size_t i = 0; i < column.values.size(); ++i) {
      if (column.values[i] == no_value) {
        is_open = false;  // the host was heard and could not tell
        continue;
      }
      const auto time = samples.times_ms[i];
      if (is_open && time - watches.back().end_ms <= joins.between(watches.back().end_ms, time)) {
        watches.back().end_ms = time;
        continue;
      }
      if (++stretches > most_stretches) break;
      watches.push_back({host,
                         column.key.service,
                         time,
                         time,
                         storage::FoundState{static_cast<std::uint8_t>(column.values[i])}});
      is_open = true;
    }
  }
  return watches;
}

std::vector<storage::ServiceWatch> joined(std::vector<storage::ServiceWatch> watches,
                                          const JoinHistory& joins) {
  std::sort(watches.begin(), watches.end(), [](const auto& left, const auto& right) {
    return std::tie(left.host, left.service, left.start_ms, left.end_ms) <
           std::tie(right.host, right.service, right.start_ms, right.end_ms);
  });
  std::vector<storage::ServiceWatch> all;
  for (auto& watch : watches) {
    const bool continues =
        !all.empty() && all.back().host == watch.host && all.back().service == watch.service &&
        watch.start_ms - all.back().end_ms <= joins.between(all.back().end_ms, watch.start_ms);
    if (continues) {
      all.back().end_ms = std::max(all.back().end_ms, watch.end_ms);
    } else {
      all.push_back(std::move(watch));
    }
  }
  return all;
}

}  // namespace portoser::telemetry
