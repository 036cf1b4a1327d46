/// How a service stands, judged from its containers. Pure.
#pragma once

#include "agent/engine/compose_labels.h"
#include "agent/engine/container.h"
#include "protocol/messages.h"

#include <string>
#include <vector>

namespace portoser::agent::services {

/// `unwatched`: why the containers are not known at the moment; empty when they are.
protocol::ServiceState judge_service(const protocol::AssignedService& assigned,
                                     const engine::ComposeIdentity& identity,
                                     const std::vector<const engine::Container*>& containers,
                                     const std::string& unwatched);

protocol::Container to_protocol(const engine::Container& container);

}  // namespace portoser::agent::services
