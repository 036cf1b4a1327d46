// The engine of one host is frozen or gone: its containers are unknown, its metrics go on, and
// nobody else notices.
#include "tests/cluster/cluster_test.h"

namespace portoser::test {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::Not;

class EngineAway : public ClusterTest {
 protected:
  [[nodiscard]] std::string sampled_at(const ClusterHost& host) const {
    return controller_.get("/api/metrics/machine/" + host.name()).body["timestamp"];
  }
  void expect_metrics_go_on(const ClusterHost& host) const {
    const auto seen = sampled_at(host);
    await_until("there is a newer sample", 60s, [&] { return sampled_at(host) > seen; });
    await_until("its metrics are well", 60s, [&] {
      const auto row = controller_.get("/api/metrics/machine/" + host.name()).body;
      return row["status"] == "ok" && row["stale"] == false;
    });
  }
};

TEST_F(EngineAway, AFrozenOneMakesItsServicesUnknownAndEndsItsJobs) {
  const auto container = h1_.container();
  controller_.stop();
  controller_.set_environment({{"PORTOSER_RESTART_SECONDS", "8"}});
  controller_.start();
  controller_.set_environment({});
  controller_.await_machine(h1_.name(), "online");
  controller_.await_service(h1_.service(), "running");
  h1_.machine().freeze_engine();
  const auto frozen = std::chrono::steady_clock::now();
  const auto job = cluster().begin(h1_.service(), "restart");
  controller_.await_service(h1_.service(), "unknown");
  EXPECT_FALSE(service_of(h1_)["reason"].get<std::string>().empty());
  const auto machine = controller_.get("/api/machines/" + h1_.name()).body;
  EXPECT_EQ(machine["engine_available"], false);
  EXPECT_NE(machine["status"], "offline");
  expect_metrics_go_on(h1_);

  const auto neighbour = controller_.post("/api/services/" + h2_.service() + "/restart");
  EXPECT_EQ(neighbour.status, 200U) << neighbour.text;

  const auto ended = cluster().await_job(job);
  EXPECT_EQ(ended["state"], "failed") << dump(ended);
  EXPECT_EQ(ended["error"]["reason"], "ACTION_DEADLINE") << dump(ended);
  EXPECT_GE(std::chrono::steady_clock::now() - frozen, 8s);
  h1_.machine().thaw_engine();
  controller_.await_service(h1_.service(), "running");
  EXPECT_THAT(types(h1_), Not(Contains("failure"))) << "nothing happened to the service";
  controller_.stop();
  controller_.start();
  controller_.await_service(h1_.service(), "running");
  EXPECT_EQ(controller_.post("/api/services/" + h1_.service() + "/restart").status, 200U);
  EXPECT_NE(h1_.container(), container);
  await_event(h1_, "restart");
}

TEST_F(EngineAway, OneThatCrashesIsNoFailureOfItsServices) {
  h1_.machine().crash_engine();
  controller_.await_service(h1_.service(), "unknown");
  expect_metrics_go_on(h1_);
  EXPECT_THAT(types(h1_), ElementsAre()) << "nobody knows what became of it";
  const auto refused = controller_.post("/api/services/" + h1_.service() + "/restart");
  EXPECT_EQ(refused.body["code"], "ENGINE_UNAVAILABLE") << refused.text;

  h1_.machine().start_engine();
  h1_.machine().await_engine();
  const auto truth =
      h1_.machine().docker({"inspect", "--format", "{{.State.Running}}", h1_.container()});
  controller_.await_service(h1_.service(), truth == "true\n" ? "running" : "stopped");
  EXPECT_EQ(controller_.post("/api/services/" + h1_.service() + "/restart").status, 200U);
}

}  // namespace
}  // namespace portoser::test
