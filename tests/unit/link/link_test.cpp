#include "agent/link/connection.h"
#include "common/error.h"
#include "tests/unit/link/link_fixture.h"
#include "tests/unit/link/sequence_range.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <set>

namespace portoser::agent::link {
namespace {

using Seen = test::ControllerMemory::Seen;
using test::LinkTest;
using test::Told;
using testing::ElementsAre;

std::function<bool(const Seen&)> durable_messages(std::size_t count) {
  return [count](const Seen& seen) { return seen.sequences().size() >= count; };
}

std::function<bool(const Seen&)> samples(std::size_t count) {
  return [count](const Seen& seen) { return seen.all<protocol::Sample>().size() >= count; };
}

TEST_F(LinkTest, SaysHelloAndIsOnlineAfterTheWelcome) {
  start_controller();
  start_link();
  ASSERT_TRUE(await_online());
  const auto hello = memory_->seen().all<protocol::Hello>().front();
  EXPECT_EQ(hello.agent_version, "test");
  EXPECT_EQ(hello.protocol_low, 1);
  EXPECT_EQ(hello.protocol_high, 1);
  EXPECT_EQ(hello.spool_epoch.size(), 32U);
  EXPECT_EQ(hello.last_sequence, 0);
  EXPECT_EQ(hello.now.boot_id, "boot");
  EXPECT_GT(hello.now.uptime_ns, 0);
  EXPECT_GT(hello.now.wall_us, 0);
  EXPECT_TRUE(await_told([](const Told& told) {
    return told.states == std::vector{ConnectionState::greeting, ConnectionState::online};
  }));
}

TEST_F(LinkTest, RepeatsTheHelloAndSendsNothingElseBeforeTheWelcome) {
  start_controller({.welcomes = false});
  start_link();
  ASSERT_TRUE(await_seen([](const Seen& seen) { return !seen.messages.empty(); }));
  send_events(3);
  send_sample(1);
  link_->send(protocol::State{});
  link_->send(protocol::Progress{});
  const auto so_far = memory_->seen().messages.size();
  ASSERT_TRUE(await_seen([&](const Seen& seen) { return seen.messages.size() >= so_far + 2; }));
  const auto seen = memory_->seen();
  EXPECT_EQ(seen.all<protocol::Hello>().size(), seen.messages.size());
}

TEST_F(LinkTest, KeepsWhatCameBeforeTheWelcomeAndDropsStateAndProgress) {
  start_controller({.welcomes = false});
  start_link();
  ASSERT_TRUE(await_seen([](const Seen& seen) { return !seen.messages.empty(); }));
  send_events(3);
  send_sample(1);
  link_->send(protocol::State{});
  link_->send(protocol::Progress{});
  ASSERT_TRUE(await_stats([](const LinkStats& stats) {
    return stats.samples_kept == 1 && stats.progress_dropped == 1 && stats.spool_bytes > 0;
  }));
  controller_->behave({});
  ASSERT_TRUE(await_seen(samples(1)));
  ASSERT_TRUE(await_seen(durable_messages(3)));
  EXPECT_TRUE(memory_->seen().all<protocol::State>().empty());
  EXPECT_TRUE(memory_->seen().all<protocol::Progress>().empty());
}

TEST_F(LinkTest, EventsArriveInOrderAndAreForgottenOnceAcknowledged) {
  start_controller();
  settings_.send.window = 16;
  start_link();
  ASSERT_TRUE(await_online());
  send_events(500);
  ASSERT_TRUE(await_seen(durable_messages(500)));
  EXPECT_EQ(memory_->seen().sequences(), range(1, 500));
  EXPECT_TRUE(await_stats([](const LinkStats& stats) { return stats.spool_bytes == 0; }));
}

TEST_F(LinkTest, SendsNoMoreThanTheWindowWithoutAnAcknowledgement) {
  start_controller({.acknowledges = false});
  settings_.send.window = 10;
  start_link();
  ASSERT_TRUE(await_online());
  send_events(50);
  send_sample(1);  // behind the events of the window
  ASSERT_TRUE(await_seen(samples(1)));
  ASSERT_TRUE(await_seen(durable_messages(10)));
  EXPECT_EQ(memory_->seen().sequences(), range(1, 10));
  const auto epoch = memory_->seen().all<protocol::Hello>().front().spool_epoch;
  controller_->send(protocol::Ack{epoch, 4});
  ASSERT_TRUE(await_seen(durable_messages(14)));
  EXPECT_EQ(memory_->seen().sequences(), range(1, 14));
}

TEST_F(LinkTest, UnacknowledgedEventsComeAgainAfterARestartOfTheAgent) {
  start_controller({.acknowledges = false});
  settings_.send.window = 10;
  start_link();
  ASSERT_TRUE(await_online());
  send_events(30);
  ASSERT_TRUE(await_seen(durable_messages(10)));
  const auto epoch = memory_->seen().all<protocol::Hello>().front().spool_epoch;
  stop_link();

  memory_->acknowledge(epoch, 5);  // committed, and the acknowledgement got lost
  memory_->forget();
  controller_->behave({});
  start_link();
  ASSERT_TRUE(await_seen(durable_messages(25)));
  EXPECT_EQ(memory_->seen().sequences(), range(6, 30));
  EXPECT_EQ(memory_->seen().all<protocol::Hello>().front().spool_epoch, epoch);
  send_events(1);
  ASSERT_TRUE(await_seen(durable_messages(26)));
  EXPECT_EQ(memory_->seen().sequences().back(), 31);
}

TEST_F(LinkTest, UnacknowledgedEventsComeAgainAfterARestartOfTheController) {
  start_controller({.acknowledges = false});
  start_link();
  ASSERT_TRUE(await_online());
  send_events(20);
  ASSERT_TRUE(await_seen(durable_messages(20)));
  controller_.reset();
  ASSERT_TRUE(await_state(ConnectionState::connecting));
  send_events(5);
  memory_->forget();
  start_controller();
  ASSERT_TRUE(await_online(2));
  ASSERT_TRUE(await_seen(durable_messages(25)));
  EXPECT_EQ(memory_->seen().sequences(), range(1, 25));
  EXPECT_TRUE(std::holds_alternative<protocol::Hello>(memory_->seen().messages.front()));
}

TEST_F(LinkTest, EventsAreSentAgainWhenNoAcknowledgementComes) {
  start_controller({.acknowledges = false});
  settings_.send.acknowledge_limit = std::chrono::milliseconds{30};
  start_link();
  ASSERT_TRUE(await_online());
  send_events(3);
  EXPECT_TRUE(await_seen([](const Seen& seen) {
    const auto sequences = seen.sequences();
    const auto times = [&](std::int64_t one) {
      return std::count(sequences.begin(), sequences.end(), one);
    };
    return times(1) >= 2 && times(2) >= 2 && times(3) >= 2;
  }));
  // The messages are on the wire before their count is published.
  EXPECT_TRUE(await_stats([](const LinkStats& stats) { return stats.events_resent > 0; }));
}

TEST_F(LinkTest, AnAcknowledgementOfAnotherEpochDropsNothing) {
  start_controller({.acknowledges = false});
  start_link();
  ASSERT_TRUE(await_online());
  send_events(2);
  ASSERT_TRUE(await_seen(durable_messages(2)));
  controller_->send(protocol::Ack{"another", 2});
  ASSERT_TRUE(await_stats([](const LinkStats& stats) { return stats.received_unexpected == 1; }));
  EXPECT_GT(link_->stats().spool_bytes, 0);
}

TEST_F(LinkTest, AResultFollowsItsProgress) {
  start_controller();
  start_link();
  ASSERT_TRUE(await_online());
  for (std::int64_t line = 0; line < 20; ++line) {
    protocol::Progress progress;
    progress.command_id = "command";
    progress.first_line = line;
    link_->send(std::move(progress));
  }
  protocol::CommandResult result;
  result.command_id = "command";
  result.succeeded = true;
  link_->send_durable(std::move(result));
  ASSERT_TRUE(await_seen(durable_messages(1)));
  const auto seen = memory_->seen();
  EXPECT_EQ(seen.all<protocol::Progress>().size(), 20U);
  EXPECT_TRUE(std::holds_alternative<protocol::CommandResult>(seen.messages.back()));
}

TEST_F(LinkTest, AQuestionGetsItsAnswer) {
  start_controller();
  start_link();
  protocol::Answer early;
  early.question_id = "before the welcome";
  link_->send(early);
  ASSERT_TRUE(await_online());
  protocol::Question question;
  question.id = "question";
  controller_->send(question);
  ASSERT_TRUE(await_told([](const Told& told) { return told.questions.size() == 1; }));
  protocol::Answer answer;
  answer.question_id = "question";
  answer.content.data.assign(std::size_t{2} << 20U, 'x');
  link_->send(answer);
  ASSERT_TRUE(
      await_seen([](const auto& seen) { return !seen.template all<protocol::Answer>().empty(); }));
  const auto seen = memory_->seen().all<protocol::Answer>();
  ASSERT_EQ(seen.size(), 1U) << "who asked before is gone";
  EXPECT_EQ(seen[0].question_id, "question");
  EXPECT_EQ(seen[0].code, "too_large") << "a message does not hold so much";
}

TEST_F(LinkTest, AResultThatIsTooLargeGoesWithoutItsLines) {
  start_controller();
  start_link();
  ASSERT_TRUE(await_online());
  protocol::CommandResult result;
  result.command_id = "command";
  result.last_lines.assign(2000, std::string(1000, 'x'));
  link_->send_durable(std::move(result));
  ASSERT_TRUE(await_seen(durable_messages(1)));
  const auto arrived = memory_->seen().all<protocol::CommandResult>().front();
  EXPECT_EQ(arrived.command_id, "command");
  EXPECT_TRUE(arrived.last_lines.empty());
}

TEST_F(LinkTest, SamplesFromBeforeARestartAreSentLateAndInOrder) {
  start_link();
  for (std::int64_t i = 1; i <= 40; ++i) {
    send_sample(i);
  }
  stop_link();
  start_controller();
  start_link();
  ASSERT_TRUE(await_online());
  ASSERT_TRUE(await_seen(samples(40)));
  EXPECT_EQ(sample_uptimes(), range(1, 40));
}

TEST_F(LinkTest, SixHoursOfSamplesComeWholeAndInOrderBesideLiveOnes) {
  constexpr std::int64_t kept = 4320;
  constexpr std::int64_t live = 1'000'000;
  {
    agent::link::Backlog backlog{folder_.path() / "backlog", clock_};
    for (std::int64_t i = 1; i <= kept; ++i) {
      protocol::Sample sample;
      sample.when = {"boot-before", i, 0};
      backlog.keep(protocol::encode(sample));
    }
  }
  start_controller();
  start_link();
  ASSERT_TRUE(await_online());
  std::int64_t sent = 0;
  ASSERT_TRUE(await_seen([&](const Seen& seen) {
    // One for each hundred that came.
    const auto all = static_cast<std::int64_t>(seen.messages.size());
    for (; sent < all / 100 && sent < kept / 100; ++sent) send_sample(live + sent);
    return sent == kept / 100 && all >= kept + sent &&
           static_cast<std::int64_t>(seen.all<protocol::Sample>().size()) >= kept + sent;
  }));
  std::vector<std::int64_t> late_ones;
  std::vector<std::int64_t> live_ones;
  for (const auto uptime : sample_uptimes()) {
    (uptime < live ? late_ones : live_ones).push_back(uptime);
  }
  EXPECT_EQ(late_ones, range(1, kept));
  EXPECT_EQ(live_ones, range(live, live + sent - 1));
}

TEST_F(LinkTest, ALiveSampleDoesNotWaitForLateOnes) {
  start_controller({.welcomes = false});
  settings_.send.late_samples_per_second = 10;  // one in 100 ms
  start_link();
  for (std::int64_t i = 1; i <= 40; ++i) {
    send_sample(i);
  }
  ASSERT_TRUE(await_stats([](const LinkStats& stats) { return stats.samples_kept == 40; }));
  controller_->behave({});
  ASSERT_TRUE(await_online());
  send_sample(1000);
  ASSERT_TRUE(await_seen([](const Seen& seen) {
    const auto all = seen.all<protocol::Sample>();
    return std::any_of(
        all.begin(), all.end(), [](const auto& one) { return one.when.uptime_ns == 1000; });
  }));
  EXPECT_LT(sample_uptimes().size(), 41U);
}

TEST_F(LinkTest, SamplesThatTheControllerNeverGotAreSentAgain) {
  start_controller();
  start_link();
  ASSERT_TRUE(await_online());
  for (std::int64_t i = 1; i <= 5; ++i) {
    send_sample(i * 1000);
  }
  ASSERT_TRUE(await_seen(samples(5)));
  controller_.reset();
  memory_->forget();
  start_controller({.sample_boot_id = "boot", .sample_uptime_ns = 3000});
  ASSERT_TRUE(await_online(2));
  ASSERT_TRUE(await_seen(samples(2)));
  send_sample(6000);
  ASSERT_TRUE(await_seen(samples(3)));
  EXPECT_THAT(sample_uptimes(), ElementsAre(4000, 5000, 6000));
}

TEST_F(LinkTest, SamplesThatNobodyReadComeAgainAfterTheBreak) {
  start_link();
  for (std::int64_t i = 1; i <= 40; ++i) send_sample(i);
  ASSERT_TRUE(await_stats([](const LinkStats& stats) { return stats.samples_kept == 40; }));
  start_controller({.reads = false});
  ASSERT_TRUE(await_online());
  const auto sent = link_->stats().sent;
  for (std::int64_t i = 41; i <= 45; ++i) send_sample(i);
  ASSERT_TRUE(await_stats(
      [&](const LinkStats& stats) { return stats.samples_late == 40 && stats.sent >= sent + 5; }));
  controller_.reset();
  ASSERT_TRUE(memory_->seen().all<protocol::Sample>().empty());
  start_controller();
  ASSERT_TRUE(await_seen(samples(45)));
  auto arrived = sample_uptimes();
  std::sort(arrived.begin(), arrived.end());
  EXPECT_EQ(arrived, range(1, 45));
}

TEST_F(LinkTest, WhoWaitsForAFlushFindsTheEventOnTheDisk) {
  start_link();
  send_events(1);
  ASSERT_TRUE(link_->await_flush(std::chrono::seconds{20}));
  std::uintmax_t bytes = 0;
  for (const auto& file : std::filesystem::directory_iterator{folder_.path() / "spool"}) {
    if (file.path().extension() == ".log") bytes += file.file_size();
  }
  EXPECT_GT(bytes, 0U);
}

TEST_F(LinkTest, StateIsSentWhileOnline) {
  start_controller();
  start_link();
  ASSERT_TRUE(await_online());
  protocol::State state;
  state.engine_problem = "frozen";
  link_->send(state);
  ASSERT_TRUE(await_seen([](const Seen& seen) { return !seen.all<protocol::State>().empty(); }));
  EXPECT_EQ(memory_->seen().all<protocol::State>().front().engine_problem, "frozen");
}

TEST_F(LinkTest, PassesOnWhatTheControllerAsksFor) {
  start_controller();
  start_link();
  ASSERT_TRUE(await_online());
  protocol::Assign assign;
  assign.revision = "7";
  protocol::Command command;
  command.id = "01J";
  command.arguments.data = std::string("\x00\xff", 2);
  controller_->send(assign);
  controller_->send(command);
  controller_->send(protocol::Cancel{"01J"});
  ASSERT_TRUE(await_told([](const Told& told) { return !told.cancels.empty(); }));
  ASSERT_TRUE(await_told([&](const Told& told) {
    return told.assigns == std::vector{assign} && told.commands == std::vector{command};
  }));
}

TEST_F(LinkTest, AKeyThatIsNotAdmittedIsNotEnrolledUntilItIs) {
  start_controller();
  const auto stranger = protocol::make_key_pair();
  settings_.keys = stranger;
  start_link();
  ASSERT_TRUE(await_state(ConnectionState::not_enrolled));
  EXPECT_TRUE(memory_->seen().messages.empty());
  controller_->admit(stranger.public_key);
  EXPECT_TRUE(await_online());
}

TEST_F(LinkTest, AControllerWithAnotherKeyIsNotTalkedTo) {
  start_controller();
  settings_.controller_key = protocol::make_key_pair().public_key;
  start_link();
  ASSERT_TRUE(await_state(ConnectionState::handshake_failed));
  EXPECT_TRUE(memory_->seen().messages.empty());
  EXPECT_EQ(link_->stats().connections, 0);
}

TEST_F(LinkTest, DropsAndCountsWhatItCannotUse) {
  start_controller();
  start_link();
  ASSERT_TRUE(await_online());
  controller_->send(std::string{"this is not msgpack"});
  controller_->send(std::string((1U << 20U) + 1, 'x'));
  controller_->send(std::string{"\x94\x01\xa3new\x00\x80", 8});  // [1, "new", 0, {}]
  controller_->send(protocol::Sample{});
  controller_->send(protocol::Cancel{"still there"});
  ASSERT_TRUE(await_told([](const Told& told) { return !told.cancels.empty(); }));
  ASSERT_TRUE(await_stats([](const LinkStats& stats) {
    return stats.received_malformed == 1 && stats.received_oversized == 1 &&
           stats.received_unknown == 1 && stats.received_unexpected == 1;
  }));
  EXPECT_EQ(link_->stats().connections, 1);
}

TEST_F(LinkTest, CommandsBeforeTheWelcomeAreDropped) {
  start_controller({.welcomes = false});
  start_link();
  ASSERT_TRUE(await_seen([](const Seen& seen) { return !seen.messages.empty(); }));
  controller_->send(protocol::Command{});
  ASSERT_TRUE(await_stats([](const LinkStats& stats) { return stats.received_unexpected == 1; }));
  EXPECT_TRUE(await_told([](const Told& told) { return told.commands.empty(); }));
}

TEST_F(LinkTest, AFrameBeyondTheSocketsLimitEndsTheConnectionAndItComesBack) {
  start_controller();
  start_link();
  ASSERT_TRUE(await_online());
  controller_->send(std::string((4U << 20U) + 1, 'x'));
  EXPECT_TRUE(await_online(2));
}

TEST_F(LinkTest, AGoodbyeForGoodIsSeenAndTriedAgainMuchLater) {
  start_controller();
  settings_.refused_retry = std::chrono::milliseconds{100};
  start_link();
  ASSERT_TRUE(await_online());
  controller_->send(protocol::Goodbye{"removed", "this device was removed"});
  ASSERT_TRUE(await_state(ConnectionState::refused));
  ASSERT_TRUE(await_told([](const Told& told) {
    return told.goodbyes.size() == 1 && told.goodbyes.front().reason == "removed";
  }));
  EXPECT_TRUE(await_online(2));
}

TEST_F(LinkTest, AStoppingControllerIsWaitedFor) {
  start_controller();
  start_link();
  ASSERT_TRUE(await_online());
  controller_->send(protocol::Goodbye{"stopping", ""});
  ASSERT_TRUE(await_state(ConnectionState::connecting));
  EXPECT_TRUE(await_online(2));
}

TEST_F(LinkTest, SaysGoodbyeWhenItStops) {
  start_controller();
  start_link();
  ASSERT_TRUE(await_online());
  send_events(3);
  link_->stop();
  link_->stop();
  ASSERT_TRUE(await_seen([](const Seen& seen) { return !seen.all<protocol::Goodbye>().empty(); }));
  EXPECT_EQ(memory_->seen().sequences(), range(1, 3));
  const auto last = memory_->seen().messages.back();
  ASSERT_TRUE(std::holds_alternative<protocol::Goodbye>(last));
  EXPECT_EQ(std::get<protocol::Goodbye>(last).reason, "stopping");
}

TEST_F(LinkTest, StopsWhileTheControllerCannotBeReached) {
  start_link();
  send_events(2);
  link_->stop();
  EXPECT_EQ(link_->stats().connections, 0);
}

TEST_F(LinkTest, RefusesKeysThatAreNone) {
  settings_.controller_key = "short";
  EXPECT_THROW(start_link(), Error);
}

}  // namespace
}  // namespace portoser::agent::link
