#include "controller/storage/job_events.h"

#include "controller/storage/connection.h"

namespace portoser::storage {

void append_events(Connection& connection,
                   const std::string& job_id,
                   const std::vector<JobEvent>& events) {
  for (const auto& event : events) {
    connection
        .query(
            "INSERT INTO job_events (job_id, number, line, time, frame) VALUES (?, ?, ?, ?, ?) "
            "ON CONFLICT (job_id, number) DO NOTHING")
        .bind(job_id, event.number, event.line, event.time, event.frame)
        .run();
  }
}

std::vector<JobEvent> read_events(Connection& connection, const std::string& job_id) {
  auto rows = connection.query(
      "SELECT number, line, time, frame FROM job_events WHERE job_id = ? ORDER BY number");
  rows.bind(job_id);
  std::vector<JobEvent> events;
  while (rows.next()) {
    auto& event = events.emplace_back();
    rows.read(event.number, event.line, event.time, event.frame);
  }
  return events;
}

std::int64_t next_event(Connection& connection, const std::string& job_id) {
  auto row =
      connection.query("SELECT coalesce(max(number) + 1, 0) FROM job_events WHERE job_id = ?");
  row.bind(job_id);
  std::int64_t next = 0;
  if (row.next()) row.read(next);
  return next;
}

}  // namespace portoser::storage
