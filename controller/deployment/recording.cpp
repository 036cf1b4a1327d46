#include "controller/deployment/recording.h"

#include "common/json_members.h"
#include "controller/deployment/compose_target.h"
#include "controller/jobs/outcome.h"

#include <optional>
#include <utility>

namespace portoser::deployment {
namespace {

constexpr std::chrono::seconds inspection_limit{15};

history::Circumstances circumstances_of(std::string action, const storage::JobRecord& job) {
  history::Circumstances circumstances;
  circumstances.action = std::move(action);
  const auto request = parsed_or_null(job.request);
  circumstances.why = text_member(request, "why");
  circumstances.rollback_of = text_member(request, "rollback_of");
  circumstances.from_machine = text_member(request, "from");
  if (circumstances.why.empty() && !job.parent.empty()) {
    circumstances.why = "part of job " + job.parent;
  }
  return circumstances;
}

}  // namespace

jobs::Work Recording::of(std::string action, jobs::Work work) {
  return [this, action = std::move(action), work = std::move(work)](
             std::shared_ptr<jobs::Run> run) { return carry_out(action, work, std::move(run)); };
}

asio::awaitable<void> Recording::carry_out(std::string action,
                                           const jobs::Work& work,
                                           std::shared_ptr<jobs::Run> run) {
  const auto& job = run->record();
  history::Snapshot before;
  if (!run->resumed) before = co_await look(job.service, place_of(job));
  auto circumstances = circumstances_of(std::move(action), job);
  co_await history_.begin(job, std::move(circumstances), std::move(before));
  std::optional<Error> failure;
  std::exception_ptr thrown;
  try {
    co_await work(run);
  } catch (const Error& error) {
    failure = error;
    thrown = std::current_exception();
  } catch (const std::exception& error) {
    if (is_cancellation(std::current_exception())) throw;  // the controller stops
    failure.emplace(Code::internal, error.what());
    thrown = std::current_exception();
  }
  co_await complete(run, failure ? &*failure : nullptr);
  if (thrown) std::rethrow_exception(thrown);
}

/// The record must not fail what was done.
asio::awaitable<void> Recording::complete(std::shared_ptr<jobs::Run> run, const Error* failure) {
  auto ended = run->record();
  auto after = co_await look(ended.service, place_of(ended));
  jobs::finish(ended, failure, run->now());
  const bool returned = failure != nullptr && jobs::has_returned(*failure);
  co_await history_.end(ended, std::move(after), returned);
}

/// Where the service is at this moment, of a job that moves it: that is about the host to which it
/// goes.
std::string Recording::place_of(const storage::JobRecord& job) const {
  if (text_member(parsed_or_null(job.request), "to_machine").empty()) return job.host;
  const auto registry = registry_.snapshot()->registry;
  const auto* service = registry->find_service(job.service);
  if (service == nullptr) return job.host;
  return service->current_host.value_or(job.host);
}

asio::awaitable<void> Recording::keep_findings(const storage::JobRecord& job,
                                               const std::vector<protocol::Finding>& findings) {
  return history_.keep_findings(job.id, dump(to_json(findings)));
}

asio::awaitable<history::Snapshot> Recording::look(std::string service, std::string host) {
  history::Snapshot snapshot;
  const auto registry = registry_.snapshot()->registry;
  const auto* entry = registry->find_service(service);
  if (entry == nullptr) co_return snapshot;
  snapshot.config = entry->config;
  if (entry->deployment_type != registry::DeploymentType::docker) co_return snapshot;
  protocol::InspectCompose question;
  auto there = *entry;
  there.current_host = host;  // where the file is depends on it
  question.target = compose_target(*registry, there);
  std::optional<Error> failed;
  Json state;
  try {
    auto asking = fleet_.ask(std::move(host), std::move(question), inspection_limit);
    const auto found = co_await std::move(asking);
    state = to_json(found);
  } catch (const Error& error) {
    failed = error;
  }
  if (failed) state = {{"problem", failed->message()}, {"reason", failed->reason()}};
  snapshot.state = dump(state);
  co_return snapshot;
}

}  // namespace portoser::deployment
