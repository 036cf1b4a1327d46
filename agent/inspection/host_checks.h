/// The checks of a preflight that look at the host itself: room, memory, paths, ports. Blocking;
/// any thread.
#pragma once

#include "agent/engine/image.h"
#include "agent/inspection/compose_model.h"
#include "agent/inspection/findings.h"
#include "agent/inspection/listeners.h"

#include <set>
#include <string>
#include <vector>

namespace portoser::agent::inspection {

/// Of the file systems that hold these folders.
void check_disk(const std::vector<std::string>& folders, Findings& findings);
void check_memory(const ComposeModel& model, std::string_view meminfo, Findings& findings);
void check_mounts(const ComposeModel& model, Findings& findings);
/// `own`: ids of the service's containers, whose ports become free.
void check_ports(const ComposeModel& model,
                 const std::vector<engine::TakenPort>& taken,
                 const std::vector<Listener>& listening,
                 const std::set<std::string>& own,
                 Findings& findings);

}  // namespace portoser::agent::inspection
