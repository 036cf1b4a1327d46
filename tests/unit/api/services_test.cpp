// What is shown of services beside their entries.

#include "tests/unit/api/api_fixture.h"
#include "tests/unit/telemetry/played_host.h"

namespace portoser::api {
namespace {

class ServicesTest : public ApiTest {
 protected:
  void write_services(const std::string& services) {
    write_file_atomic(folder_ / "registry.yml",
                      "hosts:\n  brick: {ip: 127.0.0.1}\nservices:\n" + services);
    run(registry_->reload());
  }
  void tell_health(const std::string& health) {
    auto state = telemetry::state_of_notes("running", {"a"});
    state.services[0].health = health;
    live_.on_state("brick", clock_.now(), std::move(state));
  }
  /// In the list, alone, and in the graph; all of them say the same.
  std::string health() {
    const auto all = get("/api/diagnostics/health/all");
    auto health = all.at(0)["status"].get<std::string>();
    EXPECT_EQ(get("/api/services")["services"].at(0)["health"], health);
    EXPECT_EQ(get("/api/services/notes")["health"], health);
    EXPECT_EQ(get("/api/dependencies/graph")["nodes"].at(0)["health"], health);
    return health;
  }
};

TEST_F(ServicesTest, HealthIsOneJudgement) {
  for (const auto& [told, judged] : std::vector<std::pair<std::string, std::string>>{
           {"unknown", "healthy"}, {"starting", "unhealthy"}, {"unhealthy", "unhealthy"}}) {
    tell_health(told);
    EXPECT_EQ(health(), judged) << told;
  }
  tell_health("starting");
  EXPECT_EQ(get("/api/services/notes")["reason"], "a health check has not passed yet");
}

TEST_F(ServicesTest, ANativeServiceIsAsHealthyAsItsUnit) {
  write_services("  notes: {current_host: brick, deployment_type: native, unit: notes}\n");
  tell_health("unknown");
  EXPECT_EQ(health(), "healthy");
}

TEST_F(ServicesTest, TheDetailOfHealthIsWhatItsOwnPathSays) {
  const auto detail = get("/api/services/notes");
  EXPECT_EQ(detail["health_detail"], get("/api/services/notes/health"));
  EXPECT_EQ(detail["health_detail"]["checks"].size(), 2U);
}

TEST_F(ServicesTest, TheLastDeploymentIsTheNewestThatIsOver) {
  EXPECT_TRUE(get("/api/services/notes")["last_deployment"].is_null());
  auto device = welcomed();
  const auto waiting = begin_request(http::Method::post, "/api/services/notes/restart");
  EXPECT_EQ(play(device, false), "notes");
  await_answer(*waiting);
  const auto last = get("/api/services/notes")["last_deployment"];
  EXPECT_EQ(last["action"], "restart");
  EXPECT_EQ(last["status"], "failure");
  EXPECT_EQ(last["success"], false);
  const auto record = get("/api/history/deployments/" + last["deployment_id"].get<std::string>());
  EXPECT_EQ(record["service"], "notes");
  EXPECT_EQ(record["finished_at"], last["finished_at"]);
}

}  // namespace
}  // namespace portoser::api
