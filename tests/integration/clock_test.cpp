// A host whose wall clock is an hour off or is set while it runs, and a controller whose clock is
// set: what happened keeps its order and its time. Agent and controller get their clocks from
// libfaketime, the engine its dates from a proxy, so that the whole host has one clock as a real
// one has.
#include "common/clock.h"

#include "common/file.h"
#include "tests/integration/portoser.h"
#include "tests/support/await.h"
#include "tests/support/compose_project.h"
#include "tests/support/dated_engine.h"
#include "tests/support/engine.h"
#include "tests/support/images.h"
#include "tests/support/set_clock.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <ranges>

namespace portoser::test {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;

/// Far below the hour that a clock is wrong by, and more than any machine needs.
constexpr auto tolerance = 5min;

/// The true time of something that the test did.
struct Span {
  Time from;
  Time to;
};

class ClockTest : public testing::TestWithParam<std::chrono::minutes> {
 protected:
  /// A service that runs, on a host whose clock is wrong by so much.
  void begin(std::chrono::seconds wrong_by = 0s) {
    set_host_clock(wrong_by);
    load_images(engine_);
    for (const auto& old : engine_.docker({"ps", "-aq"}) | std::views::split('\n')) {
      const std::string id{old.begin(), old.end()};
      if (!id.empty()) engine_.docker({"rm", "-f", id});
    }
    controller_.write_registry(fmt::format(
        "hosts:\n  brick: {{ip: 127.0.0.1}}\n  quiet: {{ip: 127.0.0.1}}\nservices:\n  notes: "
        "{{current_host: brick, docker_compose: {}}}\n",
        project_.file().string()));
    controller_.set_environment(controller_clock_.environment());
    controller_.start();
    agent_.set_environment(host_clock_.environment());
    agent_.join(controller_.create_token());
    agent_.start();
    controller_.await_machine("brick", "online");
    const auto answer = controller_.post("/api/services/notes/start");
    EXPECT_EQ(answer.status, 200U) << answer.text;
    controller_.await_service("notes", "running");
    container_ = engine_.docker({"ps", "-q", "--no-trunc"});
    while (!container_.empty() && container_.back() == '\n') container_.pop_back();
    agent_.await_noted(container_, "running");
    await_event("start");
    begin_ = events().back()["id"].get<std::int64_t>();
  }

  void set_host_clock(std::chrono::seconds wrong_by) {
    host_clock_.set_wrong_by(wrong_by);
    host_engine_.set_wrong_by(wrong_by);
  }

  Span crash_container() const {
    const auto pid =
        std::stoi(engine_.docker({"inspect", "--format", "{{.State.Pid}}", container_}));
    if (pid < 2) throw std::logic_error{"0 and 1 would kill ourselves"};
    const auto from = SystemClock{}.now();
    EXPECT_EQ(::kill(pid, SIGKILL), 0);
    engine_.docker({"wait", container_});
    return {from, SystemClock{}.now()};
  }
  Span start_by_hand() const {
    const auto from = SystemClock{}.now();
    engine_.docker({"start", container_});
    return {from, SystemClock{}.now()};
  }

  /// The stored events of the service since the test began, in the controller's order.
  [[nodiscard]] std::vector<Json> events() const { return controller_.events_of("notes", begin_); }
  [[nodiscard]] std::vector<std::string> types() const { return types_of(events()); }
  void await_event(const std::string& type) const {
    await_until(
        "there is a " + type,
        60s,
        [&] { return !types().empty() && types().back() == type; },
        [&] { return fmt::format("{}\n{}", fmt::join(types(), ", "), agent_.log_tail()); });
  }

  static Time time_of(const Json& text) {
    const auto time = time_from_rfc3339(text.get<std::string>());
    if (!time) throw std::runtime_error{"no time: " + dump(text)};
    return *time;
  }
  /// By the controller's clock, which is wrong by `controller_wrong_by`.
  static void expect_at(const Json& event,
                        const Span& truth,
                        std::chrono::seconds controller_wrong_by = 0s) {
    const auto time = time_of(event["timestamp"]) - controller_wrong_by;
    EXPECT_GE(time, truth.from - tolerance) << dump(event);
    EXPECT_LE(time, truth.to + tolerance) << dump(event);
  }
  /// `failure` and `recovery`, each at its time, and in order in time too.
  void expect_down_and_up(const Span& down, const Span& up) const {
    const auto found = events();
    ASSERT_THAT(types(), ElementsAre("failure", "recovery")) << agent_.log_tail();
    expect_at(found[0], down);
    expect_at(found[1], up);
    EXPECT_LE(time_of(found[0]["timestamp"]), time_of(found[1]["timestamp"]));
  }

