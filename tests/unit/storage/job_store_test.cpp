#include "controller/storage/job_store.h"

#include "tests/unit/storage/storage_test.h"

#include <fmt/format.h>

namespace portoser::storage {
namespace {

JobRecord job(int number) {
  JobRecord record;
  record.id = fmt::format("01J{:023}", number);
  record.kind = "restart";
  record.service = "web";
  record.host = "host-1";
  record.state = "queued";
  record.created_by = "ada";
  record.created_at = from_unix_us(number);
  record.fingerprint = "f";
  return record;
}

JobRecord finished_job(int number) {
  auto record = job(number);
  record.state = "succeeded";
  record.finished_at = from_unix_us(number);
  return record;
}

std::vector<JobLogLine> lines(std::int64_t first, std::int64_t count) {
  std::vector<JobLogLine> result;
  for (auto number = first; number < first + count; ++number) {
    result.push_back({number, from_unix_us(number), "pull", fmt::format("line {}", number)});
  }
  return result;
}

class JobStoreTest : public StorageTest {
 protected:
  JobStoreTest() { open(); }

  std::vector<std::string> ids(const std::vector<JobRecord>& jobs) {
    std::vector<std::string> result;
    for (const auto& one : jobs) {
      result.push_back(one.id);
    }
    return result;
  }
  std::vector<JobLogLine> log(std::int64_t offset = 0, std::int64_t limit = 100'000) {
    return run(jobs_.log(job(1).id, offset, limit));
  }

