#include "controller/http/outbox.h"

#include <gtest/gtest.h>

namespace portoser::http {
namespace {

using Kind = Outbox::Next::Kind;

std::shared_ptr<const std::string> text(std::string content) {
  return std::make_shared<const std::string>(std::move(content));
}

TEST(Outbox, GivesFramesInOrderAndThenCloses) {
  Outbox outbox;
  outbox.add("", text("one"));
  outbox.add("", text("two"));
  outbox.close({1000, "bye"});
  EXPECT_EQ(*outbox.next().text, "one");
  EXPECT_EQ(*outbox.next().text, "two");
  const auto last = outbox.next();
  EXPECT_EQ(last.kind, Kind::close);
  EXPECT_EQ(last.reason.code, 1000);
  EXPECT_EQ(last.reason.text, "bye");
}

TEST(Outbox, ALatestTakesThePlaceOfTheOneThatWaits) {
  Outbox outbox;
  outbox.add("cpu", text("1"));
  outbox.add("", text("event"));
  outbox.add("cpu", text("2"));
  outbox.add("disk", text("9"));
  EXPECT_EQ(*outbox.next().text, "2");
  EXPECT_EQ(*outbox.next().text, "event");
  EXPECT_EQ(*outbox.next().text, "9");
  EXPECT_EQ(outbox.next().kind, Kind::wait);
}

TEST(Outbox, ClosesWith1013AtTheLimitOfFrames) {
  Outbox outbox;
  for (std::size_t i = 0; i < Outbox::frame_limit; ++i) {
    ASSERT_EQ(outbox.add("", text("x")).dropped, 0U);
  }
  EXPECT_EQ(outbox.add("", text("x")).dropped, Outbox::frame_limit + 1);
  const auto next = outbox.next();
  EXPECT_EQ(next.kind, Kind::close);
  EXPECT_EQ(next.reason.code, 1013);
}

TEST(Outbox, ClosesWith1013AtTheLimitOfBytesButTakesOneLargeFrame) {
  Outbox outbox;
  EXPECT_EQ(outbox.add("", text(std::string(2 * Outbox::byte_limit, 'x'))).dropped, 0U);
  EXPECT_EQ(outbox.add("", text("x")).dropped, 2U);
  EXPECT_EQ(outbox.next().kind, Kind::close);
}

TEST(Outbox, CountsBytesRightWhenAFrameIsReplacedOrTaken) {
  Outbox outbox;
  const auto half = text(std::string(Outbox::byte_limit / 2, 'x'));
  for (int i = 0; i < 10; ++i) ASSERT_EQ(outbox.add("k", half).dropped, 0U);
  EXPECT_EQ(outbox.add("", half).dropped, 0U);
  outbox.next();
  EXPECT_EQ(outbox.add("", half).dropped, 0U);
  EXPECT_EQ(outbox.add("", text("x")).dropped, 3U);
}

TEST(Outbox, TakesAsManyValuesAsAClientMayWantBesideItsEvents) {
  Outbox outbox;
  for (std::size_t i = 0; i < Outbox::value_limit; ++i) {
    ASSERT_EQ(outbox.add("host " + std::to_string(i), text("old")).dropped, 0U);
  }
  for (std::size_t i = 0; i < Outbox::value_limit; ++i) {
    const auto again = outbox.add("host " + std::to_string(i), text("new"));
    ASSERT_TRUE(again.replaced);
    ASSERT_EQ(again.dropped, 0U);
  }
  for (std::size_t i = 0; i < Outbox::frame_limit; ++i) {
    ASSERT_EQ(outbox.add("", text("event")).dropped, 0U);
  }
  EXPECT_EQ(*outbox.next().text, "new");
  EXPECT_FALSE(outbox.add("host 0", text("newer")).replaced) << "it has been sent";
  EXPECT_GT(outbox.add("one too many", text("x")).dropped, 0U);
  EXPECT_EQ(outbox.next().reason.code, 1013);
}

TEST(Outbox, ValuesAreBoundedInBytes) {
  Outbox outbox;
  const auto half = text(std::string(Outbox::value_byte_limit / 2, 'x'));
  EXPECT_EQ(outbox.add("a", half).dropped, 0U);
  EXPECT_EQ(outbox.add("b", half).dropped, 0U);
  EXPECT_EQ(outbox.add("c", text("x")).dropped, 3U);
  EXPECT_EQ(outbox.next().reason.code, 1013);
}

TEST(Outbox, IsDrainedWhenLittleOfItsLimitsWaits) {
  Outbox events;
  Outbox event_bytes;
  Outbox values;
  Outbox value_bytes;
  for (std::size_t i = 0; i < Outbox::frame_limit / 8; ++i) {
    EXPECT_TRUE(events.is_drained());
    events.add("", text("x"));
  }
  for (std::size_t i = 0; i < Outbox::value_limit / 8; ++i) {
    EXPECT_TRUE(values.is_drained());
    values.add("host " + std::to_string(i), text("x"));
  }
  event_bytes.add("", text(std::string(Outbox::byte_limit / 8, 'x')));
  value_bytes.add("host", text(std::string(Outbox::value_byte_limit / 8, 'x')));
  for (auto* outbox : {&events, &event_bytes, &values, &value_bytes}) {
    EXPECT_FALSE(outbox->is_drained());
    outbox->next();
    EXPECT_TRUE(outbox->is_drained());
  }
  value_bytes.add("host", text(std::string(Outbox::value_byte_limit / 8, 'x')));
  value_bytes.give_up();
  EXPECT_TRUE(value_bytes.is_drained()) << "nobody has to wait for one that is closed";
}

TEST(Outbox, GivingUpDropsWhatWaitsAndClosesOnce) {
  Outbox outbox;
  outbox.add("", text("x"));
  outbox.add("k", text("y"));
  EXPECT_EQ(outbox.give_up().dropped, 2U);
  EXPECT_EQ(outbox.give_up().dropped, 0U);
  EXPECT_EQ(outbox.next().reason.code, 1013);
}

TEST(Outbox, WakesTheWriterOnlyWhenItSleeps) {
  Outbox outbox;
  EXPECT_FALSE(outbox.add("", text("x")).wakes_writer);
  outbox.next();
  EXPECT_EQ(outbox.next().kind, Kind::wait);
  EXPECT_TRUE(outbox.add("", text("x")).wakes_writer);
  EXPECT_FALSE(outbox.add("", text("x")).wakes_writer);
}

TEST(Outbox, OnlyTheFirstCloseCountsAndNothingIsTakenAfterIt) {
  Outbox outbox;
  outbox.close({4401, "first"});
  outbox.close({1001, "second"});
  outbox.add("", text("late"));
  const auto next = outbox.next();
  EXPECT_EQ(next.kind, Kind::close);
  EXPECT_EQ(next.reason.code, 4401);
}

TEST(Outbox, EndsAtOnceWhenThePeerIsGone) {
  Outbox outbox;
  outbox.add("", text("x"));
  outbox.end();
  EXPECT_EQ(outbox.next().kind, Kind::end);
}

}  // namespace
}  // namespace portoser::http
