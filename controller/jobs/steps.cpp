#include "controller/jobs/steps.h"

#include <algorithm>

namespace portoser::jobs {
namespace {

Steps::iterator find(Steps& steps, std::string_view name) {
  return std::find_if(
      steps.begin(), steps.end(), [name](const auto& step) { return step.name == name; });
}

storage::JobStep pending(std::string name) {
  storage::JobStep step;
  step.name = std::move(name);
  step.state = "pending";
  return step;
}

/// Behind the last step that has begun.
Steps::iterator behind_begun(Steps& steps) {
  return std::find_if(
             steps.rbegin(), steps.rend(), [](const auto& step) { return step.state != "pending"; })
      .base();
}

/// What stands before `end` is over, whether or not somebody told of it.
void succeed_until(Steps& steps, Steps::iterator end, Time now) {
  for (auto step = steps.begin(); step != end; ++step) {
    if (step->state == "running") step->finished_at = now;
    if (step->state != "failed") step->state = "succeeded";
  }
}

/// Takes back what an earlier end said.
void reopen(Steps& steps) {
  for (auto& step : steps) {
    if (step.state == "skipped") step.state = "pending";
    if (step.state != "failed") continue;
    step.state = "running";
    step.finished_at.reset();
    step.message.clear();
  }
}

}  // namespace

bool plan_steps(Steps& steps, const std::vector<std::string>& names) {
  // The plan may come late: what has begun without it keeps its place among the others.
  auto place = steps.size();
  for (const auto& name : names) {
    if (const auto known = find(steps, name); known != steps.end()) {
      place = static_cast<std::size_t>(known - steps.begin());
      break;
    }
  }
  bool changed = false;
  for (const auto& name : names) {
    if (const auto known = find(steps, name); known != steps.end()) {
      place = static_cast<std::size_t>(known - steps.begin()) + 1;
      continue;
    }
    steps.insert(steps.begin() + static_cast<std::ptrdiff_t>(place++), pending(name));
    changed = true;
  }
  return changed;
}

std::string running_step(const Steps& steps) {
  const auto found = std::find_if(
      steps.begin(), steps.end(), [](const auto& step) { return step.state == "running"; });
  return found == steps.end() ? std::string{} : found->name;
}

bool begin_step(Steps& steps, std::string_view name, Time now) {
  auto step = find(steps, name);
  if (step == steps.end()) step = steps.insert(behind_begun(steps), pending(std::string{name}));
  if (step->state != "pending") return false;
  succeed_until(steps, step, now);
  step->state = "running";
  step->started_at = now;
  return true;
}

bool fail_step(Steps& steps, const std::string& message, Time now) {
  const auto step = std::find_if(
      steps.begin(), steps.end(), [](const auto& one) { return one.state == "running"; });
  if (step == steps.end()) return false;
  step->state = "failed";
  step->finished_at = now;
  step->message = message;
  return true;
}

void complete_steps(Steps& steps, Time now) {
  reopen(steps);
  succeed_until(steps, steps.end(), now);
}

void fail_steps(Steps& steps, std::string_view failed, const std::string& message, Time now) {
  reopen(steps);
  auto step = find(steps, failed);
  if (step == steps.end() && !failed.empty()) {
    step = steps.insert(behind_begun(steps), pending(std::string{failed}));
  } else if (step == steps.end()) {
    step = std::find_if(
        steps.begin(), steps.end(), [](const auto& one) { return one.state == "running"; });
  }
  if (step != steps.end()) {
    succeed_until(steps, step, now);
    step->state = "failed";
    step->finished_at = now;
    step->message = message;
    ++step;
  } else {
    step = behind_begun(steps);
  }
  for (; step != steps.end(); ++step) {
    if (step->state == "pending") step->state = "skipped";
    // A job that goes on behind a failure comes to its end there.
    if (step->state != "running") continue;
    step->state = "succeeded";
    step->finished_at = now;
  }
}

}  // namespace portoser::jobs
