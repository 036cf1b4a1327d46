/// The values of a sample that series keep. Pure; any thread.
#pragma once

#include "controller/telemetry/metric.h"
#include "protocol/messages.h"

#include <cstdint>
#include <string_view>
#include <vector>

namespace portoser::telemetry {

/// One value. The texts are those of the sample and live as long as it.
struct SampleValue {
  std::string_view service;  ///< empty: of the host
  Metric metric{};
  std::string_view subject;  ///< mount point or sensor; mostly empty
  std::int64_t value = 0;    ///< in units of 1 / `scale_of(metric)`
};

/// `before`: the sample before it, for rates of services, where its agent sends none; null or one
/// that is no neighbour (another boot, more than `neighbours_seconds` away): none. What is unknown,
/// not finite or beyond all measure is left out.
std::vector<SampleValue> values_of(const protocol::Sample& sample,
                                   const protocol::Sample* before,
                                   double neighbours_seconds = 60);

}  // namespace portoser::telemetry
