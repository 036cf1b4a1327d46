#include "controller/storage/writer.h"

#include "common/disk.h"
#include "common/error.h"
#include "common/log.h"
#include "controller/storage/connection.h"

#include <utility>
#include <vector>

namespace portoser::storage {
namespace {

constexpr std::chrono::milliseconds try_again = std::chrono::seconds{5};

/// A disk that has failed works again only when it has this room, too: one row still fits between
/// what is there already (a log that was emptied keeps its length), and the next would fail.
constexpr std::uint64_t room_to_go_on = 512U << 10U;

/// Did the disk fail, and not the work?
std::optional<Error> disk_error(const std::exception_ptr& failure) {
  if (!failure) return std::nullopt;
  try {
    std::rethrow_exception(failure);
  } catch (const Error& error) {
    if (error.reason() == "STORAGE_FAILED") return error;
  } catch (const std::exception&) {
    return std::nullopt;  // a fault of the work's own
  }
  return std::nullopt;
}

void log_failed_commit(const std::exception_ptr& failure) {
  try {
    std::rethrow_exception(failure);
  } catch (const std::exception& error) {
    log::error("storage", "commit failed", {{"reason", error.what()}});
  }
}

}  // namespace

Writer::Writer(std::unique_ptr<Connection> connection, const Clock& clock, std::size_t queue_limit)
    : connection_(std::move(connection)),
      clock_(clock),
      queue_(queue_limit),
      thread_([this] { work(); }) {}

Writer::~Writer() {
  queue_.close();
  thread_.join();
}

void Writer::work() {
  for (;;) {
    const auto limit = problem() ? std::optional{try_again} : std::nullopt;
    auto batch = queue_.take_all(limit);
    if (!batch.empty()) {
      commit(std::move(batch));
    } else if (queue_.is_drained()) {
      return;
    } else if (limit) {
      try_disk();
    }
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
  busy_ = true;
  Outcome outcome{batch.size()};
  const auto changes = connection_->changes();
  bool is_committed = false;
  try {
    run_all(batch, outcome);
    ++commits_;
    is_committed = true;
  } catch (...) {
    // Nothing of the batch is in the database: whoever was not told so by name is told now.
    connection_->roll_back();
    const auto failure = as_error(std::current_exception(), connection_->path());
    if (log_pace_.is_due()) log_failed_commit(failure);
    outcome.fail_the_rest(failure);
  }
  judge(outcome, is_committed && connection_->changes() != changes);
  last_commit_ = std::chrono::duration_cast<std::chrono::microseconds>(
      std::chrono::steady_clock::now() - begin);
  items_ += batch.size();
  busy_ = false;
  for (const auto& failure : outcome.failures) {
    ++(failure ? failures_ : written_);
  }
  for (std::size_t i = 0; i < batch.size(); ++i) {
    batch[i].done(std::move(outcome.failures[i]));
  }
}

void Writer::judge(const Outcome& outcome, bool has_written) {
  for (const auto& failure : outcome.failures) {
    if (const auto error = disk_error(failure)) return failed(*error);
  }
  if (has_written) works();
}

/// The smallest write there is: the number that is there already.
void Writer::try_disk() {
  try {
    connection_->run_script("BEGIN IMMEDIATE; PRAGMA user_version = 0; COMMIT");
    works();
  } catch (...) {
    connection_->roll_back();
    const auto failure = as_error(std::current_exception(), connection_->path());
    if (const auto error = disk_error(failure)) failed(*error);
  }
}

void Writer::failed(const Error& error) {
  const auto before = problem();
  if (before && before->message == error.message()) return;
  problem_.store(std::make_shared<const DatabaseProblem>(
      DatabaseProblem{error.message(), error.hint(), before ? before->since : clock_.now()}));
}

void Writer::works() {
  if (!problem() || !has_room_for(connection_->path(), room_to_go_on)) return;
  problem_.store(nullptr);
  log_pace_ = Pace{};
  log::info("storage", "the disk takes writes again");
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
