// A host loses its power and comes back.
#include "tests/cluster/cluster_test.h"

#include <map>
#include <string>

namespace portoser::test {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::Not;

using Power = ClusterTest;

TEST_F(Power, AHostThatIsOffIsOfflineAndItsServicesUnknown) {
  h1_.power_off();
  controller_.await_machine(h1_.name(), "offline");
  EXPECT_EQ(service_of(h1_)["status"], "unknown");
  const auto health = controller_.get("/api/diagnostics/health/all");
  ASSERT_EQ(health.status, 200U) << health.text;
  std::map<std::string, std::string> statuses;
  for (const auto& row : health.body) {
    statuses[row["service"].get<std::string>()] = row["status"].get<std::string>();
  }
  EXPECT_EQ(statuses[h1_.service()], "unknown") << health.text;
  EXPECT_EQ(statuses[h2_.service()], "healthy") << health.text;
  const auto refused = controller_.post("/api/services/" + h1_.service() + "/restart");
  EXPECT_EQ(refused.status, 503U);
  EXPECT_EQ(refused.body["code"], "AGENT_OFFLINE");
  EXPECT_EQ(service_of(h2_)["status"], "running");
}

TEST_F(Power, AfterwardsEachServiceStandsAsItsPolicySays) {
  const auto stopped = controller_.post("/api/services/" + h3_.service() + "/stop");
  ASSERT_EQ(stopped.status, 200U) << stopped.text;
  h3_.await_noted("exited");
  for (auto* host : {&h1_, &h2_, &h3_}) host->power_off();
  for (auto* host : {&h1_, &h2_, &h3_}) controller_.await_machine(host->name(), "offline");
  for (auto* host : {&h1_, &h2_, &h3_}) host->switch_on();
  controller_.await_service(h1_.service(), "stopped");
  controller_.await_service(h2_.service(), "running");
  controller_.await_service(h3_.service(), "stopped");
  await_event(h1_, "stop");
  await_event(h2_, "restart");
  EXPECT_THAT(types(h1_), ElementsAre("stop")) << "a host that goes is no failure of its services";
  EXPECT_THAT(types(h2_), ElementsAre("restart"));
  EXPECT_THAT(types(h3_), ElementsAre("stop")) << "ours; the reboot does not undo it";
  // The policy that our stop took away is given back.
  EXPECT_EQ(controller_.post("/api/services/" + h3_.service() + "/start").status, 200U);
  EXPECT_EQ(h3_.machine().docker(
                {"inspect", "--format", "{{.HostConfig.RestartPolicy.Name}}", h3_.container()}),
            "always\n");
}

}  // namespace
}  // namespace portoser::test
