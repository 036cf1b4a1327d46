#include "controller/storage/retention.h"

#include "controller/storage/event_store.h"
#include "controller/storage/job_store.h"
#include "tests/unit/storage/storage_test.h"

#include <fmt/format.h>

namespace portoser::storage {
namespace {

using std::chrono::hours;

class RetentionTest : public StorageTest {
 protected:
  RetentionTest() {
    open();
    settings_.jobs = hours{24 * 10};
    settings_.jobs_at_least = 1;
    settings_.events = hours{24 * 5};
  }

  void add_event(hours age, const std::string& service, const std::string& machine = "host-1") {
    auto record = event(++sequence_);
    record.time = clock_.now() - age;
    record.service = service;
    record.machine = machine;
    record.details = fmt::format("{} {} {}", service, machine, age.count() / 24);
    run(events_.append({record}));
  }
  void add_job(hours age) {
    JobRecord record;
    record.id = fmt::format("job-{:03}", age.count() / 24);
    record.state = "succeeded";
    record.created_at = clock_.now() - age;
    record.finished_at = clock_.now() - age;
    run(jobs_.insert(record));
  }
  std::vector<std::string> events_left() {
    EventFilter filter;
    filter.newest_first = false;
    filter.limit = 100'000;
    std::vector<std::string> left;
    for (const auto& one : run(events_.list(filter))) left.push_back(one.details);
    return left;
  }
  std::vector<std::string> jobs_left() {
    std::vector<std::string> left;
    for (const auto& one : run(jobs_.list({}))) left.push_back(one.id);
    return left;
  }
  void delete_old() {
    Retention retention{*database_, clock_, settings_};
    run(retention.delete_old());
    stats_ = retention.stats();
  }

  RetentionSettings settings_;
  RetentionStats stats_;
  EventStore events_{*database_};
  JobStore jobs_{*database_};
  std::int64_t sequence_ = 0;
};

TEST_F(RetentionTest, DeletesWhatIsOlderThanTheSettingsSay) {
  add_event(hours{24 * 9}, "web");
  add_event(hours{24 * 2}, "web");
  for (const int days : {30, 20, 3}) add_job(hours{24 * days});
  delete_old();
  EXPECT_EQ(events_left(), std::vector<std::string>{"web host-1 2"});
  EXPECT_EQ(jobs_left(), std::vector<std::string>{"job-003"});
  EXPECT_EQ(stats_.jobs, 2U);
  EXPECT_EQ(stats_.events, 1U);
  EXPECT_EQ(stats_.succeeded_at, clock_.now());
}

TEST_F(RetentionTest, AClockThatIsAheadAtTheStartDeletesNothing) {
  add_event(hours{1}, "web");
  add_event(hours{0}, "web");
  delete_old();
  const auto right = clock_.now();
  clock_.set_wall(right + hours{24 * 3650});
  delete_old();
  EXPECT_FALSE(stats_.succeeded_at);
  clock_.set_wall(right);
  delete_old();
  EXPECT_EQ(events_left().size(), 2U);
  EXPECT_EQ(stats_.succeeded_at, right);
}

TEST_F(RetentionTest, ARoundThatFailsIsCounted) {
  run(database_->write([](Connection& connection) { connection.run("DROP TABLE job_log"); }));
  add_job(hours{24 * 30});
  add_job(hours{24 * 29});
  Retention retention{*database_, clock_, settings_};
  const auto running = start(retention.run());
  while (retention.stats().failures == 0) {
    io_.restart();
    io_.run_one();
  }
  EXPECT_EQ(retention.stats().failures, 1U);
  EXPECT_FALSE(retention.stats().succeeded_at);
}

TEST_F(RetentionTest, LeavesSoManyJobsWhateverTheirAge) {
  settings_.jobs_at_least = 2;
  for (const int days : {30, 20, 15}) add_job(hours{24 * days});
  delete_old();
  EXPECT_EQ(jobs_left(), (std::vector<std::string>{"job-020", "job-015"}));
}

TEST_F(RetentionTest, KeepsTheNewestEventOfAServiceOnAMachine) {
  add_event(hours{24 * 30}, "web");
  add_event(hours{24 * 29}, "web");
  add_event(hours{24 * 28}, "web", "host-2");
  add_event(hours{24 * 27}, "");
  add_event(hours{24 * 1}, "db");
  delete_old();
  EXPECT_EQ(events_left(),
            (std::vector<std::string>{"web host-1 29", "web host-2 28", "db host-1 1"}));
}

TEST_F(RetentionTest, FindsAnOldEventBehindOneThatCameEarlier) {
  add_event(hours{24 * 1}, "web");
  add_event(hours{24 * 9}, "db");  // of a host that was away
  add_event(hours{24 * 1}, "db");
  delete_old();
  EXPECT_EQ(events_left(), (std::vector<std::string>{"web host-1 1", "db host-1 1"}));
}

TEST_F(RetentionTest, ManyOldEventsGoInSmallTransactions) {
  std::vector<EventRecord> many;
  for (int number = 0; number < 2600; ++number) {
    auto record = event(++sequence_);
    record.time = clock_.now() - hours{24 * 30};
    many.push_back(std::move(record));
  }
  run(events_.append(std::move(many)));
  const auto before = database_->stats().items;
  delete_old();
  EXPECT_EQ(events_left().size(), 1U);
  EXPECT_GE(database_->stats().items - before, 6U) << "one long transaction would block others";
}

}  // namespace
}  // namespace portoser::storage
