#include "agent/actions/masked_output.h"

#include <gtest/gtest.h>

namespace portoser::agent::actions {
namespace {

TEST(MaskedOutput, AValueThatComposeRepeatsIsNotShown) {
  EXPECT_EQ(
      masked_line("ERROR: Invalid interpolation format for \"environment\" option in service "
                  "\"web\": \"hunter2$!xyz\""),
      "ERROR: Invalid interpolation format for \"environment\" option in service \"web\": ***");
  EXPECT_EQ(masked_line("invalid interpolation format for services.web.environment.X: "
                        "\"hunter2$!xyz\". You may need to escape any $ with another $"),
            "invalid interpolation format for services.web.environment.X: ***");
  EXPECT_EQ(masked_line("Creating notes_web_1: done"), "Creating notes_web_1: done");
}

}  // namespace
}  // namespace portoser::agent::actions
