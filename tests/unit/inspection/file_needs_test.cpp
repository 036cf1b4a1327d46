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
  static std::vector<std::string> names(const protocol::NeedsInFile& found) {
    std::vector<std::string> all;
    for (const auto& need : found.needs) {
      all.push_back(need.type == "required" ? need.name : need.name + " " + need.type);
    }
    return all;
  }
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
  EXPECT_THAT(names(list), ElementsAre("db", "cache"));
  EXPECT_EQ(list.service, "notes");
  EXPECT_EQ(list.file, (folder_ / "compose.yml").string());
  EXPECT_EQ(list.problem, "");
  // The names are the keys, and not what is said of each.
  const auto map = of_compose(
      "services:\n  web:\n    image: x\n    depends_on:\n      db: {condition: "
      "service_healthy}\n" +
          others,
      "web");
  EXPECT_THAT(names(map), ElementsAre("db"));
  const auto merged = of_compose(
      "x-base: &base {depends_on: [cache]}\nservices:\n  web: {<<: *base, image: x}\n" + others,
      "web");
  EXPECT_THAT(names(merged), ElementsAre("cache"));
}

TEST_F(FileNeedsTest, WhatNeedNotRunIsTold) {
  const auto found = of_compose(
      "services:\n  web:\n    depends_on:\n      db: {condition: service_healthy, required: true}\n"
      "      init: {condition: service_completed_successfully}\n      log: {required: false}\n",
      "web");
  EXPECT_THAT(names(found), ElementsAre("db", "init completed", "log optional"));
}

TEST_F(FileNeedsTest, MergeKeysAmongTheNamesAreFollowed) {
  const auto found = of_compose(
      "x-common: &common {redis: {}, db: {}}\nservices:\n  web: {depends_on: {<<: *common, init: "
      "{}, "
      "db: {}}}\n",
      "web");
  EXPECT_THAT(names(found), testing::UnorderedElementsAre("redis", "db", "init"));
}

TEST_F(FileNeedsTest, AnotherShapeIsAProblem) {
  EXPECT_THAT(of_compose("services: {web: {depends_on: db}}\n", "web").problem,
              HasSubstr("neither a list of names nor a map"));
  EXPECT_THAT(of_service_file("dependencies: [{name: pg}]\n").problem, HasSubstr("list of names"));
  std::string many;
  for (int i = 0; i < 201; ++i) many += "n" + std::to_string(i) + ", ";
  EXPECT_THAT(of_service_file("dependencies: [" + many + "x]\n").problem, HasSubstr("too many"));
  EXPECT_THAT(of_service_file("dependencies: [" + std::string(129, 'a') + "]\n").problem,
              HasSubstr("129 bytes"));
}

TEST_F(FileNeedsTest, AWholeProjectNamesNothingOutsideItself) {
  const auto found = of_compose("services: {web: {depends_on: [db]}, db: {}}\n", "");
  EXPECT_THAT(names(found), IsEmpty());
  EXPECT_EQ(found.problem, "");
}

TEST_F(FileNeedsTest, AServiceFileNamesServicesInAMapOrAList) {
  EXPECT_THAT(names(of_service_file(
                  "start: ./run\ndependencies: {pg: {type: required}, cache: {}, log: {type: "
                  "optional}}\n")),
              ElementsAre("pg", "cache", "log optional"));
  EXPECT_THAT(names(of_service_file("start: ./run\ndependencies: [pg]\n")), ElementsAre("pg"));
  EXPECT_THAT(names(of_service_file("start: ./run\n")), IsEmpty());
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
