#include "controller/history/history.h"

#include "tests/unit/storage/storage_test.h"

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

namespace portoser::history {
namespace {

using nlohmann::json;
using storage::JobRecord;

class HistoryTest : public storage::StorageTest {
 protected:
  HistoryTest() { open_history(); }
  ~HistoryTest() override { close_history(); }

  void open_history() {
    open();
    history_.emplace(*database_, clock_, io_.get_executor());
    jobs_.emplace(*database_);
  }
  void close_history() {
    if (history_) run(history_->stop());
    history_.reset();
    jobs_.reset();
    close();
  }

  static JobRecord job(const std::string& id = "01ARZ3NDEKTSV4RRFFQ69G5FAV") {
    JobRecord record;
    record.id = id;
    record.kind = "restart";
    record.service = "notes";
    record.host = "brick";
    record.state = "running";
    record.created_by = "ada";
    record.created_at = *time_from_rfc3339("2026-03-04T09:15:00Z");
    record.started_at = record.created_at;
    return record;
  }
  static JobRecord ended(const std::string& state, JobRecord record = job()) {
    record.state = state;
    record.finished_at = *record.started_at + std::chrono::seconds{3};
    if (state != "succeeded") record.error_message = "it broke";
    storage::JobStep step;
    step.name = "up";
    step.state = state == "succeeded" ? "succeeded" : "failed";
    step.started_at = record.started_at;
    step.finished_at = record.finished_at;
    record.steps = {step};
    return record;
  }
  bool begin(const JobRecord& record, const std::string& action = "restart") {
    return run(
        history_->begin(record, {action, "a reason", ""}, {R"({"port":1})", R"({"file":"/a"})"}));
  }
  storage::DeploymentPage listed() { return run(history_->list({})); }

