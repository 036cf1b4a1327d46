#include "agent/services/status.h"

#include <gtest/gtest.h>

namespace portoser::agent::services {
namespace {

struct One {
  std::string state;
  std::int64_t exit_code = 0;
  std::string policy = "no";
  std::string health{};
};

struct StatusCase {
  std::string name;
  std::vector<One> containers;
  std::string status;
  std::string health;
  std::string reason;
};
void PrintTo(const StatusCase& one, std::ostream* out) {
  *out << one.name;
}

protocol::ServiceState judge(const std::vector<One>& ones, const std::string& unwatched = {}) {
  std::vector<engine::Container> containers;
  for (const auto& one : ones) {
    auto& container = containers.emplace_back();
    container.id = std::to_string(containers.size());
    container.name = "c" + container.id;
    container.state = one.state;
    container.exit_code = one.exit_code;
    container.restart_policy = one.policy;
    container.health = one.health;
  }
  std::vector<const engine::Container*> members;
  for (const auto& container : containers) members.push_back(&container);
  protocol::AssignedService assigned;
  assigned.name = "notes";
  assigned.kind = "docker";
  engine::ComposeIdentity identity;
  identity.file = "/srv/notes/compose.yml";
  return judge_service(assigned, identity, members, unwatched);
}

class Status : public testing::TestWithParam<StatusCase> {};

TEST_P(Status, IsJudgedFromTheContainers) {
  const auto state = judge(GetParam().containers);
  EXPECT_EQ(state.status, GetParam().status);
  EXPECT_EQ(state.health, GetParam().health);
  EXPECT_EQ(state.reason, GetParam().reason);
  EXPECT_EQ(state.container_ids.size(), GetParam().containers.size());
}

INSTANTIATE_TEST_SUITE_P(
    Services,
    Status,
    testing::Values(
        StatusCase{"AllUp", {{"running"}, {"running"}}, "running", "unknown", ""},
        StatusCase{"Healthy", {{"running", 0, "no", "healthy"}}, "running", "healthy", ""},
        StatusCase{"StartingBeatsHealthy",
                   {{"running", 0, "no", "healthy"}, {"running", 0, "no", "starting"}},
                   "running",
                   "starting",
                   ""},
        StatusCase{"Unhealthy",
                   {{"running", 0, "no", "unhealthy"}, {"running", 0, "no", "healthy"}},
                   "running",
                   "unhealthy",
                   "the health check of c1 fails"},
        StatusCase{"PartlyUp",
                   {{"running"}, {"exited", 1}},
                   "running",
                   "unhealthy",
                   "1 of 2 containers are up: c2 is exited (exit 1)"},
        StatusCase{"AMigrationThatIsDone", {{"running"}, {"exited", 0}}, "running", "unknown", ""},
        StatusCase{"EndedWithZeroButShouldRun",
                   {{"running"}, {"exited", 0, "always"}},
                   "running",
                   "unhealthy",
                   "1 of 2 containers are up: c2 is exited (exit 0)"},
        StatusCase{"Paused", {{"paused"}}, "running", "unhealthy", "1 of 1 containers are paused"},
        StatusCase{"AllDone", {{"exited", 0}}, "stopped", "unknown", ""},
        StatusCase{"Crashed",
                   {{"exited", 137, "no"}},
                   "stopped",
                   "unknown",
                   "c1 is exited (exit 137 (SIGKILL))"},
        StatusCase{"Looping",
                   {{"restarting", 2, "always"}},
                   "stopped",
                   "unknown",
                   "c1 ends again and again (exit 2)"},
        StatusCase{"NeverStarted",
                   {{"created"}},
                   "stopped",
                   "unknown",
                   "c1 was created and never started"},
        StatusCase{"NoContainers", {}, "stopped", "unknown", "it has no containers"}),
    [](const auto& one) { return one.param.name; });

TEST(StatusWithoutTheEngine, IsUnknownAndSaysWhy) {
  const auto state = judge({{"running"}}, "the engine is away");
  EXPECT_EQ(state.status, "unknown");
  EXPECT_EQ(state.reason, "the engine is away");
}

TEST(StatusOfANativeService, IsUnknownAndSaysSo) {
  protocol::AssignedService assigned;
  assigned.kind = "native";
  const auto state = judge_service(assigned, {}, {}, "");
  EXPECT_EQ(state.status, "unknown");
  EXPECT_EQ(state.reason, "this agent watches no native services");
}

TEST(StatusWithoutAFile, NamesTheCandidates) {
  protocol::AssignedService assigned;
  assigned.kind = "docker";
  assigned.files = {"/a/compose.yml", "/a/docker-compose.yml"};
  const auto state = judge_service(assigned, {}, {}, "");
  EXPECT_EQ(state.status, "stopped");
  EXPECT_EQ(state.reason, "there is no compose file: /a/compose.yml, /a/docker-compose.yml");
}

}  // namespace
}  // namespace portoser::agent::services
