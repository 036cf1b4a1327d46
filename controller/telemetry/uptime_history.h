/// The uptime of services from the database: their events and the stretches in which they were
/// watched. Keeps the events of services that were asked for (24 bytes each), so that a service
/// with very many is quick to ask again. Any thread.
#pragma once

#include "common/clock.h"
#include "common/tasks.h"
#include "controller/registry/model.h"
#include "controller/storage/event_store.h"
#include "controller/telemetry/series.h"
#include "controller/telemetry/uptime.h"

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace portoser::telemetry {

/// A service on a host.
struct Placed {
  std::string service;
  std::string machine;
  auto operator<=>(const Placed&) const = default;
};

/// Which places are wanted; an empty list: all.
struct PlaceFilter {
  std::vector<std::string> services;
  std::vector<std::string> machines;

  [[nodiscard]] bool wants(const Placed& place) const;
};

struct PlacedLog {
  Placed placed;
  bool former = false;  ///< the service is not there any more
  UptimeLog log;
};

class UptimeHistory {
 public:
  UptimeHistory(storage::Database& database, Series& series, const Clock& clock)
      : events_(database), series_(series), clock_(clock) {}

  /// What is known of it since `from`, with what tells how it stood then.
  asio::awaitable<UptimeLog> log(Placed placed, Time from);
  /// The same of several; of each host and service one question to the database.
  asio::awaitable<std::vector<UptimeLog>> logs(std::vector<Placed> placed, Time from);
  /// The same of all services of the registry, in its order: where each is now, and behind that the
  /// other hosts on which it was watched since then.
  asio::awaitable<std::vector<PlacedLog>> everywhere(
      std::shared_ptr<const registry::Registry> registry, PlaceFilter filter, Time from);

 private:
  struct Known {
    std::vector<UptimeEvent> events;  ///< by time
    std::int64_t last_id = 0;
  };
  asio::awaitable<std::vector<UptimeEvent>> events_of(Placed placed);
  void take(Known& known, const std::vector<storage::ServiceChange>& changes);
  [[nodiscard]] std::map<Placed, std::vector<Watched>> by_place(
      const std::vector<storage::ServiceWatch>& watches) const;

  storage::EventStore events_;
  Series& series_;
  const Clock& clock_;
  std::mutex mutex_;  // guards what follows; never held while waiting
  std::map<Placed, Known> known_;
  std::size_t kept_ = 0;  ///< events in all of them
};

}  // namespace portoser::telemetry
