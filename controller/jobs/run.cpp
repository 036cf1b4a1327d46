#include "controller/jobs/run.h"

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
}

void Run::log(const std::string& text) { append(record_.step, text); }

void Run::append(std::string step, std::string text) {
  storage::JobLogLine line{next_line_++, clock_.now(), std::move(step), std::move(text)};
  for (auto* listener : listeners_) listener->job_log(record_, line);
  unwritten_.push_back(std::move(line));
}

void Run::output(const std::vector<fleet::OutputLine>& lines) {
  for (const auto& line : lines) {
    step(line.step);
    append(line.step, line.text);
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
  fleet::Dispatch::OnOutput on_output = [this](const std::vector<fleet::OutputLine>& lines) {
    output(lines);
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

}  // namespace portoser::jobs
