/// What is there of a compose service on this host. In portoser-inspect only.
#pragma once

#include "agent/engine/client.h"
#include "common/tasks.h"
#include "protocol/questions.h"

#include <filesystem>

namespace portoser::agent::inspection {

/// An engine that does not answer is named in `images_problem`. `data`: the agent's folder.
asio::awaitable<protocol::ComposeInspection> inspect_compose(protocol::InspectCompose asked,
                                                             engine::Client& engine,
                                                             const std::filesystem::path& data);

}  // namespace portoser::agent::inspection
