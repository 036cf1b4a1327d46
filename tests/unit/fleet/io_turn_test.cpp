#include "controller/fleet/io_turn.h"

#include "tests/support/await.h"
#include "tests/unit/fleet/fleet_fixture.h"

#include <gtest/gtest.h>

namespace portoser::fleet {
namespace {

/// One question that was taken for lost and was not: its second answer is none to the next
/// question.
TEST(IoTurnTest, ComesOnceForEachQuestionHoweverOftenThatIsAsked) {
  zmq::context_t context{1};
  IoTurn turn{context};
  const auto await_turn = [&] {
    test::await_until("the turn comes", patience, [&] { return turn.has_come(); });
  };
  EXPECT_FALSE(turn.has_come()) << "nobody asked";
  constexpr int again = 50;
  turn.ask();
  for (int i = 0; i < again; ++i) turn.ask_again();
  await_turn();
  // Messages keep their order: what is behind this one was asked for after it.
  turn.ask();
  await_turn();
  EXPECT_FALSE(turn.has_come());
}

}  // namespace
}  // namespace portoser::fleet
