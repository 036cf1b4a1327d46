#include "tests/unit/api/api_fixture.h"
#include "tests/unit/telemetry/played_host.h"

#include <gmock/gmock.h>

#include <atomic>
#include <future>
#include <memory>

namespace portoser::api {
namespace {

using namespace std::chrono_literals;

class MetricsHistoryTest : public ApiTest {
 protected:
  /// The refusal of a question.
  Error refusal(std::string_view target) {
    try {
      ask(target);
    } catch (const Error& error) {
      return error;
    }
    ADD_FAILURE() << "answered: " << target;
    return Error{Code::internal, ""};
  }
};

TEST_F(MetricsHistoryTest, AChartHasNoPointOrAtLeastTwo) {
  EXPECT_EQ(get("/api/metrics/notes/brick")["historical"]["dataPoints"].size(), 0U);
  tell_of_notes(1);
  const auto first = get("/api/metrics/notes/brick")["historical"]["dataPoints"];
  ASSERT_EQ(first.size(), 2U);
  EXPECT_DOUBLE_EQ(first[0]["cpu"], 3.0);
  EXPECT_TRUE(first[1]["cpu"].is_null()) << "nothing was measured there yet";
  tell_of_notes(1);
  // Both in one minute: in finer steps.
  const auto points = get("/api/metrics/notes/brick?timeRange=7d")["historical"]["dataPoints"];
  ASSERT_EQ(points.size(), 2U);
  EXPECT_DOUBLE_EQ(points[1]["cpu"], 3.0);
}

TEST_F(MetricsHistoryTest, AChartOfAnHourHasAPointAMinute) {
  // From half past, so that a week's chart, which has a point an hour, has two.
  const auto now = clock_.now();
  clock_.set_by(std::chrono::ceil<std::chrono::hours>(now) + 30min - now);
  tell_of_notes(12 * 59);
  const auto answer = get("/api/metrics/notes/brick?timeRange=1h");
  const auto& points = answer["historical"]["dataPoints"];
  EXPECT_GE(points.size(), 59U);
  EXPECT_LE(points.size(), 61U);
  for (std::size_t i = 1; i < points.size(); ++i) {
    const auto before = time_from_rfc3339(points[i - 1]["timestamp"].get<std::string>());
    const auto after = time_from_rfc3339(points[i]["timestamp"].get<std::string>());
    ASSERT_EQ(*after - *before, 1min) << "evenly spaced";
  }
  EXPECT_DOUBLE_EQ(answer["avg_cpu"], 3.0);
  EXPECT_DOUBLE_EQ(answer["peak_cpu"], 3.0);
  EXPECT_EQ(answer["history"].size(), points.size());
  const auto of_a_week = get("/api/metrics/notes/brick?timeRange=7d");
  EXPECT_EQ(of_a_week["time_range"], "7d");
  EXPECT_LT(of_a_week["historical"]["dataPoints"].size(), points.size());
}

/// The UI shows a null as 0 %.
TEST_F(MetricsHistoryTest, UptimeIsAShareOfTheTimeInWhichItWasToRunOrNotThere) {
  tell_of_notes(24);
  EXPECT_DOUBLE_EQ(get("/api/metrics/notes/brick")["current"]["uptime_percent"], 100.0);
  clock_.set_by(2h);  // nobody looked in all of the range
  const auto current = get("/api/metrics/notes/brick")["current"];
  EXPECT_EQ(current["stale"], true);
  EXPECT_FALSE(current.contains("uptime_percent"));
}

/// Else the UI shows no chart, and with it no choice of a longer range.
TEST_F(MetricsHistoryTest, AServiceWhoseHostIsAwayHasAChartOfALongerRange) {
  tell_of_notes(120);
  clock_.set_by(3h);
  const auto answer = get("/api/metrics/notes/brick?timeRange=1h");
  EXPECT_GE(answer["historical"]["dataPoints"].size(), 2U);
  EXPECT_EQ(answer["time_range"], "1h");
  EXPECT_EQ(answer["history"], Json::array()) << "in that hour nothing was measured";
  EXPECT_GE(get("/api/metrics/notes/brick?timeRange=6h")["history"].size(), 2U);
}

TEST_F(MetricsHistoryTest, AGapIsNullAndNotZero) {
  tell_of_notes(12);
  clock_.set_by(10min);
  tell_of_notes(12);
  int gaps = 0;
  const auto answer = get("/api/metrics/notes/brick");
  for (const auto& point : answer["historical"]["dataPoints"]) {
    if (!point["cpu"].is_null()) continue;
    ++gaps;
    EXPECT_TRUE(point["memory"].is_null());
  }
  EXPECT_GE(gaps, 8);
}

TEST_F(MetricsHistoryTest, TheIntervalAggregates) {
  tell_of_notes(12 * 45);
  const auto quarters = get("/api/metrics/notes/brick/history?time_range=1h&interval=15m");
  EXPECT_EQ(quarters["interval"], "15m");
  EXPECT_GE(quarters["data_points"].size(), 3U);
  EXPECT_LE(quarters["data_points"].size(), 4U);
  std::int64_t samples = 0;
  for (const auto& point : quarters["data_points"]) samples += point["samples"].get<std::int64_t>();
  EXPECT_EQ(samples, 12 * 45);
  EXPECT_GE(get("/api/metrics/notes/brick/history?time_range=1h&interval=1m")["data_points"].size(),
            45U);
  EXPECT_DOUBLE_EQ(quarters["summary"]["max_cpu"], 3.0);
  EXPECT_DOUBLE_EQ(quarters["summary"]["peak_cpu"], 3.0);
}

TEST_F(MetricsHistoryTest, OfAHostHasItsDiskAndLoad) {
  tell_of_notes(24);
  const auto point =
      get("/api/metrics/machine/brick/history?interval=1m&time_range=1h")["data_points"].at(1);
  EXPECT_DOUBLE_EQ(point["cpu_percent"], 12.5);
  EXPECT_DOUBLE_EQ(point["disk_percent"], 25.0);
  EXPECT_DOUBLE_EQ(point["load_1"], 0.5);
  EXPECT_DOUBLE_EQ(point["memory_percent"], 75.0);
}

TEST_F(MetricsHistoryTest, OfAHostHasItsSwapItsLoadsAndItsHottestSensor) {
  const auto measured = [&](double cpu, double disk) {
    auto sample = telemetry::full_sample(clock_.uptime().count());
    sample.cpu.load_5 = 0.25;
    sample.cpu.load_15 = 0.75;
    sample.temperatures = {{"coretemp", cpu}, {"nvme", disk}};
    live_.on_sample("brick", clock_.now(), std::move(sample));
  };
  measured(40, 50);
  clock_.set_by(1s);
  measured(90, 52);
  const auto point = get("/api/metrics/machine/brick/history?interval=1h")["data_points"].at(0);
  EXPECT_DOUBLE_EQ(point["swap_percent"], 25.0);
  EXPECT_DOUBLE_EQ(point["load_5"], 0.25);
  EXPECT_DOUBLE_EQ(point["load_15"], 0.75);
  EXPECT_DOUBLE_EQ(point["temperature_celsius"], 65) << "the mean of the one that is hotter";
  EXPECT_DOUBLE_EQ(point["temperature_celsius_max"], 90);
}

TEST_F(MetricsHistoryTest, OfAHostWithoutSensorsHasNoTemperature) {
  tell_of_notes(2);
  const auto point = get("/api/metrics/machine/brick/history")["data_points"].at(0);
  EXPECT_TRUE(point["temperature_celsius"].is_null());
  EXPECT_TRUE(point["temperature_celsius_max"].is_null());
}

/// As the present does: the largest.
TEST_F(MetricsHistoryTest, OfAHostWithoutARootDiskHasTheDiskThatStandsForIt) {
  auto sample = telemetry::full_sample(clock_.uptime().count());
  sample.disks = {{"/boot", "/dev/vda1", "ext4", 100, 10, 90, {}, {}},
                  {"/data", "/dev/vdb", "xfs", 1000, 750, 250, {}, {}}};
  live_.on_sample("brick", clock_.now(), std::move(sample));
  EXPECT_DOUBLE_EQ(get("/api/metrics/machine/brick")["disk_percent"], 75.0);
  const auto points = get("/api/metrics/machine/brick/history?interval=1h")["data_points"];
  ASSERT_EQ(points.size(), 1U);
  EXPECT_DOUBLE_EQ(points[0]["disk_percent"], 75.0);
}

/// Reads that do not end before `release`, at the latest with this.
class LongReads {
 public:
  LongReads() = default;
  LongReads(const LongReads&) = delete;
  LongReads& operator=(const LongReads&) = delete;
  ~LongReads() { release(); }

