#include "agent/link/flusher.h"

#include <gtest/gtest.h>

#include <chrono>

namespace portoser::agent::link {
namespace {

using std::chrono::seconds;

TEST(Flusher, TellsWhenAllThatWasAskedBeforeIsDone) {
  std::promise<void> begun;
  std::promise<void> may_end;
  Flusher flusher{[&](std::int64_t) {
    begun.set_value();
    may_end.get_future().wait();
  }};
  flusher.reserve(1);
  ASSERT_EQ(begun.get_future().wait_for(seconds{20}), std::future_status::ready);
  std::promise<void> done;
  const auto told = done.get_future();
  flusher.tell(std::move(done));
  EXPECT_EQ(told.wait_for(seconds{0}), std::future_status::timeout);
  may_end.set_value();
  EXPECT_EQ(told.wait_for(seconds{20}), std::future_status::ready);
}

TEST(Flusher, TellsAlsoWhenNothingWasAskedAndWhenItEnds) {
  std::promise<void> done;
  const auto told = done.get_future();
  {
    Flusher flusher{[](std::int64_t) {}};
    flusher.tell(std::move(done));
  }
  EXPECT_EQ(told.wait_for(seconds{0}), std::future_status::ready);
}

}  // namespace
}  // namespace portoser::agent::link
