/// The Prometheus families about remote write.
#pragma once

#include "controller/telemetry/exposition.h"
#include "controller/telemetry/remote_write.h"

namespace portoser::telemetry {

/// Without a target there are none.
void write_remote_write_families(Exposition& out, const RemoteWriteStats& stats, Time now);

}  // namespace portoser::telemetry
