/// What happened to services, containers and hosts, in the order in which the controller learned
/// it. Any thread; the methods are coroutines as `Database` describes them.
#pragma once

#include "common/clock.h"
#include "common/tasks.h"

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace portoser::storage {

class Database;

struct EventRecord {
  std::int64_t id = 0;      ///< rising, never given twice; 0: the store gives it
  std::string device_id;    ///< empty: the controller's own event
  std::string spool_epoch;  ///< with `sequence`: which event of the device this is
  std::int64_t sequence = 0;
  std::string origin;  ///< equal ones of a device are the same event; empty: is like no other
  Time time;           ///< the controller's time
  bool time_estimated = false;  ///< from an earlier boot of the host
  std::string scope;            ///< "service", "container", "host" or "command"
  std::string event_type;  ///< "start", "stop", "failure", "recovery", "restart", "deployment" ...
  std::string service;     ///< empty: none
  std::string machine;
  std::string details;
  std::string metadata = "{}";  ///< JSON text
};

/// Empty members select everything.
struct EventFilter {
  std::vector<std::int64_t> ids;  ///< of these alone
  std::optional<std::string> service;
  std::vector<std::string> services;  ///< of one of these
  std::optional<std::string> machine;
  std::optional<std::string> scope;
  std::optional<std::string> event_type;
  std::optional<std::int64_t> since_id;   ///< only events after this one
  std::optional<std::int64_t> before_id;  ///< only events before this one
  std::optional<Time> since;              ///< at or after this moment
  std::optional<Time> before;             ///< before this moment
  bool newest_first = true;               ///< by id
  bool from_hosts = false;                ///< without notes of people
  bool by_time = false;  ///< ordered by time instead: what came late stands where it happened
  std::int64_t offset = 0;
  std::int64_t limit = 100;  ///< at most 100,000 are given
};

/// One that says how a service stood afterwards, as its host told it.
struct ServiceChange {
  std::int64_t id = 0;
  Time time;
  std::string event_type;
};

class EventStore {
 public:
  explicit EventStore(Database& database) : database_(database) {}

  /// Stores events and, in the same transaction, how far those of each
  /// device are stored (`DeviceRecord::acked_sequence`). Returns the id of each, or 0 for an event
  /// of a device that was there already: by (device_id, spool_epoch, sequence) or by origin, so an
  /// agent may send one twice.
  asio::awaitable<std::vector<std::int64_t>> append(std::vector<EventRecord> events);
  asio::awaitable<std::vector<EventRecord>> list(EventFilter filter);
  /// How many `list` would give without a limit.
  asio::awaitable<std::int64_t> count(EventFilter filter);
  /// Those of a service on a machine with a higher id, by id; from 0 on by time, which is quicker.
  /// Notes of people are none.
  asio::awaitable<std::vector<ServiceChange>> changes_after(std::string service,
                                                            std::string machine,
                                                            std::int64_t id);
  /// Deletes events from before that moment in small transactions, so that others write meanwhile.
  /// The newest event of a service on a machine stays: it says in which state that service is.
  /// Returns how many it deleted.
  asio::awaitable<std::int64_t> delete_before(Time moment);
  /// 0: there are none.
  asio::awaitable<std::int64_t> last_id();
  /// Device and origin of the newest 10,000 events that have one, oldest first.
  asio::awaitable<std::vector<std::pair<std::string, std::string>>> newest_origins();

 private:
  Database& database_;
};

}  // namespace portoser::storage
