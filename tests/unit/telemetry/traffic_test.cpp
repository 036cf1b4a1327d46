// The counters of the page that are sums: what they count when one of their parts begins anew.

#include "controller/telemetry/traffic.h"

#include "tests/unit/telemetry/played_host.h"

#include <gtest/gtest.h>

#include <limits>

namespace portoser::telemetry {
namespace {

using namespace std::chrono_literals;

struct Interface {
  std::string name;
  std::int64_t received;
};
struct Container {
  std::string id;
  std::int64_t received;
};

class TrafficTotals : public testing::Test {
 protected:
  /// The containers of "notes" from now on.
  void assign(std::vector<std::string> containers) {
    live_.on_state("brick", noon, state_of_notes("running", std::move(containers)));
  }
  void measure(const std::vector<Interface>& interfaces,
               const std::vector<Container>& containers,
               const std::string& boot = "boot") {
    when_ += 5s;
    auto sample = full_sample(++uptime_);
    sample.when.boot_id = boot;
    sample.networks.clear();
    for (const auto& one : interfaces) {
      sample.networks.push_back({one.name, one.received, 0, std::nullopt, std::nullopt});
    }
    for (const auto& one : containers) {
      sample.containers.push_back(container(one.id, 0));
      sample.containers.back().receive_bytes = one.received;
    }
    live_.on_sample("brick", when_, std::move(sample));
  }
  [[nodiscard]] std::optional<std::int64_t> of_host() const {
    return live_.host("brick")->network.receive_bytes;
  }
  [[nodiscard]] std::optional<std::int64_t> of_notes() const {
    const auto host = live_.host("brick");
    const auto found = host->usages->find("notes");
    return found == host->usages->end() ? std::nullopt : found->second.traffic.receive_bytes;
  }
  Live live_;

 private:
  Time when_ = noon;
  std::int64_t uptime_ = 0;
};

TEST_F(TrafficTotals, BeginAtNothingWithWhatIsOlderThanTheController) {
  assign({"a"});
  measure({{"eth0", 1'000'000}}, {{"a", 5'000'000}});
  EXPECT_EQ(of_host(), 0);
  EXPECT_EQ(of_notes(), 0);
  measure({{"eth0", 1'000'700}}, {{"a", 5'000'300}});
  EXPECT_EQ(of_host(), 700);
  EXPECT_EQ(of_notes(), 300);
}

TEST_F(TrafficTotals, GoOnWhenOneOfTwoContainersStartsAnew) {
  assign({"a", "b"});
  measure({}, {{"a", 1'000'000}, {"b", 9'000'000}});
  measure({}, {{"a", 1'000'100}, {"b", 9'000'010}});
  EXPECT_EQ(of_notes(), 110);
  measure({}, {{"a", 40}, {"b", 9'000'020}});
  EXPECT_EQ(of_notes(), 110 + 40 + 10) << "what it has received since its start, not all of b's";
  measure({}, {{"a", 50}, {"b", 9'000'020}});
  EXPECT_EQ(of_notes(), 170);
}

TEST_F(TrafficTotals, GoOnWhenAContainerGivesWayToAnother) {
  assign({"a", "b"});
  measure({}, {{"a", 100}, {"b", 900}});
  measure({}, {{"a", 100}, {"b", 910}});
  assign({"a", "c"});
  measure({}, {{"a", 100}, {"c", 70}});
  EXPECT_EQ(of_notes(), 10) << "how much of c's is of before nobody knows";
  measure({}, {{"a", 100}, {"c", 75}});
  EXPECT_EQ(of_notes(), 15);
}

TEST_F(TrafficTotals, CountWhatCameWhileAContainerWasNotMeasured) {
  assign({"a", "b"});
  measure({}, {{"a", 100}, {"b", 0}});
  measure({}, {{"b", 0}});
  EXPECT_EQ(of_notes(), 0);
  measure({}, {{"a", 130}, {"b", 0}});
  EXPECT_EQ(of_notes(), 30);
}

TEST_F(TrafficTotals, OfAServiceGoWithItsAssignment) {
  assign({"a"});
  measure({}, {{"a", 100}});
  measure({}, {{"a", 150}});
  live_.on_state("brick", noon, {});
  EXPECT_EQ(of_notes(), std::nullopt);
  assign({"a"});
  EXPECT_EQ(of_notes(), 0);
  measure({}, {{"a", 151}});
  EXPECT_EQ(of_notes(), 1);
}

TEST_F(TrafficTotals, OfAServiceDoNotTakeInWhatAContainerCountedForAnother) {
  measure({}, {{"a", 100}});
  measure({}, {{"a", 900}});
  assign({"a"});
  EXPECT_EQ(of_notes(), 0);
  measure({}, {{"a", 901}});
  EXPECT_EQ(of_notes(), 1);
}

TEST_F(TrafficTotals, GoOnWhenAnInterfaceGoesAndComesBack) {
  measure({{"eth0", 1000}, {"wlan0", 5'000'000}}, {});
  measure({{"eth0", 1010}, {"wlan0", 5'000'001}}, {});
  EXPECT_EQ(of_host(), 11);
  measure({{"eth0", 1020}}, {});
  EXPECT_EQ(of_host(), 21);
  measure({{"eth0", 1020}, {"wlan0", 7}}, {});
  EXPECT_EQ(of_host(), 28) << "its counter began anew";
  measure({{"eth0", 1020}, {"tun0", 4'000'000}}, {});
  EXPECT_EQ(of_host(), 28) << "a name that is new";
}

TEST_F(TrafficTotals, CountAllSinceABoot) {
  assign({"a"});
  measure({{"eth0", 10}}, {{"a", 10}});
  measure({{"eth0", 500}, {"wlan0", 3}}, {{"a", 40}}, "next boot");
  EXPECT_EQ(of_host(), 503);
  EXPECT_EQ(of_notes(), 40);
  measure({{"eth0", 501}, {"wlan0", 3}}, {{"a", 40}}, "next boot");
  EXPECT_EQ(of_host(), 504);
}

TEST_F(TrafficTotals, OfAnotherMachineUnderTheNameBeginAnew) {
  measure({{"eth0", 10}}, {});
  measure({{"eth0", 15}}, {});
  fleet::DeviceEvent event;
  event.type = "device_registered";
  event.hostname = "brick";
  live_.on_device(event);
  measure({{"eth0", 8'000'000}}, {});
  EXPECT_EQ(of_host(), 0);
}

TEST_F(TrafficTotals, StandWhateverAHostSays) {
  constexpr auto most = std::numeric_limits<std::int64_t>::max();
  constexpr auto largest = std::int64_t{1} << 62U;  // that is taken in
  std::optional<std::int64_t> before;
  for (const auto received : {std::int64_t{0}, largest, std::int64_t{0}, largest, most}) {
    measure({{"eth0", received}, {"eth0", 17}}, {});
    EXPECT_GE(of_host(), before);
    before = of_host();
  }
  EXPECT_EQ(of_host(), most);
}

}  // namespace
}  // namespace portoser::telemetry
