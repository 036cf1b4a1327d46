#include "controller/storage/audit_store.h"

#include "controller/storage/connection.h"
#include "controller/storage/database.h"

#include <algorithm>
#include <utility>

namespace portoser::storage {
namespace {

constexpr std::int64_t most_audit_rows = 1000;
constexpr std::int64_t audit_rows_deleted_at_once = 1000;

}  // namespace

asio::awaitable<void> AuditStore::append(AuditRecord record) {
  return database_.write([record = std::move(record)](Connection& connection) {
    connection
        .query(
            "INSERT INTO audit (time, user, user_name, method, path, status, reason, remote, "
            "request_id, duration_us) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
        .bind(record.time,
              record.user,
              record.user_name,
              record.method,
              record.path,
              record.status,
              record.reason,
              record.remote,
              record.request_id,
              record.duration_us)
        .run();
  });
}

asio::awaitable<std::vector<AuditRecord>> AuditStore::list(AuditFilter filter) {
  return database_.read([filter = std::move(filter)](Connection& connection) {
    std::string sql =
        "SELECT id, time, user, user_name, method, path, status, reason, remote, request_id, "
        "duration_us FROM audit WHERE 1";
    if (filter.user_name) sql += " AND user_name = ?";
    if (filter.method) sql += " AND method = ?";
    if (filter.before_id) sql += " AND id < ?";
    if (filter.from) sql += " AND time >= ?";
    if (filter.until) sql += " AND time < ?";
    auto rows = connection.query(sql + " ORDER BY id DESC LIMIT ?");
    const auto bind = [&](const auto& value) {
      if (value) rows.bind(*value);
    };
    bind(filter.user_name);
    bind(filter.method);
    bind(filter.before_id);
    bind(filter.from);
    bind(filter.until);
    rows.bind(std::clamp<std::int64_t>(filter.limit, 1, most_audit_rows));
    std::vector<AuditRecord> records;
    while (rows.next()) {
      auto& one = records.emplace_back();
      rows.read(one.id,
                one.time,
                one.user,
                one.user_name,
                one.method,
                one.path,
                one.status,
                one.reason,
                one.remote,
                one.request_id,
                one.duration_us);
    }
    return records;
  });
}

asio::awaitable<std::int64_t> AuditStore::delete_before(Time moment) {
  std::int64_t deleted = 0;
  for (;;) {
    auto some = [moment](Connection& connection) {
      return connection
          .query("DELETE FROM audit WHERE id IN (SELECT id FROM audit WHERE time < ? LIMIT ?)")
          .bind(moment, audit_rows_deleted_at_once)
          .run();
    };
    const auto gone = co_await database_.write(std::move(some));
    deleted += gone;
    if (gone < audit_rows_deleted_at_once) co_return deleted;
  }
}

}  // namespace portoser::storage
