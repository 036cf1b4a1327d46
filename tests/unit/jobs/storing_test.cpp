// What becomes of the log and of the end of a job while the database does not take them.

#include "controller/storage/connection.h"
#include "tests/unit/jobs/jobs_fixture.h"

namespace portoser::jobs {
namespace {

class JobStoringTest : public JobsTest {
 protected:
  void sql(std::string text) {
    auto work = [text = std::move(text)](storage::Connection& connection) { connection.run(text); };
    run(database_->write(std::move(work)));
  }
  void refuse_log_lines() {
    sql("CREATE TRIGGER no_log BEFORE INSERT ON job_log BEGIN SELECT RAISE(ABORT, 'no'); END");
  }
  void take_log_lines() { sql("DROP TRIGGER no_log"); }
  void refuse_ends() {
    sql("CREATE TRIGGER no_end BEFORE UPDATE OF finished_at ON jobs WHEN NEW.finished_at IS NOT "
        "NULL BEGIN SELECT RAISE(ABORT, 'no'); END");
  }
  void take_ends() { sql("DROP TRIGGER no_end"); }
  Error error_of_wait(const std::string& id) {
    try {
      run(jobs_->wait(id));
    } catch (const Error& error) {
      return error;
    }
    ADD_FAILURE() << "it has ended";
    return Error{Code::internal, ""};
  }
  static asio::awaitable<void> log_and_wait(std::shared_ptr<jobs::Run> job) {
    job->log("the last words");
    co_await pause(std::chrono::hours{1});
  }
  std::vector<storage::JobLogLine> stored(const std::string& id) {
    storage::JobStore store{*database_};
    return run(store.log(id, 0, 10'000));
  }
};

TEST_F(JobStoringTest, TheEndIsStoredAlthoughTheLogCannotBe) {
  auto device = welcomed();
  refuse_log_lines();
  const auto id = run(jobs_->submit(request())).id;
  await<protocol::Command>(device);
  device.send(protocol::Progress{id, "up", 0, {"one", "two"}, {}});
  device.send(result_of(id, false, 1));
  EXPECT_EQ(run(jobs_->wait(id)).state, "failed");
  storage::JobStore store{*database_};
  EXPECT_EQ(run(store.find(id))->error_reason, "PORT_TAKEN");
  EXPECT_TRUE(jobs_->active()->empty()) << "the service is free";
  EXPECT_TRUE(stored(id).empty());
  take_log_lines();
  step_until([&] { return stored(id).size() == 3; });
  EXPECT_EQ(run(store.find(id))->state, "failed");
}

TEST_F(JobStoringTest, ALongLogThatCannotBeStoredIsShortenedAndSaysSo) {
  constexpr int lines = 3000;
  auto device = welcomed();
  refuse_log_lines();
  const auto id = run(jobs_->submit(request())).id;
  await<protocol::Command>(device);
  const std::vector<std::string> hundred(100, "line");
  for (int from = 0; from < lines; from += 100) {
    device.send(protocol::Progress{id, "up", from, hundred, {}});
  }
  step_until([&] { return run(jobs_->find(id)).output_lines == lines; });
  EXPECT_TRUE(run(jobs_->log(id, 0, 1)).empty()) << "tried, refused, and what is stored is shown";
  take_log_lines();
  device.send(result_of(id, true, 1));
  EXPECT_EQ(run(jobs_->wait(id)).state, "succeeded");
  step_until([&] { return !stored(id).empty() && stored(id).back().number == lines - 1; });
  const auto log = stored(id);
  EXPECT_LE(log.size(), PendingLog::most_lines);
  EXPECT_EQ(log[0].step, own_step);
  const auto lost = log[0].number + 1;
  EXPECT_EQ(log.size(), static_cast<std::size_t>(lines - lost + 1));
  EXPECT_EQ(log[0].text.find(std::to_string(lost) + " lines were lost"), 0U) << log[0].text;
}

TEST_F(JobStoringTest, WhoWaitsForAnEndThatCannotBeStoredIsToldHowItEnded) {
  auto device = welcomed();
  const auto id = run(jobs_->submit(request())).id;
  await<protocol::Command>(device);
  refuse_ends();
  device.send(result_of(id, true, 1));
  const auto error = error_of_wait(id);
  EXPECT_EQ(error.code(), Code::unavailable);
  EXPECT_NE(error.message().find("restart of \"notes\" has succeeded"), std::string::npos)
      << error.message();
  EXPECT_NE(error.hint().find("do not repeat it"), std::string::npos) << error.hint();
  EXPECT_EQ(run(jobs_->submit(request())).id, id) << "an identical request joins it";
  take_ends();
  step_until([&] { return state_of(id) == "succeeded"; });
  EXPECT_EQ(run(jobs_->wait(id)).state, "succeeded");
}

TEST_F(JobStoringTest, ACommandThatCannotBeStoredIsNotSent) {
  auto device = welcomed();
  sql("CREATE TRIGGER no_command BEFORE UPDATE OF command_id ON jobs WHEN NEW.finished_at IS NULL "
      "BEGIN SELECT RAISE(ABORT, 'no'); END");
  const auto job = run(jobs_->wait(run(jobs_->submit(request())).id));
  EXPECT_EQ(job.state, "failed");
  EXPECT_TRUE(job.command_id.empty());
  sql("DROP TRIGGER no_command");
  const auto next = run(jobs_->submit(request())).id;
  EXPECT_EQ(await<protocol::Command>(device).id, next) << "the first that the host hears of";
  device.send(result_of(next, true, 1));
  run(jobs_->wait(next));
}

TEST_F(JobStoringTest, AStopWritesWhatIsPending) {
  jobs_->add_kind("stop", log_and_wait);
  const auto id = run(jobs_->submit(request("stop"))).id;
  step_until([&] { return run(jobs_->find(id)).next_line == 1; });
  stop_jobs();
  ASSERT_EQ(stored(id).size(), 1U);
  EXPECT_EQ(stored(id)[0].text, "the last words");
}

TEST_F(JobStoringTest, AStopEndsAlthoughNothingCanBeWritten) {
  jobs_->add_kind("stop", log_and_wait);
  refuse_log_lines();
  const auto id = run(jobs_->submit(request("stop"))).id;
  stop_jobs();
  EXPECT_TRUE(stored(id).empty());
}

}  // namespace
}  // namespace portoser::jobs
