#pragma once

#include "common/clock.h"

namespace portoser::telemetry {

/// Some noon: the tests' time of the controller.
inline const Time noon{std::chrono::hours{24 * 365 * 56} + std::chrono::hours{12}};

}  // namespace portoser::telemetry
