#include "controller/fleet/recorder.h"

#include "common/describe_json.h"
#include "common/log.h"

#include <algorithm>

namespace portoser::fleet {
namespace {

constexpr std::size_t most_at_once = 500;

}  // namespace

Recorder::Recorder(storage::EventStore& store,
                   asio::any_io_executor executor,
                   Acknowledge acknowledge)
    : store_(store), acknowledge_(std::move(acknowledge)), tasks_(std::move(executor)) {}

void Recorder::resume(const std::string& device_id, const std::string& epoch, std::int64_t acked) {
  auto& device = devices_[device_id];
  device.epoch = epoch;
  device.taken = acked;
  device.acked = acked;
}

std::int64_t Recorder::acked(const std::string& device_id, const std::string& epoch) const {
  const auto found = devices_.find(device_id);
  return found != devices_.end() && found->second.epoch == epoch ? found->second.acked : 0;
}

bool Recorder::take(const std::string& device_id, storage::EventRecord& record) {
  auto& device = devices_[device_id];
  if (device.epoch != record.spool_epoch) {
    // A new spool counts from the beginning. What waits of the old one is still written.
    device.epoch = record.spool_epoch;
    device.taken = 0;
    device.acked = 0;
  }
  if (record.sequence <= device.taken) {
    if (record.sequence <= device.acked) {
      acknowledge_(device_id, {device.epoch, device.acked});
    }
    return false;
  }
  device.taken = record.sequence;
  record.id = next_id_++;
  const bool is_new = record.origin.empty() || device.origins.take(record.origin);
  // One that was told before goes to the database too, which drops it and moves the sequence on.
  device.waiting.push_back(record);
  if (!device.draining) {
    device.draining = true;
    tasks_.spawn("recorder", drain(device_id));
  }
  return is_new;
}

bool Recorder::RecentOrigins::take(const std::string& origin) {
  constexpr std::size_t limit = 1000;
  if (!known_.insert(origin).second) return false;
  order_.push_back(origin);
  if (order_.size() > limit) {
    known_.erase(order_.front());
    order_.pop_front();
  }
  return true;
}

asio::awaitable<void> Recorder::drain(std::string device_id) {
  bool one_by_one = false;
  while (!devices_[device_id].waiting.empty()) {
    const auto& waiting = devices_[device_id].waiting;
    // Copies for a database that refuses them again and again must not grow with what waits.
    const auto count = std::min(waiting.size(), one_by_one ? std::size_t{1} : most_at_once);
    const auto end = waiting.begin() + static_cast<std::ptrdiff_t>(count);
    const std::vector<storage::EventRecord> batch(waiting.begin(), end);
    const auto epoch = batch.back().spool_epoch;
    const auto last = batch.back().sequence;
    bool try_again = false;
    try {
      co_await store_.append(batch);
    } catch (const Error& error) {
      // Not acknowledged, so the agent keeps it; we keep it too. A record that the database will
      // never take is given up, or nothing behind it would ever be stored.
      try_again = error.code() == Code::unavailable || batch.size() > 1;
      if (failure_pace_.is_due()) {
        log::error("fleet",
                   "events could not be stored",
                   {{"reason", error.what()}, {"waiting", waiting.size()}});
      }
      one_by_one = error.code() != Code::unavailable;
    }
    if (try_again) {
      if (!one_by_one) co_await pause(std::chrono::seconds{1});
      continue;
    }
    auto& device = devices_[device_id];
    device.waiting.erase(device.waiting.begin(),
                         device.waiting.begin() + static_cast<std::ptrdiff_t>(std::min(
                                                      batch.size(), device.waiting.size())));
    if (device.epoch == epoch) {
      device.acked = std::max(device.acked, last);
    }
    acknowledge_(device_id, {epoch, last});
  }
  devices_[device_id].draining = false;
}

storage::EventRecord to_record(const protocol::Event& event) {
  storage::EventRecord record;
  record.sequence = event.sequence;
  record.origin = event.origin;
  // A scope that a later agent invented is kept as what is known of the host.
  record.scope = event.scope == "service" || event.scope == "container" ? event.scope : "host";
  record.event_type = event.event_type;
  record.service = event.service;
  record.details = event.details;
  Json metadata = Json::object();
  if (!event.container.empty()) metadata["container"] = event.container;
  if (!event.container_id.empty()) metadata["container_id"] = event.container_id;
  if (event.exit_code) metadata["exit_code"] = *event.exit_code;
  if (!event.command_id.empty()) metadata["job_id"] = event.command_id;
  record.metadata = dump(metadata);
  return record;
}

storage::EventRecord to_record(const protocol::CommandResult& result) {
  storage::EventRecord record;
  record.sequence = result.sequence;
  record.scope = "command";
  // The answer to a repeated command comes with a number of its own.
  record.origin = "result " + result.command_id + (result.succeeded ? "" : " " + result.reason);
  record.event_type = result.succeeded ? "succeeded" : "failed";
  record.details = result.message;
  record.metadata = dump(to_json(result));
  return record;
}

}  // namespace portoser::fleet
