/// The values of one sample as bytes for the log of the newest. Pure; any thread.
#pragma once

#include "controller/telemetry/sample_values.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace portoser::telemetry {

struct SampleRecord {
  std::string boot_id;
  std::int64_t number = 0;  ///< 0: an agent that numbers none
  std::int64_t time_ms = 0;
  std::vector<SampleValue> values;
};

std::string encode(const SampleRecord& record);
/// The texts of the values are those of `bytes`. Bytes that `encode` did not make:
/// `Error{internal}`.
SampleRecord decode_sample(std::string_view bytes);

}  // namespace portoser::telemetry
