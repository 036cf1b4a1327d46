/// What became of a device, for those who follow devices. Liveness is told apart from it: see
/// `Listener::on_liveness`.
#pragma once

#include "common/clock.h"

#include <optional>
#include <string>

namespace portoser::fleet {

struct DeviceEvent {
  /// device_registered, device_approved, device_rejected, device_updated (by people: labels, mode,
  /// owner ...), device_deregistered, or device_heartbeat (it was heard: one in ten seconds at
  /// most).
  std::string type;
  std::string hostname;
  std::string ip;      ///< may be empty
  std::string status;  ///< in the words of GET /api/devices; "active": let in and not heard yet
  bool approval_required = false;
  std::optional<Time> last_seen_at;
};

}  // namespace portoser::fleet
