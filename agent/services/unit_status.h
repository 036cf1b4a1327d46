/// How a service stands, judged from its unit. Pure.
#pragma once

#include "agent/engine/container.h"
#include "agent/systemd/unit.h"
#include "protocol/messages.h"

#include <string>
#include <vector>

namespace portoser::agent::services {

/// A unit in the words of an engine, for the board. What systemd itself calls it goes into labels.
engine::Container as_container(const systemd::Unit& unit);

/// When it ended last, by systemd's wall clock; 0: it did not since the machine started.
std::int64_t ended_us(const systemd::Unit& unit);

/// It ended without a main process whose end could tell how: a command that left its work to others
/// and went away.
bool has_ended_unseen(const systemd::Unit& before);

/// `members`: what `as_container` made of the service's unit, or nothing. `unwatched`: why
/// systemd's word is not known at the moment; empty when it is.
protocol::ServiceState judge_unit(const protocol::AssignedService& assigned,
                                  const std::string& file,
                                  const std::string& unit,
                                  const std::vector<const engine::Container*>& members,
                                  const std::string& unwatched);

}  // namespace portoser::agent::services
