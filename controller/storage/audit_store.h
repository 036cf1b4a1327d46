/// The audit trail: a row for each mutating request and for each refusal.
/// Any thread; the methods are coroutines as `Database` describes them.
#pragma once

#include "common/clock.h"
#include "common/tasks.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace portoser::storage {

class Database;

struct AuditRecord {
  std::int64_t id = 0;  ///< given by `append`; later ones have higher ones
  Time time;
  std::string user;  ///< `sub`; empty: nobody was recognised
  std::string user_name;
  std::string method;
  std::string path;
  std::int64_t status = 0;
  std::string reason;  ///< of the error; empty: it succeeded
  std::string remote;
  std::string request_id;
  std::int64_t duration_us = 0;
};

/// Empty members select everything.
struct AuditFilter {
  std::optional<std::string> user_name;
  std::optional<std::string> method;
  std::optional<std::int64_t> before_id;
  std::optional<Time> from;
  std::optional<Time> until;
  std::int64_t limit = 100;  ///< at most 1000 are given
};

class AuditStore {
 public:
  explicit AuditStore(Database& database) : database_(database) {}

  asio::awaitable<void> append(AuditRecord record);
  /// Newest first.
  asio::awaitable<std::vector<AuditRecord>> list(AuditFilter filter);
  /// In small transactions. Returns how many.
  asio::awaitable<std::int64_t> delete_before(Time moment);

 private:
  Database& database_;
};

}  // namespace portoser::storage