  std::optional<History> history_;
  std::optional<storage::JobStore> jobs_;
};

TEST_F(HistoryTest, ARecordHasWhatWasBeforeAndAfterwards) {
  EXPECT_TRUE(begin(job()));
  EXPECT_EQ(listed().total, 0) << "what is under way is not history yet";
  run(history_->keep_findings(job().id, R"([{"reason":"DISK_LOW"}])"));
  run(history_->end(ended("succeeded"), {R"({"port":2})", R"({"file":"/b"})"}));

  const auto record = run(history_->find(History::id_of(job())));
  EXPECT_EQ(record.status, "success");
  EXPECT_EQ(record.outcome, "succeeded");
  EXPECT_EQ(record.actor, "ada");
  EXPECT_EQ(record.why, "a reason");
  EXPECT_EQ(record.duration_ms, 3000);
  EXPECT_EQ(record.config_before, R"({"port":1})");
  EXPECT_EQ(record.config_after, R"({"port":2})");
  EXPECT_EQ(record.state_after, R"({"file":"/b"})");
  EXPECT_EQ(json::parse(record.findings)[0]["reason"], "DISK_LOW");
  const auto phases = json::parse(record.phases);
  EXPECT_EQ(phases[0]["name"], "up");
  EXPECT_EQ(phases[0]["status"], "completed");
  EXPECT_EQ(phases[0]["duration_ms"], 3000);
  ASSERT_EQ(listed().total, 1);
  EXPECT_EQ(listed().records[0].state_after, "null") << "lists go without the texts";
}

TEST_F(HistoryTest, AnIdIsAsTheOldOnesWere) {
  EXPECT_THAT(History::id_of(job()), testing::MatchesRegex("deploy-20260304-091500-[0-9a-f]{8}"));
  EXPECT_NE(History::id_of(job()), History::id_of(job("01ARZ3NDEKTSV4RRFFQ69G5FAW")));
}

TEST_F(HistoryTest, CancelledAndInterruptedAreFailuresWithTheirOutcome) {
  begin(job());
  run(history_->end(ended("cancelled"), {}));
  EXPECT_EQ(listed().records[0].status, "failure");
  EXPECT_EQ(listed().records[0].outcome, "cancelled");
  EXPECT_EQ(listed().records[0].error, "it broke");
}

TEST_F(HistoryTest, ARollbackThatSucceededSaysSo) {
  begin(job(), "rollback");
  run(history_->end(ended("succeeded"), {}));
  EXPECT_EQ(listed().records[0].status, "rolled_back");
}

TEST_F(HistoryTest, AJobThatIsTakenUpAgainKeepsWhatWasBefore) {
  EXPECT_TRUE(begin(job()));
  EXPECT_FALSE(run(history_->begin(job(), {"restart", "", ""}, {R"({"port":9})", "null"})));
  run(history_->end(ended("succeeded"), {}));
  EXPECT_EQ(run(history_->find(History::id_of(job()))).config_before, R"({"port":1})");
}

TEST_F(HistoryTest, WhatTheControllerCouldNotCompleteIsCompletedAtTheNextStart) {
  begin(job());
  run(jobs_->insert(job()));
  run(history_->recover());
  EXPECT_EQ(listed().total, 0) << "its job is taken up again";
  run(jobs_->update(ended("failed")));
  close_history();
  open_history();
  run(history_->recover());
  ASSERT_EQ(listed().total, 1);
  EXPECT_EQ(listed().records[0].outcome, "failed");
}

TEST_F(HistoryTest, AnOutcomeThatIsKnownLateTakesThePlaceOfTheFirst) {
  begin(job());
  run(history_->end(ended("interrupted"), {}));
  jobs::Listener& listener = *history_;
  listener.job_corrected(ended("succeeded"), nullptr);
  while (listed().records.at(0).outcome != "succeeded") poll();
  EXPECT_EQ(listed().records[0].status, "success");
  EXPECT_EQ(listed().records[0].error, "");
}

TEST_F(HistoryTest, AChangeThatReturnedSaysSoAlsoWhenThatIsKnownLate) {
  begin(job());
  run(history_->end(ended("failed"), {}, true));
  EXPECT_EQ(listed().records[0].outcome, "returned");
  const auto second = job("01ARZ3NDEKTSV4RRFFQ69G5FAX");
  begin(second);
  run(history_->end(ended("interrupted", second), {}));
  jobs::Listener& listener = *history_;
  const auto failure = Error{Code::internal, "sick"}.details({{"undone", "returned"}});
  listener.job_corrected(ended("failed", second), &failure);
  const auto id = History::id_of(second);
  while (run(history_->find(id)).outcome != "returned") poll();
}

TEST_F(HistoryTest, TheNewestOfAServiceIsKnownAlsoAfterARestart) {
  EXPECT_FALSE(history_->newest("notes"));
  begin(job());
  EXPECT_FALSE(history_->newest("notes")) << "it is under way";
  run(history_->end(ended("succeeded"), {}));
  ASSERT_TRUE(history_->newest("notes"));
  EXPECT_EQ(history_->newest("notes")->id, History::id_of(job()));
  EXPECT_EQ(history_->newest("notes")->status, "success");
  EXPECT_FALSE(history_->newest("db"));
  close_history();
  open_history();
  run(history_->recover());
  ASSERT_TRUE(history_->newest("notes"));
  EXPECT_EQ(history_->newest("notes")->action, "restart");
}

TEST_F(HistoryTest, WhatBecameOfAnOlderOneDoesNotHideTheNewest) {
  begin(job());
  run(history_->end(ended("interrupted"), {}));
  auto later = job("01ARZ3NDEKTSV4RRFFQ69G5FAX");
  later.created_at += std::chrono::hours{1};
  later.started_at = later.created_at;
  begin(later);
  run(history_->end(ended("succeeded", later), {}));
  run(history_->end(ended("failed"), {}));
  EXPECT_EQ(history_->newest("notes")->id, History::id_of(later));
}

TEST_F(HistoryTest, OneThatIsNotThereIsNotFound) {
  EXPECT_EQ(storage::error_of([&] { run(history_->find("deploy-x")); }).reason(),
            "DEPLOYMENT_UNKNOWN");
}

}  // namespace
}  // namespace portoser::history
