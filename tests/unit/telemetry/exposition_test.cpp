#include "controller/telemetry/exposition.h"

#include <gtest/gtest.h>

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

}  // namespace
}  // namespace portoser::telemetry
