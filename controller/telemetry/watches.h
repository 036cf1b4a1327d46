/// From when to when hosts could tell whether a service ran: found in samples, stored beside the
/// blocks. Without it nobody knows whether silence means up or away. Pure; any thread.
#pragma once

#include "controller/storage/series_store.h"
#include "controller/telemetry/series_blocks.h"

#include <cstdint>
#include <string>
#include <vector>

namespace portoser::telemetry {

/// A longer silence is a gap: three samples that are missing, as for a host that is stale.
inline constexpr std::int64_t default_join_ms = 15'000;

/// The stretches that a host's samples show, by service and start.
std::vector<storage::ServiceWatch> watches_in(const std::string& host,
                                              const RawBlock& samples,
                                              std::int64_t join_ms);

/// Joins those of one service that touch, overlap, or have no more than `join_ms` between.
std::vector<storage::ServiceWatch> joined(std::vector<storage::ServiceWatch> watches,
                                          std::int64_t join_ms);

}  // namespace portoser::telemetry
