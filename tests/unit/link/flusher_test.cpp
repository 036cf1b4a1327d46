#include "agent/link/flusher.h"

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <fcntl.h>
#include <unistd.h>

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
  std::promise<bool> done;
  auto told = done.get_future();
  flusher.tell(std::move(done));
  EXPECT_EQ(told.wait_for(seconds{0}), std::future_status::timeout);
  may_end.set_value();
  ASSERT_EQ(told.wait_for(seconds{20}), std::future_status::ready);
  EXPECT_TRUE(told.get());
}

TEST(Flusher, TellsAlsoWhenNothingWasAskedAndWhenItEnds) {
  std::promise<bool> done;
  auto told = done.get_future();
  {
    Flusher flusher{[](std::int64_t) {}};
    flusher.tell(std::move(done));
  }
  ASSERT_EQ(told.wait_for(seconds{0}), std::future_status::ready);
  EXPECT_TRUE(told.get());
}

TEST(Flusher, TellsOfAFileThatCouldNotBeFlushed) {
  Flusher flusher{[](std::int64_t) {}};
  std::array<int, 2> pipe{};
  ASSERT_EQ(::pipe2(pipe.data(), O_CLOEXEC), 0);
  const Descriptor reads{pipe[0]};
  const Descriptor writes{pipe[1]};
  flusher.flush(1, writes.get());  // nothing of a pipe can be flushed
  const auto is_flushed = [&] {
    std::promise<bool> done;
    auto told = done.get_future();
    flusher.tell(std::move(done));
    return told.get();
  };
  EXPECT_FALSE(is_flushed());
  EXPECT_FALSE(is_flushed()) << "nothing was written since";
  flusher.forget_failures();
  EXPECT_TRUE(is_flushed());
}

}  // namespace
}  // namespace portoser::agent::link
