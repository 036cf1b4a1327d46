#include "controller/deployment/deployment_state.h"

#include "controller/deployment/batches.h"
#include "controller/deployment/sweep.h"

#include <algorithm>
#include <utility>

namespace portoser::deployment {
namespace {

constexpr std::int64_t lines_shown = 50;

/// Jobs that nobody is a part of, moves before others, the oldest first.
std::vector<storage::JobRecord> whole_jobs(const jobs::Active& active) {
  std::vector<storage::JobRecord> whole;
  for (const auto& [subject, job] : active) {
    const bool is_part =
        std::any_of(active.begin(), active.end(), [&parent = job.parent](const auto& other) {
          return other.second.id == parent;
        });
    if (!is_part) whole.push_back(job);
  }
  std::sort(whole.begin(), whole.end(), [](const auto& one, const auto& other) {
    const bool is_batch = one.kind == Batches::kind;
    if (is_batch != (other.kind == Batches::kind)) return is_batch;
    return one.id < other.id;
  });
  return whole;
}

std::vector<storage::JobRecord> parts_under_way(const jobs::Active& active, const std::string& id) {
  std::vector<storage::JobRecord> parts;
  for (const auto& [subject, job] : active) {
    if (job.parent == id) parts.push_back(job);
  }
  return parts;
}

/// How many of so many are over.
std::pair<std::int64_t, std::int64_t> counts_of(const storage::JobRecord& job) {
  if (job.service.empty()) {
    const auto results = Sweep::results_of(job);
    const auto over = std::count_if(
        results.begin(), results.end(), [](const auto& part) { return part.success.has_value(); });
    return {over, static_cast<std::int64_t>(results.size())};
  }
  const auto over = std::count_if(job.steps.begin(), job.steps.end(), [](const auto& step) {
    return step.state == "succeeded" || step.state == "failed" || step.state == "skipped";
  });
  return {over, static_cast<std::int64_t>(job.steps.size())};
}

std::optional<std::string> first_error_of(const storage::JobRecord& job) {
  if (!job.service.empty()) return std::nullopt;
  for (const auto& part : Sweep::results_of(job)) {
    if (part.success == false) return part.service + ": " + part.error.value_or("failed");
  }
  return std::nullopt;
}

std::optional<Time> later_of(std::optional<Time> one, std::optional<Time> other) {
  if (!one || !other) return one ? one : other;
  return std::max(*one, *other);
}

}  // namespace

asio::awaitable<DeploymentState> DeploymentStates::now() {
  DeploymentState state;
  auto listing = pending_.list();
  auto pending = co_await std::move(listing);
  storage::DeploymentFilter newest;
  newest.limit = 1;
  auto finding = history_.list(std::move(newest));
  const auto page = co_await std::move(finding);
  const auto active = jobs_.active();
  const auto whole = whole_jobs(*active);
  if (!whole.empty()) {
    auto describing = describe(whole.front(), parts_under_way(*active, whole.front().id));
    state.running = co_await std::move(describing);
    for (auto job = whole.begin() + 1; job != whole.end(); ++job) state.queued.push_back(job->id);
  }
  if (!page.records.empty()) {
    const auto& record = page.records.front();
    state.last = LastDeployment{record.id, record.status != "failure", record.finished_at};
  }
  state.pending_moves = std::move(pending.moves);
  state.moves = state.pending_moves;
  state.total_operations = static_cast<std::int64_t>(state.moves.size());
  state.updated_at = later_of(pending.updated_at,
                              later_of(state.last ? state.last->finished_at : std::nullopt,
                                       state.running ? state.running->started_at : std::nullopt));
  if (state.running) {
    state.state = "running";
  } else if (!state.moves.empty()) {
    state.state = "pending";
  } else if (state.last && !state.last->success) {
    state.state = "failed";
  }
  co_return state;
}

asio::awaitable<RunningDeployment> DeploymentStates::describe(
    storage::JobRecord job, std::vector<storage::JobRecord> parts) {
  RunningDeployment running;
  running.job_id = job.id;
  running.kind = job.kind;
  running.current_step = job.step;
  running.started_at = job.started_at;
  running.error = first_error_of(job);
  const auto [over, all] = counts_of(job);
  if (all > 0) running.progress = over * 100 / all;
  if (job.service.empty()) {
    running.total_operations = all;
    running.current_operation = std::min(over + 1, all);
  }
  parts.insert(parts.begin(), std::move(job));
  auto reading = newest_lines(std::move(parts));
  running.logs = co_await std::move(reading);
  co_return running;
}

/// Of a job and its parts, as they came.
asio::awaitable<std::vector<std::string>> DeploymentStates::newest_lines(
    std::vector<storage::JobRecord> jobs) {
  std::vector<std::pair<Time, std::string>> lines;
  const bool is_several = jobs.size() > 1;
  for (const auto& job : jobs) {
    const auto offset = std::max<std::int64_t>(job.next_line - lines_shown, 0);
    auto reading = jobs_.log(job.id, offset, lines_shown);
    auto found = co_await std::move(reading);
    const auto prefix =
        is_several && !job.service.empty() ? "[" + job.service + "] " : std::string{};
    for (auto& line : found) lines.emplace_back(line.time, prefix + line.text);
  }
  std::stable_sort(lines.begin(), lines.end(), [](const auto& one, const auto& other) {
    return one.first < other.first;
  });
  std::vector<std::string> texts;
  const auto skipped =
      std::max<std::int64_t>(static_cast<std::int64_t>(lines.size()) - lines_shown, 0);
  for (auto line = lines.begin() + skipped; line != lines.end(); ++line) {
    texts.push_back(std::move(line->second));
  }
  co_return texts;
}

}  // namespace portoser::deployment
