/// A device as the fleet shows it to others.
#pragma once

#include "common/clock.h"
#include "common/describe.h"
#include "controller/fleet/presence.h"
#include "controller/fleet/registration.h"
#include "protocol/messages.h"

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace portoser::fleet {

enum class Approval { approved, pending, rejected };
BOOST_DESCRIBE_ENUM(Approval, approved, pending, rejected)

/// What an admin or the owner made of an approved device. Liveness goes on beside it.
enum class DeviceMode {
  normal,
  maintenance,  ///< served as ever, and shown so that nobody wonders when it goes away
  disabled,     ///< kept out: neither heard nor told anything
};
BOOST_DESCRIBE_ENUM(DeviceMode, normal, maintenance, disabled)

/// What a host without an agent says of itself with a heartbeat.
struct ReportedUse {
  std::optional<double> cpu_percent;
  std::optional<double> memory_percent;
  std::optional<double> disk_percent;
};
BOOST_DESCRIBE_STRUCT(ReportedUse, (), (cpu_percent, memory_percent, disk_percent))

/// A device as others see it.
struct Device {
  std::string id;
  std::string name;
  Time registered_at;
  std::string agent_version;
  protocol::HostFacts facts;
  DeviceDeclaration declared;
  Liveness liveness = Liveness::unknown;
  std::optional<Time> last_seen;
  std::optional<Time> connected_since;
  bool cloned = false;    ///< another machine speaks with the same key and is kept out
  bool has_agent = true;  ///< else it is heard by heartbeats over HTTP
  ReportedUse reported;   ///< newest; empty of a host with an agent
  Approval approval = Approval::approved;
  DeviceMode mode = DeviceMode::normal;
  std::optional<Time> approved_at;
  std::optional<std::string> owner;
};

/// The status that hides liveness: "pending", "rejected", "maintenance" or "disabled"; empty: the
/// liveness says it.
inline std::string status_over_liveness(const Device& device) {
  if (device.approval != Approval::approved) return enum_name(device.approval);
  return device.mode == DeviceMode::normal ? std::string{} : enum_name(device.mode);
}

/// By host name. Immutable; what did not change is one object in all that were published.
using Devices = std::map<std::string, std::shared_ptr<const Device>, std::less<>>;

/// The owner's side of a device: copied when it changes after it was shared, and only then.
class SharedDevice {
 public:
  const Device* operator->() const { return device_.get(); }
  const Device& operator*() const { return *device_; }
  /// For writing; who holds what was shared keeps that.
  Device& change() {
    if (std::exchange(shared_, false)) device_ = std::make_shared<Device>(*device_);
    return *device_;
  }
  std::shared_ptr<const Device> share() {
    shared_ = true;
    return device_;
  }

 private:
  std::shared_ptr<Device> device_ = std::make_shared<Device>();
  bool shared_ = false;
};

}  // namespace portoser::fleet
