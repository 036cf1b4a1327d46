/// Puts what agents must not lose (events, results) into the database, in order, and acknowledges
/// it after the commit. Each is passed on at once, and once. On the fleet's executor.
#pragma once

#include "common/pace.h"
#include "common/tasks.h"
#include "controller/storage/event_store.h"
#include "protocol/messages.h"

#include <deque>
#include <functional>
#include <map>
#include <set>
#include <string>

namespace portoser::fleet {

class Recorder {
 public:
  /// Sends the acknowledgement to the device's present connection.
  using Acknowledge = std::function<void(const std::string& device_id, protocol::Ack)>;

  Recorder(storage::EventStore& store, asio::any_io_executor executor, Acknowledge acknowledge);

  /// The id that the next event gets. Called once, before anything is taken.
  void start_at(std::int64_t next_id) { next_id_ = next_id; }
  /// An id for an event that no device told, in the order of all others.
  [[nodiscard]] std::int64_t give_id() { return next_id_++; }
  /// How far a device's messages are stored, from the database.
  void resume(const std::string& device_id, const std::string& epoch, std::int64_t acked);
  /// An event of this origin was told by an earlier controller. Oldest first.
  void know(const std::string& device_id, const std::string& origin) {
    devices_[device_id].origins.take(origin);
  }
  void forget(const std::string& device_id) { devices_.erase(device_id); }
  [[nodiscard]] std::int64_t acked(const std::string& device_id, const std::string& epoch) const;

  /// Queues the message. False: it was taken before, so nobody else is to hear of it; then it is
  /// acknowledged again if it is stored. `record` gets its id here.
  bool take(const std::string& device_id, storage::EventRecord& record);

  void stop() { tasks_.stop(); }
  asio::awaitable<void> join() { return tasks_.join(); }

 private:
  /// An agent repeats itself at its start only, and then its newest events.
  class RecentOrigins {
   public:
    /// False: it is known.
    bool take(const std::string& origin);

   private:
    std::set<std::string> known_;
    std::deque<std::string> order_;
  };
  struct Device {
    std::string epoch;
    std::int64_t taken = 0;
    std::int64_t acked = 0;
    std::deque<storage::EventRecord> waiting;
    RecentOrigins origins;
    bool draining = false;
  };
  asio::awaitable<void> drain(std::string device_id);

  storage::EventStore& store_;
  Acknowledge acknowledge_;
  TaskGroup tasks_;
  std::map<std::string, Device> devices_;
  std::int64_t next_id_ = 1;
  Pace failure_pace_;
};

/// Both as rows of the event table; a result has the scope "command".
storage::EventRecord to_record(const protocol::Event& event);
storage::EventRecord to_record(const protocol::CommandResult& result);

}  // namespace portoser::fleet
