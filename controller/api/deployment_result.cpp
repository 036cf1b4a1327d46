#include "controller/api/deployment_result.h"

#include "common/json_members.h"
#include "controller/api/deployment_frames.h"
#include "controller/deployment/intelligent.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace portoser::api {
namespace {

std::string status_of_step(const std::string& state) {
  if (state == "succeeded") return "completed";
  if (state == "running") return "in_progress";
  return state;  // pending, failed, skipped
}

std::string status_of(const storage::JobRecord& job) {
  if (!job.finished_at) return "in_progress";
  return job.state == "succeeded" ? "completed" : "failed";
}

std::optional<double> seconds(const std::optional<Time>& from, const std::optional<Time>& until) {
  if (!from || !until) return std::nullopt;
  return std::chrono::duration<double>(*until - *from).count();
}

DeploymentPhase phase_of(const storage::JobStep& step) {
  DeploymentPhase phase;
  phase.name = step.name;
  phase.status = status_of_step(step.state);
  phase.started_at = step.started_at;
  phase.completed_at = step.finished_at;
  phase.duration_seconds = seconds(step.started_at, step.finished_at);
  if (!step.message.empty()) phase.error = step.message;
  return phase;
}

DeploymentPhase* phase_named(std::vector<DeploymentPhase>& phases, const std::string& name) {
  const auto found = std::find_if(
      phases.begin(), phases.end(), [&](const auto& phase) { return phase.name == name; });
  return found == phases.end() ? nullptr : &*found;
}

/// Lines and what was observed, in the phase in which they came; those before the first are in no
/// phase.
class Teller {
 public:
  explicit Teller(DeploymentResult& result) : result_(result) {}

  void tell(const storage::JobLogLine& line) {
    if (phase_ != nullptr) phase_->output.push_back(line.text);
  }
  void tell(const storage::JobEvent& event) {
    const auto frame = parsed_or_null(event.frame);
    const auto type = text_member(frame, "type");
    const auto name = text_member(frame, "name");
    if (type == "phase_started") {
      phase_ = phase_named(result_.phases, name);
    } else if (type == "problem_detected") {
      result_.problems_detected.push_back(name + ": " + text_member(frame, "description"));
    } else if (type == "solution_completed") {
      result_.solutions_applied.push_back(name);
      add_step(name + ": done");
    } else if (type == "solution_failed") {
      add_step(name + ": " + text_member(frame, "error"));
    } else if (type == "observation") {
      add_step(name + ": " + text_member(frame, "message"));
    }
  }

 private:
  void add_step(std::string text) {
    if (phase_ != nullptr) phase_->steps.push_back(std::move(text));
  }

  DeploymentResult& result_;
  DeploymentPhase* phase_ = nullptr;
};

void tell_all(const jobs::Story& story, Teller teller) {
  auto event = story.events.begin();
  for (const auto& line : story.lines) {
    for (; event != story.events.end() && event->line <= line.number; ++event) teller.tell(*event);
    teller.tell(line);
  }
  for (; event != story.events.end(); ++event) teller.tell(*event);
}

}  // namespace

DeploymentResult result_of(const jobs::Story& story) {
  const auto& job = story.job;
  DeploymentResult result;
  result.deployment_id = deployment_id_of(job);
  result.job_id = job.id;
  result.service = job.service;
  result.machine = job.host;
  result.status = status_of(job);
  result.started_at = job.started_at;
  result.completed_at = job.finished_at;
  result.duration_seconds = seconds(job.started_at, job.finished_at);
  result.success = job.state == "succeeded";
  if (job.finished_at && !result.success) {
    result.error = job.error_message.empty() ? job.state : job.error_message;
  }
  for (const auto& step : job.steps) result.phases.push_back(phase_of(step));
  if (job.kind == deployment::Intelligent::kind) {
    result.dry_run = deployment::Intelligent::wish_of(job).dry_run;
    // Those that were not planned: a dry run has not the last one, and one that waits has none yet.
    for (const auto* name : deployment::Intelligent::phases) {
      if (phase_named(result.phases, name) != nullptr) continue;
      auto& missing = result.phases.emplace_back();
      missing.name = name;
      missing.status = job.finished_at || result.dry_run ? "skipped" : "pending";
    }
  }
  tell_all(story, Teller{result});
  result.auto_heal_applied = !result.solutions_applied.empty();
  return result;
}

}  // namespace portoser::api
