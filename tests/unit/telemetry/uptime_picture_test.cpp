#include "controller/telemetry/uptime_picture.h"

#include "tests/unit/telemetry/noon.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <random>

namespace portoser::telemetry {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;

using Events = std::vector<UptimeEvent>;

const Time begin = noon - 24h;

/// Failures and recoveries in turn, by how long after `begin` each came; the ids are 1, 2, 3...
Events in_turn(const std::vector<std::chrono::seconds>& after) {
  Events events;
  for (std::size_t i = 0; i < after.size(); ++i) {
    const auto change = i % 2 == 0 ? UptimeChange::failure : UptimeChange::recovery;
    events.push_back({static_cast<std::int64_t>(i) + 1, begin + after[i], change});
  }
  return events;
}

std::vector<std::int64_t> telling(const Events& events, std::size_t most) {
  return telling_events(events, begin, noon, true, most);
}

Events only(const Events& events, const std::vector<std::int64_t>& ids) {
  Events some;
  for (const auto& event : events) {
    if (std::find(ids.begin(), ids.end(), event.id) != ids.end()) some.push_back(event);
  }
  return some;
}

/// For how long two pictures differ.
std::chrono::microseconds difference(const Events& one, const Events& other) {
  std::vector<Time> times{begin, noon};
  for (const auto* events : {&one, &other}) {
    for (const auto& event : *events) times.push_back(event.at);
  }
  std::sort(times.begin(), times.end());
  const auto is_up_at = [](const Events& events, Time when) {
    bool is_up = true;
    for (const auto& event : events) {
      if (event.at <= when) is_up = is_painted_up(event.change);
    }
    return is_up;
  };
  std::chrono::microseconds sum{};
  for (std::size_t i = 0; i + 1 < times.size(); ++i) {
    if (is_up_at(one, times[i]) != is_up_at(other, times[i])) sum += times[i + 1] - times[i];
  }
  return sum;
}

TEST(UptimePicture, OfFewEventsIsMadeOfAll) {
  EXPECT_THAT(telling(in_turn({10s, 20s, 30s}), 3), ElementsAre(1, 2, 3));
  EXPECT_THAT(telling({}, 3), IsEmpty());
}

TEST(UptimePicture, LeavesOutWhatWasShort) {
  EXPECT_THAT(telling(in_turn({1h, 2h, 3h, 3h + 1s, 4h, 6h}), 4), ElementsAre(1, 2, 5, 6))
      << "an outage of a second";
  EXPECT_THAT(telling(in_turn({1h, 2h, 2h + 1s, 4h}), 2), ElementsAre(1, 4))
      << "a second in which it ran";
}

TEST(UptimePicture, OfACrashLoopIsDownIfItWasDownMostly) {
  std::vector<std::chrono::seconds> after;
  for (int i = 0; i < 300; ++i) {
    after.push_back(1h + i * 60s);
    after.push_back(1h + i * 60s + 50s);
  }
  EXPECT_THAT(telling(in_turn(after), 2), ElementsAre(1, 600));
}

TEST(UptimePicture, EndsAsTheServiceStands) {
  auto after = std::vector<std::chrono::seconds>{1h, 2h, 3h, 4h};
  after.push_back(24h - 1s);  // it has just failed
  EXPECT_THAT(telling(in_turn(after), 3), testing::Contains(5));
}

TEST(UptimePicture, TakesTheNewestOfWhatChangesNoColourWhereThereIsRoom) {
  Events events{{1, begin + 1h, UptimeChange::restart},
                {2, begin + 2h, UptimeChange::failure},
                {3, begin + 3h, UptimeChange::stop},
                {4, begin + 4h, UptimeChange::start},
                {5, begin + 5h, UptimeChange::restart}};
  EXPECT_THAT(telling(events, 3), testing::UnorderedElementsAre(2, 4, 5));
  EXPECT_THAT(telling_events(events, begin + 4h, noon, false, 9),
              testing::UnorderedElementsAre(4, 5))
      << "of the window alone";
}

/// Against all choices of so many events.
TEST(UptimePicture, DeviatesAsLittleAsItCan) {
  std::mt19937 random{7};
  for (int round = 0; round < 200; ++round) {
    const std::size_t count = 4 + random() % 7;
    std::vector<std::chrono::seconds> after;
    for (std::size_t i = 0; i < count; ++i) after.emplace_back(1 + random() % 86'000);
    std::sort(after.begin(), after.end());
    const auto events = in_turn(after);
    const std::size_t most = 2 + random() % (count - 2);
    const auto chosen = only(events, telling(events, most));
    ASSERT_LE(chosen.size(), most);
    ASSERT_EQ(chosen.empty() || is_painted_up(chosen.back().change), count % 2 == 0);
    auto best = std::chrono::microseconds::max();
    for (std::uint32_t choice = 0; choice < 1U << count; ++choice) {
      std::vector<std::int64_t> ids;
      for (std::size_t i = 0; i < count; ++i) {
        if ((choice >> i & 1U) != 0) ids.push_back(static_cast<std::int64_t>(i) + 1);
      }
      const auto some = only(events, ids);
      const bool ends_alike =
          (some.empty() || is_painted_up(some.back().change)) == (count % 2 == 0);
      if (ids.size() <= most && ends_alike) best = std::min(best, difference(events, some));
    }
    EXPECT_EQ(difference(events, chosen), best) << "round " << round;
  }
}

}  // namespace
}  // namespace portoser::telemetry
