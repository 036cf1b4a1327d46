// Agent, controller or both are killed while an action runs: it is done once, and its true outcome
// is told.
#include "common/file.h"
#include "tests/cluster/cluster_test.h"

#include <algorithm>

namespace portoser::test {
namespace {

using testing::ElementsAre;
using testing::SizeIs;

class KilledMidway : public ClusterTest {
 protected:
  /// Begins a restart and returns once compose is at work.
  static std::string begin_restart(const ClusterHost& host) {
    auto job = cluster().begin(host.service(), "restart");
    await_until("compose is called", 60s, [&] { return !ups_of(job).empty(); });
    return job;
  }
  /// What makes the containers: one for each time that the action was done.
  static std::vector<std::string> ups_of(const std::string& job) {
    auto calls = cluster().compose().calls_of(job);
    std::erase_if(calls, [](const auto& call) { return call.find(" up ") == std::string::npos; });
    return calls;
  }
  void expect_done_once(const ClusterHost& host,
                        const std::string& job,
                        const std::string& container_before) const {
    EXPECT_EQ(cluster().await_job(job)["state"], "succeeded");
    EXPECT_THAT(ups_of(job), SizeIs(1));
    EXPECT_NE(host.container(), container_before) << "a restart makes the container anew";
    controller_.await_service(host.service(), "running");
    await_event(host, "restart");
    EXPECT_THAT(types(host), ElementsAre("restart"));
  }
};

TEST_F(KilledMidway, Agent) {
  const auto before = h1_.container();
  const auto job = begin_restart(h1_);
  h1_.agent().kill();
  h1_.agent().start();
  expect_done_once(h1_, job, before);
}

TEST_F(KilledMidway, Controller) {
  const auto before = h1_.container();
  const auto job = begin_restart(h1_);
  controller_.kill();
  controller_.start();
  expect_done_once(h1_, job, before);
}

TEST_F(KilledMidway, Both) {
  const auto before = h1_.container();
  const auto job = begin_restart(h1_);
  h1_.agent().kill();
  controller_.kill();
  h1_.agent().start();
  controller_.start();
  expect_done_once(h1_, job, before);
}

TEST_F(KilledMidway, AnActionThatFailsMeanwhileIsAFailure) {
  const auto before = h1_.container();
  const auto compose_file = read_file(h1_.project().file());
  auto broken = compose_file;
  // Nothing that could be known before.
  const std::string image = "image: portoser-test/busybox\n";
  broken.insert(broken.find(image) + image.size(), "    pid: \"container:portoser-nowhere\"\n");
  h1_.project().write(broken);
  const auto job = begin_restart(h1_);
  h1_.agent().kill();
  controller_.kill();
  controller_.start();
  h1_.agent().start();
  const auto ended = cluster().await_job(job);
  h1_.project().write(compose_file);
  EXPECT_EQ(ended["state"], "failed") << dump(ended);
  EXPECT_THAT(dump(ended), testing::HasSubstr("portoser-nowhere")) << "the tool's own words";
  EXPECT_THAT(ups_of(job), SizeIs(1));
  EXPECT_EQ(h1_.container(), before);
}

TEST_F(KilledMidway, AHostThatLosesItsPowerNeverSaysThatItWasDone) {
  const auto before = h1_.container();
  const auto job = begin_restart(h1_);
  h1_.power_off();
  h1_.switch_on();
  const auto ended = cluster().await_job(job);
  // Compose may have been at its very end; if not, nobody knows how far it came.
  if (ended["state"] == "succeeded") {
    EXPECT_NE(h1_.container(), before);
  } else {
    EXPECT_EQ(ended["error"]["reason"], "ACTION_INTERRUPTED") << dump(ended);
  }
  EXPECT_THAT(ups_of(job), SizeIs(1)) << "and it is not run again";
}

}  // namespace
}  // namespace portoser::test
