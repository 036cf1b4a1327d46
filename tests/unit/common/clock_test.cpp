#include "common/clock.h"

#include <gtest/gtest.h>

namespace portoser {
namespace {

using namespace std::chrono_literals;

const Time morning =
    Time{std::chrono::sys_days{std::chrono::year{2026} / 3 / 4}} + 8h + 15min + 42s + 123ms;

TEST(Rfc3339, IsWrittenInUtcWithMilliseconds) {
  EXPECT_EQ(to_rfc3339(morning), "2026-03-04T08:15:42.123Z");
}

struct Spelling {
  const char* name;
  const char* text;
};

class AcceptedTime : public testing::TestWithParam<Spelling> {};

TEST_P(AcceptedTime, MeansTheSameMoment) {
  const auto time = time_from_rfc3339(GetParam().text);
  ASSERT_TRUE(time);
  EXPECT_EQ(to_rfc3339(*time), "2026-03-04T08:15:42.123Z");
}

INSTANTIATE_TEST_SUITE_P(
    Rfc3339,
    AcceptedTime,
    testing::Values(Spelling{"zulu", "2026-03-04T08:15:42.123Z"},
                    Spelling{"offset", "2026-03-04T10:15:42.123+02:00"},
                    Spelling{"negative_offset", "2026-03-04T03:15:42.123-05:00"},
                    Spelling{"naive", "2026-03-04T08:15:42.123"},
                    Spelling{"blank_and_microseconds", "2026-03-04 08:15:42.123000"}),
    [](const auto& one) { return one.param.name; });

class RefusedTime : public testing::TestWithParam<Spelling> {};

TEST_P(RefusedTime, IsNoTime) {
  EXPECT_FALSE(time_from_rfc3339(GetParam().text));
}

INSTANTIATE_TEST_SUITE_P(Rfc3339,
                         RefusedTime,
                         testing::Values(Spelling{"empty", ""},
                                         Spelling{"word", "yesterday"},
                                         Spelling{"no_such_day", "2026-02-30T00:00:00Z"},
                                         Spelling{"no_such_hour", "2026-02-03T25:00:00Z"},
                                         Spelling{"double_zone", "2026-03-04T08:15:42+00:00Z"},
                                         Spelling{"tail", "2026-03-04T08:15:42Z and more"}),
                         [](const auto& one) { return one.param.name; });

}  // namespace
}  // namespace portoser
