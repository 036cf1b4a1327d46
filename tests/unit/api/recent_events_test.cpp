#include "controller/api/recent_events.h"

#include <gtest/gtest.h>

namespace portoser::api {
namespace {

ShownEvent shown(std::int64_t id, const std::string& service = "notes") {
  ShownEvent one;
  one.event.id = id;
  one.event.service = service;
  return one;
}

bool all(const storage::EventRecord&) {
  return true;
}

std::vector<std::int64_t> ids(const std::vector<ShownEvent>& events) {
  std::vector<std::int64_t> found;
  for (const auto& one : events) found.push_back(one.event.id);
  return found;
}

TEST(RecentEvents, AreMergedWithTheStoredOnesOnceAndInOrder) {
  RecentEvents recent;
  for (const auto id : {3, 4, 5}) recent.push(shown(id));
  const auto merged = recent.merged({shown(4), shown(2)}, 1, all, 10);
  EXPECT_EQ(ids(merged), (std::vector<std::int64_t>{2, 3, 4, 5}));
}

TEST(RecentEvents, GiveOnlyWhatPassesAndCameLater) {
  RecentEvents recent;
  recent.push(shown(1));
  recent.push(shown(2, "wiki"));
  recent.push(shown(3));
  const auto of_notes = [](const auto& event) { return event.service == "notes"; };
  EXPECT_EQ(ids(recent.merged({}, 1, of_notes, 10)), std::vector<std::int64_t>{3});
}

TEST(RecentEvents, GiveTheNewestWhenThereAreTooMany) {
  RecentEvents recent;
  recent.push(shown(9));
  const auto merged = recent.merged({shown(7), shown(8)}, 0, all, 2);
  EXPECT_EQ(ids(merged), (std::vector<std::int64_t>{8, 9}));
}

TEST(RecentEvents, AreBounded) {
  RecentEvents recent;
  constexpr auto more = static_cast<std::int64_t>(RecentEvents::most) + 5;
  for (std::int64_t id = 1; id <= more; ++id) recent.push(shown(id));
  EXPECT_EQ(recent.merged({}, 0, all, 100'000).size(), RecentEvents::most);
  EXPECT_EQ(recent.merged({}, 0, all, 100'000).front().event.id, 6);
}

TEST(RecentEvents, AreBoundedInBytes) {
  RecentEvents recent;
  for (std::int64_t id = 1; id <= 8; ++id) {
    auto one = shown(id);
    one.frame = std::make_shared<const std::string>(RecentEvents::most_bytes / 4, 'x');
    recent.push(std::move(one));
  }
  EXPECT_EQ(ids(recent.merged({}, 0, all, 100)), (std::vector<std::int64_t>{6, 7, 8}))
      << "the metadata counts too";
  auto larger = shown(9);
  larger.frame = std::make_shared<const std::string>(2 * RecentEvents::most_bytes, 'x');
  recent.push(std::move(larger));
  EXPECT_EQ(ids(recent.merged({}, 0, all, 100)), std::vector<std::int64_t>{9});
  recent.push(shown(10));
  EXPECT_EQ(ids(recent.merged({}, 0, all, 100)), std::vector<std::int64_t>{10});
}

}  // namespace
}  // namespace portoser::api
