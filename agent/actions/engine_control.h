/// What actions ask of the Docker engine. The agent gives the engine room's client; tests give a
/// fake.
#pragma once

#include "agent/engine/container.h"
#include "common/tasks.h"

#include <string>
#include <vector>

namespace portoser::agent::actions {

class EngineControl {
 public:
  EngineControl() = default;
  EngineControl(const EngineControl&) = delete;
  EngineControl& operator=(const EngineControl&) = delete;
  virtual ~EngineControl() = default;

  virtual asio::awaitable<std::vector<engine::Container>> containers() = 0;
  /// `policy`: no, always, unless-stopped, on-failure, on-failure:N. Gone: `Error{not_found}`.
  virtual asio::awaitable<void> set_restart_policy(std::string id, std::string policy) = 0;
};

}  // namespace portoser::agent::actions
