#include "tests/unit/api/api_fixture.h"

namespace portoser::api {
namespace {

class HealthTest : public ApiTest {};

TEST_F(HealthTest, TheListIsABareArrayOfAllServices) {
  write_file_atomic(folder_ / "registry.yml",
                    "hosts:\n  brick: {ip: 127.0.0.1}\nservices:\n"
                    "  notes: {current_host: brick, docker_compose: /srv/notes/compose.yml}\n"
                    "  wiki: {docker_compose: /srv/wiki/compose.yml}\n");
  run(registry_->reload());
  const auto all = get("/api/diagnostics/health/all");
  ASSERT_TRUE(all.is_array());
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[0]["service"], "notes");
  EXPECT_EQ(all[0]["machine"], "brick");
  EXPECT_EQ(all[0]["status"], "healthy");
  EXPECT_EQ(all[0]["problems"], Json::array());
  EXPECT_TRUE(all[0]["health_score"].is_null()) << "no check of ours has said anything";
  EXPECT_EQ(all[1]["status"], "unknown");
  EXPECT_EQ(all[1]["machine"], "");
  EXPECT_EQ(all[1]["issues"], Json::array({"it is assigned to no host"}));
}

TEST_F(HealthTest, OneServiceSaysWhatWasLookedAt) {
  const auto health = get("/api/services/notes/health");
  EXPECT_EQ(health["status"], "healthy");
  EXPECT_EQ(health["healthy"], true);
  ASSERT_EQ(health["observations"].size(), 2U);
  EXPECT_EQ(health["observations"][0]["type"], "success");
  EXPECT_EQ(health["observations"][0]["name"], "containers");
  EXPECT_FALSE(health["output"].get<std::string>().empty());
  try {
    get("/api/services/note/health");
    FAIL() << "there is no such service";
  } catch (const Error& error) {
    EXPECT_EQ(error.reason(), "SERVICE_UNKNOWN");
  }
}

TEST_F(HealthTest, WithoutServicesTheListIsEmpty) {
  write_file_atomic(folder_ / "registry.yml", "hosts: {}\nservices: {}\n");
  run(registry_->reload());
  EXPECT_EQ(get("/api/diagnostics/health/all"), Json::array());
}

}  // namespace
}  // namespace portoser::api
