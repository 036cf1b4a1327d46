/// What jobs tell beside their logs, as the store of the jobs uses it inside its own transactions.
#pragma once

#include "controller/storage/job_store.h"

#include <cstdint>
#include <string>
#include <vector>

namespace portoser::storage {

class Connection;

/// The number of one that is there is ignored.
void append_events(Connection& connection,
                   const std::string& job_id,
                   const std::vector<JobEvent>& events);
std::vector<JobEvent> read_events(Connection& connection, const std::string& job_id);
/// The number behind the last one's.
std::int64_t next_event(Connection& connection, const std::string& job_id);

}  // namespace portoser::storage
