#include "controller/telemetry/live.h"

#include "tests/unit/telemetry/noon.h"

#include <gtest/gtest.h>

namespace portoser::telemetry {
namespace {

using namespace std::chrono_literals;

protocol::Sample sample(double load, std::int64_t uptime_ns = 1) {
  protocol::Sample made;
  made.when.uptime_ns = uptime_ns;
  made.cpu.load_1 = load;
  return made;
}

TEST(Live, KnowsNothingOfAHostThatNeverSpoke) {
  EXPECT_EQ(Live{}.host("brick"), nullptr);
}

TEST(Live, KeepsTheNewestSampleAndTheOneBefore) {
  Live live;
  live.on_sample("brick", noon, sample(1));
  live.on_sample("brick", noon + 5s, sample(2, 2));
  const auto host = live.host("brick");
  EXPECT_EQ(host->sample->cpu.load_1, 2);
  EXPECT_EQ(host->previous->cpu.load_1, 1);
  EXPECT_EQ(host->sample_at, noon + 5s);
}

TEST(Live, ASampleFromThePastIsNotWhatIsTrueNow) {
  Live live;
  live.on_sample("brick", noon, sample(1, 5));
  live.on_late_sample("brick", noon - 1h, sample(9, 4));
  EXPECT_EQ(live.host("brick")->sample->cpu.load_1, 1);
  EXPECT_EQ(live.late_samples(), 1U);
}

TEST(Live, AClockThatIsSetBackDoesNotFreezeIt) {
  Live live;
  live.on_sample("brick", noon, sample(1, 5));
  live.on_sample("brick", noon - 1h, sample(2, 6));
  EXPECT_EQ(live.host("brick")->sample->cpu.load_1, 2);
}

TEST(Live, AStepOfTheControllersClockMovesNoAge) {
  Live live;
  live.on_sample("brick", noon, sample(1));
  live.on_sample("brick", noon + 5s, sample(2, 2));
  live.on_state("brick", noon + 6s, {});
  const auto version = live.version();
  live.on_clock_set(-1h);
  const auto host = live.host("brick");
  EXPECT_EQ(host->sample_at, noon + 5s - 1h);
  EXPECT_EQ(host->previous_at, noon - 1h);
  EXPECT_EQ(host->state_at, noon + 6s - 1h);
  EXPECT_GT(live.version(), version) << "answers that were made before are not given again";
}

TEST(Live, VersionsMoveWithWhatTheyStandFor) {
  Live live;
  live.on_sample("brick", noon, sample(1));
  EXPECT_EQ(live.state_version(), 0U);
  EXPECT_EQ(live.version(), 1U);
  live.on_state("brick", noon, {});
  EXPECT_EQ(live.state_version(), 1U);
}

TEST(Live, CountsEventsOfServicesByType) {
  Live live;
  storage::EventRecord event;
  event.scope = "service";
  event.service = "notes";
  event.machine = "brick";
  event.event_type = "failure";
  event.device_id = "device";
  live.on_event(event);
  live.on_event(event);
  event.device_id.clear();  // what a person noted
  live.on_event(event);
  event.device_id = "device";
  event.event_type = "a type of an agent's own";
  live.on_event(event);
  const auto counts = live.event_counts();
  ASSERT_EQ(counts.size(), 2U);
  EXPECT_EQ(counts[0]->service, "notes");
  EXPECT_EQ(counts[0]->machine, "brick");
  EXPECT_EQ(counts[0]->event_type, "failure");
  EXPECT_EQ(counts[0]->count, 2U);
  EXPECT_EQ(counts[1]->event_type, "other") << "an agent makes no labels up";
}

}  // namespace
}  // namespace portoser::telemetry
