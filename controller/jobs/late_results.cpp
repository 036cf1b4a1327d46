// Results of jobs that were given up for lost, or whose end died with the controller.
#include "common/describe_json.h"
#include "common/log.h"
#include "controller/jobs/jobs.h"
#include "controller/jobs/outcome.h"
#include "controller/jobs/run.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>

namespace portoser::jobs {
namespace {

/// A host may be away for days before it tells the end that is then lost with the controller.
constexpr std::chrono::hours missing_for{24 * 14};
/// The time of a result may be an estimate, from an earlier boot of its host.
constexpr std::chrono::hours margin{1};
constexpr std::int64_t most_results = 10'000;

std::string command_of(const storage::EventRecord& record) {
  const auto result = Json::parse(record.metadata, nullptr, false);
  return result.is_object() ? result.value("command_id", std::string{}) : std::string{};
}

}  // namespace

void Jobs::late_result(const storage::EventRecord& record) {
  const auto id = command_of(record);
  if (!id.empty()) tasks_.spawn("late result", correct(id, record));
}

asio::awaitable<void> Jobs::correct(std::string id, storage::EventRecord record) {
  protocol::CommandResult result;
  from_json(Json::parse(record.metadata), result, "result");
  // The result is acknowledged already, so it is ours to keep trying.
  for (;;) {
    try {
      while (running_.contains(id)) co_await wait_for_news(id);
      auto job = co_await store_.find(id);
      if (!job || job->state != "interrupted" || job->host != record.machine) co_return;
      const auto known_reason = job->error_reason;
      std::optional<Error> failure;
      if (result.succeeded) {
        job->error_code = job->error_reason = job->error_message = job->error_hint = "";
        finish(*job, nullptr, record.time);
      } else {
        failure = error_of(result);
        finish(*job, &*failure, record.time);
      }
      // As it was: nothing new. What a host says of an end that nobody saw is.
      if (job->state == "interrupted" && job->error_reason == known_reason) co_return;
      log::info("jobs",
                "the outcome of an interrupted job is known",
                {{"job", id}, {"state", job->state}});
      // Its log may still be on its way, and that goes with the steps.
      for (const auto& ended : ended_) {
        if (ended->record().id != id) continue;
        // The numbers of lines that wait are known here alone.
        job->next_line = ended->record().next_line;
        job->output_lines = ended->record().output_lines;
        job->next_event = ended->record().next_event;
        ended->record() = *job;
      }
      co_await store_.update(*job);
      for (auto* listener : listeners_)
        listener->job_corrected(*job, failure ? &*failure : nullptr);
      co_return;
    } catch (const Error& error) {
      if (stopping_) throw;
      log::error(
          "jobs", "the end of a job could not be stored", {{"job", id}, {"reason", error.what()}});
    }
    co_await pause(std::chrono::seconds{1});
  }
}

/// A host tells a result until it is in the database, and then no more: between that and the end
/// of the job the controller may have died.
asio::awaitable<void> Jobs::recall_results() {
  for (;;) {
    try {
      const auto results = co_await results_of_lost_jobs();
      for (const auto& record : results) late_result(record);
      co_return;
    } catch (const Error& error) {
      log::warn("jobs", "results of lost jobs cannot be read", {{"reason", error.what()}});
    }
    co_await pause(std::chrono::seconds{10});
  }
}

asio::awaitable<std::vector<storage::EventRecord>> Jobs::results_of_lost_jobs() {
  // Before those that are interrupted: one that ends meanwhile is in both.
  auto open = co_await store_.unfinished();
  storage::JobFilter filter;
  filter.state = "interrupted";
  filter.limit = 1000;
  auto interrupted = co_await store_.list(std::move(filter));
  const auto since = clock_.now() - missing_for;
  for (auto& job : interrupted) {
    if (job.finished_at && *job.finished_at >= since) open.push_back(std::move(job));
  }
  std::map<std::string, Time> hosts;  // the beginning of the first of these jobs
  std::set<std::string> ids;
  for (const auto& job : open) {
    ids.insert(job.id);
    auto& first = hosts.try_emplace(job.host, job.created_at).first->second;
    first = std::min(first, job.created_at);
  }
  std::vector<storage::EventRecord> found;
  for (const auto& [host, first] : hosts) {
    storage::EventFilter results;
    results.scope = "command";
    results.machine = host;
    results.since = first - margin;
    results.limit = most_results;
    auto records = co_await events_.list(std::move(results));
    for (auto record = records.rbegin(); record != records.rend(); ++record) {
      if (ids.contains(command_of(*record))) found.push_back(std::move(*record));
    }
  }
  co_return found;
}

}  // namespace portoser::jobs
