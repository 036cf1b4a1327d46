#include "controller/storage/writer.h"

#include "common/error.h"
#include "common/log.h"
#include "controller/storage/connection.h"

#include <utility>
#include <vector>

namespace portoser::storage {
namespace {

void log_failed_commit(const std::exception_ptr& failure) {
  try {
    std::rethrow_exception(failure);
  } catch (const std::exception& error) {
    log::error("storage", "commit failed", {{"reason", error.what()}});
  }
}

}  // namespace

Writer::Writer(std::unique_ptr<Connection> connection, std::size_t queue_limit)
    : connection_(std::move(connection)), queue_(queue_limit), thread_([this] { work(); }) {}

Writer::~Writer() {
  queue_.close();
  thread_.join();
}

void Writer::work() {
  for (;;) {
    auto batch = queue_.take_all();
    if (batch.empty()) {
      return;
    }
    commit(std::move(batch));
  }
}

/// What became of each item of a batch; null: it worked.
struct Writer::Outcome {
  explicit Outcome(std::size_t items) : failures(items) {}

  void fail_the_rest(const std::exception_ptr& failure) {
    for (auto& one : failures) {
      if (!one) {
        one = failure;
      }
    }
  }

  std::vector<std::exception_ptr> failures;
};

void Writer::commit(std::deque<Item> batch) {
  const auto begin = std::chrono::steady_clock::now();
  Outcome outcome{batch.size()};
  try {
    run_all(batch, outcome);
    ++commits_;
  } catch (...) {
    // Nothing of the batch is in the database: whoever was not told so by name is told now.
    connection_->roll_back();
    const auto failure = as_error(std::current_exception(), connection_->path());
    log_failed_commit(failure);
    outcome.fail_the_rest(failure);
  }
  last_commit_ = std::chrono::duration_cast<std::chrono::microseconds>(
      std::chrono::steady_clock::now() - begin);
  items_ += batch.size();
  for (const auto& failure : outcome.failures) {
    failures_ += failure ? 1U : 0U;
  }
  for (std::size_t i = 0; i < batch.size(); ++i) {
    batch[i].done(std::move(outcome.failures[i]));
  }
}

void Writer::run_all(const std::deque<Item>& batch, Outcome& outcome) {
  connection_->run("BEGIN IMMEDIATE");
  for (std::size_t i = 0; i < batch.size(); ++i) {
    run_alone(batch[i], outcome.failures[i]);
  }
  connection_->run("COMMIT");
}

void Writer::run_alone(const Item& item, std::exception_ptr& failure) {
  connection_->run("SAVEPOINT item");
  try {
    item.work(*connection_);
  } catch (...) {
    failure = as_error(std::current_exception(), connection_->path());
    if (!connection_->in_transaction()) {
      throw;  // a failure for which SQLite took back the neighbours too
    }
    connection_->run("ROLLBACK TO item");
  }
  connection_->run("RELEASE item");
}

}  // namespace portoser::storage
