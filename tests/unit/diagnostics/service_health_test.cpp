#include "controller/diagnostics/service_health.h"

#include "tests/unit/telemetry/played_host.h"

#include <gmock/gmock.h>

namespace portoser::diagnostics {
namespace {

using namespace std::chrono_literals;
using telemetry::noon;

protocol::Container container(const std::string& id, const std::string& state) {
  protocol::Container one;
  one.id = id;
  one.state = state;
  one.restart_policy = "no";
  return one;
}

class ServiceHealthTest : public testing::Test {
 protected:
  ServiceHealthTest() {
    state_ = telemetry::state_of_notes("running", {"a", "b"});
    state_.containers = {container("a", "running"), container("b", "running")};
    host_.liveness = fleet::Liveness::online;
    host_.state_at = noon;
  }
  protocol::ServiceState& service() { return state_.services.at(0); }
  ServiceHealth judge() {
    host_.state = std::make_shared<const protocol::State>(state_);
    return health_of(registry_.services().at(0), &host_);
  }
  static std::string words(const ServiceHealth& health) {
    std::string text = health.status + "/" + health.state;
    for (const auto& check : health.checks) text += " " + check.name + "=" + check.status;
    return text;
  }

  registry::Registry registry_ = telemetry::small_registry();
  protocol::State state_;
  telemetry::HostLive host_;
};

TEST_F(ServiceHealthTest, AllContainersAndAPassingCheckAreHealthy) {
  const auto health = judge();
  EXPECT_EQ(words(health), "healthy/running containers=passed healthcheck=passed");
  EXPECT_EQ(health.reason, "");
  EXPECT_EQ(health.last_checked, noon);
  EXPECT_FALSE(health.stale);
}

/// The existing UI offers Stop and Restart for "healthy" and "unhealthy" alone.
TEST_F(ServiceHealthTest, WithoutACheckItsContainersDecide) {
  service().health = "unknown";
  EXPECT_EQ(words(judge()), "healthy/running containers=passed healthcheck=none");
}

TEST_F(ServiceHealthTest, ACheckThatHasNotPassedYetIsNotHealthy) {
  service().health = "starting";
  const auto health = judge();
  EXPECT_EQ(words(health), "unhealthy/starting containers=passed healthcheck=running");
  EXPECT_EQ(health.reason, "a health check has not passed yet");
}

TEST_F(ServiceHealthTest, ACheckThatFailsIsToldFromAContainerThatIsMissing) {
  service().health = "unhealthy";
  service().reason = "the health check of notes-web fails";
  auto health = judge();
  EXPECT_EQ(words(health), "unhealthy/degraded containers=passed healthcheck=failed");
  EXPECT_EQ(health.reason, "the health check of notes-web fails");
  service().reason = "1 of 2 containers are up: notes-db is exited (exit 1)";
  state_.containers[1].state = "exited";
  state_.containers[1].exit_code = 1;
  health = judge();
  EXPECT_EQ(words(health), "unhealthy/degraded containers=failed healthcheck=running");
  EXPECT_EQ(health.reason, service().reason);
  state_.containers[1].exit_code = 0;
  EXPECT_EQ(words(judge()), "unhealthy/degraded containers=passed healthcheck=failed")
      << "one that is done lacks nobody";
}

TEST_F(ServiceHealthTest, AStrangersContainerDoesNotCount) {
  service().health = "unhealthy";
  state_.containers.push_back(container("stranger", "paused"));
  EXPECT_EQ(words(judge()), "unhealthy/degraded containers=passed healthcheck=failed");
}

TEST_F(ServiceHealthTest, AStoppedOneIsNoProblem) {
  service().status = "stopped";
  service().reason = "it has no containers";
  const auto health = judge();
  EXPECT_EQ(words(health), "stopped/stopped containers=failed");
  EXPECT_EQ(health.reason, "it has no containers");
}

TEST_F(ServiceHealthTest, AServiceWithoutContainersIsJudgedByItsUnit) {
  auto native = registry_.services().at(0);
  native.deployment_type = registry::DeploymentType::native;
  service().health = "unknown";
  service().container_ids = {"notes.service"};
  const auto judged = [&] {
    host_.state = std::make_shared<const protocol::State>(state_);
    return health_of(native, &host_);
  };
  EXPECT_EQ(words(judged()), "healthy/running unit=passed healthcheck=none");
  service().health = "unhealthy";
  service().reason = "the main process of notes.service ended (exit 3)";
  EXPECT_EQ(words(judged()), "unhealthy/degraded unit=failed healthcheck=none");
  EXPECT_EQ(judged().reason, service().reason);
  service().status = "stopped";
  EXPECT_EQ(words(judged()), "stopped/stopped unit=failed");
}

TEST_F(ServiceHealthTest, WhatIsUnknownIsNeitherHealthyNorNot) {
  EXPECT_EQ(words(health_of(registry_.services().at(0), nullptr)), "unknown/unknown");
  host_.liveness = fleet::Liveness::offline;
  const auto health = judge();
  EXPECT_EQ(words(health), "unknown/unknown");
  EXPECT_EQ(health.reason, "its host is offline");
  EXPECT_TRUE(health.stale);
  EXPECT_EQ(health.last_checked, noon);
}

}  // namespace
}  // namespace portoser::diagnostics
