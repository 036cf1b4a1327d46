#include "controller/history/history.h"

#include "common/crypto.h"
#include "common/describe_json.h"
#include "common/ids.h"
#include "common/log.h"
#include "controller/jobs/run.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <chrono>
#include <utility>

namespace portoser::history {
namespace {

std::string phase_status(const std::string& state) {
  if (state == "succeeded") return "completed";
  if (state == "running") return "in_progress";
  return state;  // pending, failed, skipped
}

std::optional<std::int64_t> milliseconds(const std::optional<Time>& from,
                                         const std::optional<Time>& until) {
  if (!from || !until) return std::nullopt;
  return std::chrono::duration_cast<std::chrono::milliseconds>(*until - *from).count();
}

Json phases_of(const storage::JobRecord& job) {
  auto phases = Json::array();
  for (const auto& step : job.steps) {
    Json phase{{"name", step.name},
               {"status", phase_status(step.state)},
               {"metadata", Json::object()},
               {"duration_ms", nullptr}};
    if (const auto took = milliseconds(step.started_at, step.finished_at)) {
      phase["duration_ms"] = *took;
    }
    if (!step.message.empty()) phase["error"] = step.message;
    phases.push_back(std::move(phase));
  }
  return phases;
}

std::string outcome_of(const storage::JobRecord& job) {
  if (job.state == "succeeded" || job.state == "cancelled" || job.state == "interrupted") {
    return job.state;
  }
  return "failed";
}

}  // namespace

void describe_end(storage::DeploymentRecord& record, const storage::JobRecord& job) {
  record.outcome = outcome_of(job);
  if (job.state != "succeeded") {
    record.status = "failure";
  } else {
    record.status = record.action == "rollback" ? "rolled_back" : "success";
  }
  record.finished_at = job.finished_at;
  record.duration_ms = milliseconds(record.started_at, job.finished_at);
  record.error = job.error_message;
  record.exit_code = job.state == "succeeded" ? std::optional<std::int64_t>{0} : std::nullopt;
  record.phases = dump(phases_of(job));
}

History::History(storage::Database& database, const Clock& clock, asio::any_io_executor executor)
    : store_(database), jobs_(database), clock_(clock), tasks_(std::move(executor)) {}

std::string History::id_of(const storage::JobRecord& job) {
  constexpr std::size_t digits = 8;
  const auto seconds = std::chrono::system_clock::to_time_t(job.created_at);
  return fmt::format(
      "deploy-{:%Y%m%d-%H%M%S}-{}", fmt::gmtime(seconds), to_hex(sha256(job.id)).substr(0, digits));
}

asio::awaitable<void> History::recover() {
  for (auto& record : co_await store_.unfinished()) {
    auto job = co_await jobs_.find(record.job_id);
    if (job && !job->finished_at) continue;  // it is taken up again, and ends by itself
    if (!job) {
      job.emplace();
      job->state = "interrupted";
      job->finished_at = record.started_at;
      job->error_message = "the controller was restarted, and the job is not known any more";
    }
    describe_end(record, *job);
    co_await store_.update(std::move(record));
  }
  for (const auto& record : co_await store_.newest_of_each()) remember(record);
}

void History::remember(const storage::DeploymentRecord& record) {
  const std::lock_guard lock{mutex_};
  auto& newest = newest_[record.service];
  // What became of an older one may be told later.
  if (!newest.id.empty() && record.started_at < newest.started_at) return;
  newest = {record.id, record.action, record.status, record.started_at, record.finished_at};
}

std::optional<NewestDeployment> History::newest(std::string_view service) const {
  const std::lock_guard lock{mutex_};
  const auto found = newest_.find(service);
  return found == newest_.end() ? std::nullopt : std::optional{found->second};
}

asio::awaitable<bool> History::begin(const storage::JobRecord& job,
                                     Circumstances circumstances,
                                     Snapshot before) {
  storage::DeploymentRecord record;
  record.id = id_of(job);
  record.job_id = job.id;
  record.started_at = job.started_at.value_or(job.created_at);
  record.service = job.service;
  record.machine = job.host;
  record.action = std::move(circumstances.action);
  record.status = "running";
  record.actor = job.created_by;
  record.source = "api";
  record.why = std::move(circumstances.why);
  record.rollback_of = std::move(circumstances.rollback_of);
  record.from_machine = std::move(circumstances.from_machine);
  record.config_before = std::move(before.config);
  record.state_before = std::move(before.state);
  return store_.insert(std::move(record));
}

asio::awaitable<void> History::keep_findings(std::string job_id, std::string findings) {
  auto record = co_await store_.find_job(std::move(job_id));
  if (!record) co_return;
  record->findings = std::move(findings);
  co_await store_.update(std::move(*record));
}

asio::awaitable<void> History::end(const storage::JobRecord& job, Snapshot after, bool returned) {
  std::optional<Error> failed;
  try {
    co_await complete(job, after, returned);
  } catch (const Error& error) {
    failed = error;
  }
  if (!failed) co_return;
  log::error("history",
             "the record of a job could not be completed; it is tried again",
             {{"job", job.id}, {"reason", failed->what()}});
  tasks_.spawn("history of job " + job.id, keep_trying(job, std::move(after), returned));
}

asio::awaitable<void> History::complete(storage::JobRecord job,
                                        std::optional<Snapshot> after,
                                        bool returned) {
  auto record = co_await store_.find_job(job.id);
  if (!record) co_return;
  describe_end(*record, job);
  if (returned) record->outcome = "returned";
  if (after) {
    record->config_after = std::move(after->config);
    record->state_after = std::move(after->state);
  }
  co_await store_.update(*record);
  remember(*record);
}

asio::awaitable<void> History::keep_trying(storage::JobRecord job,
                                           std::optional<Snapshot> after,
                                           bool returned) {
  constexpr std::chrono::seconds rest{1};
  for (;;) {
    try {
      co_await complete(job, after, returned);
      co_return;
    } catch (const Error&) {
      // Told of once; the database's own metrics go on telling it.
    }
    co_await pause(rest);
  }
}

void History::job_corrected(const storage::JobRecord& job, const Error* failure) {
  const bool returned = failure != nullptr && jobs::has_returned(*failure);
  tasks_.spawn("history of job " + job.id, keep_trying(job, std::nullopt, returned));
}

asio::awaitable<storage::DeploymentPage> History::list(storage::DeploymentFilter filter) {
  return store_.list(std::move(filter));
}

asio::awaitable<storage::DeploymentRecord> History::find(std::string id) {
  auto record = co_await store_.find(id);
  if (!record) {
    throw Error{Code::not_found, "there is no deployment \"" + id + "\"", "path.id"}
        .reason("DEPLOYMENT_UNKNOWN")
        .hint("GET /api/history/deployments lists those that there are");
  }
  co_return std::move(*record);
}

asio::awaitable<storage::DeploymentStats> History::stats(std::optional<std::string> service,
                                                         int days) {
  return store_.stats(std::move(service), clock_.now() - std::chrono::hours{24} * days);
}

asio::awaitable<std::optional<storage::DeploymentRecord>> History::newest_good(
    std::string service) {
  return store_.newest_good(std::move(service));
}

asio::awaitable<void> History::stop() {
  tasks_.stop();
  co_await tasks_.join();
}

}  // namespace portoser::history
