// How often a real agent measures is changed while it runs.

#include "tests/integration/portoser.h"
#include "tests/support/await.h"

#include <gtest/gtest.h>

namespace portoser::test {
namespace {

using namespace std::chrono_literals;

class Collector : public testing::Test {
 protected:
  Collector() : folder_("collector"), controller_(folder_.path()) {
    // So seldom that no sample comes by itself while this runs.
    controller_.set_environment(
        {{"PORTOSER_SAMPLE_INTERVAL_MS", "60000"}, {"PORTOSER_OFFLINE_AFTER_MS", "240000"}});
    controller_.write_registry("hosts:\n  brick: {ip: 127.0.0.1}\n");
    controller_.start();
    agent_.join(controller_.create_token());
    agent_.start();
    controller_.await_machine("brick", "online");
  }

  double samples() const {
    return controller_.metric(R"(metrics_ingested_total{source="agent",type="sample"})")
        .value_or(0);
  }
  Json interval() const {
    return controller_.get("/api/metrics/collector/status").body["interval"];
  }
  void await_more_samples(double count) {
    const auto before = samples();
    await_until("samples come", 30s, [&] { return samples() >= before + count; });
  }

  TempFolder folder_;
  ControllerProcess controller_;
  AgentProcess agent_{folder_.path(), "brick", "/nonexistent.sock"};
};

TEST_F(Collector, ANewIntervalHoldsAtOnceAndAfterARestart) {
  EXPECT_EQ(interval(), 60.0);
  const auto answer = controller_.post("/api/metrics/collector/interval?interval=1");
  EXPECT_EQ(answer.status, 200U) << answer.text;
  EXPECT_EQ(answer.body["interval"], 1);
  await_more_samples(4);
  EXPECT_EQ(controller_.post("/api/metrics/collector/interval?interval=0").status, 422U);
  EXPECT_EQ(controller_.post("/api/metrics/collector/interval").status, 422U);
  EXPECT_EQ(interval(), 1.0);

  controller_.stop();
  controller_.start();
  EXPECT_EQ(interval(), 1.0);
  controller_.await_machine("brick", "online");
  await_more_samples(4);
  EXPECT_EQ(controller_.log().find("after=stale"), std::string::npos) << controller_.log_tail();
}

}  // namespace
}  // namespace portoser::test
