/// The frames about devices, as text. Pure.
#pragma once

#include "common/describe_json.h"
#include "controller/fleet/device.h"
#include "controller/registry/model.h"
#include "controller/telemetry/live.h"

#include <optional>
#include <string>
#include <string_view>

namespace portoser::api {

/// `device_status_change`, in the words of GET /api/devices.
std::string device_status_frame(const std::string& host,
                                fleet::Liveness before,
                                fleet::Liveness after,
                                std::optional<Time> last_seen,
                                Time now);

/// `device_online` or `device_offline`; empty: it changed to neither.
std::string device_presence_frame(const std::string& host,
                                  fleet::Liveness before,
                                  fleet::Liveness after,
                                  std::optional<Time> last_seen,
                                  Time now);

/// `device_registered`.
std::string device_registered_frame(const fleet::Device& device,
                                    const registry::Registry& registry,
                                    Time now);
/// `device_deregistered`.
std::string device_deregistered_frame(const std::string& host, Time now);
/// `device_updated`, with the names of what changed; empty: nothing did that does not change by
/// itself.
std::string device_updated_frame(const fleet::Device& before, const fleet::Device& now, Time when);

/// `device_heartbeat`. `live`: null when nothing is known of it.
std::string device_heartbeat_frame(const std::string& host,
                                   const telemetry::HostLive* live,
                                   Time now);

/// A row of `device_list`.
Json device_brief(const fleet::Device& device,
                  const registry::Registry& registry,
                  const telemetry::HostLive* live,
                  Time now);

}  // namespace portoser::api
