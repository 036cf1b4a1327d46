#include "controller/jobs/run.h"

#include <algorithm>
#include <string_view>

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
      listeners_(std::move(listeners)) {}

void Run::step(const std::string& name) {
  if (record_.step == name) return;
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

void Run::continue_log(const std::vector<storage::JobLogLine>& stored) {
  if (stored.empty()) return;
  next_line_ = stored.back().number + 1;
  repeated_lines_ = std::count_if(
      stored.begin(), stored.end(), [](const auto& line) { return line.step != own_step; });
}

void Run::append(std::string step, std::string text) {
  storage::JobLogLine line{next_line_++, clock_.now(), std::move(step), std::move(text)};
  for (auto* listener : listeners_) listener->job_log(record_, line);
  unwritten_.push_back(std::move(line));
}

void Run::output(const std::string& step_name, const std::vector<std::string>& lines) {
  step(step_name);
  for (const auto& line : lines) {
    if (repeated_lines_ > 0) {
      --repeated_lines_;
    } else {
      append(step_name, line);
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
  fleet::Dispatch::OnOutput on_output = [this](const std::string& step_name,
                                               const std::vector<std::string>& lines) {
    output(step_name, lines);
  };
  co_return co_await fleet_.run(record_.host, std::move(command), std::move(on_output));
}

asio::awaitable<void> Run::flush() {
  if (unwritten_.empty()) co_return;
  std::vector<storage::JobLogLine> lines;
  lines.swap(unwritten_);
  try {
    co_await store_.append_log(record_.id, lines);
  } catch (...) {
    unwritten_.insert(unwritten_.begin(), lines.begin(), lines.end());
    throw;
  }
}

Error error_of(const protocol::CommandResult& result) {
  std::vector<ErrorDetail> output;
  for (const auto& line : result.last_lines) output.push_back({"output", line});
  return Error{code_from_string(result.code), result.message}
      .reason(result.reason)
      .hint(result.hint)
      .details(std::move(output));
}

}  // namespace portoser::jobs
