#include "controller/storage/job_store.h"

#include "common/error.h"
#include "controller/storage/connection.h"
#include "controller/storage/database.h"
#include "controller/storage/job_events.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <tuple>
#include <utility>

namespace portoser::storage {
namespace {

constexpr std::int64_t most_jobs = 1000;
/// Deleted in one transaction, of lines and jobs together: a job may have 10,000 lines.
constexpr std::int64_t rows_deleted_at_once = 1000;

enum class Change { never, by_update };

template <class Member>
struct Column {
  std::string_view name;
  Member JobRecord::*member;
  Change change;
};
// clang 14, which builds the fuzz targets, does not find it by itself.
template <class Member>
Column(std::string_view, Member JobRecord::*, Change) -> Column<Member>;

/// Every column of `jobs`, once.
constexpr std::tuple job_columns{
    Column{"id", &JobRecord::id, Change::never},
    Column{"kind", &JobRecord::kind, Change::never},
    Column{"service", &JobRecord::service, Change::by_update},
    Column{"host", &JobRecord::host, Change::by_update},
    Column{"state", &JobRecord::state, Change::by_update},
    Column{"step", &JobRecord::step, Change::by_update},
    Column{"created_by", &JobRecord::created_by, Change::never},
    Column{"created_at", &JobRecord::created_at, Change::never},
    Column{"started_at", &JobRecord::started_at, Change::by_update},
    Column{"finished_at", &JobRecord::finished_at, Change::by_update},
    Column{"error_code", &JobRecord::error_code, Change::by_update},
    Column{"error_reason", &JobRecord::error_reason, Change::by_update},
    Column{"error_message", &JobRecord::error_message, Change::by_update},
    Column{"error_hint", &JobRecord::error_hint, Change::by_update},
    Column{"command_id", &JobRecord::command_id, Change::by_update},
    Column{"request", &JobRecord::request, Change::never},
    Column{"fingerprint", &JobRecord::fingerprint, Change::never},
    Column{"last_output", &JobRecord::last_output, Change::by_update},
    Column{"next_line", &JobRecord::next_line, Change::by_update},
    Column{"output_lines", &JobRecord::output_lines, Change::by_update},
    Column{"cancel_requested", &JobRecord::cancel_requested, Change::never},
    Column{"parent", &JobRecord::parent, Change::never},
    Column{"results", &JobRecord::results, Change::by_update},
};

template <class Call>
void for_each_column(Call call) {
  std::apply([&](const auto&... column) { (call(column), ...); }, job_columns);
}

/// The names of the columns, each followed by `after`, separated by commas.
std::string names(std::string_view after, bool changing_only) {
  std::string text;
  for_each_column([&](const auto& column) {
    if (changing_only && column.change == Change::never) return;
    text += text.empty() ? "" : ", ";
    text += column.name;
    text += after;
  });
  return text;
}

std::string question_marks() {
  std::string text;
  for_each_column([&](const auto&) { text += text.empty() ? "?" : ", ?"; });
  return text;
}

const std::string select_jobs = "SELECT " + names("", false) + " FROM jobs ";
const std::string insert_into_jobs = "INSERT INTO jobs (" + names("", false) + ") VALUES (" +
                                     question_marks() + ") ON CONFLICT (id) DO NOTHING";
const std::string update_jobs = "UPDATE jobs SET " + names(" = ?", true) + " WHERE id = ?";

JobRecord read_job(Query& row) {
  JobRecord job;
  std::apply([&](const auto&... column) { row.read(job.*column.member...); }, job_columns);
  return job;
}

std::vector<JobRecord> read_jobs(Query& rows) {
  std::vector<JobRecord> jobs;
  while (rows.next()) {
    jobs.push_back(read_job(rows));
  }
  return jobs;
}

void read_steps(Connection& connection, JobRecord& job) {
  auto rows = connection.query(
      "SELECT name, state, started_at, finished_at, message FROM job_steps WHERE job_id = ? "
      "ORDER BY position");
  rows.bind(job.id);
  while (rows.next()) {
    auto& step = job.steps.emplace_back();
    rows.read(step.name, step.state, step.started_at, step.finished_at, step.message);
  }
}

/// There are a handful of them.
void replace_steps(Connection& connection, const JobRecord& job) {
  connection.query("DELETE FROM job_steps WHERE job_id = ?").bind(job.id).run();
  std::int64_t position = 0;
  for (const auto& step : job.steps) {
    connection
        .query(
            "INSERT INTO job_steps (job_id, position, name, state, started_at, finished_at, "
            "message) VALUES (?, ?, ?, ?, ?, ?, ?)")
        .bind(job.id,
              position++,
              step.name,
              step.state,
              step.started_at,
              step.finished_at,
              step.message)
        .run();
  }
}

void insert_job(Connection& connection, const JobRecord& job) {
  auto insert = connection.query(insert_into_jobs);
  for_each_column([&](const auto& column) { insert.bind(job.*column.member); });
  if (insert.run() == 0) {
    throw Error{Code::conflict, fmt::format("there is a job with the id {}", job.id), "job_id"};
  }
  replace_steps(connection, job);
}

Error no_job(const std::string& id) {
  return Error{Code::not_found, fmt::format("no job has the id {}", id), "job_id"}.reason(
      "JOB_UNKNOWN");
}

void update_job(Connection& connection, const JobRecord& job) {
  auto update = connection.query(update_jobs);
  for_each_column([&](const auto& column) {
    if (column.change == Change::by_update) update.bind(job.*column.member);
  });
  update.bind(job.id);
  if (update.run() == 0) {
    throw no_job(job.id);
  }
  replace_steps(connection, job);
}

void advance_job(Connection& connection, const JobRecord& job) {
  auto update =
      connection.query("UPDATE jobs SET step = ?, next_line = ?, output_lines = ? WHERE id = ?");
  update.bind(job.step, job.next_line, job.output_lines, job.id);
  if (update.run() == 0) {
    throw no_job(job.id);
  }
  replace_steps(connection, job);
}

void append_lines(Connection& connection,
                  const std::string& job_id,
                  const std::vector<JobLogLine>& lines) {
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
                                         std::pair{&filter.before_id, " AND id < ?"},
                                         std::pair{&filter.from_id, " AND id >= ?"}}) {
    sql += value->has_value() ? condition : "";
  }
  auto rows = connection.query(sql + " ORDER BY id DESC LIMIT ?");
  for (const auto* value :
       {&filter.state, &filter.service, &filter.host, &filter.before_id, &filter.from_id}) {
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

std::int64_t delete_lines(Connection& connection, const std::string& job_id, std::int64_t limit) {
  return connection
      .query(
          "DELETE FROM job_log WHERE job_id = ? AND number IN "
          "(SELECT number FROM job_log WHERE job_id = ? ORDER BY number LIMIT ?)")
      .bind(job_id, job_id, limit)
      .run();
}

std::optional<std::string> oldest_finished(Connection& connection, Time before) {
  auto row = connection.query(
      "SELECT id FROM jobs WHERE finished_at < ? ORDER BY finished_at, id LIMIT 1");
  row.bind(before);
  if (!row.next()) return std::nullopt;
  std::string id;
  row.read(id);
  return id;
}

struct Deleted {
  std::int64_t jobs = 0;
  bool all = false;  ///< nothing is left to delete
};

Deleted delete_oldest(Connection& connection, Time before, std::int64_t most) {
  Deleted deleted;
  for (std::int64_t rows = 0; rows < rows_deleted_at_once;) {
    const auto id = deleted.jobs < most ? oldest_finished(connection, before) : std::nullopt;
    if (!id) {
      deleted.all = true;
      break;
    }
    rows += delete_lines(connection, *id, rows_deleted_at_once - rows);
    if (rows == rows_deleted_at_once) break;  // its log may have more
    connection.query("DELETE FROM jobs WHERE id = ?").bind(*id).run();
    ++rows;
    ++deleted.jobs;
  }
  return deleted;
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

asio::awaitable<void> JobStore::request_cancel(std::string id) {
  return database_.write([id = std::move(id)](Connection& connection) {
    auto update = connection.query("UPDATE jobs SET cancel_requested = 1 WHERE id = ?");
    if (update.bind(id).run() == 0) throw no_job(id);
  });
}

asio::awaitable<void> JobStore::advance(JobRecord record, std::vector<JobLogLine> lines) {
  return advance(std::move(record), std::move(lines), std::vector<JobEvent>{});
}

asio::awaitable<void> JobStore::advance(JobRecord record,
                                        std::vector<JobLogLine> lines,
                                        std::vector<JobEvent> events) {
  return database_.write([record = std::move(record),
                          lines = std::move(lines),
                          events = std::move(events)](Connection& connection) {
    advance_job(connection, record);
    append_lines(connection, record.id, lines);
    append_events(connection, record.id, events);
  });
}

asio::awaitable<std::vector<JobEvent>> JobStore::events(std::string job_id) {
  return database_.read(
      [id = std::move(job_id)](Connection& connection) { return read_events(connection, id); });
}

asio::awaitable<std::optional<JobRecord>> JobStore::find(std::string id) {
  return database_.read([id = std::move(id)](Connection& connection) -> std::optional<JobRecord> {
    auto rows = connection.query(select_jobs + "WHERE id = ?");
    rows.bind(id);
    if (!rows.next()) {
      return std::nullopt;
    }
    auto job = read_job(rows);
    read_steps(connection, job);
    job.next_event = next_event(connection, id);
    return job;
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
    auto jobs = read_jobs(rows);
    for (auto& job : jobs) {
      read_steps(connection, job);
      job.next_event = next_event(connection, job.id);
    }
    return jobs;
  });
}

asio::awaitable<std::int64_t> JobStore::delete_finished_before(Time moment, std::int64_t keep) {
  const auto most = co_await database_.read(count_finished) - keep;
  std::int64_t jobs = 0;
  for (bool all = false; !all;) {
    auto delete_some = [moment, left = most - jobs](Connection& connection) {
      return delete_oldest(connection, moment, left);
    };
    const auto deleted = co_await database_.write(std::move(delete_some));
    jobs += deleted.jobs;
    all = deleted.all;
  }
  co_return jobs;
}

}  // namespace portoser::storage
