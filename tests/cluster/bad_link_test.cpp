// Cables that are cut, in one direction too, slow or lossy: slower, never wrong.
#include "common/clock.h"
#include "tests/cluster/cluster_test.h"
#include "tests/cluster/stored_samples.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <utility>

namespace portoser::test {
namespace {

using testing::ElementsAre;

class BadLink : public ClusterTest {
 protected:
  BadLink() {
    // Not one that an agent took which a test before this one ended: the next agent's numbers begin
    // somewhere else, and all in between would be missed.
    const auto began_ms = to_unix_us(SystemClock{}.now()) / 1000;
    for (const auto& host : cluster().hosts()) {
      await_until("a sample of " + host->name() + " is taken and stored", 60s, [&] {
        const auto samples = stored(*host);
        return !samples.times.empty() && newest_of(samples).second > began_ms;
      });
      first_samples_[host->name()] = newest_of(stored(*host)).first;
    }
  }

  [[nodiscard]] StoredSamples stored(const ClusterHost& host) const {
    return stored_samples(controller_.data() / "portoser.db", host.name());
  }
  /// Its number and time. One of an earlier boot may have a higher number.
  static std::pair<std::int64_t, std::int64_t> newest_of(const StoredSamples& samples) {
    return *std::max_element(
        samples.times.begin(), samples.times.end(), [](const auto& left, const auto& right) {
          return left.second < right.second;
        });
  }
  /// Between `first` and the newest; what lies behind that is of an earlier boot.
  static std::vector<std::int64_t> missing(const StoredSamples& samples, std::int64_t first) {
    auto holes = samples.holes(first);
    const auto last = newest_of(samples).first;
    std::erase_if(holes, [last](std::int64_t number) { return number > last; });
    return holes;
  }
  /// Of those taken since the test began, on this host and on those with good cables.
  void expect_that_all_samples_arrive() const {
    const auto now_ms = to_unix_us(SystemClock{}.now()) / 1000;
    for (const auto& host : cluster().hosts()) {
      const auto first = first_samples_.at(host->name());
      await_until(
          "all samples of " + host->name() + " are stored",
          60s,
          [&] {
            const auto samples = stored(*host);
            return newest_of(samples).second > now_ms && missing(samples, first).empty();
          },
          [&] { return "missing: " + testing::PrintToString(missing(stored(*host), first)); });
      EXPECT_THAT(stored(*host).twice, ElementsAre()) << host->name();
    }
  }
  /// What happens to a host while nobody hears it is told when the cable is whole.
  void expect_told_afterwards() {
    controller_.await_machine(h1_.name(), "offline");
    EXPECT_EQ(service_of(h1_)["status"], "unknown");
    EXPECT_EQ(controller_.post("/api/services/" + h1_.service() + "/restart").status, 503U);
    h1_.crash_container();
    h1_.machine().docker({"start", h1_.container()});
    h1_.machine().heal();
    controller_.await_machine(h1_.name(), "online");
    controller_.await_service(h1_.service(), "running");
    await_event(h1_, "recovery");
    EXPECT_THAT(types(h1_), ElementsAre("failure", "recovery"));
    expect_that_all_samples_arrive();
  }
  void expect_that_all_works() {
    const auto before = h1_.container();
    const auto answer = controller_.post("/api/services/" + h1_.service() + "/restart");
    EXPECT_EQ(answer.status, 200U) << answer.text;
    EXPECT_NE(h1_.container(), before);
    controller_.await_service(h1_.service(), "running");
    h1_.crash_container();
    await_event(h1_, "failure");
    controller_.await_service(h1_.service(), "stopped");
    EXPECT_THAT(types(h1_), ElementsAre("restart", "failure"));
    expect_that_all_samples_arrive();
  }

 private:
  std::map<std::string, std::int64_t> first_samples_;  ///< the newest when the test began
};

TEST_F(BadLink, Cut) {
  h1_.machine().cut();
  expect_told_afterwards();
}

TEST_F(BadLink, TheHostIsNotHeard) {
  h1_.machine().cut_out();
  expect_told_afterwards();
}

TEST_F(BadLink, TheHostDoesNotHear) {
  h1_.machine().cut_in();
  expect_told_afterwards();
}

TEST_F(BadLink, Slow) {
  h1_.machine().slow(150ms);  // a round trip of 300 ms
  expect_that_all_works();
}

TEST_F(BadLink, Lossy) {
  h1_.machine().slow(0ms, 0.2);
  expect_that_all_works();
}

TEST_F(BadLink, CutDuringAnAction) {
  const auto before = h1_.container();
  const auto job = cluster().begin(h1_.service(), "restart");
  await_until(
      "compose is at work", 60s, [&] { return !cluster().compose().calls_of(job).empty(); });
  h1_.machine().cut();
  controller_.await_machine(h1_.name(), "offline");
  await_until("the host has done it", 60s, [&] {
    const auto now = h1_.container();
    return !now.empty() && now != before;
  });
  h1_.machine().heal();
  EXPECT_EQ(cluster().await_job(job)["state"], "succeeded");
  await_event(h1_, "restart");
  EXPECT_THAT(types(h1_), ElementsAre("restart"));
  expect_that_all_samples_arrive();
}

/// While what was kept is sent late, the cable breaks again and again.
TEST_F(BadLink, CutWhileItCatchesUp) {
  for (int i = 0; i < 3; ++i) {
    h1_.machine().cut_out();
    controller_.await_machine(h1_.name(), "offline");
    h1_.machine().heal();
    controller_.await_machine(h1_.name(), "online");
  }
  expect_that_all_samples_arrive();
}

}  // namespace
}  // namespace portoser::test
