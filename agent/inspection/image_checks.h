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
/// The kernel runs foreign programs where somebody installed an emulator for them. Names as Go has
/// them: "amd64".
bool is_emulated(const std::string& architecture);
/// Most kernels of 64 bits run programs of 32, and the engine on such a machine may be one itself.
bool is_smaller_kin(const std::string& image, const std::string& host);

/// Each is a network that a compose file calls external.
asio::awaitable<void> check_networks(std::vector<std::string> names,
                                     engine::Client& engine,
                                     Findings& findings);
/// What a compose file calls external must be there.
asio::awaitable<void> check_externals(const ComposeModel& model,
                                      engine::Client& engine,
                                      Findings& findings);

}  // namespace portoser::agent::inspection
