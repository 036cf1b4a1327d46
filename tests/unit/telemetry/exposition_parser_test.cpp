// The strict reader by which pages are tested must itself refuse what Prometheus refuses.

#include "tests/support/exposition_parser.h"

#include <gtest/gtest.h>

#include <cmath>
#include <stdexcept>

namespace portoser::test {
namespace {

TEST(ExpositionParser, ReadsBothFormats) {
  const auto text = parse_exposition(
      "# HELP a_total A \"help\"\n# TYPE a_total counter\na_total{l=\"x\\\"\\\\\\ny\"} 3\n"
      "a_total 1e+30\n# HELP b c\n# TYPE b gauge\n",
      ExpositionFormat::text);
  EXPECT_EQ(text.at("a_total").samples.at(0).labels.at("l"), "x\"\\\ny");
  EXPECT_EQ(value_of(text, "a_total", {{"l", "x\"\\\ny"}}), 3);
  EXPECT_TRUE(std::isnan(value_of(text, "a_total"))) << "there are two";
  const auto open = parse_exposition(
      "# HELP a_seconds h\n# TYPE a_seconds counter\n# UNIT a_seconds seconds\na_seconds_total 3\n"
      "# HELP b h\n# TYPE b info\nb_info{v=\"1\"} 1\n# EOF\n",
      ExpositionFormat::openmetrics);
  EXPECT_EQ(open.at("a_seconds").unit, "seconds");
  EXPECT_EQ(value_of(open, "b_info"), 1);
}

struct Refused {
  const char* why;
  const char* text;
  ExpositionFormat format = ExpositionFormat::text;
};

TEST(ExpositionParser, RefusesWhatNoParserShouldTake) {
  constexpr auto open = ExpositionFormat::openmetrics;
  const Refused cases[] = {
      {"no family", "a 1\n"},
      {"no help", "# TYPE a gauge\na 1\n"},
      {"no type", "# HELP a h\na 1\n"},
      {"no end of the line", "# HELP a h\n# TYPE a gauge\na 1"},
      {"another family's sample", "# HELP a h\n# TYPE a gauge\nb 1\n"},
      {"the series twice", "# HELP a h\n# TYPE a gauge\na{x=\"1\"} 1\na{x=\"1\"} 2\n"},
      {"a label twice", "# HELP a h\n# TYPE a gauge\na{x=\"1\",x=\"2\"} 1\n"},
      {"the family twice",
       "# HELP a h\n# TYPE a gauge\n# HELP b h\n# TYPE b gauge\n# HELP a h\n# TYPE a gauge\n"},
      {"no number", "# HELP a h\n# TYPE a gauge\na one\n"},
      {"a bad escape", "# HELP a h\n# TYPE a gauge\na{x=\"\\t\"} 1\n"},
      {"a line break in a value", "# HELP a h\n# TYPE a gauge\na{x=\"1\n\"} 1\n"},
      {"no UTF-8", "# HELP a h\n# TYPE a gauge\na{x=\"\xFF\"} 1\n"},
      {"a counter without _total", "# HELP a h\n# TYPE a counter\na 1\n"},
      {"a count below zero", "# HELP a_total h\n# TYPE a_total counter\na_total -1\n"},
      {"buckets that fall",
       "# HELP a h\n# TYPE a histogram\na_bucket{le=\"1.0\"} 2\na_bucket{le=\"+Inf\"} 1\n"
       "a_sum 1\na_count 1\n"},
      {"no last bucket",
       "# HELP a h\n# TYPE a histogram\na_bucket{le=\"1.0\"} 2\na_sum 1\na_count 2\n"},
      {"another count",
       "# HELP a h\n# TYPE a histogram\na_bucket{le=\"+Inf\"} 2\na_sum 1\na_count 3\n"},
      {"no end", "# HELP a h\n# TYPE a gauge\na 1\n", open},
      {"more than the end", "# EOF\n# HELP a h\n", open},
      {"a quote in a help", "# HELP a \"h\"\n# TYPE a gauge\n# EOF\n", open},
      {"a counter without _total", "# HELP a h\n# TYPE a counter\na 1\n# EOF\n", open},
      {"a unit that is not in the name",
       "# HELP a h\n# TYPE a gauge\n# UNIT a seconds\n# EOF\n",
       open},
      {"families that share a sample",
       "# HELP a h\n# TYPE a counter\na_total 1\n# HELP a_total h\n# TYPE a_total gauge\n# EOF\n",
       open},
  };
  for (const auto& one : cases) {
    EXPECT_THROW(parse_exposition(one.text, one.format), std::runtime_error) << one.why;
  }
}

}  // namespace
}  // namespace portoser::test
