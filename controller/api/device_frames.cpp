#include "controller/api/device_frames.h"

#include "controller/api/device_rows.h"
#include "controller/fleet/device_address.h"
#include "controller/telemetry/service_view.h"

namespace portoser::api {
namespace {

using fleet::Liveness;

std::string status_word(Liveness liveness) {
  return telemetry::device_status(telemetry::standing_of(liveness));
}

Json time_or_null(const std::optional<Time>& time) {
  return time ? Json(to_rfc3339(*time)) : Json(nullptr);
}

/// A frame about one host, which subscribers of that host get.
Json frame_about(std::string_view type, const std::string& host, Time now) {
  return Json{{"type", type}, {"hostname", host}, {"timestamp", to_rfc3339(now)}};
}

const char* reason_of(Liveness after, const std::optional<Time>& last_seen) {
  if (after == Liveness::online) return "heartbeat_recovered";
  return last_seen ? "heartbeat_timeout" : "no_heartbeat_data";
}

}  // namespace

std::string device_status_frame(const std::string& host,
                                Liveness before,
                                Liveness after,
                                std::optional<Time> last_seen,
                                Time now) {
  Json frame{{"type", "device_status_change"},
             {"timestamp", to_rfc3339(now)},
             {"data",
              {{"hostname", host},
               {"old_status", status_word(before)},
               {"new_status", status_word(after)},
               {"reason", reason_of(after, last_seen)},
               {"last_seen", time_or_null(last_seen)}}}};
  return dump(frame);
}

std::string device_presence_frame(const std::string& host,
                                  Liveness before,
                                  Liveness after,
                                  std::optional<Time> last_seen,
                                  Time now) {
  const bool went = after == Liveness::offline;
  // A host that was late has not been away.
  const bool came = after == Liveness::online && before != Liveness::stale;
  if (!went && !came) return {};
  auto frame = frame_about(went ? "device_offline" : "device_online", host, now);
  frame["status"] = status_word(after);
  frame["old_status"] = status_word(before);
  frame["reason"] = reason_of(after, last_seen);
  frame["last_seen_at"] = time_or_null(last_seen);
  return dump(frame);
}

std::string device_event_frame(const fleet::DeviceEvent& event, Time now) {
  auto frame = frame_about(event.type, event.hostname, now);
  frame["ip"] = event.ip;
  frame["status"] = event.status;
  frame["approval_required"] = event.approval_required;
  frame["last_seen_at"] = time_or_null(event.last_seen_at);
  return dump(frame);
}

Json device_brief(const fleet::Device& device,
                  const registry::Registry& registry,
                  const telemetry::HostLive* live,
                  Time now) {
  return {{"hostname", device.name},
          {"ip", fleet::address_of(device, registry)},
          {"status", device_status(device, live, now)},
          {"last_seen_at", time_or_null(device.last_seen)}};
}

}  // namespace portoser::api
