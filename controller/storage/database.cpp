#include "controller/storage/database.h"

#include "common/error.h"
#include "controller/storage/connection.h"
#include "controller/storage/readers.h"
#include "controller/storage/schema.h"
#include "controller/storage/writer.h"

#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/system/system_error.hpp>
#include <fmt/format.h>

#include <mutex>
#include <string>
#include <system_error>
#include <vector>

namespace portoser::storage {
namespace {

/// Upper bounds in seconds, as existing dashboards expect them.
const std::vector<double> duration_bounds{0.01, 0.05, 0.1, 0.5, 1, 2.5, 5};

/// Counts the time until it ends, by whichever way.
class Timed {
 public:
  Timed(Histogram& durations, const Clock& clock)
      : durations_(durations), clock_(clock), begun_(clock.uptime()) {}
  Timed(const Timed&) = delete;
  Timed& operator=(const Timed&) = delete;
  ~Timed() { durations_.add(clock_.uptime() - begun_); }

 private:
  Histogram& durations_;
  const Clock& clock_;
  Uptime begun_;
};

std::filesystem::path beside(std::filesystem::path path, const char* ending) {
  path += ending;
  return path;
}

FileLock lock_for_one(const std::filesystem::path& path) {
  try {
    return FileLock{beside(path, ".lock")};
  } catch (const Error& error) {
    if (error.code() == Code::conflict) {
      throw Error{Code::conflict,
                  fmt::format("another controller uses the database {}", path.string()),
                  path.string()}
          .reason("DATABASE_IN_USE")
          .hint("stop it first, or give this one a data folder of its own");
    }
    throw;
  }
}

std::uint64_t size_of(const std::filesystem::path& path) {
  std::error_code missing;
  const auto size = std::filesystem::file_size(path, missing);
  return missing ? 0 : size;
}

std::exception_ptr refusal(WorkQueue::Offered offered) {
  if (offered == WorkQueue::Offered::full) {
    return std::make_exception_ptr(
        Error{Code::unavailable,
              "the database has too much to do: this was not stored or looked up"}
            .reason("STORAGE_BUSY")
            .hint("try again in a moment; if it stays so, the disk is too slow"));
  }
  return std::make_exception_ptr(
      Error{Code::unavailable, "the controller is stopping: its database is closed"}.reason(
          "STORAGE_FAILED"));
}

/// A coroutine that waits for its work. It is resumed once, on its own executor, which is kept
/// running until then: with how the work ended, or because it gave up before that.
template <class Handler>
class Waiting {
 public:
  explicit Waiting(Handler handler) : handler_(std::move(handler)) {}

  void resume(std::exception_ptr failure) {
    std::optional<Handler> handler;
    {
      const std::lock_guard lock{mutex_};
      if (!handler_) return;
      handler.emplace(std::move(*handler_));
      handler_.reset();
    }
    const auto executor = asio::get_associated_executor(*handler);
    const auto keep_running = std::exchange(keep_running_, std::nullopt);
    asio::post(executor, [own = std::move(*handler), failure = std::move(failure)]() mutable {
      std::move(own)(failure);
    });
  }
  [[nodiscard]] bool is_there() {
    const std::lock_guard lock{mutex_};
    return handler_.has_value();
  }

 private:
  using Executor = asio::associated_executor_t<Handler>;

  std::mutex mutex_;  // guards `handler_`; who takes that has the guard as well
  std::optional<Handler> handler_;
  std::optional<asio::executor_work_guard<Executor>> keep_running_{
      asio::make_work_guard(asio::get_associated_executor(*handler_))};
};

/// A read that is cancelled gives up.
template <class Handler>
void give_up_when_cancelled(asio::cancellation_slot slot,
                            const std::shared_ptr<Waiting<Handler>>& waiting) {
  if (!slot.is_connected()) return;
  slot.assign([weak = std::weak_ptr{waiting}](asio::cancellation_type) {
    if (const auto still = weak.lock()) {
      still->resume(
          std::make_exception_ptr(boost::system::system_error{asio::error::operation_aborted}));
    }
  });
}

}  // namespace

Database::Database(std::filesystem::path path, const Clock& clock, DatabaseOptions options)
    : path_(std::move(path)),
      clock_(clock),
      lock_(lock_for_one(path_)),
      reads_(duration_bounds),
      writes_(duration_bounds) {
  with_plain_errors(path_, [&] {
    auto connection = std::make_unique<Connection>(path_, Connection::Mode::write);
    migrate(*connection, embedded_migrations(), clock);
    readers_ = std::make_unique<Readers>(path_, options.readers, options.queue_limit);
    writer_ = std::make_unique<Writer>(std::move(connection), clock, options.queue_limit);
  });
}

Database::~Database() = default;

DatabaseStats Database::stats() const {
  DatabaseStats stats;
  stats.commits = writer_->commits();
  stats.items = writer_->items();
  stats.written = writer_->written();
  stats.failures = writer_->failures();
  stats.queue_depth = writer_->waiting();
  stats.reads_waiting = readers_->queue().size();
  stats.connections = readers_->connections() + 1;
  stats.busy_connections = readers_->busy() + (writer_->busy() ? 1 : 0);
  stats.last_commit = writer_->last_commit();
  stats.size_bytes = size_of(path_) + size_of(beside(path_, "-wal"));
  stats.problem = writer_->problem();
  stats.reads = reads_.read();
  stats.writes = writes_.read();
  return stats;
}

asio::awaitable<void> Database::wait_in(WorkQueue& queue, std::function<void(Connection&)> work) {
  const bool is_read = &queue == &readers_->queue();
  std::function<void(Connection&)> timed = [&durations = is_read ? reads_ : writes_,
                                            &clock = clock_,
                                            own = std::move(work)](Connection& on) {
    const Timed time{durations, clock};
    own(on);
  };
  // Nothing of this coroutine may be touched once the item is taken: it may be resumed by then.
  auto hand_over = [&queue, is_read](auto handler, std::function<void(Connection&)> taken) {
    const auto slot = asio::get_associated_cancellation_slot(handler);
    auto waiting = std::make_shared<Waiting<decltype(handler)>>(std::move(handler));
    if (is_read) give_up_when_cancelled(slot, waiting);
    Item item{[waiting, own = std::move(taken)](Connection& on) {
                if (waiting->is_there()) own(on);
              },
              [waiting](std::exception_ptr failure) { waiting->resume(std::move(failure)); }};
    const auto offered = queue.offer(item);
    if (offered != WorkQueue::Offered::taken) {
      item.done(refusal(offered));
    }
  };
  co_await asio::async_initiate<const asio::use_awaitable_t<>, void(std::exception_ptr)>(
      std::move(hand_over), asio::use_awaitable, std::move(timed));
}

WorkQueue& Database::writer_queue() {
  return writer_->queue();
}

WorkQueue& Database::reader_queue() {
  return readers_->queue();
}

}  // namespace portoser::storage
