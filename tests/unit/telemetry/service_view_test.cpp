#include "controller/telemetry/service_view.h"

#include "tests/unit/telemetry/noon.h"

#include <gtest/gtest.h>

namespace portoser::telemetry {
namespace {

using namespace std::chrono_literals;

registry::Service service() {
  registry::Service made;
  made.name = "notes";
  made.current_host = "brick";
  return made;
}

class ServiceView : public testing::Test {
 protected:
  void report(std::string status, std::string health, std::vector<std::string> containers = {"c"}) {
    protocol::State state;
    state.engine_available = true;
    state.services = {
        {"notes", std::move(status), std::move(health), "", "/f", std::move(containers)}};
    host_.state = std::make_shared<const protocol::State>(std::move(state));
    host_.liveness = fleet::Liveness::online;
  }
  static std::shared_ptr<const protocol::Sample> sample(
      std::vector<protocol::ContainerSample> all) {
    auto made = std::make_shared<protocol::Sample>();
    made->memory = protocol::MemorySample{1000, 600, 0, 0};
    made->cpu.load_1 = 0;
    made->containers = std::move(all);
    return made;
  }
  /// As of `host_`.
  std::optional<ServiceUsage> use() {
    host_.usages = std::make_shared<const MeasuredUsages>(newest_usages(host_));
    return usage_of("notes", host_);
  }
  HostLive host_;
};

TEST_F(ServiceView, IsWhatItsHostSays) {
  report("running", "healthy");
  EXPECT_EQ(status_of(service(), &host_).status, "running");
  EXPECT_EQ(status_of(service(), &host_).health, "healthy");
  report("stopped", "unknown");
  EXPECT_EQ(status_of(service(), &host_).health, "stopped");
}

TEST_F(ServiceView, OneThatTheEngineDoesNotRunIsKnownWithoutIt) {
  report("running", "unknown");
  auto state = *host_.state;
  state.engine_available = false;
  host_.state = std::make_shared<const protocol::State>(state);
  auto native = service();
  native.deployment_type = registry::DeploymentType::native;
  EXPECT_EQ(status_of(native, &host_).status, "running");
  EXPECT_FALSE(last_known_of(native, &host_));
  EXPECT_TRUE(last_known_of(service(), &host_));
  host_.liveness = fleet::Liveness::offline;
  EXPECT_EQ(last_known_of(native, &host_)->status, "running");
}

TEST_F(ServiceView, IsUnknownWithAReasonWhenNobodyCanTell) {
  report("running", "healthy");
  host_.liveness = fleet::Liveness::offline;
  EXPECT_EQ(status_of(service(), &host_).status, "unknown");
  EXPECT_FALSE(status_of(service(), &host_).reason.empty());
  EXPECT_EQ(status_of(service(), nullptr).status, "unknown");
  auto unassigned = service();
  unassigned.current_host.reset();
  EXPECT_EQ(status_of(unassigned, &host_).status, "unknown");
  auto broken = service();
  broken.config_errors.push_back({registry::Severity::error, "services.notes", "no", "", 1, 1});
  EXPECT_EQ(status_of(broken, &host_).status, "unknown");
}

TEST_F(ServiceView, NothingIsSaidOfThePastWhileThePresentIsKnown) {
  report("running", "healthy");
  EXPECT_FALSE(last_known_of(service(), &host_));
  EXPECT_FALSE(last_known_of(service(), nullptr));
}

TEST_F(ServiceView, OfASilentHostItsLastWordIsKnown) {
  report("running", "healthy");
  host_.state_at = noon;
  host_.sample = sample({});
  host_.sample_at = noon + 7s;
  host_.liveness = fleet::Liveness::offline;
  const auto last = last_known_of(service(), &host_);
  ASSERT_TRUE(last);
  EXPECT_EQ(last->status, "running");
  EXPECT_EQ(last->at, noon + 7s);
}

TEST(ServiceViewOfLive, OfASilentEngineIsKnownHowItStoodAndWhenItGaveItsLastSign) {
  Live live;
  live.on_liveness("brick", fleet::Liveness::unknown, fleet::Liveness::online, noon);
  protocol::State state;
  state.engine_available = true;
  state.services = {{"notes", "running", "healthy", "", "/f", {"c"}}};
  live.on_state("brick", noon, state);
  state.engine_available = false;
  state.services = {{"notes", "unknown", "unknown", "frozen", "/f", {"c"}}};
  // A state is sent again, for instance when the agent connects anew.
  for (const auto& [when, silent] : {std::pair{60s, 20'000}, std::pair{100s, 60'000}}) {
    state.engine_silent_ms = silent;
    live.on_state("brick", noon + when, state);
    const auto last = last_known_of(service(), live.host("brick").get());
    ASSERT_TRUE(last);
    EXPECT_EQ(last->status, "running");
    EXPECT_EQ(last->at, noon + 40s);
  }
  live.on_clock_set(1h);
  EXPECT_EQ(last_known_of(service(), live.host("brick").get())->at, noon + 40s + 1h);
  state.engine_available = true;
  live.on_state("brick", noon + 3h, state);
  EXPECT_FALSE(last_known_of(service(), live.host("brick").get()));
}

TEST(ServiceViewOfLive, AnAgentThatStartsBesideASilentEngineTakesNothingBack) {
  Live live;
  live.on_liveness("brick", fleet::Liveness::unknown, fleet::Liveness::online, noon);
  const auto known_at = [&] { return last_known_of(service(), live.host("brick").get())->at; };
  protocol::State known;
  known.engine_available = true;
  known.services = {{"notes", "running", "healthy", "", "/f", {"c"}}};
  protocol::State unknown;
  unknown.services = {{"notes", "unknown", "unknown", "frozen", "/f", {}}};
  live.on_state("brick", noon, unknown);
  EXPECT_FALSE(known_at()) << "no agent ever knew";
  live.on_state("brick", noon + 10s, known);
  live.on_state("brick", noon + 60s, unknown);
  EXPECT_EQ(known_at(), noon + 10s) << "the agent before it heard the engine then";
  live.on_state("brick", noon + 80s, known);
  auto told = unknown;
  told.engine_silent_ms = 20'000;
  live.on_state("brick", noon + 120s, told);
  live.on_state("brick", noon + 150s, unknown);
  EXPECT_EQ(known_at(), noon + 100s);
  EXPECT_EQ(last_known_of(service(), live.host("brick").get())->status, "running");
}

TEST_F(ServiceView, StartingIsNotHealthy) {
  report("running", "starting");
  EXPECT_EQ(status_of(service(), &host_).health, "unknown");
}

TEST_F(ServiceView, UseIsTheSumOfItsContainersAndNoOthers) {
  report("running", "healthy", {"a", "b"});
  host_.previous = sample({{"a", 1.0, 10, 100, 0, 0, 0, 0}});
  host_.previous_at = noon;
  host_.sample = sample({{"a", 1.5, 20, 100, 500, 50, 0, 0},
                         {"b", 2.5, 30, 200, 7, 7, 0, 0},
                         {"other", 9, 900, 900, 9, 9, 9, 9}});
  host_.sample_at = noon + 5s;
  const auto usage = use();
  ASSERT_TRUE(usage);
  EXPECT_DOUBLE_EQ(*usage->cpu_percent, 4.0);
  EXPECT_EQ(usage->memory_bytes, 50);
  EXPECT_EQ(usage->memory_total_bytes, 300);
  EXPECT_EQ(usage->receive_bytes, 507);
  EXPECT_DOUBLE_EQ(*usage->receive_bytes_per_second, 100.0);
}

TEST_F(ServiceView, WithoutALimitTheMachinesMemoryIsTheWhole) {
  report("running", "healthy", {"a"});
  host_.sample = sample({{"a", 1.0, 20, std::nullopt, 1, 1, 0, 0}});
  EXPECT_EQ(use()->memory_total_bytes, 1000);
}

TEST_F(ServiceView, ARestartedContainersCountersMakeNoRate) {
  report("running", "healthy", {"a"});
  host_.previous = sample({{"a", 1.0, 10, 100, 900, 0, 0, 0}});
  host_.previous_at = noon;
  host_.sample = sample({{"a", 1.0, 10, 100, 5, 0, 0, 0}});
  host_.sample_at = noon + 5s;
  EXPECT_FALSE(use()->receive_bytes_per_second);
}

TEST_F(ServiceView, TheRateThatTheHostTellsGoesBeforeTheOneThatWeSee) {
  report("running", "healthy", {"a", "b"});
  host_.previous = sample({{"a", 1.0, 10, 100, 900, 0, 0, 0}, {"b", 1.0, 10, 100, 900, 0, 0, 0}});
  host_.previous_at = noon;
  protocol::ContainerSample told{"a", 1.0, 10, 100, 1900, 0, 0, 0};
  told.per_second = protocol::ContainerRates{70, std::nullopt, 0, 0};
  protocol::ContainerSample of_an_older_agent{"b", 1.0, 10, 100, 950, 0, 0, 0};
  host_.sample = sample({told, of_an_older_agent});
  host_.sample_at = noon + 5s;
  EXPECT_EQ(use()->receive_bytes_per_second, 80.0);
  told.per_second->receive.reset();
  host_.sample = sample({told});
  EXPECT_EQ(use()->receive_bytes_per_second, std::nullopt) << "its host does not know";
}

TEST_F(ServiceView, WhatWasLeftOutIsAProblemOfTheHost) {
  report("running", "healthy");
  auto whole = std::make_shared<protocol::Sample>(*sample({}));
  whole->problems = {{"disk", "cannot read it"}};
  host_.sample = whole;
  ASSERT_EQ(problems_of(host_).size(), 1U);
  auto shorter = std::make_shared<protocol::Sample>(*whole);
  shorter->containers_left_out = 5600;
  host_.sample = shorter;
  auto state = std::make_shared<protocol::State>(*host_.state);
  state->containers_left_out = 8000;
  host_.state = state;
  const auto problems = problems_of(host_);
  ASSERT_EQ(problems.size(), 3U);
  EXPECT_EQ(problems[0].message, "cannot read it");
  EXPECT_EQ(problems[1].collector, "containers");
  EXPECT_EQ(problems[1].message,
            "5600 containers are not in its samples: a message does not hold so many");
  EXPECT_EQ(problems[2].message,
            "8000 containers are not in its list of containers: a message does not hold so many");
}

TEST_F(ServiceView, ServiceWithoutContainersHasNoUseRatherThanZero) {
  report("stopped", "unknown", {});
  host_.sample = sample({});
  EXPECT_FALSE(use());
}

TEST_F(ServiceView, MetricsAreOfflineOnlyAfterFiveMinutes) {
  host_.sample = sample({});
  host_.sample_at = noon;
  host_.liveness = fleet::Liveness::online;
  EXPECT_EQ(metrics_status_of(&host_, noon + 3s).status, "ok");
  EXPECT_TRUE(metrics_status_of(&host_, noon + 20s).stale);
  host_.liveness = fleet::Liveness::offline;
  EXPECT_EQ(metrics_status_of(&host_, noon + 4min).status, "unavailable");
  EXPECT_EQ(metrics_status_of(&host_, noon + 6min).status, "offline");
  EXPECT_EQ(metrics_status_of(nullptr, noon).status, "unavailable");
}

TEST_F(ServiceView, DevicesAndMetricsJudgeAHostAlike) {
  const auto words = [this](Time now) {
    const auto metrics = metrics_status_of(&host_, now);
    return device_status(standing_of(&host_, now)) + ", " + metrics.status +
           (metrics.stale ? " stale" : "");
  };
  host_.liveness = fleet::Liveness::online;
  EXPECT_EQ(words(noon), "online, unavailable") << "nothing was measured yet";
  host_.sample = sample({});
  host_.sample_at = noon;
  EXPECT_EQ(words(noon), "online, ok");
  EXPECT_EQ(words(noon + 20s), "warning, ok stale") << "it speaks and sends no samples";
  host_.liveness = fleet::Liveness::stale;
  EXPECT_EQ(words(noon + 3s), "warning, ok stale");
  host_.liveness = fleet::Liveness::offline;
  EXPECT_EQ(words(noon + 20s), "offline, unavailable stale");
  EXPECT_EQ(words(noon + 6min), "offline, offline stale");
  auto without_load = *host_.sample;
  without_load.cpu.load_1.reset();
  host_.sample = std::make_shared<const protocol::Sample>(std::move(without_load));
  host_.liveness = fleet::Liveness::online;
  EXPECT_EQ(words(noon), "warning, error");
  host_.sample = nullptr;
  host_.liveness = fleet::Liveness::offline;
  EXPECT_EQ(words(noon), "offline, offline");
  host_.liveness = fleet::Liveness::unknown;
  EXPECT_EQ(words(noon), "unknown, unavailable");
}

}  // namespace
}  // namespace portoser::telemetry
