#include "controller/settings.h"

#include "common/error.h"
#include "common/file.h"

#include <gmock/gmock.h>

#include <filesystem>
#include <sstream>

namespace portoser {
namespace {

using testing::HasSubstr;

TEST(ControllerSettings, RetentionIsShownWithItsDefaultsAndWhereAValueComesFrom) {
  const auto settings = load_controller_settings({"--retention-events-days", "30"}, "test");
  EXPECT_EQ(settings.retention_jobs_days, 90);
  EXPECT_EQ(settings.retention_jobs_at_least, 1000);
  EXPECT_EQ(settings.retention_events_days, 30);
  EXPECT_THAT(settings.described, HasSubstr("retention.jobs_days = 90  (default)"));
  EXPECT_THAT(settings.described,
              HasSubstr("retention.events_days = 30  (command line --retention-events-days)"));
}

TEST(ControllerSettings, NothingIsKeptForLessThanADay) {
  for (const auto* option : {"--retention-jobs-days", "--retention-events-days"}) {
    try {
      load_controller_settings({option, "0"}, "test");
      ADD_FAILURE() << option << " 0 was accepted";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Code::invalid);
      EXPECT_THAT(error.message() + error.where(), HasSubstr("1 to 36500"));
    }
  }
}

TEST(ControllerSettings, NobodyIsOfflineBetweenTwoSamples) {
  try {
    load_controller_settings({"--agents-sample-interval-ms", "60000"}, "test");
    ADD_FAILURE() << "accepted";
  } catch (const Error& error) {
    EXPECT_EQ(error.where(), "agents.offline_after_ms");
    EXPECT_THAT(error.hint(), HasSubstr("agents.sample_interval_ms"));
  }
  load_controller_settings(
      {"--agents-sample-interval-ms", "60000", "--agents-offline-after-ms", "240000"}, "test");
}

TEST(ControllerSettings, AHookIsAProgramThatIsThere) {
  EXPECT_EQ(load_controller_settings({"--routing-hook", "/bin/sh"}, "test").routing_hook,
            "/bin/sh");
  for (const auto* wrong : {"sh", "/no/such/program"}) {
    EXPECT_THROW(load_controller_settings({"--routing-hook", wrong}, "test"), Error) << wrong;
  }
}

TEST(ControllerSettings, EachHasALineInTheDocs) {
  const auto docs = read_file(std::filesystem::path{PORTOSER_DOCS} / "operations.md");
  std::istringstream lines{load_controller_settings({}, "test").described};
  int settings = 0;
  for (std::string line; std::getline(lines, line); ++settings) {
    const auto key = line.substr(0, line.find(' '));
    EXPECT_THAT(docs, HasSubstr("| `" + key + "` |"));
  }
  EXPECT_GT(settings, 15);
}

}  // namespace
}  // namespace portoser
