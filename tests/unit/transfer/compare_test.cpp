#include "agent/transfer/compare.h"

#include "common/error.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>

namespace portoser::agent::transfer {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

using Entries = std::vector<Entry>;

Entry file(const std::string& path, const std::string& content = "c") {
  Entry entry;
  entry.path = path;
  entry.mode = 0644;
  entry.size = 1;
  entry.content = content;
  return entry;
}

EntrySource source_of(Entries entries) {
  auto left = std::make_shared<Entries>(entries.rbegin(), entries.rend());
  return [left]() -> std::optional<Entry> {
    if (left->empty()) return std::nullopt;
    auto next = std::move(left->back());
    left->pop_back();
    return next;
  };
}

Differences compared(Entries source, Entries copy) {
  return compare(source_of(std::move(source)), source_of(std::move(copy)));
}

TEST(Compare, TheSameIsTheSame) {
  const auto found = compared({file("a"), file("b")}, {file("a"), file("b")});
  EXPECT_EQ(found.count, 0U);
  EXPECT_THAT(found.lines, IsEmpty());
  EXPECT_EQ(compared({}, {}).count, 0U);
}

TEST(Compare, WhatIsMissingAndWhatIsTooMuchDoesNotShiftTheRest) {
  const auto found =
      compared({file("a"), file("b"), file("b/x"), file("c")}, {file("a"), file("a2"), file("c")});
  EXPECT_THAT(
      found.lines,
      ElementsAre(
          "a2: it is not on the source", "b: it is missing here", "b/x: it is missing here"));
  EXPECT_EQ(compared({file("a")}, {}).count, 1U);
  EXPECT_EQ(compared({}, {file("a")}).count, 1U);
}

struct Change {
  const char* name;
  std::function<void(Entry&)> apply;
  const char* text;
};

class CompareChange : public testing::TestWithParam<Change> {};

TEST_P(CompareChange, IsADifference) {
  auto changed = file("a");
  GetParam().apply(changed);
  const auto found = compared({file("a")}, {changed});
  ASSERT_EQ(found.count, 1U);
  EXPECT_THAT(found.lines.front(), HasSubstr(GetParam().text));
}

INSTANTIATE_TEST_SUITE_P(
    All,
    CompareChange,
    testing::Values(
        Change{"type", [](Entry& entry) { entry.type = 'l'; }, "it is - there and l here"},
        Change{"size", [](Entry& entry) { entry.size = 2; }, "1 bytes there, 2 here"},
        Change{"content", [](Entry& entry) { entry.content = "d"; }, "its content differs"},
        Change{"target", [](Entry& entry) { entry.target = "d"; }, "it points elsewhere"},
        Change{"mode", [](Entry& entry) { entry.mode = 0600; }, "mode 644 there, 600 here"},
        Change{"owner", [](Entry& entry) { entry.uid = 7; }, "owner 0:0 there, 7:0 here"},
        Change{"group", [](Entry& entry) { entry.gid = 7; }, "owner 0:0 there, 0:7 here"},
        Change{"time", [](Entry& entry) { entry.mtime_ns = 1; }, "last change"},
        Change{"links", [](Entry& entry) { entry.link_of = "x"; }, "linked with other files"},
        Change{"device", [](Entry& entry) { entry.device = 1; }, "another device"},
        Change{"attributes", [](Entry& entry) { entry.attributes = "x"; }, "extended attributes"}),
    [](const auto& tested) { return tested.param.name; });

TEST(Compare, CountsAllAndNamesTheFirst) {
  Entries many;
  for (int i = 100; i < 200; ++i) many.push_back(file(std::to_string(i)));
  const auto found = compared(many, {});
  EXPECT_EQ(found.count, 100U);
  EXPECT_EQ(found.lines.size(), Differences::most_lines);
}

TEST(Compare, AManifestThatIsOutOfOrderIsRefused) {
  EXPECT_THROW(compared({file("b"), file("a")}, {}), Error);
  EXPECT_THROW(compared({file("a"), file("a")}, {file("a")}), Error);
}

}  // namespace
}  // namespace portoser::agent::transfer
