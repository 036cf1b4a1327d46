#include "controller/audit_log.h"

#include "common/error.h"
#include "common/log.h"

#include <chrono>
#include <utility>

namespace portoser {
namespace {

/// At the end, for rows that wait.
constexpr std::chrono::seconds last_rows{5};

}  // namespace

AuditLog::AuditLog(storage::Database& database, const Clock& clock, asio::any_io_executor executor)
    : store_(database), clock_(clock), tasks_(std::move(executor)) {}

void AuditLog::record(const http::AuditEntry& entry) {
  // The line first: it is there also when the database is not.
  log::info("audit",
            "request",
            {{"user", entry.user_name},
             {"method", http::to_string(entry.method)},
             {"path", entry.path},
             {"status", entry.status},
             {"reason", entry.reason},
             {"remote", entry.remote},
             {"request_id", entry.request_id}});
  storage::AuditRecord record;
  record.time = clock_.now();
  record.user = entry.user;
  record.user_name = entry.user_name;
  record.method = http::to_string(entry.method);
  record.path = entry.path;
  record.status = entry.status;
  record.reason = entry.reason;
  record.remote = entry.remote;
  record.request_id = entry.request_id;
  record.duration_us =
      std::chrono::duration_cast<std::chrono::microseconds>(entry.duration).count();
  tasks_.spawn("audit", keep(std::move(record)));
}

asio::awaitable<void> AuditLog::keep(storage::AuditRecord record) {
  try {
    co_await store_.append(std::move(record));
  } catch (const Error& error) {
    log::warn("audit", "a row could not be stored; its line is above", {{"reason", error.what()}});
  }
}

asio::awaitable<void> AuditLog::stop() {
  try {
    co_await with_deadline(tasks_.join(), last_rows, "writing the audit trail");
  } catch (const Error& error) {
    log::warn("audit", "rows are lost; their lines are above", {{"reason", error.what()}});
  }
  tasks_.stop();
  co_await tasks_.join();
}

}  // namespace portoser
