#include "agent/inspection/file_needs.h"

#include "common/file.h"
#include "tests/support/temp_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace portoser::agent::inspection {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class FileNeedsTest : public testing::Test {
 protected:
  protocol::NeedsInFile of_compose(const std::string& text, const std::string& key) {
    const auto file = (folder_ / "compose.yml").string();
    write_file_atomic(file, text);
    return needs_in_files({{{"notes", "docker", {file}, "", key, ""}}}).services.at(0);
  }
  protocol::NeedsInFile of_service_file(const std::string& text) {
    const auto file = (folder_ / "service.yml").string();
    write_file_atomic(file, text);
    return needs_in_files({{{"sensor", "local", {file}, "", "", ""}}}).services.at(0);
  }

  test::TempFolder folder_{"needs"};
};

TEST_F(FileNeedsTest, AComposeServiceNeedsWhatItDependsOn) {
  const std::string others = "  db: {image: x}\n  cache: {image: x}\n";
  const auto list =
      of_compose("services:\n  web: {image: x, depends_on: [db, cache]}\n" + others, "web");
  EXPECT_THAT(list.names, ElementsAre("db", "cache"));
  EXPECT_EQ(list.service, "notes");
  EXPECT_EQ(list.file, (folder_ / "compose.yml").string());
  EXPECT_EQ(list.problem, "");
  // The names are the keys, and not what is said of each.
  const auto map = of_compose(
      "services:\n  web:\n    image: x\n    depends_on:\n      db: {condition: "
      "service_healthy}\n" +
          others,
      "web");
  EXPECT_THAT(map.names, ElementsAre("db"));
  const auto merged = of_compose(
      "x-base: &base {depends_on: [cache]}\nservices:\n  web: {<<: *base, image: x}\n" + others,
      "web");
  EXPECT_THAT(merged.names, ElementsAre("cache"));
}

TEST_F(FileNeedsTest, AWholeProjectNamesNothingOutsideItself) {
  const auto found = of_compose("services: {web: {depends_on: [db]}, db: {}}\n", "");
  EXPECT_THAT(found.names, IsEmpty());
  EXPECT_EQ(found.problem, "");
}

TEST_F(FileNeedsTest, AServiceFileNamesServicesInAMapOrAList) {
  EXPECT_THAT(
      of_service_file("start: ./run\ndependencies: {pg: {type: required}, cache: {}}\n").names,
      ElementsAre("pg", "cache"));
  EXPECT_THAT(of_service_file("start: ./run\ndependencies: [pg]\n").names, ElementsAre("pg"));
  EXPECT_THAT(of_service_file("start: ./run\n").names, IsEmpty());
}

TEST_F(FileNeedsTest, WhatCannotBeReadIsAProblemAndNotNothing) {
  EXPECT_THAT(of_compose("services: [", "web").problem, HasSubstr("not YAML"));
  EXPECT_THAT(of_compose("services: {db: {}}\n", "web").problem, HasSubstr("no service \"web\""));
  EXPECT_THAT(of_service_file("start: [").problem, HasSubstr("not valid YAML"));
  const auto gone = needs_in_files({{{"x", "local", {"/no/such/service.yml"}, "", "", ""},
                                     {"y", "docker", {"/no/such/compose.yml"}, "", "web", ""}}});
  ASSERT_EQ(gone.services.size(), 2U);
  EXPECT_THAT(gone.services[0].problem, HasSubstr("/no/such/service.yml"));
  EXPECT_THAT(gone.services[1].problem, HasSubstr("/no/such/compose.yml"));
}

}  // namespace
}  // namespace portoser::agent::inspection
