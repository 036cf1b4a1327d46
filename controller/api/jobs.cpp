#include "controller/api/jobs.h"

#include "controller/api/service_rows.h"
#include "controller/deployment/sweep.h"
#include "controller/http/router.h"

namespace portoser::api {

struct JobError {
  std::string code;
  std::string reason;
  std::string message;
  std::string hint;
};
BOOST_DESCRIBE_STRUCT(JobError, (), (code, reason, message, hint))

struct StepView {
  std::string name;
  std::string state;  ///< pending, running, succeeded, failed, skipped
  std::optional<Time> started_at;
  std::optional<Time> finished_at;
  std::optional<std::string> message;  ///< why it failed
};
BOOST_DESCRIBE_STRUCT(StepView, (), (name, state, started_at, finished_at, message))

struct LineView {
  std::int64_t number = 0;
  Time timestamp;
  std::string step;
  std::string text;
};
BOOST_DESCRIBE_STRUCT(LineView, (), (number, timestamp, step, text))

struct JobView {
  std::string id;
  std::string job_id;
  std::string kind;
  std::vector<std::string> targets;
  std::string service;  ///< empty: it is about the machine
  std::string machine;  ///< empty too: about all of `targets`
  std::string state;
  std::string step;
  std::optional<double> progress;  ///< not known yet
  std::string created_by;
  Time created_at;
  std::optional<Time> started_at;
  std::optional<Time> finished_at;
  std::string log_ref;
  std::optional<JobError> error;
  std::string last_output;
  std::optional<std::string> parent;            ///< the job that this one is a part of
  std::vector<deployment::PartResult> results;  ///< of the services of a job about several
};
BOOST_DESCRIBE_STRUCT(JobView,
                      (),
                      (id,
                       job_id,
                       kind,
                       targets,
                       service,
                       machine,
                       state,
                       step,
                       progress,
                       created_by,
                       created_at,
                       started_at,
                       finished_at,
                       log_ref,
                       error,
                       last_output,
                       parent,
                       results))

struct JobList {
  std::vector<JobView> jobs;
};
BOOST_DESCRIBE_STRUCT(JobList, (), (jobs))

struct JobDetail : JobView {
  std::vector<StepView> steps;
  std::vector<LineView> log;  ///< its beginning
};
BOOST_DESCRIBE_STRUCT(JobDetail, (JobView), (steps, log))

struct LogPage {
  std::vector<LineView> lines;
  std::int64_t next = 0;  ///< the offset to go on from
};
BOOST_DESCRIBE_STRUCT(LogPage, (), (lines, next))

namespace {

JobView view_of(const storage::JobRecord& job) {
  JobView view;
  view.id = job.id;
  view.job_id = job.id;
  view.kind = job.kind;
  view.targets = {job.service.empty() ? job.host : job.service + "@" + job.host};
  view.parent = unless_empty(job.parent);
  if (job.service.empty()) view.results = deployment::Sweep::results_of(job);
  if (job.service.empty() && job.host.empty()) {
    view.targets.clear();
    for (const auto& part : view.results) view.targets.push_back(part.service + "@" + part.target);
  }
  view.service = job.service;
  view.machine = job.host;
  view.state = job.state;
  view.step = job.step;
  view.created_by = job.created_by;
  view.created_at = job.created_at;
  view.started_at = job.started_at;
  view.finished_at = job.finished_at;
  view.log_ref = "/api/jobs/" + job.id + "/log";
  if (!job.error_message.empty()) {
    view.error = JobError{job.error_code, job.error_reason, job.error_message, job.error_hint};
  }
  view.last_output = job.last_output;
  return view;
}

std::vector<LineView> lines_of(const std::vector<storage::JobLogLine>& lines) {
  std::vector<LineView> views;
  for (const auto& line : lines) views.push_back({line.number, line.time, line.step, line.text});
  return views;
}

std::vector<StepView> steps_of(const std::vector<storage::JobStep>& steps) {
  std::vector<StepView> views;
  for (const auto& step : steps) {
    StepView view;
    view.name = step.name;
    view.state = step.state;
    view.started_at = step.started_at;
    view.finished_at = step.finished_at;
    view.message = unless_empty(step.message);
    views.push_back(std::move(view));
  }
  return views;
}

constexpr std::int64_t page_limit = 1000;

}  // namespace

void JobsApi::add_to(http::Router& router) {
  router.add(
      {.path = "/api/jobs",
       .summary = "Jobs, newest first",
       .query =
           {{.name = "state",
             .description = "only jobs in this state",
             .allowed = {"queued", "running", "succeeded", "failed", "cancelled", "interrupted"}},
            {"service", "only jobs of this service"},
            {"machine", "only jobs on this host"},
            {"before", "only jobs older than the one with this id"},
            {"limit", "1 to 1000", "integer"}}},
      *this,
      &JobsApi::list);
  router.add({.path = "/api/jobs/{id}",
              .summary = "One job, with its steps and the beginning of its log",
              .errors = {Code::not_found}},
             *this,
             &JobsApi::detail);
  router.add({.path = "/api/jobs/{id}/log",
              .summary = "The log of a job, from a line on",
              .errors = {Code::not_found},
              .query = {{"offset", "number of the first line", "integer"},
                        {"limit", "1 to 1000 lines", "integer"}}},
             *this,
             &JobsApi::log);
  router.add({.method = http::Method::post,
              .path = "/api/jobs/{id}/cancel",
              .summary = "End a job; it is over when its host says so",
              .role = http::Role::operator_,
              .errors = {Code::not_found, Code::conflict, Code::unavailable},
              .success_status = 202},
             *this,
             &JobsApi::cancel);
}

asio::awaitable<JobList> JobsApi::list(http::Call<void> call) {
  storage::JobFilter filter;
  filter.state = call.query("state");
  filter.service = call.query("service");
  filter.host = call.query("machine");
  filter.before_id = call.query("before");
  filter.limit = call.query_int("limit", 100, 1, page_limit);
  const auto jobs = co_await on_executor(core_, jobs_.list(std::move(filter)));
  JobList list;
  for (const auto& job : jobs) list.jobs.push_back(view_of(job));
  co_return list;
}

asio::awaitable<JobDetail> JobsApi::detail(http::Call<void> call) {
  const auto& id = call.param("id");
  const auto job = co_await on_executor(core_, jobs_.find(id));
  const auto lines = co_await on_executor(core_, jobs_.log(id, 0, page_limit));
  JobDetail detail;
  static_cast<JobView&>(detail) = view_of(job);
  detail.steps = steps_of(job.steps);
  detail.log = lines_of(lines);
  co_return detail;
}

asio::awaitable<LogPage> JobsApi::log(http::Call<void> call) {
  const auto offset = call.query_int("offset", 0, 0, INT64_MAX);
  const auto limit = call.query_int("limit", page_limit, 1, page_limit);
  const auto lines = co_await on_executor(core_, jobs_.log(call.param("id"), offset, limit));
  LogPage page;
  page.lines = lines_of(lines);
  page.next = lines.empty() ? offset : lines.back().number + 1;
  co_return page;
}

asio::awaitable<JobView> JobsApi::cancel(http::Call<void> call) {
  const auto job = co_await on_executor(core_, jobs_.cancel(call.param("id")));
  co_return view_of(job);
}

}  // namespace portoser::api
