/// From when to when hosts could tell whether a service ran: found in samples, stored beside the
/// blocks. Without it nobody knows whether silence means up or away. Pure; any thread.
#pragma once

#include "controller/storage/series_store.h"
#include "controller/telemetry/join_history.h"
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
                                              const JoinHistory& joins);

/// Joins those of one service that touch, overlap, or have no longer silence between than `joins`
/// allows.
std::vector<storage::ServiceWatch> joined(std::vector<storage::ServiceWatch> watches,
                                          const JoinHistory& joins);

}  // namespace portoser::telemetry
