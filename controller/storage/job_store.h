/// Jobs, what they wrote, and their history.
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

struct JobStep {
  std::string name;
  std::string state;                ///< "pending"; "running"; "succeeded", "failed", "skipped"
  std::optional<Time> started_at;   ///< none: not yet, or nobody was told
  std::optional<Time> finished_at;  ///< likewise
  std::string message;              ///< why it failed; empty otherwise
  bool operator==(const JobStep&) const = default;
};

struct JobRecord {
  std::string id;  ///< a ULID: jobs sort by the time they were made
  std::string kind;
  std::string service;  ///< empty: it is about a host
  std::string host;
  std::string state;  ///< "queued", "running"; "succeeded", "failed", "cancelled", "interrupted"
  std::string step;
  std::string created_by;
  Time created_at;
  std::optional<Time> started_at;
  std::optional<Time> finished_at;
  std::string error_code;  ///< this and the next three: empty without an error
  std::string error_reason;
  std::string error_message;
  std::string error_hint;
  std::string command_id;      ///< of the command at the agent; empty: none yet
  std::string request = "{}";  ///< JSON text
  std::string fingerprint;     ///< equal for identical requests
  std::string last_output;
  std::int64_t next_line = 0;     ///< number of the line that comes next in the log
  std::int64_t output_lines = 0;  ///< lines of the tools that went into the log, dropped ones too
  std::vector<JobStep> steps;     ///< in their order; `list` leaves it empty
  bool cancel_requested = false;  ///< changed by `request_cancel` alone
  std::string parent;             ///< the job that this one is a part of; empty: none
  std::string results = "[]";     ///< JSON text: of the services of a job about several
  std::int64_t next_event = 0;    ///< number of the event that comes next; `list` leaves it 0
};

struct JobLogLine {
  std::int64_t number = 0;  ///< from 0, given by whoever writes the log
  Time time;
  std::string step;
  std::string text;
};

/// What a job told beside its log.
struct JobEvent {
  std::int64_t number = 0;  ///< from 0
  std::int64_t line = 0;    ///< number of the line that came next in the log
  Time time;
  std::string frame;  ///< JSON text: an object with a `type`
};

/// Empty members select everything.
struct JobFilter {
  std::optional<std::string> state;
  std::optional<std::string> service;
  std::optional<std::string> host;
  std::optional<std::string> before_id;  ///< only jobs made before this one
  std::optional<std::string> from_id;    ///< only this one and those made after it
  std::int64_t limit = 100;              ///< at most 1000 are given
};

class JobStore {
 public:
  /// The log of a job keeps its first and its newest lines, this many of each; what lies between is
  /// dropped, so a reader sees a gap in the numbers.
  static constexpr std::int64_t kept_log_lines = 5000;

  explicit JobStore(Database& database) : database_(database) {}

  /// An id that is there: `Error{conflict}`.
  asio::awaitable<void> insert(JobRecord record);
  /// Replaces everything but id, kind, created_by, created_at, request, fingerprint,
  /// parent and cancel_requested. `Error{not_found}`, JOB_UNKNOWN.
  asio::awaitable<void> update(JobRecord record);
  /// Somebody wants it to end. `Error{not_found}`, JOB_UNKNOWN.
  asio::awaitable<void> request_cancel(std::string id);
  /// Appends to the log and, in the same transaction, replaces `step`, `steps`, `next_line` and
  /// `output_lines`. The number of a line that is there is ignored. `Error{not_found}`,
  /// JOB_UNKNOWN.
  asio::awaitable<void> advance(JobRecord record, std::vector<JobLogLine> lines);
  /// The same, with events; the number of one that is there is ignored too.
  asio::awaitable<void> advance(JobRecord record,
                                std::vector<JobLogLine> lines,
                                std::vector<JobEvent> events);

  asio::awaitable<std::optional<JobRecord>> find(std::string id);
  /// Newest first.
  asio::awaitable<std::vector<JobRecord>> list(JobFilter filter);
  /// Lines with a number of at least `offset`, in order; at most `limit`, and at most 10,000.
  asio::awaitable<std::vector<JobLogLine>> log(std::string job_id,
                                               std::int64_t offset,
                                               std::int64_t limit);
  /// In their order.
  asio::awaitable<std::vector<JobEvent>> events(std::string job_id);
  /// Queued and running, oldest first.
  asio::awaitable<std::vector<JobRecord>> unfinished();

  /// Deletes jobs that finished before that moment, the oldest first, with their logs and events,
  /// and leaves at least `keep` finished ones. In small transactions, so that others write
  /// meanwhile: a long log goes piece by piece. Returns how many jobs it deleted.
  asio::awaitable<std::int64_t> delete_finished_before(Time moment, std::int64_t keep);

 private:
  Database& database_;
};

}  // namespace portoser::storage
