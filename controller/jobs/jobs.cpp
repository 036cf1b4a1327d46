#include "controller/jobs/jobs.h"

#include "common/describe_json.h"
#include "common/ids.h"
#include "common/log.h"
#include "controller/jobs/outcome.h"
#include "controller/jobs/steps.h"

#include <boost/asio/redirect_error.hpp>
#include <fmt/format.h>

namespace portoser::jobs {
namespace {

constexpr std::chrono::milliseconds flush_interval{200};
/// A disk that takes nothing must not hold up the controller's end.
constexpr std::chrono::seconds last_flush_limit{5};
/// Jobs that are over and have lines which the database does not take: each may hold many.
constexpr std::size_t most_ended = 10;
/// Attempts to store an end, a second apart, before those who wait are told. A moment's trouble of
/// the database is none of theirs.
constexpr int quiet_attempts = 3;

/// What one job at a time may have: a service, or a host as a whole. No name has a line break.
/// Of jobs about neither only identical ones meet; their parts are about services.
std::string subject_of(const std::string& service,
                       const std::string& host,
                       const std::string& fingerprint) {
  if (!service.empty()) return service;
  return host.empty() ? "\n\n" + fingerprint : "\n" + host;
}

/// Of a job that has neither, also of one that has handed them over.
std::string free_subject(const std::string& fingerprint) {
  return subject_of("", "", fingerprint);
}

std::string subject_of(const storage::JobRecord& job) {
  return subject_of(job.service, job.host, job.fingerprint);
}

std::string name_of_subject(const std::string& service, const std::string& host) {
  if (service.empty() && host.empty()) return "several services";
  return fmt::format("\"{}\"", service.empty() ? host : service);
}

std::string fingerprint_of(const Request& request) {
  return fmt::format(
      "{}\n{}\n{}\n{}", request.kind, request.service, request.host, request.details);
}

/// What those are told who wait for a job whose end the database does not take.
Error not_stored(const storage::JobRecord& ended, const Error& reason) {
  const bool never_sent = ended.command_id.empty() && ended.error_reason == "STORAGE_FAILED";
  auto text = never_sent
                  ? fmt::format("{}; {} of {} was not begun",
                                reason.message(),
                                ended.kind,
                                name_of_subject(ended.service, ended.host))
                  : fmt::format("{} of {} has {}{}{}, and that could not be stored: {}",
                                ended.kind,
                                name_of_subject(ended.service, ended.host),
                                ended.state == "interrupted" ? "been interrupted" : ended.state,
                                ended.error_message.empty() ? "" : ": ",
                                ended.error_message,
                                reason.message());
  return Error{Code::unavailable, text, reason.where()}
      .reason(reason.reason())
      .hint(never_sent
                ? reason.hint()
                : fmt::format(
                      "do not repeat it; {}, then job {} shows its end", reason.hint(), ended.id))
      .details({{"job_id", ended.id}});
}

}  // namespace

Jobs::Jobs(storage::Database& database,
           fleet::Fleet& fleet,
           const Clock& clock,
           asio::any_io_executor executor)
    : store_(database),
      events_(database),
      fleet_(fleet),
      clock_(clock),
      executor_(std::move(executor)),
      tasks_(executor_),
      active_(std::make_shared<const Active>()) {}

asio::awaitable<void> Jobs::start() {
  for (auto& record : co_await store_.unfinished()) {
    auto run = std::make_shared<Run>(std::move(record), store_, fleet_, clock_, listeners_);
    run->resumed = true;
    run->log("the controller was restarted; asking the host what became of this job");
    if (run->record().cancel_requested) run->cancel();
    begin(std::move(run));
  }
  tasks_.spawn("job log", keep_flushing());
  tasks_.spawn("results of lost jobs", recall_results());
}

asio::awaitable<void> Jobs::stop() {
  stopping_ = true;
  tasks_.stop();
  co_await tasks_.join();
  try {
    co_await with_deadline(flush_all(), last_flush_limit, "writing the logs of jobs");
  } catch (const Error& error) {
    log::warn("jobs", "log lines of jobs are lost", {{"reason", error.what()}});
  }
  for (const auto& [id, entry] : running_) wake(id);
}

void Jobs::refuse_when_stopping() const {
  if (stopping_) {
    throw Error{Code::unavailable, "the controller is stopping"}
        .reason("STOPPING")
        .hint("ask again when it is back; what is under way on hosts goes on");
  }
}

asio::awaitable<Submitted> Jobs::submit(Request request) {
  refuse_when_stopping();
  const auto fingerprint = fingerprint_of(request);
  const auto subject = subject_of(request.service, request.host, fingerprint);
  if (const auto same = by_subject_.find(free_subject(fingerprint)); same != by_subject_.end()) {
    co_return co_await join(same->second);
  }
  if (const auto busy = by_subject_.find(subject); busy != by_subject_.end()) {
    const auto& other = running_.at(busy->second).run->record();
    if (other.fingerprint == fingerprint) {
      co_return co_await join(other.id);
    }
    throw Error{Code::conflict,
                fmt::format("{} is busy: {} is under way",
                            name_of_subject(request.service, request.host),
                            other.kind),
                request.service.empty() ? "path.machine" : "path.service"}
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
  record.parent = request.parent;
  record.results = request.results;
  record.fingerprint = fingerprint;
  // The place is taken before the first wait, so that two requests cannot both find it free.
  auto run = std::make_shared<Run>(record, store_, fleet_, clock_, listeners_);
  run->attachment = std::move(request.attachment);
  running_[record.id].run = run;
  take(subject, record.id);
  std::exception_ptr failure;
  try {
    co_await store_.insert(record);
  } catch (...) {
    failure = std::current_exception();
  }
  if (failure || stopping_) {
    leave(record.id);
    wake(record.id);
    running_.erase(record.id);
    if (failure) std::rethrow_exception(failure);
    refuse_when_stopping();
  }
  begin(std::move(run));
  wake(record.id);
  co_return Submitted{record.id, false};
}

asio::awaitable<std::optional<Submitted>> Jobs::join_same(const Request& request) {
  refuse_when_stopping();
  const auto fingerprint = fingerprint_of(request);
  auto found = by_subject_.find(free_subject(fingerprint));
  if (found == by_subject_.end()) {
    found = by_subject_.find(subject_of(request.service, request.host, fingerprint));
  }
  if (found == by_subject_.end()) co_return std::nullopt;
  const auto id = found->second;
  if (running_.at(id).run->record().fingerprint != fingerprint) co_return std::nullopt;
  auto joining = join(id);
  co_return co_await std::move(joining);
}

asio::awaitable<Submitted> Jobs::join(std::string id) {
  // Nobody is told of a job that is not stored yet.
  while (running_.contains(id) && !running_.at(id).stored) {
    co_await wait_for_news(id);
  }
  co_await find(id);
  co_return Submitted{id, true};
}

asio::awaitable<void> Jobs::wait_for_news(std::string id) {
  auto timer =
      std::make_shared<asio::steady_timer>(executor_, asio::steady_timer::time_point::max());
  running_.at(id).waiting.push_back(timer);
  boost::system::error_code ignored;
  co_await timer->async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  refuse_when_stopping();
}

void Jobs::take(const std::string& subject, const std::string& id) {
  running_.at(id).subject = subject;
  by_subject_[subject] = id;
}

/// One that was handed over may belong to another job by now.
void Jobs::leave(const std::string& id) {
  const auto found = by_subject_.find(running_.at(id).subject);
  if (found != by_subject_.end() && found->second == id) by_subject_.erase(found);
}

void Jobs::hand_over(const std::string& id) {
  const auto found = running_.find(id);
  if (found == running_.end()) return;
  leave(id);
  take(free_subject(found->second.run->record().fingerprint), id);
  publish();
}

void Jobs::wake(const std::string& id) {
  const auto found = running_.find(id);
  if (found == running_.end()) return;
  for (const auto& timer : std::exchange(found->second.waiting, {})) timer->cancel();
}

void Jobs::begin(std::shared_ptr<Run> run) {
  auto& record = run->record();
  record.state = "running";
  if (!record.started_at) record.started_at = clock_.now();
  running_[record.id].run = run;
  running_[record.id].stored = true;
  take(subject_of(record), record.id);
  run->on_step([this] { publish(); });
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
    run->end_phase();
  } catch (const Error& error) {
    failure = error;
  } catch (const boost::system::system_error& error) {
    if (is_cancellation(std::current_exception()))
      throw;  // the controller stops: not the job's end
    failure.emplace(Code::internal, error.what());
  } catch (const std::exception& error) {
    failure.emplace(Code::internal, error.what());
  }
  if (failure) run->log(failure->message());
  co_await store_end(run, std::move(failure));
  keep_log_of(run);
  log::info("jobs",
            "job finished",
            {{"job", record.id},
             {"kind", record.kind},
             {"service", record.service},
             {"host", record.host},
             {"state", record.state},
             {"reason", record.error_reason}});
  wake(record.id);
  leave(record.id);
  running_.erase(record.id);
  publish();
  for (auto* listener : listeners_) listener->job_finished(record);
}

/// A job is over when its end is in the database and its service is free: until then it is shown
/// as running. Its log need not be: who cannot write that can still say how the job ended.
asio::awaitable<void> Jobs::store_end(std::shared_ptr<Run> run, std::optional<Error> failure) {
  const auto now = clock_.now();
  for (int attempt = 1;; ++attempt) {
    try {
      co_await run->flush();
    } catch (const Error& error) {
      log::warn("jobs", "log lines of a job wait for the database", {{"reason", error.what()}});
    }
    auto ended = run->record();
    finish(ended, failure ? &*failure : nullptr, now);
    try {
      co_await store_.update(ended);
      // Lines that came meanwhile have their numbers already.
      ended.next_line = run->record().next_line;
      ended.next_event = run->record().next_event;
      ended.output_lines = run->record().output_lines;
      run->record() = std::move(ended);
      co_return;
    } catch (const Error& error) {
      log::error("jobs",
                 "the end of a job could not be stored",
                 {{"job", ended.id}, {"reason", error.what()}});
      if (attempt >= quiet_attempts) {
        running_.at(ended.id).unstored = not_stored(ended, error);
        wake(ended.id);
      }
    }
    co_await pause(std::chrono::seconds{1});
  }
}

void Jobs::keep_log_of(std::shared_ptr<Run> run) {
  if (run->flushed()) return;
  ended_.push_back(std::move(run));
  if (ended_.size() <= most_ended) return;
  log::error("jobs", "log lines of a job are lost", {{"job", ended_.front()->record().id}});
  ended_.pop_front();
}

asio::awaitable<storage::JobRecord> Jobs::wait(std::string id) {
  const auto found = running_.find(id);
  if (found == running_.end()) {
    co_return co_await find(std::move(id));
  }
  const auto run = found->second.run;
  while (running_.contains(id)) {
    if (const auto& unstored = running_.at(id).unstored) throw Error{*unstored};
    co_await wait_for_news(id);
  }
  co_return run->record();
}

asio::awaitable<storage::JobRecord> Jobs::find(std::string id) {
  if (const auto found = running_.find(id); found != running_.end()) {
    co_return found->second.run->record();
  }
  auto record = co_await store_.find(id);
  if (!record) {
    throw Error{Code::not_found, fmt::format("there is no job \"{}\"", id), "path.id"}.reason(
        "JOB_UNKNOWN");
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

asio::awaitable<void> Jobs::keep_flushing() {
  for (;;) {
    co_await pause(flush_interval);
    co_await flush_all();
  }
}

asio::awaitable<void> Jobs::flush_all() {
  std::vector<std::shared_ptr<Run>> runs(ended_.begin(), ended_.end());
  for (const auto& [id, entry] : running_) {
    if (entry.stored) runs.push_back(entry.run);
  }
  for (const auto& run : runs) {
    try {
      co_await run->flush();
    } catch (const Error& error) {
      log::warn("jobs", "log lines of a job wait for the database", {{"reason", error.what()}});
      // Deleted meanwhile: nobody can ask for its log.
      if (error.reason() == "JOB_UNKNOWN") std::erase(ended_, run);
    }
  }
  std::erase_if(ended_, [](const auto& run) { return run->flushed(); });
}

void Jobs::publish() {
  auto active = std::make_shared<Active>();
  for (const auto& [service, id] : by_subject_) {
    (*active)[service] = running_.at(id).run->record();
  }
  active_.store(std::move(active));
  version_.fetch_add(1);
}

}  // namespace portoser::jobs
