#include "controller/jobs/jobs.h"

#include <fmt/format.h>

#include <boost/asio/redirect_error.hpp>
#include <set>

#include "common/describe_json.h"
#include "common/ids.h"
#include "common/log.h"

namespace portoser::jobs {
namespace {

constexpr std::chrono::milliseconds flush_interval{200};
constexpr std::chrono::hours prune_interval{1};
constexpr std::chrono::hours kept_for{24 * 90};
constexpr std::int64_t kept_at_least = 1000;

std::string fingerprint_of(const Request& request) {
  return fmt::format("{}\n{}\n{}\n{}", request.kind, request.service, request.host, request.details);
}

}  // namespace

Jobs::Jobs(storage::Database& database,
           fleet::Fleet& fleet,
           const Clock& clock,
           asio::any_io_executor executor)
    : store_(database),
      fleet_(fleet),
      clock_(clock),
      executor_(std::move(executor)),
      tasks_(executor_),
      active_(std::make_shared<const Active>()) {}

asio::awaitable<void> Jobs::start() {
  for (auto& record : co_await store_.unfinished()) {
    const auto lines = co_await store_.log(record.id, 0, 10000);
    auto run = std::make_shared<Run>(std::move(record), store_, fleet_, clock_, listeners_);
    run->resumed = true;
    run->continue_log_at(lines.empty() ? 0 : lines.back().number + 1);
    run->log("the controller was restarted; asking the host what became of this job");
    begin(std::move(run));
  }
  tasks_.spawn("job log", keep_flushing());
  tasks_.spawn("old jobs", prune());
}

asio::awaitable<void> Jobs::stop() {
  tasks_.stop();
  co_await tasks_.join();
}

asio::awaitable<Submitted> Jobs::submit(Request request) {
  const auto fingerprint = fingerprint_of(request);
  if (const auto busy = by_service_.find(request.service); busy != by_service_.end()) {
    const auto& other = running_.at(busy->second).run->record();
    if (other.fingerprint == fingerprint) {
      co_return Submitted{other.id, true};
    }
    throw Error{Code::conflict,
                fmt::format("\"{}\" is busy: {} is under way", request.service, other.kind),
                "path.service"}
        .reason("BUSY")
        .hint(fmt::format("wait for job {} or cancel it", other.id))
        .details({{"job_id", other.id}});
  }
  storage::JobRecord record;
  record.id = make_ulid(clock_.now());
  record.kind = request.kind;
  record.service = request.service;
  record.host = request.host;
  record.state = "queued";
  record.created_by = request.created_by;
  record.created_at = clock_.now();
  record.request = request.details;
  record.fingerprint = fingerprint;
  // The place is taken before the first wait, so that two requests cannot both find it free.
  auto run = std::make_shared<Run>(record, store_, fleet_, clock_, listeners_);
  by_service_[record.service] = record.id;
  running_[record.id].run = run;
  std::exception_ptr failure;
  try {
    co_await store_.insert(record);
  } catch (...) {
    failure = std::current_exception();
  }
  if (failure) {
    by_service_.erase(record.service);
    running_.erase(record.id);
    std::rethrow_exception(failure);
  }
  begin(std::move(run));
  co_return Submitted{record.id, false};
}

void Jobs::begin(std::shared_ptr<Run> run) {
  auto& record = run->record();
  record.state = "running";
  if (!record.started_at) record.started_at = clock_.now();
  running_[record.id].run = run;
  by_service_[record.service] = record.id;
  publish();
  for (auto* listener : listeners_) listener->job_started(record);
  tasks_.spawn("job " + record.id, carry_out(std::move(run)));
}

asio::awaitable<void> Jobs::carry_out(std::shared_ptr<Run> run) {
  auto& record = run->record();
  std::optional<Error> failure;
  try {
    const auto kind = kinds_.find(record.kind);
    if (kind == kinds_.end()) {
      throw Error{Code::internal, fmt::format("this controller knows no job \"{}\"", record.kind)};
    }
    co_await kind->second(run);
  } catch (const Error& error) {
    failure = error;
  } catch (const boost::system::system_error& error) {
    if (is_cancellation(std::current_exception())) throw;  // the controller stops: not the job's end
    failure.emplace(Code::internal, error.what());
  } catch (const std::exception& error) {
    failure.emplace(Code::internal, error.what());
  }
  finish(record, failure ? &*failure : nullptr);
  if (failure) run->log(record.error_message);
  // A job is over when its end is in the database.
  for (bool stored = false; !stored;) {
    try {
      co_await run->flush();
      co_await store_.update(record);
      stored = true;
    } catch (const Error& error) {
      log::error("jobs", "the end of a job could not be stored",
                 {{"job", record.id}, {"reason", error.what()}});
    }
    if (!stored) co_await pause(std::chrono::seconds{1});
  }
  log::info("jobs", "job finished",
            {{"job", record.id},
             {"kind", record.kind},
             {"service", record.service},
             {"host", record.host},
             {"state", record.state},
             {"reason", record.error_reason}});
  const auto entry = running_.extract(record.id);
  by_service_.erase(record.service);
  publish();
  for (auto* listener : listeners_) listener->job_finished(record);
  for (const auto& timer : entry.mapped().waiting) timer->cancel();
}

void Jobs::finish(storage::JobRecord& record, const Error* error) const {
  record.finished_at = clock_.now();
  if (error == nullptr) {
    record.state = "succeeded";
    record.step = "done";
    return;
  }
  const auto reason = error->reason();
  const bool unclear = reason == "AGENT_LOST" || reason == "COMMAND_UNKNOWN" ||
                       reason == "ACTION_INTERRUPTED";
  record.state = reason == "ACTION_CANCELLED" ? "cancelled" : unclear ? "interrupted" : "failed";
  record.error_code = to_string(error->code());
  record.error_reason = reason;
  record.error_message = error->message();
  record.error_hint = error->hint();
  std::string output;
  for (const auto& detail : error->details()) {
    if (detail.where == "output") output += detail.message + "\n";
  }
  record.last_output = output;
}

asio::awaitable<storage::JobRecord> Jobs::wait(std::string id) {
  const auto found = running_.find(id);
  if (found == running_.end()) {
    co_return co_await find(std::move(id));
  }
  const auto run = found->second.run;
  auto timer = std::make_shared<asio::steady_timer>(executor_, asio::steady_timer::time_point::max());
  found->second.waiting.push_back(timer);
  boost::system::error_code ignored;
  co_await timer->async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  co_return run->record();
}

asio::awaitable<storage::JobRecord> Jobs::cancel(std::string id) {
  const auto found = running_.find(id);
  if (found == running_.end()) {
    const auto record = co_await find(std::move(id));
    throw Error{Code::conflict, fmt::format("job {} is over: it has {}", record.id, record.state),
                "path.id"}
        .reason("JOB_FINISHED");
  }
  const auto run = found->second.run;
  found->second.cancel_asked = true;
  run->log("cancelling");
  fleet_.cancel(run->record().host, run->record().id);
  co_return run->record();
}

asio::awaitable<storage::JobRecord> Jobs::find(std::string id) {
  if (const auto found = running_.find(id); found != running_.end()) {
    co_return found->second.run->record();
  }
  auto record = co_await store_.find(id);
  if (!record) {
    throw Error{Code::not_found, fmt::format("there is no job \"{}\"", id), "path.id"}
        .reason("JOB_UNKNOWN");
  }
  co_return std::move(*record);
}

asio::awaitable<std::vector<storage::JobRecord>> Jobs::list(storage::JobFilter filter) {
  auto records = co_await store_.list(std::move(filter));
  for (auto& record : records) {
    // The database learns of steps late; memory knows them now.
    if (const auto found = running_.find(record.id); found != running_.end()) {
      record = found->second.run->record();
    }
  }
  co_return records;
}

asio::awaitable<std::vector<storage::JobLogLine>> Jobs::log(std::string id,
                                                            std::int64_t offset,
                                                            std::int64_t limit) {
  co_await find(id);
  if (const auto found = running_.find(id); found != running_.end()) {
    const auto run = found->second.run;
    co_await run->flush();
  }
  co_return co_await store_.log(std::move(id), offset, limit);
}

void Jobs::late_result(const storage::EventRecord& record) {
  Json result = Json::parse(record.metadata, nullptr, false);
  const auto id = result.is_object() ? result.value("command_id", std::string{}) : std::string{};
  if (!id.empty() && !running_.contains(id)) {
    tasks_.spawn("late result", correct(id, record));
  }
}

asio::awaitable<void> Jobs::correct(std::string id, storage::EventRecord record) {
  auto job = co_await store_.find(id);
  if (!job || job->state != "interrupted") co_return;
  const auto result = Json::parse(record.metadata);
  job->state = record.event_type == "succeeded" ? "succeeded" : "failed";
  job->error_reason = result.value("reason", std::string{});
  job->error_code = result.value("code", std::string{});
  job->error_message = result.value("message", std::string{});
  job->error_hint = result.value("hint", std::string{});
  job->finished_at = record.time;
  log::info("jobs", "the outcome of an interrupted job is known",
            {{"job", id}, {"state", job->state}});
  co_await store_.update(std::move(*job));
}

asio::awaitable<void> Jobs::keep_flushing() {
  for (;;) {
    co_await pause(flush_interval);
    std::vector<std::shared_ptr<Run>> runs;
    for (const auto& [id, entry] : running_) runs.push_back(entry.run);
    for (const auto& run : runs) {
      try {
        co_await run->flush();
      } catch (const Error& error) {
        log::warn("jobs", "log lines of a job wait for the database", {{"reason", error.what()}});
      }
    }
  }
}

asio::awaitable<void> Jobs::prune() {
  for (;;) {
    const auto removed =
        co_await store_.delete_finished_before(clock_.now() - kept_for, kept_at_least);
    if (removed > 0) log::info("jobs", "old jobs removed", {{"jobs", removed}});
    co_await pause(prune_interval);
  }
}

void Jobs::publish() {
  auto active = std::make_shared<Active>();
  for (const auto& [service, id] : by_service_) {
    (*active)[service] = running_.at(id).run->record();
  }
  active_.store(std::move(active));
  version_.fetch_add(1);
}

}  // namespace portoser::jobs
