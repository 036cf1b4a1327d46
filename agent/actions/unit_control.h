/// What actions ask of systemd. The agent gives the systemd room's client; tests give a fake.
#pragma once

#include "agent/systemd/unit.h"
#include "common/tasks.h"

#include <string>

namespace portoser::agent::actions {

/// No systemd on the host: `Error{unavailable, SYSTEMD_MISSING}`.
class UnitControl {
 public:
  UnitControl() = default;
  UnitControl(const UnitControl&) = delete;
  UnitControl& operator=(const UnitControl&) = delete;
  virtual ~UnitControl() = default;

  /// One that does not exist has the load state "not-found".
  virtual asio::awaitable<systemd::Unit> unit(std::string name) = 0;
  /// "252.39-1~deb12u2".
  virtual asio::awaitable<std::string> systemd_version() = 0;
};

}  // namespace portoser::agent::actions
