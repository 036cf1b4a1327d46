#include "agent/streams/incoming.h"

#include <gtest/gtest.h>

namespace portoser::agent::streams {
namespace {

protocol::Chunk chunk(std::int64_t number, std::size_t size = 1) {
  return {"stream", number, {std::string(size, 'x')}};
}

TEST(Incoming, TakesWhatComesInItsTurn) {
  Incoming incoming;
  EXPECT_FALSE(incoming.add(chunk(0)));
  EXPECT_FALSE(incoming.add(chunk(1, protocol::Chunk::data_limit)));
  EXPECT_FALSE(incoming.end(2));
  EXPECT_EQ(incoming.waiting.size(), 2U);
  EXPECT_TRUE(incoming.is_ended);
}

TEST(Incoming, AGapARepeatAndWhatComesBehindTheEndAreProblems) {
  Incoming incoming;
  EXPECT_TRUE(incoming.add(chunk(1)));
  EXPECT_FALSE(incoming.add(chunk(0)));
  EXPECT_TRUE(incoming.add(chunk(0)));
  EXPECT_TRUE(incoming.end(2)) << "one was lost before the end";
  EXPECT_FALSE(incoming.end(1));
  EXPECT_TRUE(incoming.end(1));
  EXPECT_TRUE(incoming.add(chunk(1)));
}

TEST(Incoming, MoreThanAWindowOrTooMuchAtOnceIsAProblem) {
  Incoming incoming;
  EXPECT_TRUE(incoming.add(chunk(0, protocol::Chunk::data_limit + 1)));
  for (std::int64_t i = 0; i < protocol::Chunk::window; ++i) EXPECT_FALSE(incoming.add(chunk(i)));
  EXPECT_TRUE(incoming.add(chunk(protocol::Chunk::window)));
  incoming.taken = 1;
  EXPECT_FALSE(incoming.add(chunk(protocol::Chunk::window)));
}

}  // namespace
}  // namespace portoser::agent::streams
