/// What the fleet tells the rooms above it. All calls come on the fleet's executor and must not
/// block.
#pragma once

#include "common/clock.h"
#include "controller/fleet/device_event.h"
#include "controller/fleet/presence.h"
#include "controller/storage/event_store.h"
#include "protocol/messages.h"

#include <optional>
#include <string>

namespace portoser::fleet {

class Listener {
 public:
  Listener() = default;
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;
  virtual ~Listener() = default;

  /// How the host is now: later than every sample before it.
  virtual void on_sample(const std::string& host, Time when, protocol::Sample sample) = 0;
  /// How the host was while the controller did not hear it, perhaps in an earlier boot. Beside the
  /// live ones; may come twice.
  virtual void on_late_sample(const std::string& host, Time when, protocol::Sample sample) = 0;
  virtual void on_state(const std::string& host, Time when, protocol::State state) = 0;
  /// Each event once, before it is in the database.
  virtual void on_event(const storage::EventRecord& event) = 0;
  /// The result of a command for which nobody waits any more.
  virtual void on_late_result(const storage::EventRecord& result) = 0;
  /// Somebody set the controller's wall clock: what was told of now lies that much later by it.
  virtual void on_clock_set(std::chrono::microseconds by) = 0;
  /// `last_seen`: when it was last heard; none: never.
  virtual void on_liveness(const std::string& host,
                           Liveness before,
                           Liveness after,
                           std::optional<Time> last_seen) = 0;
  /// A device that was removed has told its liveness before.
  virtual void on_device(const DeviceEvent& /*event*/) {}
};

}  // namespace portoser::fleet
