#include "controller/deployment/state_differences.h"

#include "controller/deployment/text_difference.h"

#include <gmock/gmock.h>

namespace portoser::deployment {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

std::vector<std::string> shown(const std::vector<Difference>& differences) {
  std::vector<std::string> all;
  for (const auto& one : differences) all.push_back(one.field + " " + one.change_type);
  return all;
}

TEST(ConfigDifferences, AKeyInAnotherSpellingIsTheSameKey) {
  EXPECT_THAT(shown(config_differences({{"type", "docker"}, {"port", 1}},
                                       {{"deployment_type", "docker"}, {"port", 1}})),
              IsEmpty());
}

TEST(ConfigDifferences, SayWhatWasAddedRemovedAndModified) {
  const Json current{{"port", 1}, {"project", "team"}, {"machine", "brick"}};
  const Json target{{"port", 2}, {"hostname", "notes.lan"}, {"machine", "pebble"}};
  const auto differences = config_differences(current, target);
  EXPECT_THAT(shown(differences),
              UnorderedElementsAre("port modified", "hostname added", "project removed"));
  EXPECT_THAT(shown(config_differences(nullptr, nullptr)), IsEmpty());
}

TEST(StateDifferences, CompareTextImagesAndVariables) {
  const Json before{{"revision", "a"},
                    {"images", {{{"compose_service", "web"}, {"image_id", "sha256:1"}}}},
                    {"environment",
                     {{{"file", ".env"}, {"name", "TAG"}, {"fingerprint", "1"}},
                      {{"file", ".env"}, {"name", "SAME"}, {"fingerprint", "7"}}}}};
  auto after = before;
  EXPECT_THAT(shown(state_differences(before, after)), IsEmpty());
  after["revision"] = "b";
  after["images"][0]["image_id"] = "sha256:2";
  after["environment"][0]["fingerprint"] = "2";
  EXPECT_THAT(shown(state_differences(before, after)),
              UnorderedElementsAre(
                  "compose modified", "image:web modified", "environment:.env:TAG modified"));
}

TEST(TextDifference, IsUnified) {
  EXPECT_EQ(unified_difference("a\nb\n", "a\nb\n"), "");
  EXPECT_EQ(unified_difference("a\nb\nc\n", "a\nB\nc\n"), "@@ -1,3 +1,3 @@\n a\n-b\n+B\n c\n");
  EXPECT_EQ(unified_difference("", "a\n"), "@@ -1,0 +1,1 @@\n+a\n");
}

TEST(TextDifference, OfLongTextsIsNotCompared) {
  std::string before;
  std::string after;
  for (int i = 0; i < 5000; ++i) {
    before += "# old " + std::to_string(i) + "\n";
    after += "# new " + std::to_string(i) + "\n";
  }
  const auto difference = unified_difference(before, after);
  EXPECT_TRUE(difference.starts_with("@@ -1,5000 +1,5000 @@\n-# old 0\n"))
      << difference.substr(0, 80);
}

}  // namespace
}  // namespace portoser::deployment
