/// The images that a service's containers run, for the host that has to have them. In
/// portoser-inspect only.
#pragma once

#include "agent/engine/client.h"
#include "agent/inspection/compose_model.h"
#include "agent/inspection/findings.h"
#include "common/tasks.h"
#include "protocol/questions.h"

#include <string>
#include <vector>

namespace portoser::agent::inspection {

/// Those of the containers; of a service without any the one that it would be made of, where that
/// is here. Each once.
asio::awaitable<std::vector<protocol::MoveImage>> take_images(std::vector<engine::Container> own,
                                                              std::vector<ModelService> services,
                                                              std::string project,
                                                              engine::Client& engine,
                                                              Findings& findings);

}  // namespace portoser::agent::inspection
