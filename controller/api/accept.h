/// Which of our Prometheus formats a client wants, by its Accept header.
#pragma once

#include "controller/telemetry/exposition.h"

#include <string_view>

namespace portoser::api {

/// OpenMetrics where it is named and text is not preferred to it (RFC 9110, 12.5.1); else text,
/// also for who accepts neither: a page that can be read is more use than a refusal.
telemetry::Format format_for(std::string_view accept);

}  // namespace portoser::api
