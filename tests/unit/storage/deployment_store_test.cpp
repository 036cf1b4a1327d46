#include "controller/storage/deployment_store.h"

#include "tests/unit/storage/storage_test.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

namespace portoser::storage {
namespace {

using testing::ElementsAre;

DeploymentRecord deployment(int number, const std::string& service = "web") {
  DeploymentRecord record;
  record.id = fmt::format("deploy-{:04}", number);
  record.started_at = from_unix_us(number);
  record.finished_at = from_unix_us(number + 1);
  record.service = service;
  record.machine = "brick";
  record.action = "restart";
  record.status = "success";
  record.duration_ms = number;
  return record;
}

class DeploymentStoreTest : public StorageTest {
 protected:
  DeploymentStoreTest() { open(); }

  void insert(const DeploymentRecord& record) { run(deployments_.insert(record)); }
  std::vector<std::string> ids(const DeploymentFilter& filter) {
    std::vector<std::string> all;
    for (const auto& one : run(deployments_.list(filter)).records) all.push_back(one.id);
    return all;
  }

  DeploymentStore deployments_{*database_};
};

TEST_F(DeploymentStoreTest, KeepsEveryFieldAndChangesAllButItsBeginning) {
  auto record = deployment(1);
  record.job_id = "job";
  record.from_machine = "pebble";
  record.outcome = "returned";
  record.exit_code = 3;
  record.state_before = "[1]";
  record.state_after = "[2]";
  insert(record);
  record.status = "failure";
  record.error = "it broke";
  record.finished_at.reset();
  run(deployments_.update(record));
  const auto found = run(deployments_.find_job("job"));
  ASSERT_TRUE(found);
  EXPECT_EQ(found->id, record.id);
  EXPECT_EQ(found->from_machine, "pebble");
  EXPECT_EQ(found->outcome, "returned");
  EXPECT_EQ(found->exit_code, 3);
  EXPECT_EQ(found->status, "failure");
  EXPECT_EQ(found->error, "it broke");
  EXPECT_FALSE(found->finished_at);
  EXPECT_EQ(found->state_before, "[1]");
  EXPECT_EQ(found->state_after, "[2]");
  EXPECT_EQ(error_of([&] { run(deployments_.update(deployment(2))); }).reason(),
            "DEPLOYMENT_UNKNOWN");
}

TEST_F(DeploymentStoreTest, OneThatIsThereStaysAsItIs) {
  insert(deployment(1));
  auto other = deployment(1);
  other.status = "failure";
  EXPECT_EQ(run(deployments_.insert_all({other, deployment(2)})), 1);
  EXPECT_EQ(run(deployments_.find("deploy-0001"))->status, "success");
  // Imported ones have no job, however many they are.
  EXPECT_EQ(run(deployments_.list({})).total, 2);
}

TEST_F(DeploymentStoreTest, PagesAreStableAndTheTotalIsBeforePaging) {
  for (int i = 1; i <= 45; ++i) insert(deployment(i, i % 3 == 0 ? "db" : "web"));
  DeploymentFilter filter;
  filter.service = "db";
  filter.limit = 4;
  filter.offset = 4;
  EXPECT_EQ(run(deployments_.list(filter)).total, 15);
  EXPECT_THAT(ids(filter), ElementsAre("deploy-0033", "deploy-0030", "deploy-0027", "deploy-0024"));
  filter.offset = 100;
  EXPECT_TRUE(ids(filter).empty());
}

TEST_F(DeploymentStoreTest, FiltersSelectInTheStoreAndNotAmongTheNewest) {
  for (int i = 1; i <= 1500; ++i) insert(deployment(i));
  auto oldest = deployment(0);
  oldest.machine = "pebble";
  oldest.action = "rollback";
  oldest.status = "rolled_back";
  insert(oldest);
  DeploymentFilter filter;
  filter.machine = "pebble";
  EXPECT_THAT(ids(filter), ElementsAre("deploy-0000"));
  filter = {};
  filter.status = "rolled_back";
  EXPECT_THAT(ids(filter), ElementsAre("deploy-0000"));
  filter = {};
  filter.action = "rollback";
  EXPECT_THAT(ids(filter), ElementsAre("deploy-0000"));
  filter = {};
  filter.from = from_unix_us(3);
  filter.until = from_unix_us(5);
  EXPECT_THAT(ids(filter), ElementsAre("deploy-0004", "deploy-0003"));
}

TEST_F(DeploymentStoreTest, WhatIsUnderWayIsNotListedAndNotCounted) {
  auto record = deployment(1);
  record.status = "running";
  insert(record);
  EXPECT_TRUE(ids({}).empty());
  EXPECT_EQ(run(deployments_.stats({}, from_unix_us(0))).all.total, 0);
  ASSERT_EQ(run(deployments_.unfinished()).size(), 1U);
}

TEST_F(DeploymentStoreTest, TheNewestGoodOneOfAServiceIsFound) {
  EXPECT_FALSE(run(deployments_.newest_good("web")));
  insert(deployment(1));
  insert(deployment(2, "db"));
  auto failed = deployment(3);
  failed.status = "failure";
  insert(failed);
  EXPECT_EQ(run(deployments_.newest_good("web"))->id, "deploy-0001");
}

TEST_F(DeploymentStoreTest, TheNewestOfEachServiceIsFoundHoweverItEnded) {
  EXPECT_TRUE(run(deployments_.newest_of_each()).empty());
  insert(deployment(1));
  insert(deployment(4, "db"));
  auto failed = deployment(2);
  failed.status = "failure";
  insert(failed);
  auto under_way = deployment(3);
  under_way.status = "running";
  insert(under_way);
  auto alone = deployment(5, "new");
  alone.status = "running";
  insert(alone);
  const auto newest = run(deployments_.newest_of_each());
  ASSERT_EQ(newest.size(), 2U);
  EXPECT_EQ(newest[0].id, "deploy-0004");
  EXPECT_EQ(newest[1].id, "deploy-0002");
}

TEST_F(DeploymentStoreTest, StatisticsCountByServiceAndKnowNoAverageOfNothing) {
  EXPECT_FALSE(run(deployments_.stats({}, from_unix_us(0))).all.average_duration_ms);
  insert(deployment(10));
  insert(deployment(21));
  auto failed = deployment(30, "db");
  failed.status = "failure";
  failed.duration_ms.reset();
  insert(failed);
  const auto stats = run(deployments_.stats({}, from_unix_us(0)));
  EXPECT_EQ(stats.all.total, 3);
  EXPECT_EQ(stats.all.success, 2);
  EXPECT_EQ(stats.all.failure, 1);
  EXPECT_DOUBLE_EQ(*stats.all.average_duration_ms, 15.5);
  ASSERT_EQ(stats.by_service.size(), 2U);
  EXPECT_EQ(stats.by_service[0].first, "db");
  EXPECT_FALSE(stats.by_service[0].second.average_duration_ms);
  EXPECT_EQ(run(deployments_.stats("web", from_unix_us(20))).all.total, 1);
}

TEST_F(DeploymentStoreTest, OldOnesAreDeletedAndTheNewestStayWhateverTheirAge) {
  for (int i = 1; i <= 250; ++i) insert(deployment(i));
  auto running = deployment(0);
  running.status = "running";
  insert(running);
  EXPECT_EQ(run(deployments_.delete_before(from_unix_us(1000), 100)), 151);
  EXPECT_EQ(run(deployments_.list({})).total, 99);
  EXPECT_TRUE(run(deployments_.find("deploy-0000"))) << "it is under way";
  EXPECT_FALSE(run(deployments_.find("deploy-0151")));
  EXPECT_TRUE(run(deployments_.find("deploy-0152")));
}

}  // namespace
}  // namespace portoser::storage
