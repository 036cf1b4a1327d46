#include "controller/telemetry/service_usage.h"

#include "tests/unit/telemetry/played_host.h"

#include <gtest/gtest.h>

namespace portoser::telemetry {
namespace {

using namespace std::chrono_literals;

class ServiceUse : public testing::Test {
 protected:
  void measure(Time when, std::vector<protocol::ContainerSample> containers) {
    auto sample = full_sample(++uptime_);
    sample.containers = std::move(containers);
    live_.on_sample("brick", when, std::move(sample));
  }
  [[nodiscard]] const MeasuredUsage* notes() const {
    const auto host = live_.host("brick");
    if (!host->usages) return nullptr;
    const auto found = host->usages->find("notes");
    return found == host->usages->end() ? nullptr : &found->second;
  }
  Live live_;

 private:
  std::int64_t uptime_ = 0;
};

TEST_F(ServiceUse, HasTheBlockTrafficOfItsContainersAndItsRate) {
  live_.on_state("brick", noon, state_of_notes("running", {"a", "b"}));
  measure(noon, {container("a", 1000), container("b", 10)});
  measure(noon + 5s, {container("a", 2000), container("b", 20)});
  const auto usage = usage_of("notes", *live_.host("brick"));
  ASSERT_TRUE(usage);
  EXPECT_EQ(usage->block_read_bytes, 2020);
  EXPECT_DOUBLE_EQ(*usage->block_read_bytes_per_second, 202.0);
  EXPECT_EQ(usage->block_write_bytes, std::nullopt);
  EXPECT_EQ(usage->block_write_bytes_per_second, std::nullopt);
}

TEST_F(ServiceUse, OfAStoppedServiceStaysWithItsTime) {
  live_.on_state("brick", noon, state_of_notes("running", {"a"}));
  measure(noon, {container("a", 1)});
  live_.on_state("brick", noon + 1s, state_of_notes("stopped", {}));
  measure(noon + 60s, {});
  ASSERT_NE(notes(), nullptr);
  EXPECT_EQ(notes()->at, noon);
  EXPECT_EQ(notes()->usage.memory_bytes, 64);
  EXPECT_FALSE(usage_of("notes", *live_.host("brick")));
}

TEST_F(ServiceUse, OfAServiceThatStartsAgainIsTheNewOne) {
  live_.on_state("brick", noon, state_of_notes("running", {"a"}));
  measure(noon, {container("a", 1)});
  measure(noon + 5s, {});
  live_.on_state("brick", noon + 6s, state_of_notes("running", {"b"}));
  measure(noon + 10s, {container("b", 7)});
  ASSERT_NE(notes(), nullptr);
  EXPECT_EQ(notes()->at, noon + 10s);
  EXPECT_EQ(notes()->usage.block_read_bytes, 7);
}

TEST_F(ServiceUse, IsForgottenWithTheAssignment) {
  live_.on_state("brick", noon, state_of_notes("running", {"a"}));
  measure(noon, {container("a", 1)});
  live_.on_state("brick", noon + 1s, {});
  EXPECT_EQ(notes(), nullptr);
}

TEST_F(ServiceUse, IsThereWhenTheStateComesAfterTheSample) {
  measure(noon, {container("a", 1)});
  EXPECT_EQ(notes(), nullptr);
  live_.on_state("brick", noon, state_of_notes("running", {"a"}));
  ASSERT_NE(notes(), nullptr);
  EXPECT_EQ(notes()->cpu_cores, 2);
}

}  // namespace
}  // namespace portoser::telemetry
