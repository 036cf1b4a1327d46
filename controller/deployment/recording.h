/// What a job changes goes into the history: how the service stood before, and how it stands when
/// the job is over. On the jobs' executor.
#pragma once

#include "common/tasks.h"
#include "controller/fleet/fleet.h"
#include "controller/history/history.h"
#include "controller/jobs/jobs.h"
#include "controller/registry/watch.h"
#include "protocol/questions.h"

#include <functional>
#include <memory>
#include <string>

namespace portoser::deployment {

class Recording {
 public:
  Recording(registry::RegistryWatch& registry, fleet::Fleet& fleet, history::History& history)
      : registry_(registry), fleet_(fleet), history_(history) {}

  /// The same work with a record. A job that was taken up again keeps what was before. A controller
  /// that stops leaves the record open for the next one. A database that takes nothing fails a job
  /// that has not begun.
  jobs::Work of(std::string action, jobs::Work work);

  /// What the preflight of a job found.
  asio::awaitable<void> keep_findings(const storage::JobRecord& job,
                                      const std::vector<protocol::Finding>& findings);

  /// How the service stands on the host; what cannot be known is said in it.
  asio::awaitable<history::Snapshot> look(std::string service, std::string host);

 private:
  asio::awaitable<void> carry_out(std::string action,
                                  const jobs::Work& work,
                                  std::shared_ptr<jobs::Run> run);
  [[nodiscard]] std::string place_of(const storage::JobRecord& job) const;
  asio::awaitable<void> complete(std::shared_ptr<jobs::Run> run, const Error* failure);

  registry::RegistryWatch& registry_;
  fleet::Fleet& fleet_;
  history::History& history_;
};

}  // namespace portoser::deployment