  void begin(storage::Database& database, asio::io_context& context, std::size_t count) {
    begun_ += count;
    for (std::size_t i = 0; i < count; ++i) {
      asio::co_spawn(context, read(database, state_), [state = state_](const std::exception_ptr&) {
        ++state->ended;
      });
    }
  }
  [[nodiscard]] std::size_t running() const { return state_->running; }
  [[nodiscard]] bool have_ended() const { return state_->ended == begun_; }
  void release() {
    if (!is_released_) state_->release.set_value();
    is_released_ = true;
  }

 private:
  struct State {
    std::promise<void> release;
    std::shared_future<void> released = release.get_future().share();
    std::atomic<std::size_t> running{0};
    std::size_t ended = 0;
  };
  static asio::awaitable<void> read(storage::Database& database, std::shared_ptr<State> state) {
    auto work = [state](storage::Connection&) {
      ++state->running;
      state->released.wait();
    };
    co_await database.read(std::move(work));
  }
  std::shared_ptr<State> state_ = std::make_shared<State>();
  std::size_t begun_ = 0;
  bool is_released_ = false;
};

/// What is in memory is answered from memory; the UI would paint a 503 red.
TEST_F(MetricsHistoryTest, ABusyDatabaseTakesTheChartAwayAndNotThePresent) {
  tell_of_notes(24);
  EXPECT_EQ(get("/api/metrics/notes/brick")["history_error"], "");
  const storage::DatabaseOptions limits;
  LongReads reads;
  reads.begin(*database_, context_, limits.readers);
  step_until([&] { return reads.running() == limits.readers; });
  reads.begin(*database_, context_, limits.queue_limit);
  step_until([&] { return database_->stats().reads_waiting == limits.queue_limit; });
  const auto answer = get("/api/metrics/notes/brick");
  EXPECT_DOUBLE_EQ(answer["current"]["cpu_percent"], 3.0);
  EXPECT_FALSE(answer["current"].contains("uptime_percent"));
  EXPECT_DOUBLE_EQ(answer["avg_cpu"], 3.0);
  EXPECT_EQ(answer["status"], "ok");
  EXPECT_EQ(answer["history"].size(), 0U);
  EXPECT_EQ(answer["historical"]["dataPoints"].size(), 0U);
  EXPECT_THAT(answer["history_error"].get<std::string>(), testing::Not(testing::IsEmpty()));
  EXPECT_EQ(refusal("/api/metrics/notes/brick/history").code(), Code::unavailable);
  reads.release();
  step_until([&] { return reads.have_ended(); });
  EXPECT_EQ(get("/api/metrics/notes/brick")["history_error"], "");
}

/// It refuses nothing and answers nobody.
TEST_F(MetricsHistoryTest, ASlowDatabaseDoesNotDelayThePresent) {
  tell_of_notes(24);
  const storage::DatabaseOptions limits;
  LongReads reads;
  reads.begin(*database_, context_, limits.readers);
  step_until([&] { return reads.running() == limits.readers; });
  const auto answer = get("/api/metrics/notes/brick");
  EXPECT_EQ(reads.running(), limits.readers);
  EXPECT_FALSE(reads.have_ended());
  EXPECT_DOUBLE_EQ(answer["current"]["cpu_percent"], 3.0);
  EXPECT_FALSE(answer["current"].contains("uptime_percent"));
  EXPECT_EQ(answer["historical"]["dataPoints"].size(), 0U);
  EXPECT_EQ(answer["history_error"], "reading the history took too long");
  reads.release();
  step_until([&] { return reads.have_ended(); });
  const auto later = get("/api/metrics/notes/brick");
  EXPECT_EQ(later["history_error"], "");
  EXPECT_GE(later["historical"]["dataPoints"].size(), 2U);
}

TEST_F(MetricsHistoryTest, NothingMeasuredIsNotFoundAndSaysSo) {
  const auto error = refusal("/api/metrics/notes/brick/history");
  EXPECT_EQ(error.code(), Code::not_found);
  EXPECT_EQ(error.reason(), "NO_HISTORY");
  EXPECT_EQ(refusal("/api/metrics/nothing/brick/history").reason(), "SERVICE_UNKNOWN");
}

}  // namespace
}  // namespace portoser::api
