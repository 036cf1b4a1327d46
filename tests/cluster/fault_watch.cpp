#include "tests/cluster/fault_watch.h"

#include <algorithm>
#include <limits>

namespace portoser::test {
namespace {

/// An event is seen within milliseconds; this is for a machine that has too much to do.
constexpr std::int64_t sees_within_us = 3'000'000;
/// An agent tries an engine that is back after 5 s at most.
constexpr std::int64_t looks_within_us = 15'000'000;

}  // namespace

bool has_witness(std::int64_t time_us, const std::vector<Watch>& watch) {
  for (std::size_t i = 0; i < watch.size(); ++i) {
    const auto from = watch[i].from_us;
    if (watch[i].forgets && from >= time_us) return false;
    if (!watch[i].is_kept) continue;
    auto last = i;
    while (last + 1 < watch.size() && watch[last + 1].is_kept && !watch[last + 1].forgets) ++last;
    const auto to = last + 1 < watch.size() ? watch[last + 1].from_us
                                            : std::numeric_limits<std::int64_t>::max();
    if (to <= time_us) continue;
    const bool followed = from + looks_within_us <= time_us && time_us + sees_within_us <= to;
    if (followed || to - std::max(from, time_us) >= looks_within_us) return true;
  }
  return false;
}

}  // namespace portoser::test
