/// `WS /ws`: jobs as deployment frames, and what happens to services and hosts, spaced as the
/// existing UI needs it.
#pragma once

#include "common/clock.h"
#include "common/error.h"
#include "controller/api/paced_frames.h"
#include "controller/fleet/fleet.h"
#include "controller/http/websocket.h"
#include "controller/jobs/listener.h"
#include "controller/registry/watch.h"
#include "controller/telemetry/live.h"

#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>

namespace portoser::http {
class Router;
}

namespace portoser::api {

/// Of the deployment that a job is, or is a part of.
struct DeploymentIds {
  std::string deployment;  ///< in the history, of several the first one's; empty: none has begun
  std::string job;
};

class DeploymentSocket : public jobs::Listener, public telemetry::LiveListener {
 public:
  explicit DeploymentSocket(const Clock& clock) : clock_(clock) {}

  void add_to(http::Router& router);
  /// From now on its changes are told. Before anything runs.
  void follow(registry::RegistryWatch& registry);

  // On the core executor.
  void job_started(const storage::JobRecord& job) override;
  void job_step(const storage::JobRecord& job) override;
  void job_log(const storage::JobRecord& job, const storage::JobLogLine& line) override;
  void job_finished(const storage::JobRecord& job) override;
  void event_arrived(const storage::EventRecord& event) override;
  void liveness_changed(const std::string& host,
                        fleet::Liveness before,
                        fleet::Liveness after,
                        std::optional<Time> last_seen) override;

  /// Moves were refused before anything was done. The UI shows no other text of it; while
  /// something else is under way it would take this for the end of that, and is not told.
  void tell_refused(const Error& error);

 private:
  struct Client;
  /// A job about several services, told as one deployment.
  struct Batch {
    std::size_t total = 0;
    std::size_t ended = 0;
    std::string deployment_id;  ///< in the history, of its first part; empty: none has begun
    bool told = false;          ///< its beginning, which waits for the first part
  };

  asio::awaitable<void> run(std::shared_ptr<http::WebSocket> socket);
  asio::awaitable<void> talk(std::shared_ptr<Client> client);
  static asio::awaitable<void> send_paced(std::shared_ptr<Client> client);
  asio::awaitable<void> receive(std::shared_ptr<Client> client);
  void broadcast(FrameKind kind, std::string text);
  [[nodiscard]] std::size_t operations_under_way() const;
  /// Of which the job is a part; null: of none.
  Batch* batch_of(const storage::JobRecord& job);
  [[nodiscard]] bool is_one_of_several(const storage::JobRecord& job);
  void tell_start(const storage::JobRecord& job);
  void tell_end(const storage::JobRecord& last);
  [[nodiscard]] DeploymentIds ids_of(const storage::JobRecord& job) const;
  [[nodiscard]] std::string deployment_of(const storage::JobRecord& job) const;

  const Clock& clock_;
  std::shared_ptr<const registry::Registry> registry_;  ///< as it was told last
  std::mutex mutex_;                                    // guards clients_ alone
  std::set<std::shared_ptr<Client>> clients_;
  // The UI cannot tell two deployments apart: it is told of one end, when the last one is over.
  std::map<std::string, storage::JobRecord> under_way_;
  std::map<std::string, Batch> batches_;  ///< by the ids of their jobs
  std::deque<storage::JobRecord> ended_;  ///< the newest of them
  std::size_t ended_count_ = 0;
  std::optional<storage::JobRecord> last_failed_;
  std::int64_t sequence_ = 0;
};

}  // namespace portoser::api
