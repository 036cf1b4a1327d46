// The controller is away: agents go on, and afterwards everything is told once and in order.
#include "tests/cluster/cluster_test.h"

#include <filesystem>

namespace portoser::test {
namespace {

using testing::ElementsAre;
namespace fs = std::filesystem;

class ControllerAway : public ClusterTest {
 protected:
  static std::uintmax_t bytes_in(const fs::path& folder) {
    std::uintmax_t bytes = 0;
    std::error_code gone;
    for (const auto& entry : fs::directory_iterator{folder, gone}) bytes += entry.file_size(gone);
    return bytes;
  }
  /// How much of a host's samples waits for the controller.
  static std::uintmax_t waiting(const ClusterHost& host) {
    return bytes_in(host.agent().data() / "backlog");
  }
};

TEST_F(ControllerAway, EveryEventArrivesOnceAndInOrder) {
  controller_.kill();
  const auto untouched = h2_.container();
  h1_.crash_container();
  h1_.machine().docker({"start", h1_.container()});
  h1_.crash_container();
  h3_.machine().docker({"stop", "-t", "10", h3_.container()});
  h3_.machine().docker({"start", h3_.container()});
  controller_.start();
  controller_.await_service(h1_.service(), "stopped");
  await_event(h3_, "start");
  // Whatever comes twice would have come before this.
  h1_.machine().docker({"start", h1_.container()});
  h3_.machine().docker({"stop", "-t", "10", h3_.container()});
  controller_.await_service(h1_.service(), "running");
  controller_.await_service(h3_.service(), "stopped");
  EXPECT_THAT(types(h1_), ElementsAre("failure", "recovery", "failure", "recovery"));
  EXPECT_THAT(types(h3_), ElementsAre("stop", "start", "stop"));
  EXPECT_EQ(h2_.container(), untouched) << "services do not notice";
  EXPECT_THAT(types(h2_), ElementsAre());

  std::string newest;
  for (const auto& event : cluster().events(h1_.service(), since(h1_))) {
    const auto time = event["timestamp"].get<std::string>();
    EXPECT_LE(newest, time) << "times are in the order of what happened";
    newest = time;
  }
}

TEST_F(ControllerAway, NobodyIsDeclaredOfflineByMistake) {
  controller_.kill();
  controller_.start();
  SocketClient socket{controller_.port(), "/ws"};
  for (const auto& host : cluster().hosts()) controller_.await_machine(host->name(), "online");
  // All that was said until now comes before the answer.
  socket.send(R"({"action":"ping"})");
  for (const auto& frame :
       frames_until(socket, [](const Json& one) { return one["type"] == "pong"; })) {
    if (frame["type"] != "device_status_change") continue;
    EXPECT_NE(frame["data"]["new_status"], "offline") << dump(frame);
  }
}

TEST_F(ControllerAway, SamplesOfTheTimeArriveLateBesideTheLiveOnes) {
  controller_.kill();
  const auto before = waiting(h1_);
  constexpr auto late = R"(metrics_ingested_total{source="agent",type="late"})";
  constexpr std::uintmax_t some_samples = 20'000;
  await_until("samples are kept", 120s, [&] { return waiting(h1_) > before + some_samples; });
  controller_.start();
  controller_.await_machine(h1_.name(), "online");
  await_until(
      "late samples arrive",
      60s,
      [&] { return metric(late).value_or(0) >= 20; },
      [&] { return controller_.get("/metrics").text; });
  await_until("none waits any more", 60s, [&] { return waiting(h1_) <= before; });
  const auto row = controller_.get("/api/metrics/machine/" + h1_.name()).body;
  EXPECT_EQ(row["status"], "ok") << dump(row);
  EXPECT_EQ(row["stale"], false) << "what is shown is how it is now";
}

}  // namespace
}  // namespace portoser::test
