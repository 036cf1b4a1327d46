/// Sends what is measured to a store that speaks Prometheus remote write.
///
/// A new sample goes into a queue in the database, in the transaction of the series' own log. One
/// task takes the oldest rows, sends them, and takes them out once the store has them, so an outage
/// of the store or an end of the controller leaves no hole; what was sent and not yet taken out is
/// sent again, the same. What the store refuses is dropped once it was refused alone. Nobody waits
/// for the store: requests have a thread of their own, and of the queue one batch is in memory.
///
/// `take`, `liveness_changed`, `device_changed` and the tasks belong to the core's executor;
/// `stored`, `lost`, `stats` and `give_up` are for any thread.
#pragma once

#include "common/clock.h"
#include "common/complaints.h"
#include "common/tasks.h"
#include "controller/storage/outgoing_store.h"
#include "controller/telemetry/back_off.h"
#include "controller/telemetry/batch_size.h"
#include "controller/telemetry/live.h"
#include "controller/telemetry/outgoing_sample.h"
#include "controller/telemetry/remote_write_sender.h"
#include "controller/telemetry/sample_tap.h"
#include "controller/telemetry/series.h"
#include "controller/telemetry/write_request.h"

#include <atomic>
#include <map>
#include <mutex>
#include <optional>

namespace portoser::telemetry {

struct RemoteWriteSettings {
  RemoteWriteTarget target;
  ExternalLabels external_labels;
  std::size_t max_samples_per_send = 2000;
  std::int64_t queue_bytes = std::int64_t{256} << 20U;
  std::chrono::milliseconds heard_within{60'000};  ///< a sample that is older does not say "up"
  // For tests.
  std::chrono::milliseconds idle{1000};  ///< between two requests when the queue is short
  std::chrono::milliseconds least_pause{30};
  std::chrono::milliseconds most_pause{60'000};
  std::chrono::milliseconds offline_every{15'000};  ///< that a host that is down is said to be
};

struct RemoteWriteStats {
  bool is_on = false;
  std::int64_t sent = 0;          ///< samples that the store took, since the start
  std::int64_t refused = 0;       ///< that it will not take
  std::int64_t given_up = 0;      ///< for which the queue had no room
  std::int64_t not_stored = 0;    ///< that never reached the queue: the database took nothing
  std::int64_t damaged = 0;       ///< that could not be read from it
  std::int64_t sends = 0;         ///< requests that were taken
  std::int64_t failed_sends = 0;  ///< that will be tried again
  storage::OutgoingSize waiting;
  std::int64_t limit_bytes = 0;       ///< of what waits
  std::optional<Time> failing_since;  ///< none: the last request was taken or refused
  std::optional<Time> succeeded_at;
  std::string last_problem;  ///< why the last one failed; empty while it does not
};

class RemoteWrite : public SampleTap, public LiveListener {
 public:
  RemoteWrite(storage::Database& database,
              Series& series,
              const Live& live,
              const Clock& clock,
              RemoteWriteSettings settings);

  /// Before the first sample.
  asio::awaitable<void> start();
  /// Sends, until it is cancelled. Without a target it drops what an earlier controller left, and
  /// ends.
  asio::awaitable<void> run();
  /// Says now and then of hosts that are offline that they are, until it is cancelled.
  asio::awaitable<void> run_presence();
  /// A sample that is older does not say "up". On the core's executor.
  void set_heard_within(std::chrono::milliseconds heard_within) { heard_within_ = heard_within; }
  /// Ends a request under way within a second; what it holds stays in the queue.
  void give_up() { given_up_ = true; }

  [[nodiscard]] RemoteWriteStats stats() const;

  storage::OutgoingSample take(const std::string& host,
                               Time when,
                               const std::shared_ptr<const protocol::Sample>& sample) override;
  void stored(const storage::OutgoingSize& size) override;
  void lost(const storage::OutgoingSize& size) override;
  void liveness_changed(const std::string& host,
                        fleet::Liveness before,
                        fleet::Liveness after,
                        std::optional<Time> last_seen) override;
  void device_changed(const fleet::DeviceEvent& event) override;

 private:
  /// The newest sample of a host and its series.
  struct Newest {
    std::shared_ptr<const protocol::Sample> sample;  ///< the texts of `values` are its own
    Time when;
    std::vector<OutgoingValue> values;
  };
  /// What became of a batch.
  struct Sent {
    std::int64_t taken = 0;
    std::int64_t refused = 0;
    std::int64_t damaged = 0;
    std::int64_t requests = 0;
    std::string refusal;                 ///< the last one
    std::optional<SendOutcome> failure;  ///< the batch stays, if only for now: it was refused whole
  };
  /// What the store has or will never have, while it is in the queue still.
  struct Settled {
    std::vector<std::int64_t> ids;
    storage::OutgoingSize size;
    std::string refusal;
  };
  enum class Trouble { failed, refused, given_up };
  using Complaints = BasicComplaints<Trouble, Trouble::given_up>;

  asio::awaitable<void> drop_all();
  asio::awaitable<void> keep_within_limit();
  // Both return how long to rest.
  asio::awaitable<std::chrono::milliseconds> send_some();
  /// Takes out what is settled. While the database does not let it nothing is sent: it would be the
  /// same again.
  asio::awaitable<std::chrono::milliseconds> take_out();
  asio::awaitable<void> rest(std::chrono::milliseconds duration);
  Sent send_batch(const std::vector<storage::OutgoingSample>& rows);  // on the pool's thread
  asio::awaitable<bool> is_about(const std::vector<storage::OutgoingSample>& rows,
                                 const SendOutcome& failure);
  void narrow(const SendOutcome& refusal);
  std::chrono::milliseconds failed(const SendOutcome& failure);
  void settle(const std::vector<storage::OutgoingSample>& rows, const Sent& sent);
  void take_off(const storage::OutgoingSize& size);
  storage::OutgoingSample row_of(Time when, std::vector<OutgoingValue> values) const;
  void say_presence(const std::string& host, bool is_up);
  [[nodiscard]] bool has_no_samples(const std::string& host) const;
  void complain(Trouble trouble, std::string text);
  void tell(const Complaints::Complaint& complaint) const;

  storage::OutgoingStore store_;
  Series& series_;
  const Live& live_;
  const Clock& clock_;
  const RemoteWriteSettings settings_;
  std::chrono::milliseconds heard_within_;  ///< on the core's executor
  std::map<std::string, Newest, std::less<>> newest_;
  std::atomic<bool> given_up_{false};
  BackOff back_off_;
  BackOff removal_back_off_;
  BatchSize batch_size_;
  std::optional<Settled> settled_;
  Complaints complaints_;
  mutable std::mutex mutex_;  // guards stats_
  RemoteWriteStats stats_;
  std::optional<RemoteWriteSender> sender_;  ///< none: there is no target
  asio::thread_pool pool_{1};                ///< last: its thread uses all of the above
};

}  // namespace portoser::telemetry