  /// A sample that was taken after this call is shown as just taken.
  void expect_fresh_sample(std::chrono::seconds controller_wrong_by = 0s) const {
    const auto from = SystemClock{}.now() + controller_wrong_by;
    await_until(
        "a sample is shown with the time at which it was taken",
        60s,
        [&] {
          const auto row = controller_.get("/api/metrics/machine/brick").body;
          if (!row.is_object() || !row["timestamp"].is_string()) return false;
          const auto time = time_of(row["timestamp"]);
          const auto now = SystemClock{}.now() + controller_wrong_by;
          return time >= from - 1s && time <= now + 1s && row["stale"] == false &&
                 row["age_seconds"].get<double>() < 60;
        },
        [&] { return controller_.get("/api/metrics/machine/brick").text; });
  }
  /// A minute of the history of the host in which something was measured.
  struct Minute {
    Time begin;  ///< by the controller's clock
    std::int64_t samples = 0;
  };
  /// As far back as no clock is wrong.
  [[nodiscard]] std::vector<Minute> measured_minutes() const {
    const auto history =
        controller_.get("/api/metrics/machine/brick/history?time_range=6h&interval=1m");
    std::vector<Minute> minutes;
    if (history.status != 200) return minutes;
    for (const auto& row : history.body["data_points"]) {
      const auto samples = row["samples"].get<std::int64_t>();
      if (samples > 0) minutes.push_back({time_of(row["timestamp"]), samples});
    }
    return minutes;
  }
  /// A sample that was taken after this call is in the history at the time of its taking.
  void expect_new_sample_in_history(std::chrono::seconds controller_wrong_by = 0s) const {
    const auto from = SystemClock{}.now() + controller_wrong_by;
    const auto measured_now = [&] {
      std::int64_t samples = 0;
      for (const auto& minute : measured_minutes()) {
        if (minute.begin > from - 1min) samples += minute.samples;
      }
      return samples;
    };
    const auto before = measured_now();
    await_until(
        "a sample is in the history at its time",
        60s,
        [&] { return measured_now() > before; },
        [&] { return to_rfc3339(from) + "\n" + agent_.log_tail(); });
  }
  /// Nothing is elsewhere: neither an hour before nor, where the history does not see it, after.
  void expect_all_samples_in_place() const {
    const auto taken =
        controller_.metric(R"(portoser_series_samples_total{result="new"})").value_or(0);
    std::int64_t found = 0;
    for (const auto& minute : measured_minutes()) {
      EXPECT_GT(minute.begin, began_ - 2min) << to_rfc3339(minute.begin);
      EXPECT_LE(minute.begin, SystemClock{}.now());
      found += minute.samples;
    }
    // The first of an agent knows no use of the processor yet, which is what the history counts.
    constexpr std::int64_t agents = 2;
    EXPECT_GE(found, static_cast<std::int64_t>(taken) - agents);
    EXPECT_GT(found, 0);
  }
  /// How often the controller has said that a host is offline.
  [[nodiscard]] int times_offline() const {
    const auto log = read_file(folder_ / "controller.log");
    int times = 0;
    for (auto at = log.find("after=offline"); at != std::string::npos;
         at = log.find("after=offline", at + 1)) {
      ++times;
    }
    return times;
  }

