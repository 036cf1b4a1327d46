/// The frames about devices, as text. Pure.
#pragma once

#include "common/describe_json.h"
#include "controller/fleet/device.h"
#include "controller/fleet/device_event.h"
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

/// What the fleet says of a device: registered, approved, rejected, updated, deregistered,
/// heartbeat.
std::string device_event_frame(const fleet::DeviceEvent& event, Time now);

/// A row of `device_list`.
Json device_brief(const fleet::Device& device,
                  const registry::Registry& registry,
                  const telemetry::HostLive* live,
                  Time now);

}  // namespace portoser::api
