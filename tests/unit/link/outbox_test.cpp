#include "agent/link/outbox.h"

#include <gtest/gtest.h>

#include <poll.h>

namespace portoser::agent::link {
namespace {

bool is_readable(int descriptor) {
  pollfd item{descriptor, POLLIN, 0};
  return ::poll(&item, 1, 0) == 1;
}

protocol::Progress progress(std::int64_t line) {
  protocol::Progress one;
  one.first_line = line;
  return one;
}

TEST(Outbox, WakesWhileSomethingWaits) {
  Outbox outbox;
  EXPECT_FALSE(is_readable(outbox.wake_descriptor()));
  outbox.put(protocol::Sample{});
  outbox.put(protocol::Sample{});
  EXPECT_TRUE(is_readable(outbox.wake_descriptor()));
  EXPECT_EQ(outbox.take().samples.size(), 2U);
  EXPECT_FALSE(is_readable(outbox.wake_descriptor()));
  outbox.put_stop();
  EXPECT_TRUE(is_readable(outbox.wake_descriptor()));
  EXPECT_TRUE(outbox.take().stop);
}

TEST(Outbox, NewestStateReplacesAWaitingOne) {
  Outbox outbox;
  protocol::State state;
  state.engine_problem = "older";
  outbox.put(state);
  state.engine_problem = "newer";
  outbox.put(state);
  EXPECT_EQ(outbox.take().state->engine_problem, "newer");
  EXPECT_FALSE(outbox.take().state);
}

TEST(Outbox, OldestSamplesGoFirst) {
  Outbox outbox;
  for (std::size_t i = 0; i < Outbox::sample_limit + 3; ++i) {
    protocol::Sample sample;
    sample.boot_time_us = static_cast<std::int64_t>(i);
    outbox.put(std::move(sample));
  }
  const auto batch = outbox.take();
  EXPECT_EQ(batch.samples.size(), Outbox::sample_limit);
  EXPECT_EQ(batch.samples.front().boot_time_us, 3);
  EXPECT_EQ(batch.dropped_samples, 3);
}

TEST(Outbox, ProgressGivesWayToNewerProgressAndNeverToEvents) {
  Outbox outbox;
  outbox.put(Outbox::Ordered{protocol::Event{}});
  for (std::size_t i = 0; i < Outbox::progress_limit + 2; ++i) {
    outbox.put(Outbox::Ordered{progress(static_cast<std::int64_t>(i))});
  }
  const auto batch = outbox.take();
  EXPECT_EQ(batch.ordered.size(), Outbox::progress_limit + 1);
  EXPECT_TRUE(std::holds_alternative<protocol::Event>(batch.ordered.front()));
  EXPECT_EQ(std::get<protocol::Progress>(batch.ordered[1]).first_line, 2);
  EXPECT_EQ(batch.dropped_progress, 2);
}

TEST(Outbox, KeepsTheOrderOfStreams) {
  Outbox outbox;
  outbox.put(Outbox::StreamMessage{protocol::Chunk{"stream", 0, {"x"}}});
  outbox.put(Outbox::StreamMessage{protocol::Credit{"stream", 1}});
  outbox.put(Outbox::StreamMessage{protocol::StreamEnd{"stream", 1, ""}});
  const auto batch = outbox.take();
  ASSERT_EQ(batch.streams.size(), 3U);
  EXPECT_TRUE(std::holds_alternative<protocol::Chunk>(batch.streams[0]));
  EXPECT_TRUE(std::holds_alternative<protocol::Credit>(batch.streams[1]));
  EXPECT_TRUE(std::holds_alternative<protocol::StreamEnd>(batch.streams[2]));
  EXPECT_TRUE(outbox.take().streams.empty());
}

TEST(Outbox, RefusesEventsBeyondItsLimit) {
  Outbox outbox;
  for (std::size_t i = 0; i < Outbox::durable_limit + 5; ++i) {
    outbox.put(Outbox::Ordered{protocol::Event{}});
  }
  const auto batch = outbox.take();
  EXPECT_EQ(batch.ordered.size(), Outbox::durable_limit);
  EXPECT_EQ(batch.dropped_durable, 5);
}

}  // namespace
}  // namespace portoser::agent::link
