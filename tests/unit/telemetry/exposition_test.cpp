#include "controller/telemetry/exposition.h"

#include "tests/support/exposition_parser.h"

#include <gtest/gtest.h>

#include <chrono>
#include <limits>

namespace portoser::telemetry {
namespace {

TEST(Exposition, WritesAFamilyInOneBlock) {
  Exposition out;
  out.family("lamp_watts", "gauge", "Power of a lamp");
  out.sample({{"place", "hall"}}, 40);
  out.sample({{"place", "attic"}, {"side", "left"}}, 0.5);
  out.sample({}, 3);
  EXPECT_EQ(out.take(),
            "# HELP lamp_watts Power of a lamp\n# TYPE lamp_watts gauge\n"
            "lamp_watts{place=\"hall\"} 40\nlamp_watts{place=\"attic\",side=\"left\"} 0.5\n"
            "lamp_watts 3\n");
}

TEST(Exposition, EscapesLabelsAndHelp) {
  Exposition out;
  out.family("a", "gauge", "back\\slash\nline \"quote\"");
  out.sample({{"l", "back\\slash\nline \"quote\""}}, 1);
  EXPECT_EQ(out.take(),
            "# HELP a back\\\\slash\\nline \"quote\"\n# TYPE a gauge\n"
            "a{l=\"back\\\\slash\\nline \\\"quote\\\"\"} 1\n");
}

TEST(Exposition, WritesNumbersInFull) {
  Exposition out;
  out.family("a", "gauge", "h");
  out.sample({}, 1772612142123456.0);
  out.sample({}, std::numeric_limits<double>::infinity(), "_x");
  const auto text = out.take();
  EXPECT_NE(text.find("a 1772612142123456\n"), std::string::npos) << text;
  EXPECT_NE(text.find("a_x +Inf\n"), std::string::npos) << text;
}

TEST(Exposition, NamesOfOpenMetricsAreThoseOfTheSamplesWithoutTheirEndings) {
  const auto write = [](Format format) {
    Exposition out{format};
    out.family("lamps_lit_total", "counter", "Lamps \"lit\"");
    out.sample({}, 2);
    out.family("portoser_burn_seconds_total", "counter", "How long");
    out.sample({}, 0.5);
    out.family("portoser_build_info", "info", "Version");
    out.sample({{"version", "1"}}, 1);
    out.family("wire_seconds", "gauge", "Age");
    return out.take();
  };
  EXPECT_EQ(write(Format::openmetrics),
            "# HELP lamps_lit Lamps \\\"lit\\\"\n# TYPE lamps_lit counter\nlamps_lit_total 2\n"
            "# HELP portoser_burn_seconds How long\n# TYPE portoser_burn_seconds counter\n"
            "# UNIT portoser_burn_seconds seconds\nportoser_burn_seconds_total 0.5\n"
            "# HELP portoser_build Version\n# TYPE portoser_build info\n"
            "portoser_build_info{version=\"1\"} 1\n"
            "# HELP wire_seconds Age\n# TYPE wire_seconds gauge\n# UNIT wire_seconds seconds\n"
            "# EOF\n");
  EXPECT_EQ(write(Format::text),
            "# HELP lamps_lit_total Lamps \"lit\"\n# TYPE lamps_lit_total counter\n"
            "lamps_lit_total 2\n"
            "# HELP portoser_burn_seconds_total How long\n"
            "# TYPE portoser_burn_seconds_total counter\nportoser_burn_seconds_total 0.5\n"
            "# HELP portoser_build_info Version\n# TYPE portoser_build_info gauge\n"
            "portoser_build_info{version=\"1\"} 1\n"
            "# HELP wire_seconds Age\n# TYPE wire_seconds gauge\n");
}

TEST(Exposition, BoundsOfBucketsAreTheSameInBothFormats) {
  Histogram took{{0.01, 1, 10}};
  took.add(std::chrono::seconds{2});
  for (const auto format : {Format::text, Format::openmetrics}) {
    Exposition out{format};
    out.family("took_seconds", "histogram", "h");
    out.histogram({{"by", "us"}}, took.read());
    EXPECT_NE(out.take().find("took_seconds_bucket{by=\"us\",le=\"0.01\"} 0\n"
                              "took_seconds_bucket{by=\"us\",le=\"1.0\"} 0\n"
                              "took_seconds_bucket{by=\"us\",le=\"10.0\"} 1\n"
                              "took_seconds_bucket{by=\"us\",le=\"+Inf\"} 1\n"
                              "took_seconds_sum{by=\"us\"} 2\n"
                              "took_seconds_count{by=\"us\"} 1\n"),
              std::string::npos);
  }
}

/// A mount point may have any bytes, and Prometheus refuses a whole page for one that is no UTF-8.
TEST(Exposition, WhatIsNoTextInALabelIsReplaced) {
  const std::string_view good = "\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x92\xA1";
  EXPECT_EQ(label_text({{"l", good}}), "{l=\"" + std::string{good} + "\"}");
  for (const std::string_view bad :
       {"\xFF", "\xC3", "\xC0\x80", "\xE0\x80\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\x01"}) {
    const auto text = label_text({{"l", "a" + std::string{bad} + "b"}});
    EXPECT_TRUE(text.starts_with("{l=\"a\xEF\xBF\xBD")) << text;
    EXPECT_TRUE(text.ends_with("b\"}")) << text;
    const auto page = "# HELP m h\n# TYPE m gauge\nm" + text + " 1\n";
    EXPECT_NO_THROW(test::parse_exposition(page, test::ExpositionFormat::text)) << text;
  }
}

}  // namespace
}  // namespace portoser::telemetry
