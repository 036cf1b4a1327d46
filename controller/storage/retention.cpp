#include "controller/storage/retention.h"

#include "common/error.h"
#include "common/log.h"

namespace portoser::storage {
namespace {

constexpr std::chrono::hours interval{1};

}  // namespace

asio::awaitable<void> Retention::run() {
  for (;;) {
    try {
      co_await delete_old();
    } catch (const Error& error) {
      log::warn("storage", "old rows are not deleted now", {{"reason", error.what()}});
      const std::lock_guard lock{mutex_};
      ++stats_.failures;
    }
    co_await pause(interval);
  }
}

asio::awaitable<void> Retention::delete_old() {
  if (!co_await guard_.is_clock_sure()) co_return;
  const auto now = clock_.now();
  const auto jobs =
      co_await jobs_.delete_finished_before(now - settings_.jobs, settings_.jobs_at_least);
  {
    const std::lock_guard lock{mutex_};
    stats_.jobs += static_cast<std::uint64_t>(jobs);
  }
  const auto events = co_await events_.delete_before(now - settings_.events);
  const auto deployments = co_await deployments_.delete_before(now - settings_.deployments,
                                                               settings_.deployments_at_least);
  const auto audit = co_await audit_.delete_before(now - settings_.audit);
  co_await keys_.delete_before(now - settings_.idempotency_keys);
  {
    const std::lock_guard lock{mutex_};
    stats_.audit += static_cast<std::uint64_t>(audit);
    stats_.deployments += static_cast<std::uint64_t>(deployments);
    stats_.events += static_cast<std::uint64_t>(events);
    stats_.succeeded_at = now;
  }
  if (jobs > 0 || events > 0 || deployments > 0 || audit > 0) {
    log::info("storage",
              "old rows deleted",
              {{"jobs", jobs}, {"events", events}, {"deployments", deployments}, {"audit", audit}});
  }
}

RetentionStats Retention::stats() const {
  const std::lock_guard lock{mutex_};
  return stats_;
}

}  // namespace portoser::storage
