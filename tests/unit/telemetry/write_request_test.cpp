#include "controller/telemetry/write_request.h"

#include "controller/telemetry/outgoing_sample.h"
#include "tests/unit/telemetry/played_store.h"

#include <gmock/gmock.h>

#include <bit>
#include <snappy.h>

namespace portoser::telemetry {
namespace {

using testing::ElementsAre;
using testing::Pair;

storage::OutgoingSample row(const std::string& host,
                            std::int64_t time_ms,
                            std::vector<OutgoingValue> values) {
  storage::OutgoingSample one;
  one.host = host;
  one.samples = static_cast<std::int64_t>(values.size());
  one.data = encode({.time_ms = time_ms, .values = std::move(values)});
  return one;
}

storage::OutgoingSample load_row(std::int64_t time_ms, double load) {
  return row("brick", time_ms, {{OutgoingFamily::host_load1, {}, load, false}});
}

std::vector<ReceivedSeries> only_request(const WriteRequests& made) {
  EXPECT_EQ(made.requests.size(), 1U);
  return read_request(made.requests.at(0).body);
}

/// Written down by hand from the field numbers of remote write 1.0: WriteRequest.timeseries 1,
/// TimeSeries.labels 1 and samples 2, Label.name 1 and value 2, Sample.value 1 (double) and
/// timestamp 2 (int64).
TEST(WriteRequest, IsTheBytesThatTheStandardSays) {
  const auto made = make_requests({load_row(300, 1.5)}, {}, 10);
  std::string plain;
  ASSERT_TRUE(
      snappy::Uncompress(made.requests.at(0).body.data(), made.requests.at(0).body.size(), &plain));
  using namespace std::string_literals;
  const auto name = "\x0a\x1f\x0a\x08__name__\x12\x13portoser_host_load1"s;
  const auto machine = "\x0a\x10\x0a\x07machine\x12\x05"s + "brick"s;
  const auto sample = "\x12\x0c\x09\0\0\0\0\0\0\xf8\x3f\x10\xac\x02"s;
  const auto series = name + machine + sample;
  EXPECT_EQ(plain, "\x0a"s + static_cast<char>(series.size()) + series);
}

TEST(WriteRequest, LabelsAreSortedAndExternalOnesAmongThem) {
  const auto made = make_requests(
      {row("brick", 1, {{OutgoingFamily::filesystem_size_bytes, {"/dev/vda", "/", ""}, 9, false}})},
      {{"zone", "attic"}, {"cluster", "home"}, {"machine", "not this"}},
      10);
  const auto series = only_request(made);
  ASSERT_EQ(series.size(), 1U);
  // An empty label is none; ours is not replaced.
  EXPECT_THAT(series[0].labels,
              ElementsAre(Pair("__name__", "portoser_filesystem_size_bytes"),
                          Pair("cluster", "home"),
                          Pair("device", "/dev/vda"),
                          Pair("machine", "brick"),
                          Pair("mountpoint", "/"),
                          Pair("zone", "attic")));
}

TEST(WriteRequest, SamplesOfASeriesAreTogetherInTheOrderOfTheirTime) {
  // A late one came behind newer ones, and one came twice.
  const auto made = make_requests(
      {load_row(2000, 2), load_row(3000, 3), load_row(1000, 1), load_row(2000, 5)}, {}, 10);
  const auto series = only_request(made);
  ASSERT_EQ(series.size(), 1U);
  EXPECT_THAT(series[0].samples, ElementsAre(Pair(1000, 1), Pair(2000, 5), Pair(3000, 3)));
  EXPECT_EQ(made.requests[0].samples, 3);
}

TEST(WriteRequest, IsNotLargerThanItMayBe) {
  std::vector<storage::OutgoingSample> rows;
  for (int i = 0; i < 7; ++i) {
    rows.push_back(row("brick",
                       i,
                       {{OutgoingFamily::host_load1, {}, 1.0 * i, false},
                        {OutgoingFamily::host_load5, {}, 2.0 * i, false}}));
  }
  const auto made = make_requests(rows, {}, 3);
  std::map<std::string, std::vector<std::int64_t>> times;
  for (const auto& request : made.requests) {
    std::size_t samples = 0;
    for (const auto& series : read_request(request.body)) {
      samples += series.samples.size();
      for (const auto& [time, value] : series.samples) {
        times[series.label("__name__")].push_back(time);
      }
    }
    EXPECT_LE(samples, 3U);
    EXPECT_EQ(samples, static_cast<std::size_t>(request.samples));
  }
  EXPECT_EQ(made.requests.size(), 5U);
  for (const auto& [name, all] : times) EXPECT_THAT(all, ElementsAre(0, 1, 2, 3, 4, 5, 6)) << name;
}

TEST(WriteRequest, TheEndOfASeriesIsPrometheusOwnNaN) {
  const auto made =
      make_requests({row("brick", 1, {{OutgoingFamily::service_up, {"notes"}, 0, true}})}, {}, 10);
  const auto series = only_request(made);
  EXPECT_EQ(std::bit_cast<std::uint64_t>(series.at(0).samples.at(0).second), 0x7ff0000000000002U);
}

TEST(WriteRequest, WhatIsNoUtf8IsReplaced) {
  const auto made = make_requests(
      {row("brick\xff", 1, {{OutgoingFamily::service_up, {"caf\xc3\xa9\xc3"}, 1, false}})}, {}, 10);
  const auto series = only_request(made);
  EXPECT_EQ(series.at(0).label("machine"), "brick\xEF\xBF\xBD");
  EXPECT_EQ(series.at(0).label("service"), "caf\xc3\xa9\xEF\xBF\xBD");
}

TEST(WriteRequest, KnowsUtf8) {
  const std::string replaced = "\xEF\xBF\xBD";
  const std::vector<std::string> good{"",
                                      "plain",
                                      "\xc3\xa9",
                                      "\xe2\x82\xac",
                                      "\xf0\x9f\x98\x80",
                                      "\xed\x9f\xbf",
                                      "\xf4\x8f\xbf\xbf"};
  for (const auto& text : good) EXPECT_EQ(valid_utf8(text), text);
  // Overlong, half of a pair, beyond the last, cut off, alone.
  EXPECT_EQ(valid_utf8("\xc0\xaf"), replaced + replaced);
  EXPECT_EQ(valid_utf8("\xe0\x80\xaf"), replaced + replaced + replaced);
  EXPECT_EQ(valid_utf8("\xed\xa0\x80"), replaced + replaced + replaced);
  EXPECT_EQ(valid_utf8("\xf4\x90\x80\x80"), replaced + replaced + replaced + replaced);
  EXPECT_EQ(valid_utf8("\xe2\x82"), replaced + replaced);
  EXPECT_EQ(valid_utf8("a\x80z"), "a" + replaced + "z");
}

TEST(WriteRequest, ARowThatIsDamagedDoesNotHoldTheOthersUp) {
  auto damaged = load_row(1, 1);
  damaged.data.pop_back();
  const auto made = make_requests({damaged, load_row(2, 2)}, {}, 10);
  EXPECT_EQ(made.damaged, 1);
  EXPECT_THAT(only_request(made).at(0).samples, ElementsAre(Pair(2, 2)));
}

}  // namespace
}  // namespace portoser::telemetry
