#include "controller/jobs/run.h"

#include "common/describe_json.h"
#include "controller/jobs/steps.h"

#include <boost/asio/redirect_error.hpp>

#include <algorithm>
#include <utility>

namespace portoser::jobs {

Run::Run(storage::JobRecord record,
         storage::JobStore& store,
         fleet::Fleet& fleet,
         const Clock& clock,
         std::vector<Listener*> listeners)
    : record_(std::move(record)),
      store_(store),
      fleet_(fleet),
      clock_(clock),
      listeners_(std::move(listeners)),
      repeated_lines_(record_.output_lines) {}

void Run::plan(const std::vector<std::string>& names) {
  if (plan_steps(record_.steps, names)) steps_changed_ = true;
}

void Run::step(const std::string& name) {
  const auto before = running_step(record_.steps);
  if (!begin_step(record_.steps, name, clock_.now())) return;
  steps_changed_ = true;
  record_.step = name;
  for (auto* listener : listeners_) listener->job_step(record_);
  if (on_step_) on_step_();
  if (!before.empty()) tell_phase("phase_completed", before);
  tell_phase("phase_started", name);
}

void Run::end_phase() {
  const auto last = running_step(record_.steps);
  if (!last.empty()) tell_phase("phase_completed", last);
}

void Run::tell_phase(const char* type, const std::string& step) {
  const auto found = std::find_if(record_.steps.begin(), record_.steps.end(), [&](const auto& one) {
    return one.name == step;
  });
  const auto place = found - record_.steps.begin();
  tell(dump(Json{{"type", type}, {"phase", place + 1}, {"name", step}}));
}

void Run::tell(std::string frame) {
  if (record_.next_event >= most_events) return;
  const storage::JobEvent event{
      record_.next_event++, record_.next_line, clock_.now(), std::move(frame)};
  events_.push_back(event);
  for (auto* listener : listeners_) listener->job_told(record_, event);
  if (record_.next_event == most_events) log("it told too much; what follows is not kept");
}

void Run::log(const std::string& text) {
  append(std::string{own_step}, text);
}

asio::awaitable<void> Run::keep_results(std::string results) {
  record_.results = std::move(results);
  co_await store_.update(record_);
}

void Run::cancel() {
  cancelled_ = true;
  if (!record_.command_id.empty()) fleet_.cancel(record_.command_id);
  for (const auto& id : cancellable_) fleet_.cancel(id);
}

void Run::append(std::string step, std::string text) {
  storage::JobLogLine line{record_.next_line++, clock_.now(), std::move(step), std::move(text)};
  for (auto* listener : listeners_) listener->job_log(record_, line);
  pending_.push(std::move(line));
}

void Run::output(const protocol::Progress& news) {
  plan(news.steps);
  step(news.step);
  for (const auto& line : news.lines) {
    if (repeated_lines_ > 0) {
      --repeated_lines_;
    } else {
      ++record_.output_lines;
      append(news.step, line);
    }
  }
}

asio::awaitable<void> Run::command(std::string name,
                                   Bytes arguments,
                                   std::chrono::milliseconds limit) {
  protocol::Command command;
  command.id = record_.id;
  command.name = std::move(name);
  command.duration_ms = limit.count();
  command.adopt_only = resumed;
  command.arguments = std::move(arguments);
  record_.command_id = command.id;
  if (!resumed) {
    try {
      co_await store_.update(record_);
    } catch (...) {
      record_.command_id.clear();  // it was not sent
      throw;
    }
  }
  if (cancelled_ && !resumed) {
    throw Error{Code::conflict, "cancelled before it began"}.reason("ACTION_CANCELLED");
  }
  fleet::Dispatch::OnOutput on_output = [this](const protocol::Progress& news) { output(news); };
  const auto result =
      co_await fleet_.run(record_.host, std::move(command), std::move(on_output), cancelled_);
  if (cancelled_ && result.reason == "COMMAND_UNKNOWN") {
    throw Error{Code::conflict, "cancelled before the host began it"}.reason("ACTION_CANCELLED");
  }
  if (!result.succeeded) throw error_of(result);
}

asio::awaitable<protocol::CommandResult> Run::part(Part part) {
  protocol::Command command;
  command.id = part.id;
  command.name = std::move(part.name);
  command.duration_ms = part.limit.count();
  command.adopt_only = part.adopt_only;
  command.arguments = std::move(part.arguments);
  fleet::Dispatch::OnOutput on_output =
      [this, host = part.host, on_step = std::move(part.on_step), is_logged = part.is_logged](
          const protocol::Progress& news) {
        if (on_step && !news.step.empty()) on_step(news.step);
        if (!is_logged) return;
        for (const auto& line : news.lines) append(record_.step, host + ": " + line);
      };
  struct UnderWay {
    std::set<std::string>& ids;
    std::string id;
    ~UnderWay() { ids.erase(id); }
  };
  if (part.can_be_cancelled) cancellable_.insert(part.id);
  const UnderWay under_way{cancellable_, part.id};
  auto running =
      fleet_.run(std::move(part.host), std::move(command), std::move(on_output), part.is_cancelled);
  co_return co_await std::move(running);
}

void Run::fail_step(const std::string& message) {
  if (jobs::fail_step(record_.steps, message, clock_.now())) steps_changed_ = true;
}

asio::awaitable<void> Run::flush() {
  const auto end = record_.next_line;
  co_await my_turn_to_flush();
  std::exception_ptr failure;
  try {
    while (pending_.has_before(end) || steps_changed_ || !events_until(end).empty()) {
      co_await write_batch();
    }
  } catch (...) {
    failure = std::current_exception();
  }
  flushing_ = false;
  for (const auto& timer : std::exchange(waiting_to_flush_, {})) timer->cancel();
  if (failure) std::rethrow_exception(failure);
}

asio::awaitable<void> Run::my_turn_to_flush() {
  while (flushing_) {
    auto timer = std::make_shared<asio::steady_timer>(co_await asio::this_coro::executor,
                                                      asio::steady_timer::time_point::max());
    waiting_to_flush_.push_back(timer);
    boost::system::error_code ignored;
    co_await timer->async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  }
  flushing_ = true;
}

/// Those that came before this line of the log.
std::vector<storage::JobEvent> Run::events_until(std::int64_t line) const {
  const auto end = std::find_if(
      events_.begin(), events_.end(), [line](const auto& event) { return event.line > line; });
  return {events_.begin(), end};
}

asio::awaitable<void> Run::write_batch() {
  auto lines = pending_.batch();
  // What is stored of the counts belongs to what is stored of the log: a controller that is
  // restarted goes on from there.
  auto record = record_;
  const auto last = lines.empty() ? record_.next_line - 1 : lines.back().number;
  record.next_line = last + 1;
  record.output_lines -= pending_.tool_lines_behind(last);
  // Together with the lines before them, so that nobody finds the ones without the others.
  auto events = events_until(record.next_line);
  const auto told = static_cast<std::ptrdiff_t>(events.size());
  const bool steps = std::exchange(steps_changed_, false);
  try {
    co_await store_.advance(std::move(record), std::move(lines), std::move(events));
  } catch (...) {
    steps_changed_ = steps_changed_ || steps;
    pending_.refused();
    throw;
  }
  pending_.written(last);
  events_.erase(events_.begin(), events_.begin() + told);
}

Error error_of(const protocol::CommandResult& result) {
  std::vector<ErrorDetail> details;
  if (!result.failed_step.empty()) details.push_back({"step", result.failed_step});
  if (!result.undone.empty()) details.push_back({"undone", result.undone});
  for (const auto& line : result.last_lines) details.push_back({"output", line});
  return Error{code_from_string(result.code), result.message}
      .reason(result.reason)
      .hint(result.hint)
      .details(std::move(details));
}

bool has_returned(const Error& failure) {
  return std::any_of(
      failure.details().begin(), failure.details().end(), [](const ErrorDetail& detail) {
        return detail.where == "undone" && detail.message == "returned";
      });
}

}  // namespace portoser::jobs
