/// The rows of /api/metrics/workers/status: what works in the background, and whether it does. The
/// words are the old backend's; each row says what plays the part here. Any thread.
#pragma once

#include "common/clock.h"
#include "common/describe.h"
#include "controller/storage/database.h"
#include "controller/telemetry/live.h"
#include "controller/telemetry/remote_write.h"

#include <chrono>
#include <cstddef>
#include <map>
#include <string>

namespace portoser::api {

struct WorkerView {
  bool enabled = true;
  std::string status;  ///< running, failing, disabled, idle: there is nothing to do yet
  std::string description;
};
BOOST_DESCRIBE_STRUCT(WorkerView, (), (enabled, status, description))

struct WorkersView {
  bool enabled = true;
  std::map<std::string, WorkerView> workers;
};
BOOST_DESCRIBE_STRUCT(WorkersView, (), (enabled, workers))

/// Who follows the connections of agents. `age`: of its last look.
WorkerView presence_worker(std::size_t devices, std::chrono::nanoseconds age);
/// A host at least is measured now. False too while nothing was heard of any.
bool is_collecting(const telemetry::HostLives& hosts, Time now);
/// Samples of agents.
WorkerView collector_worker(const telemetry::HostLives& hosts, Time now);
/// Writes into the database.
WorkerView queue_worker(const storage::DatabaseStats& stats);
WorkerView remote_write_worker(const telemetry::RemoteWriteStats& stats);

}  // namespace portoser::api
