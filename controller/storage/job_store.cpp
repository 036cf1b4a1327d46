#include "controller/storage/job_store.h"

#include "common/error.h"
#include "controller/storage/connection.h"
#include "controller/storage/database.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace portoser::storage {
namespace {

constexpr std::int64_t most_jobs = 1000;
/// Deleted in one transaction: each may have 10,000 lines.
constexpr std::int64_t jobs_deleted_at_once = 20;

const std::string select_jobs =
    "SELECT id, kind, service, host, state, step, created_by, created_at, started_at, finished_at, "
    "error_code, error_reason, error_message, error_hint, command_id, request, fingerprint, "
    "last_output FROM jobs ";

JobRecord read_job(Query& row) {
  JobRecord job;
  row.read(job.id,
           job.kind,
           job.service,
           job.host,
           job.state,
           job.step,
           job.created_by,
           job.created_at,
           job.started_at,
           job.finished_at,
           job.error_code,
           job.error_reason,
           job.error_message,
           job.error_hint,
           job.command_id,
           job.request,
           job.fingerprint,
           job.last_output);
  return job;
}

std::vector<JobRecord> read_jobs(Query& rows) {
  std::vector<JobRecord> jobs;
  while (rows.next()) {
    jobs.push_back(read_job(rows));
  }
  return jobs;
}

void insert_job(Connection& connection, const JobRecord& job) {
  auto insert = connection.query(
      "INSERT INTO jobs (id, kind, service, host, state, step, created_by, created_at, started_at, "
      "finished_at, error_code, error_reason, error_message, error_hint, command_id, request, "
      "fingerprint, last_output) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
      "ON CONFLICT (id) DO NOTHING");
  insert.bind(job.id,
              job.kind,
              job.service,
              job.host,
              job.state,
              job.step,
              job.created_by,
              job.created_at,
              job.started_at,
              job.finished_at,
              job.error_code,
              job.error_reason,
              job.error_message,
              job.error_hint,
              job.command_id,
              job.request,
              job.fingerprint,
              job.last_output);
  if (insert.run() == 0) {
    throw Error{Code::conflict, fmt::format("there is a job with the id {}", job.id), "job_id"};
  }
}

Error no_job(const std::string& id) {
  return Error{Code::not_found, fmt::format("no job has the id {}", id), "job_id"}.reason(
      "JOB_UNKNOWN");
}

void update_job(Connection& connection, const JobRecord& job) {
  auto update = connection.query(
      "UPDATE jobs SET service = ?, host = ?, state = ?, step = ?, started_at = ?, finished_at = "
      "?, "
      "error_code = ?, error_reason = ?, error_message = ?, error_hint = ?, command_id = ?, "
      "last_output = ? WHERE id = ?");
  update.bind(job.service,
              job.host,
              job.state,
              job.step,
              job.started_at,
              job.finished_at,
              job.error_code,
              job.error_reason,
              job.error_message,
              job.error_hint,
              job.command_id,
              job.last_output,
              job.id);
  if (update.run() == 0) {
    throw no_job(job.id);
  }
}

void append_lines(Connection& connection,
                  const std::string& job_id,
                  const std::vector<JobLogLine>& lines) {
  if (!connection.query("SELECT 1 FROM jobs WHERE id = ?").bind(job_id).next()) {
    throw no_job(job_id);
  }
  for (const auto& line : lines) {
    connection
        .query(
            "INSERT INTO job_log (job_id, number, time, step, text) VALUES (?, ?, ?, ?, ?) "
            "ON CONFLICT (job_id, number) DO NOTHING")
        .bind(job_id, line.number, line.time, line.step, line.text)
        .run();
  }
  // A repeat of a line that was dropped before falls into the same gap and goes again.
  connection
      .query(
          "DELETE FROM job_log WHERE job_id = ? AND number >= ? AND number <= "
          "(SELECT max(number) FROM job_log WHERE job_id = ?) - ?")
      .bind(job_id, JobStore::kept_log_lines, job_id, JobStore::kept_log_lines)
      .run();
}

std::vector<JobRecord> list_jobs(Connection& connection, const JobFilter& filter) {
  std::string sql = select_jobs + "WHERE 1";
  for (const auto& [value, condition] : {std::pair{&filter.state, " AND state = ?"},
                                         std::pair{&filter.service, " AND service = ?"},
                                         std::pair{&filter.host, " AND host = ?"},
                                         std::pair{&filter.before_id, " AND id < ?"}}) {
    sql += value->has_value() ? condition : "";
  }
  auto rows = connection.query(sql + " ORDER BY id DESC LIMIT ?");
  for (const auto* value : {&filter.state, &filter.service, &filter.host, &filter.before_id}) {
    if (value->has_value()) {
      rows.bind(**value);
    }
  }
  rows.bind(std::clamp(filter.limit, std::int64_t{0}, most_jobs));
  return read_jobs(rows);
}

std::vector<JobLogLine> read_log(Connection& connection,
                                 const std::string& job_id,
                                 std::int64_t offset,
                                 std::int64_t limit) {
  auto rows = connection.query(
      "SELECT number, time, step, text FROM job_log WHERE job_id = ? AND number >= ? "
      "ORDER BY number LIMIT ?");
  rows.bind(job_id, offset, std::clamp(limit, std::int64_t{0}, 2 * JobStore::kept_log_lines));
  std::vector<JobLogLine> lines;
  while (rows.next()) {
    auto& line = lines.emplace_back();
    rows.read(line.number, line.time, line.step, line.text);
  }
  return lines;
}

std::int64_t count_finished(Connection& connection) {
  auto row = connection.query("SELECT count(*) FROM jobs WHERE finished_at IS NOT NULL");
  std::int64_t count = 0;
  row.next();
  row.read(count);
  return count;
}

std::int64_t delete_oldest(Connection& connection, Time moment, std::int64_t limit) {
  return connection
      .query(
          "DELETE FROM jobs WHERE id IN (SELECT id FROM jobs WHERE finished_at < ? "
          "ORDER BY finished_at, id LIMIT ?)")
      .bind(moment, limit)
      .run();
}

}  // namespace

