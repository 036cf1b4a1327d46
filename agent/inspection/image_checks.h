/// The checks of a preflight that ask the engine about images, networks and volumes. In
/// portoser-inspect only.
#pragma once

#include "agent/engine/client.h"
#include "agent/inspection/compose_model.h"
#include "agent/inspection/findings.h"
#include "common/tasks.h"

#include <string>
#include <vector>

namespace portoser::agent::inspection {

/// `pulls`: the action fetches images anew although they are there.
asio::awaitable<void> check_images(const std::vector<ModelService>& services,
                                   bool pulls,
                                   engine::Client& engine,
                                   Findings& findings);
/// What a compose file calls external must be there.
asio::awaitable<void> check_externals(const ComposeModel& model,
                                      engine::Client& engine,
                                      Findings& findings);

}  // namespace portoser::agent::inspection