  TempFolder folder_{"clock"};
  const PrivateEngine& engine_ = PrivateEngine::shared();
  WallClockOf host_clock_{folder_ / "host.clock"};
  WallClockOf controller_clock_{folder_ / "controller.clock"};
  DatedEngine host_engine_{engine_.socket(), folder_ / "docker.sock"};
  ComposeProject project_{
      folder_ / "notes",
      {{.name = "web", .image = busybox_image, .command = {"sleep", "100000"}, .restart = ""}}};
  ControllerProcess controller_{folder_.path()};
  AgentProcess agent_{folder_.path(), "brick", host_engine_.socket()};
  std::string container_;
  std::int64_t begin_ = 0;
  const Time began_ = SystemClock{}.now();
};
INSTANTIATE_TEST_SUITE_P(An, ClockTest, testing::Values(60min, -60min), [](const auto& wrong) {
  return wrong.param > 0min ? "HourAhead" : "HourBehind";
});

TEST_P(ClockTest, OfAHostFromTheStartMovesNeitherEventsNorSamples) {
  begin(GetParam());
  expect_fresh_sample();
  const auto down = crash_container();
  await_event("failure");
  const auto up = start_by_hand();
  await_event("recovery");
  expect_down_and_up(down, up);
  EXPECT_EQ(times_offline(), 0);
  expect_all_samples_in_place();
}

TEST_P(ClockTest, OfAHostThatIsSetBetweenTwoEventsMovesNeither) {
  begin();
  const auto down = crash_container();
  await_event("failure");
  set_host_clock(GetParam());
  const auto up = start_by_hand();
  await_event("recovery");
  expect_down_and_up(down, up);
  expect_fresh_sample();
  controller_.await_service("notes", "running");
  EXPECT_EQ(times_offline(), 0);
  expect_new_sample_in_history();
  expect_all_samples_in_place();
}

TEST_P(ClockTest, OfAHostThatIsSetWhileTheControllerIsAwayMovesNothingThatWaits) {
  begin();
  controller_.stop();
  const auto down = crash_container();
  set_host_clock(GetParam());
  const auto up = start_by_hand();
  controller_.start();
  await_event("recovery");
  expect_down_and_up(down, up);
  expect_fresh_sample();
  controller_.await_machine("brick", "online");
  expect_all_samples_in_place();
}

TEST_P(ClockTest, OfAHostThatIsSetWhileNoAgentRunsMovesNothingThatHappenedMeanwhile) {
  begin();
  agent_.kill();
  const auto down = crash_container();
  set_host_clock(GetParam());
  const auto up = start_by_hand();
  agent_.start();
  await_event("recovery");
  expect_down_and_up(down, up);
  expect_fresh_sample();
  controller_.await_service("notes", "running");
  expect_all_samples_in_place();
}

TEST_P(ClockTest, OfTheControllerThatIsSetDeclaresNobodyOfflineAndLeavesAQuietHostAsFarBack) {
  begin();
  AgentProcess quiet{folder_.path(), "quiet", host_engine_.socket()};
  quiet.join(controller_.create_token());
  quiet.start();
  controller_.await_machine("quiet", "online");
  quiet.stop();
  controller_.await_machine("quiet", "offline");
  const auto last_seen = [&] {
    return time_of(controller_.row("/api/machines", "machines", "quiet")["last_seen"]);
  };
  const auto heard = last_seen();
  std::vector<Json> told;  // the times of what is stored, as they were given
  for (const std::chrono::seconds wrong_by : {std::chrono::seconds{GetParam()}, 0s}) {
    controller_clock_.set_wrong_by(wrong_by);
    await_until("the quiet host was heard as long ago as before", 60s, [&] {
      const auto brick = controller_.row("/api/machines", "machines", "brick");
      EXPECT_EQ(brick["status"], "online");
      return std::chrono::abs(last_seen() - heard - wrong_by) < 10s;
    });
    expect_fresh_sample(wrong_by);
    const auto down = crash_container();
    await_event("failure");
    expect_at(events().back(), down, wrong_by);
    const auto up = start_by_hand();
    await_event("recovery");
    expect_at(events().back(), up, wrong_by);
    for (const auto& event : events() | std::views::drop(told.size())) {
      told.push_back(event["timestamp"]);
    }
    expect_new_sample_in_history(wrong_by);
  }
  expect_fresh_sample();
  std::vector<Json> kept;
  for (const auto& event : events()) kept.push_back(event["timestamp"]);
  EXPECT_EQ(kept, told) << "setting the clock moves nothing that is stored";
  EXPECT_THAT(types(), ElementsAre("failure", "recovery", "failure", "recovery"));
  EXPECT_EQ(times_offline(), 1) << "the quiet one said goodbye; nobody else is gone";
}

}  // namespace
}  // namespace portoser::test
