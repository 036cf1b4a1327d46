// The engine of one host is frozen or gone: its containers are unknown, its metrics go on, and
// nobody else notices.
#include "common/clock.h"
#include "tests/cluster/cluster_test.h"

namespace portoser::test {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::Not;

/// How long an action waits for one answer of the engine (agent/deployments/program).
constexpr auto engine_patience = 60s;

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
  EXPECT_EQ(ended["error"]["reason"], "ENGINE_TIMEOUT") << dump(ended);
  const auto took = std::chrono::steady_clock::now() - frozen;
  // To end what waits for the engine, and to tell it.
  EXPECT_LT(took, engine_patience + 45s);
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

TEST_F(EngineAway, AFrozenOneMakesWhatIsNotKnownOlderAndOlder) {
  using std::chrono::system_clock;
  const auto seconds_since = [](const Json& time) {
    const auto parsed = time_from_rfc3339(time.get<std::string>());
    const std::chrono::duration<double> since =
        system_clock::now().time_since_epoch() - parsed.value().time_since_epoch();
    return since.count();
  };
  const auto frozen_at = system_clock::now();
  h1_.machine().freeze_engine();
  controller_.await_service(h1_.service(), "unknown");
  const auto row = service_of(h1_);
  EXPECT_EQ(row["last_known_status"], "running") << dump(row);
  EXPECT_EQ(row["stale"], true);
  // Known until the engine gave its last sign: not when that was found out, some questions later.
  const std::chrono::duration<double> frozen = system_clock::now() - frozen_at;
  EXPECT_NEAR(seconds_since(row["known_at"]), frozen.count(), 3) << dump(row);
  EXPECT_NEAR(row["age_seconds"].get<double>(), frozen.count(), 3) << dump(row);

  const auto machine = [&] { return controller_.get("/api/machines/" + h1_.name()).body; };
  EXPECT_EQ(machine()["engine_seen_at"], row["known_at"]);
  EXPECT_LT(seconds_since(machine()["last_seen"]), 3) << "the host itself is there";
  const auto metrics = [&] {
    for (const auto& one : controller_.get("/api/metrics/all").body) {
      if (one["machine"] == h1_.name()) return one;
    }
    return Json{};
  };
  await_until(
      "the ages grow",
      60s,
      [&] {
        return service_of(h1_)["age_seconds"].get<double>() > row["age_seconds"].get<double>() + 5;
      },
      [&] { return dump(service_of(h1_)); });
  EXPECT_EQ(service_of(h1_)["known_at"], row["known_at"]) << "the moment stays";
  EXPECT_GT(machine()["engine_age_seconds"].get<double>(), row["age_seconds"].get<double>() + 4);
  const auto measured = metrics();
  EXPECT_EQ(measured["stale"], false) << dump(measured);
  EXPECT_LT(measured["age_seconds"].get<double>(), 3) << dump(measured);
  ASSERT_FALSE(measured["services"].empty()) << dump(measured);
  for (const auto& service : measured["services"]) {
    EXPECT_EQ(service["stale"], true) << dump(service);
    EXPECT_GT(service["age_seconds"].get<double>(), 4) << dump(service);
  }
  // An agent that starts now does not know since when; the one before it did.
  h1_.agent().stop();
  controller_.await_machine(h1_.name(), "offline");
  h1_.agent().start();
  controller_.await_machine(h1_.name(), "online");
  expect_metrics_go_on(h1_);
  EXPECT_EQ(service_of(h1_)["known_at"], row["known_at"]) << dump(service_of(h1_));
  EXPECT_EQ(service_of(h1_)["last_known_status"], "running");
  h1_.machine().thaw_engine();
  controller_.await_service(h1_.service(), "running");
  EXPECT_TRUE(service_of(h1_)["age_seconds"].is_null());
  EXPECT_TRUE(machine()["engine_age_seconds"].is_null());
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
  EXPECT_THAT(types(h1_), Not(Contains("failure"))) << "the engine went, not the service";
  EXPECT_EQ(controller_.post("/api/services/" + h1_.service() + "/restart").status, 200U);
  // Events come in order: what comes late came before this one.
  await_until("it is up again, and that is told", 60s, [&] {
    const auto told = types(h1_);
    return !told.empty() && told.back() != "stop";
  });
  EXPECT_THAT(types(h1_), Not(Contains("failure")));
}

}  // namespace
}  // namespace portoser::test
