#include "controller/storage/key_store.h"

#include "common/error.h"
#include "controller/storage/connection.h"
#include "controller/storage/database.h"

#include <utility>

namespace portoser::storage {
namespace {

void remove_old(Connection& connection, const KeyedRequest& request, Time before) {
  connection.query("DELETE FROM idempotency_keys WHERE actor = ? AND key = ? AND created_at < ?")
      .bind(request.actor, request.key, before)
      .run();
}

std::optional<std::string> job_of(Connection& connection, const KeyedRequest& request) {
  auto row =
      connection.query("SELECT request, job_id FROM idempotency_keys WHERE actor = ? AND key = ?");
  row.bind(request.actor, request.key);
  if (!row.next()) return std::nullopt;
  std::string asked;
  std::string job;
  row.read(asked, job);
  if (asked != request.request) {
    throw Error{Code::invalid,
                "this Idempotency-Key was used for another request",
                "header.Idempotency-Key"}
        .reason("IDEMPOTENCY_KEY_REUSED")
        .hint("take a new key for a new request");
  }
  return job;
}

void insert_key(Connection& connection,
                const KeyedRequest& request,
                const std::string& job_id,
                Time now) {
  connection
      .query(
          "INSERT INTO idempotency_keys (actor, key, request, job_id, created_at) "
          "VALUES (?, ?, ?, ?, ?) ON CONFLICT (actor, key) DO UPDATE SET job_id = excluded.job_id "
          "WHERE job_id = ''")
      .bind(request.actor, request.key, request.request, job_id, now)
      .run();
}

}  // namespace

asio::awaitable<std::optional<std::string>> KeyStore::claim(KeyedRequest request, Time now) {
  return database_.write(
      [request = std::move(request), now](Connection& connection) -> std::optional<std::string> {
        remove_old(connection, request, now - kept);
        auto job = job_of(connection, request);
        if (!job) insert_key(connection, request, "", now);
        // A request that is under way, or was when the controller died, begins its job or joins it.
        if (job && job->empty()) job.reset();
        return job;
      });
}

asio::awaitable<void> KeyStore::note_job(KeyedRequest request, std::string job_id, Time now) {
  return database_.write(
      [request = std::move(request), job = std::move(job_id), now](Connection& connection) {
        insert_key(connection, request, job, now);
      });
}

asio::awaitable<void> KeyStore::release(KeyedRequest request) {
  return database_.write([request = std::move(request)](Connection& connection) {
    connection
        .query(
            "DELETE FROM idempotency_keys WHERE actor = ? AND key = ? AND request = ? AND "
            "job_id = ''")
        .bind(request.actor, request.key, request.request)
        .run();
  });
}

asio::awaitable<std::int64_t> KeyStore::delete_before(Time moment) {
  return database_.write([moment](Connection& connection) {
    return connection.query("DELETE FROM idempotency_keys WHERE created_at < ?").bind(moment).run();
  });
}

}  // namespace portoser::storage
