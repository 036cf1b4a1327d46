// Commands on a host whose data folder lies on a disk that is full, or becomes it.
#include "tests/support/small_disk.h"
#include "tests/unit/actions/fixture.h"

#include <unistd.h>

namespace portoser::agent::actions {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class FullDisk : public ActionsTest {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "mounting a small disk needs root";
    end(actions);
    disk.emplace(settings.data_folder, 1);
    settings.host = "brick";
    actions = make_actions();
  }
  void TearDown() override {
    if (actions) end(actions);
    disk.reset();
  }
  [[nodiscard]] std::filesystem::path journal(const std::string& id) const {
    return settings.data_folder / "journal" / id;
  }
  void restart_agent() {
    end(actions);
    actions = make_actions();
    actions->adopt();
  }

  std::optional<test::SmallDisk> disk;
};

TEST_F(FullDisk, RefusesACommandAndRunsNothing) {
  disk->fill();
  const auto up = command<protocol::ComposeUp>(new_id());
  actions->handle(up);
  await_result();
  EXPECT_FALSE(results[0].succeeded);
  EXPECT_EQ(results[0].code, "unavailable");
  EXPECT_EQ(results[0].reason, "DISK_FULL");
  EXPECT_THAT(results[0].message, HasSubstr("the disk of host \"brick\" that holds"));
  EXPECT_THAT(results[0].message, HasSubstr("was not run"));
  EXPECT_THAT(results[0].hint, HasSubstr("make room"));
  EXPECT_THAT(calls(), IsEmpty());
  // It is there for the moment of the attempt to keep the answer.
  await("its folder is gone", [&] { return !std::filesystem::exists(journal(up.id)); });
  restart_agent();
  disk->make_room();
  actions->handle(command<protocol::ComposeUp>(new_id()));
  await_result(2);
  EXPECT_TRUE(results[1].succeeded) << results[1].message;
  EXPECT_NE(results[1].command_id, up.id) << "nothing of it was found in the journal";
}

TEST_F(FullDisk, ARepeatOfARefusedCommandGetsTheFirstAnswerAlsoWhenThereIsRoom) {
  disk->fill();
  const auto up = command<protocol::ComposeUp>(new_id());
  actions->handle(up);
  await_result();
  disk->make_room();
  actions->handle(up);
  await_result(2);
  EXPECT_EQ(results[1].reason, "DISK_FULL");
  await("it is kept", [&] { return std::filesystem::exists(journal(up.id) / "result.json"); });
  restart_agent();
  actions->handle(up);
  await_result(3);
  EXPECT_EQ(results[2].reason, "DISK_FULL");
  EXPECT_THAT(calls(), IsEmpty());
}

TEST_F(FullDisk, RoomForTheCommandAloneIsNotEnough) {
  disk->fill_but(1);
  actions->handle(command<protocol::ComposeUp>(new_id()));
  await_result();
  EXPECT_EQ(results[0].reason, "DISK_FULL");
  EXPECT_THAT(calls(), Not(testing::Contains(HasSubstr("up"))));
}

TEST_F(FullDisk, ACommandThatCouldNotBePlannedHasOneAnswerAlsoFromTheNextAgent) {
  disk->fill_but(2);  // for the command and its answer, not for its plan
  const auto up = command<protocol::ComposeUp>(new_id());
  actions->handle(up);
  await_result();
  EXPECT_EQ(results[0].reason, "DISK_FULL");
  await("it is kept", [&] { return std::filesystem::exists(journal(up.id) / "result.json"); });
  restart_agent();
  actions->handle(up);
  await_result(2);
  EXPECT_EQ(results[1].reason, "DISK_FULL") << "and not that it was interrupted";
  EXPECT_THAT(results[1].message, HasSubstr("was not run"));
  EXPECT_THAT(calls(), Not(testing::Contains(HasSubstr("up"))));
}

TEST_F(FullDisk, TheOutcomeHasItsPlaceBeforeTheDiskFills) {
  const Gate gate{folder / "tool/gate"};
  script("up", "echo $$ > \"$dir/child\"; read word < \"$dir/gate\"; exit 3");
  const auto up = command<protocol::ComposeUp>(new_id());
  actions->handle(up);
  await("it runs", [&] { return pid_in("child") > 0; });
  disk->fill();
  EXPECT_GT(runner_pid(up.id), 0) << "so that it can be adopted and cancelled";
  restart_agent();
  gate.open();
  await_result();
  EXPECT_EQ(results[0].reason, "ACTION_FAILED") << results[0].message;
  EXPECT_EQ(results[0].exit_code, 3);
  // So has the answer: the next agent finds it and neither judges nor runs anything again.
  await("it is kept", [&] { return std::filesystem::exists(journal(up.id) / "result.json"); });
  EXPECT_FALSE(std::filesystem::exists(journal(up.id) / "result.room"));
  restart_agent();
  actions->handle(up);
  await_result(2);
  EXPECT_EQ(results[1].reason, "ACTION_FAILED") << results[1].message;
  EXPECT_THAT(calls(), ElementsAre("up -d"));
}

TEST_F(FullDisk, AnOutcomeThatIsLostIsNeverASuccess) {
  const Gate gate{folder / "tool/gate"};
  script("up", "echo $$ > \"$dir/child\"; read word < \"$dir/gate\"");
  const auto up = command<protocol::ComposeUp>(new_id());
  actions->handle(up);
  await("it runs", [&] { return pid_in("child") > 0; });
  std::filesystem::remove(journal(up.id) / "outcome.json.new");
  disk->fill();
  gate.open();
  await_result();
  EXPECT_FALSE(results[0].succeeded);
  EXPECT_EQ(results[0].reason, "ACTION_INTERRUPTED");
  EXPECT_THAT(results[0].message, HasSubstr("is full"));
  EXPECT_THAT(results[0].message, HasSubstr("is not known"));
}

TEST_F(FullDisk, AStopWhosePoliciesCannotBeNotedSaysThatItsStepsWereDone) {
  const Gate gate{folder / "tool/gate"};
  script("stop", "echo $$ > \"$dir/child\"; read word < \"$dir/gate\"");
  engine.list = {container("a")};
  const auto stop = command<protocol::ComposeStop>(new_id());
  actions->handle(stop);
  await("it runs", [&] { return pid_in("child") > 0; });
  disk->fill();
  gate.open();
  await_result();
  EXPECT_EQ(results[0].code, "internal");
  EXPECT_EQ(results[0].reason, "DISK_FULL");
  EXPECT_THAT(results[0].message, HasSubstr("the steps of the command were done"));
  EXPECT_THAT(engine.updates, IsEmpty()) << "no policy is taken away that nobody remembers";
  await("it is kept", [&] { return std::filesystem::exists(journal(stop.id) / "result.json"); });
  disk->make_room();
  restart_agent();
  actions->handle(stop);
  await_result(2);
  EXPECT_EQ(results[1].reason, "DISK_FULL") << "one command has one answer";
  EXPECT_THAT(engine.updates, IsEmpty());
  gate.open();
  actions->handle(command<protocol::ComposeStop>(new_id()));
  await_result(3);
  EXPECT_TRUE(results[2].succeeded) << results[2].message;
  EXPECT_THAT(engine.updates, ElementsAre(testing::Pair("a", "no")));
}

}  // namespace
}  // namespace portoser::agent::actions
