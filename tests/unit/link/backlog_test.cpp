#include "agent/link/backlog.h"

#include "tests/support/temp_folder.h"
#include "tests/unit/link/full_disk.h"

#include <gtest/gtest.h>

#include <vector>

namespace portoser::agent::link {
namespace {

using std::chrono::hours;
using std::chrono::seconds;
using test::FullDisk;
using test::TempFolder;

const Backlog::Instant start{hours{1}};

std::vector<std::string> drain(Backlog& backlog, Backlog::Instant now = start) {
  std::vector<std::string> samples;
  while (auto sample = backlog.next(now)) {
    samples.push_back(std::move(*sample));
  }
  return samples;
}

TEST(Backlog, ReadsBackInOrderAlsoAfterARestart) {
  const TempFolder folder;
  const ManualClock clock;
  {
    Backlog backlog{folder.path(), clock};
    EXPECT_TRUE(backlog.is_empty());
    backlog.keep("one");
    backlog.keep("two");
    EXPECT_FALSE(backlog.is_empty());
  }
  Backlog backlog{folder.path(), clock};
  EXPECT_FALSE(backlog.is_empty());
  backlog.keep("three");
  EXPECT_EQ(drain(backlog), (std::vector<std::string>{"one", "two", "three"}));
  EXPECT_TRUE(backlog.is_empty());
}

TEST(Backlog, KeepsItsOrderWhenTheWallClockGoesBack) {
  const TempFolder folder;
  ManualClock clock;
  Backlog backlog{folder.path(), clock};
  backlog.keep("one");
  clock.set_wall(clock.now() - hours{5});
  backlog.keep("two");
  EXPECT_EQ(drain(backlog), (std::vector<std::string>{"one", "two"}));
}

TEST(Backlog, LosesNothingWhenTheHostLearnsTheTrueTime) {
  const TempFolder folder;
  ManualClock clock;
  Backlog backlog{folder.path(), clock, {.segment_bytes = 10}};
  for (const auto* sample : {"one, long enough", "two, long enough"}) backlog.keep(sample);
  clock.set_wall(clock.now() + hours{24 * 100});
  backlog.keep("three");
  EXPECT_EQ(drain(backlog).size(), 3U);
  EXPECT_EQ(backlog.lost(), 0);
}

TEST(Backlog, LosesNothingWhenTheClockWasSetWhileNoAgentRan) {
  const TempFolder folder;
  ManualClock clock;
  // A host without a clock of its own begins at 1970, and finds that it is long past that.
  clock.set_wall(from_unix_us(1'000'000));
  const BacklogLimits limits{.segment_bytes = 50};
  {
    Backlog backlog{folder.path(), clock, limits};
    for (const auto* sample : {"one, long enough", "two, long enough"}) backlog.keep(sample);
  }
  clock.set_wall(from_unix_us(1'000'000'000'000'000));
  Backlog backlog{folder.path(), clock, limits};
  for (const auto* sample : {"three, long enough", "four"}) backlog.keep(sample);
  EXPECT_EQ(drain(backlog).size(), 4U);
  EXPECT_EQ(backlog.lost(), 0);
  EXPECT_EQ(backlog.corrupt(), 0);
}

TEST(Backlog, DropsTheOldestOverItsSizeAndCountsThem) {
  const TempFolder folder;
  const ManualClock clock;
  Backlog backlog{folder.path(), clock, {.total_bytes = 4000, .segment_bytes = 1000}};
  for (int i = 0; i < 100; ++i) {
    backlog.keep(std::to_string(i) + std::string(100, 'x'));
  }
  EXPECT_LE(backlog.bytes(), 4000U);
  const auto left = drain(backlog);
  EXPECT_GT(left.size(), 10U);
  EXPECT_EQ(static_cast<std::int64_t>(left.size()) + backlog.lost(), 100);
  EXPECT_TRUE(left.back().starts_with("99"));
}

TEST(Backlog, DropsWhatIsOlderThanADay) {
  const TempFolder folder;
  ManualClock clock;
  Backlog backlog{folder.path(), clock, {.segment_bytes = 1}};
  backlog.keep("old");
  clock.advance(hours{23});
  backlog.keep("middle");
  clock.advance(hours{2});
  backlog.keep("new");
  EXPECT_EQ(drain(backlog), (std::vector<std::string>{"old", "middle", "new"}));
  clock.advance(hours{23});
  backlog.rewind();
  backlog.keep("newest");
  EXPECT_EQ(drain(backlog), (std::vector<std::string>{"middle", "new", "newest"}));
  EXPECT_EQ(backlog.lost(), 1);
}

TEST(Backlog, DeletesWhatWasHandedOverOnceItIsSettled) {
  const TempFolder folder;
  const ManualClock clock;
  {
    Backlog backlog{folder.path(), clock, {.settles_after = seconds{10}}};
    backlog.keep("one");
    drain(backlog);
    backlog.settle(start + seconds{5});
    EXPECT_GT(backlog.bytes(), 0U);
    backlog.settle(start + seconds{30});
    EXPECT_EQ(backlog.bytes(), 0U);
    backlog.keep("two");
    EXPECT_EQ(drain(backlog, start + seconds{31}), std::vector<std::string>{"two"});
    backlog.settle(start + seconds{60});
  }
  Backlog backlog{folder.path(), clock};
  EXPECT_TRUE(backlog.is_empty());
}

TEST(Backlog, GivesBackWhatItKeepsAfterMonthsWithoutAnOutage) {
  const TempFolder folder;
  ManualClock clock;
  const BacklogLimits limits{.settles_after = seconds{10}};
  Backlog backlog{folder.path(), clock, limits};
  backlog.keep("before");
  drain(backlog);
  backlog.settle(start + seconds{30});
  ASSERT_EQ(backlog.bytes(), 0U);
  clock.advance(hours{24 * 204});
  for (const auto* sample : {"one", "two"}) backlog.keep(sample);
  EXPECT_EQ(drain(backlog, start + seconds{31}), (std::vector<std::string>{"one", "two"}));
  EXPECT_EQ(backlog.corrupt(), 0);
  Backlog of_the_next_agent{folder.path(), clock, limits};
  EXPECT_EQ(drain(of_the_next_agent), (std::vector<std::string>{"one", "two"}));
}

TEST(Backlog, HandsOverAgainWhatWasNotSettledWhenTheConnectionBroke) {
  const TempFolder folder;
  const ManualClock clock;
  Backlog backlog{folder.path(), clock, {.segment_bytes = 1, .settles_after = seconds{10}}};
  for (const auto* sample : {"one", "two", "three", "four"}) {
    backlog.keep(sample);
  }
  EXPECT_EQ(backlog.next(start), "one");
  EXPECT_EQ(backlog.next(start + seconds{20}), "two");
  EXPECT_EQ(backlog.next(start + seconds{29}), "three");
  backlog.settle(start + seconds{31});
  backlog.rewind();
  EXPECT_EQ(drain(backlog, start + seconds{32}),
            (std::vector<std::string>{"two", "three", "four"}));
}

TEST(Backlog, LosesSamplesWhileTheDiskIsFullAndGoesOnAfterwards) {
  const TempFolder folder;
  const ManualClock clock;
  Backlog backlog{folder.path(), clock};
  {
    const FullDisk full{100};
    backlog.keep("one");
    backlog.keep(std::string(200, 'x'));
    EXPECT_EQ(backlog.lost(), 1);
  }
  backlog.keep("two");
  EXPECT_EQ(drain(backlog), (std::vector<std::string>{"one", "two"}));
  EXPECT_EQ(backlog.corrupt(), 0);
}

TEST(Backlog, ToleratesATornTail) {
  const TempFolder folder;
  const ManualClock clock;
  {
    Backlog backlog{folder.path(), clock};
    backlog.keep("one");
    backlog.keep("two");
  }
  for (const auto& entry : std::filesystem::directory_iterator{folder.path()}) {
    std::filesystem::resize_file(entry.path(), entry.file_size() - 1);
  }
  Backlog backlog{folder.path(), clock};
  EXPECT_EQ(drain(backlog), std::vector<std::string>{"one"});
}

/// All that is to be sent again, sent again.
std::vector<std::string> send_again(RecentSamples& recent, RecentSamples::Instant now = start) {
  std::vector<std::string> samples;
  for (const auto* next = recent.next_again(); next != nullptr; next = recent.next_again()) {
    samples.push_back(*next);
    recent.sent_again(now);
  }
  return samples;
}

std::int64_t second(std::int64_t count) {
  return count * 1'000'000'000;
}

TEST(RecentSamples, RepeatsThoseLaterThanTheControllersNewest) {
  RecentSamples recent;
  recent.keep({"boot", second(1), "one"}, start);
  recent.keep({"boot", second(6), "two"}, start);
  recent.keep({"boot", second(11), "three"}, start);
  EXPECT_EQ(recent.next_again(), nullptr);
  recent.repeat_later_than("boot", second(6));
  EXPECT_EQ(send_again(recent), std::vector<std::string>{"three"});
  recent.repeat_later_than("boot", second(11));
  EXPECT_EQ(send_again(recent), std::vector<std::string>{});
  recent.repeat_later_than("earlier boot", second(99));
  EXPECT_EQ(send_again(recent), (std::vector<std::string>{"one", "two", "three"}));
}

TEST(RecentSamples, BeginsAnewWhereARepetitionBrokeOff) {
  RecentSamples recent;
  for (std::int64_t i = 1; i <= 3; ++i) recent.keep({"boot", i, std::to_string(i)}, start);
  recent.repeat_later_than("boot", 1);
  ASSERT_EQ(*recent.next_again(), "2");
  recent.sent_again(start);
  recent.repeat_later_than("boot", 1);
  EXPECT_EQ(send_again(recent), (std::vector<std::string>{"2", "3"}));
}

TEST(RecentSamples, ForgetsWhatWasSentLongAgo) {
  RecentSamples recent{{.age = seconds{60}}};
  recent.keep({"boot", second(1), "one"}, start);
  recent.keep({"boot", second(30), "two"}, start + seconds{29});
  recent.keep({"boot", second(62), "three"}, start + seconds{61});
  recent.repeat_later_than("", 0);
  EXPECT_EQ(send_again(recent), (std::vector<std::string>{"two", "three"}));
}

TEST(RecentSamples, KeepsWhatIsOldAndWasSentLately) {
  RecentSamples recent{{.age = seconds{60}}};
  recent.keep({"boot", second(1), "one"}, start);
  recent.keep({"boot", second(6), "two"}, start + seconds{5});
  recent.repeat_later_than("", 0);
  send_again(recent, start + hours{1});
  recent.keep({"boot", second(3606), "three"}, start + hours{1} + seconds{5});
  recent.repeat_later_than("", 0);
  EXPECT_EQ(send_again(recent), (std::vector<std::string>{"one", "two", "three"}));
}

/// A controller that is started again and again knows of nothing, and gets all of it each time.
TEST(RecentSamples, DoNotGrowWithTheTimesThatTheyAreSentAgain) {
  RecentSamples recent{{.age = seconds{60}, .repeated_for = seconds{10}}};
  for (std::int64_t i = 0; i < 600; ++i) {
    recent.keep({"boot", second(i), "x"}, start + seconds{i});
    if (i % 20 != 0) continue;
    recent.repeat_later_than("", 0);
    EXPECT_LE(send_again(recent, start + seconds{i}).size(), 80U) << i;
  }
}

TEST(RecentSamples, HoldsNoMoreThanItsLimitAndTheNewestWhateverItsSize) {
  RecentSamples recent{{.bytes = 100}};
  for (std::int64_t i = 0; i < 9; ++i) recent.keep({"boot", i, std::string(30, 'x')}, start);
  recent.repeat_later_than("", 0);
  EXPECT_EQ(send_again(recent).size(), 3U);
  recent.keep({"boot", 9, std::string(200, 'x')}, start);
  recent.repeat_later_than("", 0);
  EXPECT_EQ(send_again(recent), std::vector<std::string>{std::string(200, 'x')});
}

}  // namespace
}  // namespace portoser::agent::link
