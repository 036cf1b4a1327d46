// The controller is away: agents go on, and afterwards everything is told once and in order.
#include "common/clock.h"
#include "common/file.h"
#include "tests/cluster/cluster_test.h"
#include "tests/cluster/stored_samples.h"
#include "tests/integration/kept_samples.h"

#include <filesystem>

namespace portoser::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
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
  [[nodiscard]] StoredSamples stored() const {
    return stored_samples(controller_.data() / "portoser.db", h1_.name());
  }
  static std::int64_t now_ms() {
    return std::chrono::duration_cast<std::chrono::milliseconds>(
               std::chrono::system_clock::now().time_since_epoch())
        .count();
  }
};

TEST_F(ControllerAway, EveryEventArrivesOnceAndInOrder) {
  controller_.kill();
  const auto untouched = h2_.container();
  const auto begin = std::chrono::system_clock::now();
  h1_.crash_container();
  h1_.machine().docker({"start", h1_.container()});
  h1_.crash_container();
  const auto end = std::chrono::system_clock::now();
  // So long that the time of arrival cannot pass for the time of the event.
  await_until("some time passes", 30s, [&] { return std::chrono::system_clock::now() - end > 5s; });
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

  std::vector<Json> told = cluster().events(h1_.service(), since(h1_));
  told.resize(3);
  for (const auto& event : told) {
    const auto time = time_from_rfc3339(event["timestamp"].get<std::string>());
    ASSERT_TRUE(time);
    EXPECT_GE(time->time_since_epoch(), begin.time_since_epoch() - 1s) << dump(event);
    EXPECT_LE(time->time_since_epoch(), end.time_since_epoch() + 2s) << dump(event);
  }
}

TEST_F(ControllerAway, NobodyIsDeclaredOfflineByMistake) {
  const auto log = [&] { return read_file(controller_.log_file()); };
  controller_.kill();
  // Longer than a host may be silent.
  const auto left = std::chrono::steady_clock::now();
  await_until("it was away for longer than a host may be", 60s, [&] {
    return std::chrono::steady_clock::now() - left > 7s;
  });
  const auto before = log().size();
  controller_.start();
  const auto started = std::chrono::steady_clock::now();
  await_until("the grace after its start is over, and a check after it", 60s, [&] {
    return std::chrono::steady_clock::now() - started > 8s;
  });
  EXPECT_THAT(log().substr(before), Not(HasSubstr("after=offline")));
  for (const auto& host : cluster().hosts()) controller_.await_machine(host->name(), "online");
}

TEST_F(ControllerAway, OneThatHangsTakesNobodyForOfflineAndEventsKeepTheirTimes) {
  const auto begin = std::chrono::system_clock::now();
  const auto passed = [&] { return std::chrono::system_clock::now() - begin; };
  const auto before = read_file(controller_.log_file()).size();
  controller_.freeze();
  h1_.crash_container();
  const auto crashed = std::chrono::system_clock::now();
  await_until("it hangs for longer than a host may be silent, and than any message is on its way",
              60s,
              [&] { return passed() > 14s; });
  controller_.thaw();
  await_event(h1_, "failure");
  for (const auto& host : cluster().hosts()) controller_.await_machine(host->name(), "online");
  await_until("it has looked after them again", 60s, [&] {
    return read_file(controller_.log_file()).find("was stopped for a while", before) !=
           std::string::npos;
  });
  EXPECT_THAT(read_file(controller_.log_file()).substr(before), Not(HasSubstr("after=offline")));
  const auto told = cluster().events(h1_.service(), since(h1_));
  ASSERT_EQ(told.size(), 1U);
  const auto time = time_from_rfc3339(told[0]["timestamp"].get<std::string>());
  ASSERT_TRUE(time);
  EXPECT_GE(time->time_since_epoch(), begin.time_since_epoch() - 1s) << dump(told[0]);
  EXPECT_LE(time->time_since_epoch(), crashed.time_since_epoch() + 2s) << dump(told[0]);
  h1_.machine().docker({"start", h1_.container()});
  await_event(h1_, "recovery");
}

