/// What is too old leaves the database, in transactions small enough that others write meanwhile.
/// On the executor of whoever runs it.
#pragma once

#include "common/clock.h"
#include "common/tasks.h"
#include "controller/storage/age_guard.h"
#include "controller/storage/audit_store.h"
#include "controller/storage/deployment_store.h"
#include "controller/storage/event_store.h"
#include "controller/storage/job_store.h"
#include "controller/storage/key_store.h"

#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>

namespace portoser::storage {

class Database;

struct RetentionSettings {
  std::chrono::hours jobs{24 * 90};   ///< after their end
  std::int64_t jobs_at_least = 1000;  ///< finished ones that stay, whatever their age
  std::chrono::hours events{24 * 400};
  std::chrono::hours deployments{24 * 400};  ///< after their beginning
  std::int64_t deployments_at_least = 1000;  ///< that stay, whatever their age
  std::chrono::hours audit{24 * 400};
  std::chrono::hours idempotency_keys = KeyStore::kept;
};

/// Counted since the start.
struct RetentionStats {
  std::uint64_t jobs = 0;         ///< deleted
  std::uint64_t events = 0;       ///< deleted
  std::uint64_t deployments = 0;  ///< deleted
  std::uint64_t audit = 0;        ///< rows deleted
  std::uint64_t failures = 0;
  std::optional<Time> succeeded_at;  ///< none: not yet
};

class Retention {
 public:
  Retention(Database& database, const Clock& clock, RetentionSettings settings)
      : guard_(database, clock),
        jobs_(database),
        events_(database),
        deployments_(database),
        audit_(database),
        keys_(database),
        clock_(clock),
        settings_(settings) {}

  /// Once an hour, until it is cancelled. A database that takes nothing is asked again an hour
  /// later.
  asio::awaitable<void> run();
  /// Nothing, while the clock is not believed (age_guard.h).
  asio::awaitable<void> delete_old();

  [[nodiscard]] RetentionStats stats() const;  ///< any thread

 private:
  AgeGuard guard_;
  JobStore jobs_;
  EventStore events_;
  DeploymentStore deployments_;
  AuditStore audit_;
  KeyStore keys_;
  const Clock& clock_;
  RetentionSettings settings_;
  mutable std::mutex mutex_;
  RetentionStats stats_;
};

}  // namespace portoser::storage
