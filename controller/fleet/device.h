/// A device as the fleet shows it to others.
#pragma once

#include "common/clock.h"
#include "controller/fleet/joining.h"
#include "controller/fleet/presence.h"
#include "protocol/messages.h"

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace portoser::fleet {

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
  bool cloned = false;  ///< another machine speaks with the same key and is kept out
};

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
