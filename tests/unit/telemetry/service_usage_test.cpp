#include "controller/telemetry/service_usage.h"

#include "tests/unit/telemetry/played_host.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

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

/// 500 services on 4,000 containers: service s runs s, s + 500, and so on.
TEST_F(ServiceUse, OfManyServicesOnManyContainersIsThatOfEach) {
  constexpr int services = 500;
  constexpr int containers = 4000;
  const auto name = [](int service) { return "service-" + std::to_string(service); };
  const auto id = [](int number) { return std::to_string(number * 7919LL % 10007); };
  protocol::State state;
  state.engine_available = true;
  for (int s = 0; s < services; ++s) {
    auto& service = state.services.emplace_back();
    service.name = name(s);
    service.status = "running";
    for (int c = s; c < containers; c += services) service.container_ids.push_back(id(c));
  }
  live_.on_state("brick", noon, state);
  for (int round = 0; round < 2; ++round) {
    std::vector<protocol::ContainerSample> all;
    for (int c = 0; c < containers; ++c) {
      auto& one = all.emplace_back(container(id(c), 0));
      one.memory_bytes = c;
      one.receive_bytes = 1000LL * c + round * 5LL * c;
    }
    measure(noon + 5s * round, std::move(all));
  }
  const auto host = live_.host("brick");
  ASSERT_EQ(host->usages->size(), 500U);
  for (int s = 0; s < services; ++s) {
    std::int64_t sum = 0;
    for (int c = s; c < containers; c += services) sum += c;
    const auto usage = usage_of(name(s), *host);
    ASSERT_TRUE(usage) << s;
    EXPECT_EQ(usage->memory_bytes, sum) << s;
    EXPECT_EQ(usage->receive_bytes, 1005 * sum) << s;
    EXPECT_DOUBLE_EQ(*usage->receive_bytes_per_second, static_cast<double>(sum)) << s;
  }
}

/// The host had no room for all: it names a service at none of its containers then.
TEST_F(ServiceUse, OfAServiceThatIsNotThereAsAWholeIsUnknown) {
  auto state = state_of_notes("running", {"a", "b"});
  state.services.push_back({"wiki", "running", "healthy", "", "", {"b", "c"}});
  live_.on_state("brick", noon, state);
  const auto tell = [&](std::int64_t left_out) {
    auto sample = full_sample(1);
    sample.containers = {container("a", 1), container("b", 1)};
    for (auto& one : sample.containers) one.services = {"notes"};
    sample.containers_left_out = left_out;
    live_.on_sample("brick", noon + 1s * left_out, std::move(sample));
  };
  tell(0);
  EXPECT_TRUE(usage_of("wiki", *live_.host("brick"))) << "\"c\" has just ended";
  tell(1);
  EXPECT_TRUE(usage_of("notes", *live_.host("brick")));
  EXPECT_FALSE(usage_of("wiki", *live_.host("brick"))) << "\"c\" may be the one that was left out";
}

}  // namespace
}  // namespace portoser::telemetry
