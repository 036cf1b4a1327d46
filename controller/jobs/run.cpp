#include "controller/jobs/run.h"

#include "controller/jobs/steps.h"

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
  if (!begin_step(record_.steps, name, clock_.now())) return;
  steps_changed_ = true;
  record_.step = name;
  for (auto* listener : listeners_) listener->job_step(record_);
  if (on_step_) on_step_();
}

void Run::log(const std::string& text) {
  append(std::string{own_step}, text);
}

void Run::cancel() {
  cancelled_ = true;
  fleet_.cancel(record_.command_id);
}

void Run::append(std::string step, std::string text) {
  storage::JobLogLine line{record_.next_line++, clock_.now(), std::move(step), std::move(text)};
  for (auto* listener : listeners_) listener->job_log(record_, line);
  unwritten_.push_back(std::move(line));
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

asio::awaitable<protocol::CommandResult> Run::command(std::string name,
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
    co_await store_.update(record_);
  }
  if (cancelled_) {
    throw Error{Code::conflict, "cancelled before it began"}.reason("ACTION_CANCELLED");
  }
  fleet::Dispatch::OnOutput on_output = [this](const protocol::Progress& news) { output(news); };
  co_return co_await fleet_.run(record_.host, std::move(command), std::move(on_output));
}

asio::awaitable<void> Run::flush() {
  if (unwritten_.empty() && !steps_changed_) co_return;
  auto lines = std::exchange(unwritten_, {});
  steps_changed_ = false;
  try {
    co_await store_.advance(record_, lines);
  } catch (...) {
    unwritten_.insert(unwritten_.begin(), lines.begin(), lines.end());
    steps_changed_ = true;
    throw;
  }
}

Error error_of(const protocol::CommandResult& result) {
  std::vector<ErrorDetail> details;
  if (!result.failed_step.empty()) details.push_back({"step", result.failed_step});
  for (const auto& line : result.last_lines) details.push_back({"output", line});
  return Error{code_from_string(result.code), result.message}
      .reason(result.reason)
      .hint(result.hint)
      .details(std::move(details));
}

}  // namespace portoser::jobs