  JobStore jobs_{*database_};
};

TEST_F(JobStoreTest, KeepsEveryField) {
  auto record = job(1);
  record.request = "{\"timeout\":5}";
  run(jobs_.insert(record));
  record.state = "failed";
  record.step = "pull";
  record.started_at = from_unix_us(10);
  record.finished_at = from_unix_us(20);
  record.error_code = "unavailable";
  record.error_reason = "AGENT_OFFLINE";
  record.error_message = "the agent is away";
  record.error_hint = "start it";
  record.command_id = "c";
  record.last_output = "pulling";
  record.next_line = 7;
  record.output_lines = 5;
  record.steps = {{"config", "succeeded", from_unix_us(11), from_unix_us(12), ""},
                  {"up", "failed", from_unix_us(12), from_unix_us(13), "a port is taken"},
                  {"check", "skipped", std::nullopt, std::nullopt, ""}};
  run(jobs_.update(record));
  const auto back = run(jobs_.find(record.id)).value();
  EXPECT_EQ(back.kind, "restart");
  EXPECT_EQ(back.service, "web");
  EXPECT_EQ(back.host, "host-1");
  EXPECT_EQ(back.state, "failed");
  EXPECT_EQ(back.step, "pull");
  EXPECT_EQ(back.created_by, "ada");
  EXPECT_EQ(back.created_at, record.created_at);
  EXPECT_EQ(back.started_at, record.started_at);
  EXPECT_EQ(back.finished_at, record.finished_at);
  EXPECT_EQ(back.error_code, record.error_code);
  EXPECT_EQ(back.error_reason, record.error_reason);
  EXPECT_EQ(back.error_message, record.error_message);
  EXPECT_EQ(back.error_hint, record.error_hint);
  EXPECT_EQ(back.command_id, "c");
  EXPECT_EQ(back.request, "{\"timeout\":5}");
  EXPECT_EQ(back.fingerprint, "f");
  EXPECT_EQ(back.last_output, "pulling");
  EXPECT_EQ(back.next_line, 7);
  EXPECT_EQ(back.output_lines, 5);
  EXPECT_EQ(back.steps, record.steps);
}

TEST_F(JobStoreTest, AdvancingChangesStepsAndLogAndNothingElse) {
  auto record = job(1);
  run(jobs_.insert(record));
  record.state = "succeeded";
  record.step = "up";
  record.steps = {{"config", "succeeded", from_unix_us(1), from_unix_us(2), ""},
                  {"up", "running", from_unix_us(2), std::nullopt, ""}};
  record.next_line = 3;
  run(jobs_.advance(record, lines(0, 3)));
  record.steps.pop_back();
  run(jobs_.advance(record, {}));
  const auto back = run(jobs_.unfinished()).at(0);
  EXPECT_EQ(back.state, "queued") << "its end is stored by update alone";
  EXPECT_EQ(back.step, "up");
  EXPECT_EQ(back.next_line, 3);
  EXPECT_EQ(back.steps, record.steps) << "steps are replaced, not added to";
  EXPECT_EQ(log().size(), 3U);
}

TEST_F(JobStoreTest, SaysThatAJobIsNotThereOrThereTwice) {
  EXPECT_FALSE(run(jobs_.find("nothing")).has_value());
  EXPECT_EQ(error_of([&] { run(jobs_.update(job(1))); }).reason(), "JOB_UNKNOWN");
  EXPECT_EQ(error_of([&] { run(jobs_.advance(job(1), lines(0, 1))); }).reason(), "JOB_UNKNOWN");
  run(jobs_.insert(job(1)));
  EXPECT_EQ(error_of([&] { run(jobs_.insert(job(1))); }).code(), Code::conflict);
}

TEST_F(JobStoreTest, ListsTheNewestFirstByWhatIsAskedFor) {
  for (int number = 1; number <= 6; ++number) {
    auto record = job(number);
    record.service = number % 2 == 0 ? "db" : "web";
    record.host = number > 3 ? "host-2" : "host-1";
    record.state = number == 6 ? "running" : "queued";
    run(jobs_.insert(record));
  }
  JobFilter filter;
  filter.limit = 2;
  EXPECT_EQ(ids(run(jobs_.list(filter))), (std::vector{job(6).id, job(5).id}));
  filter.before_id = job(5).id;
  EXPECT_EQ(ids(run(jobs_.list(filter))), (std::vector{job(4).id, job(3).id}));
  JobFilter of_db;
  of_db.service = "db";
  of_db.host = "host-2";
  EXPECT_EQ(ids(run(jobs_.list(of_db))), (std::vector{job(6).id, job(4).id}));
  of_db.state = "queued";
  EXPECT_EQ(ids(run(jobs_.list(of_db))), (std::vector{job(4).id}));
}

TEST_F(JobStoreTest, GivesAtMostAThousandJobs) {
  for (int number = 1; number <= 1005; ++number) {
    start(jobs_.insert(job(number)));
  }
  poll();
  JobFilter filter;
  filter.limit = 5000;
  run(jobs_.insert(job(2000)));  // after all of those
  EXPECT_EQ(run(jobs_.list(filter)).size(), 1000U);
}

TEST_F(JobStoreTest, NamesWhatIsUnfinishedOldestFirst) {
  run(jobs_.insert(job(3)));
  auto running = job(2);
  running.state = "running";
  run(jobs_.insert(running));
  run(jobs_.insert(finished_job(1)));
  EXPECT_EQ(ids(run(jobs_.unfinished())), (std::vector{job(2).id, job(3).id}));
}

TEST_F(JobStoreTest, GivesTheLogFromAnOffsetAndIgnoresRepeats) {
  run(jobs_.insert(job(1)));
  run(jobs_.advance(job(1), lines(0, 5)));
  auto repeated = lines(3, 4);
  repeated[0].text = "changed";
  run(jobs_.advance(job(1), repeated));
  const auto part = log(3, 3);
  ASSERT_EQ(part.size(), 3U);
  EXPECT_EQ(part[0].number, 3);
  EXPECT_EQ(part[0].text, "line 3");
  EXPECT_EQ(part[0].step, "pull");
  EXPECT_EQ(part[0].time, from_unix_us(3));
  EXPECT_EQ(part[2].number, 5);
  EXPECT_EQ(log().size(), 7U);
}

TEST_F(JobStoreTest, ALongLogKeepsItsBeginningAndItsEnd) {
  run(jobs_.insert(job(1)));
  run(jobs_.advance(job(1), lines(0, 9000)));
  run(jobs_.advance(job(1), lines(9000, 3000)));
  run(jobs_.advance(job(1), lines(5500, 10)));  // a late repeat of what was dropped
  const auto all = log();
  ASSERT_EQ(all.size(), 10'000U);
  EXPECT_EQ(all[4999].number, 4999);
  EXPECT_EQ(all[5000].number, 7000);
  EXPECT_EQ(all.back().number, 11'999);
}

TEST_F(JobStoreTest, DeletesTheOldestFinishedJobsWithTheirLogs) {
  for (int number = 1; number <= 60; ++number) {
    run(jobs_.insert(finished_job(number)));
  }
  run(jobs_.insert(job(70)));
  run(jobs_.advance(job(1), lines(0, 3)));
  EXPECT_EQ(run(jobs_.delete_finished_before(from_unix_us(46), 5)), 45);
  JobFilter filter;
  const auto left = ids(run(jobs_.list(filter)));
  ASSERT_EQ(left.size(), 16U);
  EXPECT_EQ(left.front(), job(70).id);
  EXPECT_EQ(left.back(), job(46).id);
  EXPECT_TRUE(log().empty());
}

TEST_F(JobStoreTest, ALongLogGoesPieceByPieceSoThatOthersWriteMeanwhile) {
  run(jobs_.insert(finished_job(1)));
  run(jobs_.insert(finished_job(2)));
  run(jobs_.advance(job(1), lines(0, 5000)));
  const auto commits = database_->stats().commits;
  EXPECT_EQ(run(jobs_.delete_finished_before(from_unix_us(2), 0)), 1);
  EXPECT_GE(database_->stats().commits - commits, 5U);
  EXPECT_TRUE(log().empty());
  EXPECT_TRUE(run(jobs_.find(job(2).id)));
}

TEST_F(JobStoreTest, LeavesTheNewestJobsHoweverOldTheyAre) {
  for (int number = 1; number <= 30; ++number) {
    run(jobs_.insert(finished_job(number)));
  }
  EXPECT_EQ(run(jobs_.delete_finished_before(from_unix_us(1000), 7)), 23);
  EXPECT_EQ(run(jobs_.delete_finished_before(from_unix_us(1000), 7)), 0);
  JobFilter filter;
  const auto left = ids(run(jobs_.list(filter)));
  ASSERT_EQ(left.size(), 7U);
  EXPECT_EQ(left.back(), job(24).id);
}

TEST_F(JobStoreTest, EventsAreKeptWithTheLogAndGoWithTheJob) {
  auto record = job(1);
  run(jobs_.insert(record));
  record.next_line = 2;
  const std::vector<JobEvent> events{{0, 0, from_unix_us(1), R"({"type":"a"})"},
                                     {1, 2, from_unix_us(2), R"({"type":"b"})"}};
  run(jobs_.advance(record, lines(0, 2), events));
  run(jobs_.advance(record, {}, {{1, 9, from_unix_us(9), "{}"}}));
  const auto stored = run(jobs_.events(record.id));
  ASSERT_EQ(stored.size(), 2U);
  EXPECT_EQ(stored[1].frame, events[1].frame) << "a number that is there is ignored";
  EXPECT_EQ(stored[1].line, 2);
  EXPECT_EQ(stored[1].time, events[1].time);
  EXPECT_EQ(run(jobs_.find(record.id))->next_event, 2);
  EXPECT_EQ(run(jobs_.unfinished()).at(0).next_event, 2);
  record.state = "succeeded";
  record.finished_at = from_unix_us(3);
  run(jobs_.update(record));
  EXPECT_EQ(run(jobs_.delete_finished_before(from_unix_us(4), 0)), 1);
  EXPECT_TRUE(run(jobs_.events(record.id)).empty());
}

TEST_F(JobStoreTest, AreListedFromAnIdOn) {
  for (int i = 1; i <= 4; ++i) run(jobs_.insert(job(i)));
  JobFilter filter;
  filter.from_id = job(2).id;
  filter.before_id = job(4).id;
  EXPECT_EQ(ids(run(jobs_.list(filter))), (std::vector<std::string>{job(3).id, job(2).id}));
}

}  // namespace
}  // namespace portoser::storage
