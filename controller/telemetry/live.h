/// What is known of every host right now: its newest sample, its newest state, its liveness.
/// Written by the fleet on its executor; read from any thread as immutable values.
#pragma once

#include "common/clock.h"
#include "controller/fleet/listener.h"
#include "controller/telemetry/service_usage.h"
#include "controller/telemetry/traffic.h"
#include "protocol/messages.h"

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace portoser::telemetry {

/// One host. A null sample or state was never received since the controller started.
struct HostLive {
  std::shared_ptr<const protocol::Sample> sample;
  Time sample_at;                                    ///< controller's time of its measurement
  std::shared_ptr<const protocol::Sample> previous;  ///< the sample before, for rates
  Time previous_at;
  std::shared_ptr<const protocol::State> state;
  Time state_at;
  /// While the engine is not available: when it gave its last sign, as its agent or one before it
  /// knew; none: nobody ever did. And how it all stood then.
  std::optional<Time> engine_sign_at;
  std::shared_ptr<const protocol::State> last_known;
  fleet::Liveness liveness = fleet::Liveness::unknown;
  std::chrono::milliseconds fresh_for{};  ///< an older sample is stale
  /// The last use that was measured of each assigned service, of stopped ones too. Null: none yet.
  std::shared_ptr<const MeasuredUsages> usages;
  Traffic network;  ///< of its interfaces, counted by the controller
};

using HostLives = std::map<std::string, std::shared_ptr<const HostLive>, std::less<>>;

/// Who follows changes. Called on the fleet's executor; must not block.
class LiveListener {
 public:
  LiveListener() = default;
  LiveListener(const LiveListener&) = delete;
  LiveListener& operator=(const LiveListener&) = delete;
  virtual ~LiveListener() = default;

  virtual void sample_arrived(const std::string& /*host*/) {}
  /// Every sample, of now or late; one may come twice.
  virtual void measured(const std::string& /*host*/,
                        Time /*when*/,
                        const std::shared_ptr<const protocol::Sample>& /*sample*/) {}
  virtual void event_arrived(const storage::EventRecord& /*event*/) {}
  virtual void liveness_changed(const std::string& /*host*/,
                                fleet::Liveness /*before*/,
                                fleet::Liveness /*after*/,
                                std::optional<Time> /*last_seen*/) {}
  virtual void device_changed(const fleet::DeviceEvent& /*event*/) {}
};

class Live : public fleet::Listener {
 public:
  /// `fresh_for`: how old a sample may be before it is stale.
  explicit Live(std::chrono::milliseconds fresh_for = std::chrono::seconds{15})
      : fresh_for_(fresh_for) {}

  /// For all samples from now on. Any thread.
  void set_fresh_for(std::chrono::milliseconds fresh_for);

  /// Before the fleet starts.
  void add_listener(LiveListener& listener) { listeners_.push_back(&listener); }
  void on_late_result_call(std::function<void(const storage::EventRecord&)> call) {
    late_result_ = std::move(call);
  }

  void on_sample(const std::string& host, Time when, protocol::Sample sample) override;
  void on_late_sample(const std::string& host, Time when, protocol::Sample sample) override;
  void on_state(const std::string& host, Time when, protocol::State state) override;
  void on_event(const storage::EventRecord& event) override;
  void on_late_result(const storage::EventRecord& result) override;
  void on_clock_set(std::chrono::microseconds by) override;
  void on_liveness(const std::string& host,
                   fleet::Liveness before,
                   fleet::Liveness after,
                   std::optional<Time> last_seen) override;
  /// Of a device that was removed nothing is known any more.
  void on_device(const fleet::DeviceEvent& event) override;

  /// Any thread. Null: nothing is known of that host.
  [[nodiscard]] std::shared_ptr<const HostLive> host(const std::string& name) const;
  [[nodiscard]] HostLives hosts() const;  ///< any thread
  /// Moves with every change of a state or a liveness. Any thread.
  [[nodiscard]] std::uint64_t state_version() const { return state_version_.load(); }
  /// Moves with every sample too. Any thread.
  [[nodiscard]] std::uint64_t version() const { return version_.load(); }

  // Counted since the start; any thread.
  [[nodiscard]] std::uint64_t samples() const { return samples_.load(); }
  [[nodiscard]] std::uint64_t late_samples() const { return late_samples_.load(); }
  struct Heartbeats {
    std::uint64_t ok = 0;
    std::uint64_t error = 0;            ///< its agent could not read the host
    std::uint64_t errors_in_a_row = 0;  ///< the newest of them, since the last that was ok
    std::optional<Time> last_ok;        ///< of their measurement
    std::optional<Time> last_error;

    void count(bool is_ok, Time when);
  };
  /// Samples that arrived in time, by host.
  [[nodiscard]] std::map<std::string, Heartbeats, std::less<>> heartbeats() const;
  /// Events of one type of a service on a host.
  struct EventCount {
    std::string service;
    std::string machine;
    std::string event_type;
    std::atomic<std::uint64_t> count{0};
  };
  /// They are as many as were ever counted, so they are handed out by address and go on counting;
  /// all live as long as this does.
  [[nodiscard]] std::vector<const EventCount*> event_counts() const;

 private:
  template <class Change>
  void change(const std::string& host, Change apply);
  void count(const storage::EventRecord& event);

  std::vector<LiveListener*> listeners_;
  std::function<void(const storage::EventRecord&)> late_result_;
  mutable std::mutex mutex_;  // guards the next six; held for a copy of what is small
  std::chrono::milliseconds fresh_for_;
  HostLives hosts_;
  std::map<std::string, TrafficMeter, std::less<>> meters_;
  std::map<std::array<std::string, 3>, std::unique_ptr<EventCount>> event_counts_;
  std::vector<const EventCount*> all_event_counts_;
  std::map<std::string, Heartbeats, std::less<>> heartbeats_;
  std::atomic<std::uint64_t> state_version_{0};
  std::atomic<std::uint64_t> version_{0};
  std::atomic<std::uint64_t> samples_{0};
  std::atomic<std::uint64_t> late_samples_{0};
};

}  // namespace portoser::telemetry