asio::awaitable<void> JobStore::insert(JobRecord record) {
  return database_.write(
      [record = std::move(record)](Connection& connection) { insert_job(connection, record); });
}

asio::awaitable<void> JobStore::update(JobRecord record) {
  return database_.write(
      [record = std::move(record)](Connection& connection) { update_job(connection, record); });
}

asio::awaitable<void> JobStore::append_log(std::string job_id, std::vector<JobLogLine> lines) {
  return database_.write([id = std::move(job_id), lines = std::move(lines)](
                             Connection& connection) { append_lines(connection, id, lines); });
}

asio::awaitable<std::optional<JobRecord>> JobStore::find(std::string id) {
  return database_.read([id = std::move(id)](Connection& connection) -> std::optional<JobRecord> {
    auto rows = connection.query(select_jobs + "WHERE id = ?");
    rows.bind(id);
    if (!rows.next()) {
      return std::nullopt;
    }
    return read_job(rows);
  });
}

asio::awaitable<std::vector<JobRecord>> JobStore::list(JobFilter filter) {
  return database_.read([filter = std::move(filter)](Connection& connection) {
    return list_jobs(connection, filter);
  });
}

asio::awaitable<std::vector<JobLogLine>> JobStore::log(std::string job_id,
                                                       std::int64_t offset,
                                                       std::int64_t limit) {
  return database_.read([id = std::move(job_id), offset, limit](Connection& connection) {
    return read_log(connection, id, offset, limit);
  });
}

asio::awaitable<std::vector<JobRecord>> JobStore::unfinished() {
  return database_.read([](Connection& connection) {
    auto rows = connection.query(select_jobs + "WHERE state IN ('queued', 'running') ORDER BY id");
    return read_jobs(rows);
  });
}

asio::awaitable<std::int64_t> JobStore::delete_finished_before(Time moment, std::int64_t keep) {
  const auto finished = co_await database_.read(count_finished);
  std::int64_t deleted = 0;
  while (deleted < finished - keep) {
    const auto limit = std::min(jobs_deleted_at_once, finished - keep - deleted);
    auto delete_some = [moment, limit](Connection& connection) {
      return delete_oldest(connection, moment, limit);
    };
    const auto now_deleted = co_await database_.write(std::move(delete_some));
    deleted += now_deleted;
    if (now_deleted < limit) {
      break;
    }
  }
  co_return deleted;
}

}  // namespace portoser::storage