TEST_F(ControllerAway, EverySampleFindsItsPlaceBesideTheLiveOnes) {
  await_until("samples are stored", 30s, [&] { return stored().times.size() > 1; });
  const auto first = stored().times.rbegin()->first;
  const auto uptime_of_service = [&] {
    return controller_.get("/api/uptime/" + h1_.service() + "/" + h1_.name() + "?timeRange=1h");
  };
  // The tests before this one share its hosts, and some of them crash this service.
  const auto uptime_before = uptime_of_service();
  controller_.kill();
  const auto left = now_ms();
  const auto before = waiting(h1_);
  constexpr std::uintmax_t some_samples = 10'000;
  await_until("samples are kept", 120s, [&] { return waiting(h1_) > before + some_samples; });
  const auto back = now_ms();
  controller_.start();
  controller_.await_machine(h1_.name(), "online");
  await_until("none waits any more", 60s, [&] { return waiting(h1_) <= before; });
  await_until(
      "there is no hole",
      30s,
      [&] { return stored().holes(first).empty() && stored().times.rbegin()->second > back; },
      [&] { return "missing: " + testing::PrintToString(stored().holes(first)); });

  const auto samples = stored();
  EXPECT_THAT(samples.twice, ElementsAre());
  int while_away = 0;
  std::int64_t previous = 0;
  for (auto one = samples.times.find(first); one != samples.times.end(); ++one) {
    EXPECT_GT(one->second, previous) << "sample " << one->first << " is not behind the one before";
    previous = one->second;
    if (left < one->second && one->second < back) ++while_away;
  }
  // Every half a second; one more at a welcome, one less at each end.
  EXPECT_NEAR(while_away, static_cast<double>(back - left) / 500.0, 3.0);
  const auto history =
      controller_.get("/api/metrics/machine/" + h1_.name() + "/history?time_range=1h&interval=1m");
  EXPECT_GT(history.body["data_points"].size(), 0U) << history.text;
  // Nor does the controller's own absence count against a service: its host saw it run.
  const auto uptime = uptime_of_service();
  EXPECT_EQ(uptime.body["current_status"], "up") << uptime.text;
  for (const auto* field : {"failure_count", "downtime_seconds"}) {
    EXPECT_EQ(uptime.body[field], uptime_before.body[field]) << uptime.text;
  }
  EXPECT_GE(uptime.body["uptime_seconds"].get<double>() -
                uptime_before.body["uptime_seconds"].get<double>(),
            static_cast<double>(back - left) / 1000.0)
      << uptime.text;
  const auto row = controller_.get("/api/metrics/machine/" + h1_.name()).body;
  EXPECT_EQ(row["status"], "ok") << dump(row);
  const auto measured = time_from_rfc3339(row["timestamp"].get<std::string>());
  ASSERT_TRUE(measured);
  EXPECT_LT(now_ms() - to_unix_us(*measured) / 1000, 10'000) << "what is shown is how it is now";
}

TEST_F(ControllerAway, SixHoursOfSamplesFindTheirPlacesAndWhatIsShownIsOfNow) {
  constexpr auto late = R"(metrics_ingested_total{source="agent",type="late"})";
  constexpr std::size_t kept = 4320;  // one in 5 s
  const auto begin = now_ms();
  h1_.agent().stop();
  controller_.kill();
  const auto before = waiting(h1_);
  keep_samples(h1_.agent().data(), kept, 5s);
  h1_.agent().start();
  controller_.start();
  controller_.await_machine(h1_.name(), "online");
  const auto row = [&] { return controller_.get("/api/metrics/machine/" + h1_.name()).body; };
  const auto age_ms = [](const Json& of) {
    const auto measured = time_from_rfc3339(of.value("timestamp", ""));
    return now_ms() - (measured ? to_unix_us(*measured) / 1000 : 0);
  };
  await_until(
      "there is one of now",
      60s,
      [&] { return row()["timestamp"].is_string() && age_ms(row()) < 10'000; },
      [&] { return dump(row()); });
  int looks = 0;
  await_until(
      "they arrive",
      180s,
      [&] {
        const auto is_over = metric(late).value_or(0) >= kept;
        const auto shown = row();
        if (!is_over) ++looks;
        EXPECT_LT(age_ms(shown), 10'000) << "what is shown is how it is now: " << dump(shown);
        EXPECT_NE(shown["status"], "error") << dump(shown);
        return is_over;
      },
      [&] { return std::to_string(metric(late).value_or(0)) + h1_.agent().log_tail(); });
  EXPECT_GT(looks, 0) << "all were there before anybody looked";
  await_until("none waits any more", 60s, [&] { return waiting(h1_) <= before; });
  // A whole minute of that time has its twelve, each once.
  const auto minutes =
      controller_.get("/api/metrics/machine/" + h1_.name() + "/history?time_range=6h&interval=1m");
  const auto& points = minutes.body["data_points"];
  ASSERT_GT(points.size(), 340U) << minutes.text;
  for (std::size_t i = 1; i < 340; ++i) EXPECT_EQ(points[i]["samples"], 12) << dump(points[i]);
  // Beside them those that all three measured while they were not connected, two in a second, and
  // the last minute again.
  const auto seconds = (now_ms() - begin) / 1000 + 20;
  EXPECT_LT(metric(late).value_or(0), kept + static_cast<std::size_t>(3 * 2 * seconds));
  controller_.await_service(h1_.service(), "running");
}

}  // namespace
}  // namespace portoser::test
