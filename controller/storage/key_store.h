/// Requests that name themselves (Idempotency-Key), and the job that each began.
/// Any thread; the methods are coroutines as `Database` describes them.
#pragma once

#include "common/clock.h"
#include "common/tasks.h"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace portoser::storage {

class Database;

struct KeyedRequest {
  std::string actor;    ///< keys of two people have nothing to do with each other
  std::string key;      ///< as the client chose it
  std::string request;  ///< equal for equal requests
};

class KeyStore {
 public:
  static constexpr std::chrono::hours kept{24};

  explicit KeyStore(Database& database) : database_(database) {}

  /// The job that the same request began since `now - kept`; none: it has not begun one, and from
  /// now on the key is taken by it. Taken by another request: `Error{invalid}`,
  /// IDEMPOTENCY_KEY_REUSED.
  asio::awaitable<std::optional<std::string>> claim(KeyedRequest request, Time now);
  /// It began this job. One that was noted before stays.
  asio::awaitable<void> note_job(KeyedRequest request, std::string job_id, Time now);
  /// It was refused: the key is free, unless it began a job after all.
  asio::awaitable<void> release(KeyedRequest request);
  /// Returns how many there were.
  asio::awaitable<std::int64_t> delete_before(Time moment);

 private:
  Database& database_;
};

}  // namespace portoser::storage
