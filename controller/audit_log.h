/// The audit trail as log lines and as rows of the database: who changed what, from where, with
/// which outcome.
#pragma once

#include "common/clock.h"
#include "common/tasks.h"
#include "controller/http/observers.h"
#include "controller/storage/audit_store.h"

#include <atomic>
#include <cstdint>

namespace portoser {

class AuditLog : public http::AuditSink {
 public:
  /// `executor`: where rows wait for the database.
  AuditLog(storage::Database& database, const Clock& clock, asio::any_io_executor executor);

  void record(const http::AuditEntry& entry) override;

  /// What waits is written first, unless the database takes nothing.
  asio::awaitable<void> stop();

 private:
  asio::awaitable<void> keep(storage::AuditRecord record);

  storage::AuditStore store_;
  const Clock& clock_;
  TaskGroup tasks_;
};

}  // namespace portoser
