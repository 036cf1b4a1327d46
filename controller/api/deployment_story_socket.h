/// `WS /api/deployment/ws/{id}`: all that one deployment told, from its beginning or from a number
/// on, and then what it tells. Whoever comes later gets the same frames with the same numbers.
#pragma once

#include "common/clock.h"
#include "common/tasks.h"
#include "controller/api/deployment_frames.h"
#include "controller/api/deployment_stories.h"
#include "controller/http/websocket.h"
#include "controller/jobs/listener.h"

#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

namespace portoser::http {
class Router;
}

namespace portoser::api {

class DeploymentStorySocket : public jobs::Listener {
 public:
  /// `core`: the executor of the jobs.
  DeploymentStorySocket(DeploymentStories& stories, const Clock& clock, asio::any_io_executor core)
      : stories_(stories), clock_(clock), core_(std::move(core)) {}

  void add_to(http::Router& router);

  // On the core executor.
  void job_log(const storage::JobRecord& job, const storage::JobLogLine& line) override;
  void job_told(const storage::JobRecord& job, const storage::JobEvent& event) override;
  void job_finished(const storage::JobRecord& job) override;

 private:
  struct Client;
  using Clients = std::vector<std::shared_ptr<Client>>;

  asio::awaitable<void> run(std::shared_ptr<http::WebSocket> socket);
  asio::awaitable<void> talk(std::shared_ptr<Client> client);
  asio::awaitable<void> tell(std::shared_ptr<Client> client);
  asio::awaitable<void> tell_story(std::shared_ptr<Client> client);
  asio::awaitable<void> receive(std::shared_ptr<Client> client);
  void leave(const std::shared_ptr<Client>& client);
  [[nodiscard]] Clients followers_of(const std::string& job);
  static void broadcast(const Clients& clients, const StoryFrame& frame);

  DeploymentStories& stories_;
  const Clock& clock_;
  asio::any_io_executor core_;
  std::mutex mutex_;                                                    // guards followers_ alone
  std::map<std::string, std::set<std::shared_ptr<Client>>> followers_;  ///< by the ids of jobs
};

}  // namespace portoser::api
