// A move as it goes when nothing fails, what it refuses, and what becomes of the data that stays
// behind. Both hosts are played by the test.

#include "tests/unit/deployment/move_fixture.h"

namespace portoser::deployment {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::Contains;
using testing::Each;
using testing::ElementsAre;
using testing::Ge;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Le;

TEST_F(MoveTest, DoesOneThingAfterTheOther) {
  const auto before = text();
  const auto id = begin();
  answer_look();
  const auto copy = take_transfer();
  EXPECT_EQ(stored(id).phase, "copy");
  EXPECT_THAT(brick_.began, ElementsAre("move.send")) << "it still runs";
  succeed(copy);
  const auto stop = take_stop();
  EXPECT_EQ(content<protocol::ComposeStop>(stop).target.files,
            std::vector<std::string>{"/srv/notes/compose.yml"});
  EXPECT_THAT(chalk_.began, ElementsAre("move.receive")) << "nothing comes while it may still run";
  succeed(brick_, stop);
  answer_transfer();
  const auto activation = take<protocol::ComposeDeploy>(chalk_);
  EXPECT_EQ(stored(id).phase, "start");
  const auto confirmation = go_to_confirm(activation);
  EXPECT_EQ(content<protocol::ComposeConfirm>(confirmation).activation, activation.id);
  EXPECT_EQ(stored(id).phase, "confirm") << "before it was sent";
  EXPECT_EQ(text(), before) << "it is not decided yet";
  succeed(chalk_, confirmation);
  step_until([&] { return stored(id).decided_at.has_value(); });
  succeed(chalk_, activation);
  const auto down = take<protocol::ComposeDown>(brick_);
  const auto after = replaced(before, "current_host: brick", "current_host: chalk");
  EXPECT_EQ(text(), after) << "and nothing else in it";
  succeed(brick_, down);
  const auto job = ended(id);
  EXPECT_EQ(job.state, "succeeded") << job.error_message;
  EXPECT_EQ(job.kind, "move");
  EXPECT_THAT(steps(job), Each(HasSubstr("succeeded")));
  EXPECT_THAT(brick_.began, ElementsAre("move.send", "compose.stop", "move.send", "compose.down"));
  EXPECT_THAT(chalk_.began,
              ElementsAre("move.receive", "move.receive", "compose.deploy", "compose.confirm"));
}

TEST_F(MoveTest, KeepsTheSourcesDataAndSaysForHowLong) {
  const auto id = begin();
  const auto activation = go_to_start();
  succeed(chalk_, go_to_confirm(activation));
  succeed(chalk_, activation);
  succeed(brick_, take<protocol::ComposeDown>(brick_));
  const auto job = ended(id);
  const auto record = stored(id);
  EXPECT_EQ(record.phase, "done");
  EXPECT_EQ(record.source_data, "kept");
  EXPECT_EQ(record.chores, "[]");
  ASSERT_TRUE(record.decided_at && record.ended_at && record.discard_after);
  EXPECT_LE(*record.decided_at, *record.ended_at);
  EXPECT_GE(*record.discard_after, *record.decided_at + move_limits_.keep);
  EXPECT_TRUE(has_logged(id, "/api/deployment/moves/" + id + "/finalize"));
  const auto rows = run(mover_->list("notes"));
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows[0].id, id);
  EXPECT_EQ(rows[0].from_machine, "brick");
  EXPECT_EQ(rows[0].to_machine, "chalk");
  EXPECT_EQ(rows[0].kept_until, record.discard_after);
  EXPECT_THAT(run(mover_->list("wiki")), IsEmpty());
  const auto history = run(history_->find(history::History::id_of(job)));
  EXPECT_EQ(history.status, "success");
  EXPECT_EQ(history.from_machine, "brick");
}

TEST_F(MoveTest, AsksTheTargetAboutAllThatWouldCome) {
  protocol::MoveBind photos;
  photos.path = "/srv/photos";
  photos.kind = "folder";
  photos.bytes = 5;
  inventory_.binds = {photos};
  inventory_.ports = {{8090, "", "tcp"}};
  inventory_.networks = {"proxy"};
  auto move = to_chalk();
  move.extra_paths = std::vector<std::string>{"/srv/photos"};
  begin(move);
  const auto asked = answer_look();
  EXPECT_EQ(asked.file, "/opt/moved/notes/compose.yml");
  EXPECT_EQ(asked.project, "notes");
  EXPECT_EQ(asked.arch, "x86_64");
  EXPECT_EQ(asked.bytes, 105);
  EXPECT_EQ(asked.volume_bytes, 1000);
  EXPECT_THAT(asked.volumes, ElementsAre("notes_data"));
  EXPECT_THAT(asked.paths, ElementsAre("/srv/photos"));
  EXPECT_EQ(asked.ports, inventory_.ports);
  EXPECT_THAT(asked.networks, ElementsAre("proxy"));
  EXPECT_THAT(asked.may_replace, IsEmpty());
}

TEST_F(MoveTest, TheTwoSidesOfATransferBelongTogether) {
  const auto id = begin();
  answer_look();
  const auto copy = take_transfer();
  const auto sent = content<protocol::MoveSend>(copy.send);
  const auto received = content<protocol::MoveReceive>(copy.receive);
  EXPECT_EQ(sent.service, "notes");
  EXPECT_EQ(sent.move, id);
  EXPECT_EQ(received.move, id);
  EXPECT_EQ(sent.stream, received.stream);
  EXPECT_FALSE(sent.is_final || received.is_final);
  EXPECT_THAT(shown(sent.roots), ElementsAre("folder /srv/notes", "volume notes_data"));
  EXPECT_THAT(shown(received.roots), ElementsAre("folder /opt/moved/notes", "volume notes_data"));
  EXPECT_EQ(received.roots[1].labels, inventory_.volumes[0].labels);
  EXPECT_EQ(received.total_bytes, 1100);
  EXPECT_NE(copy.send.id, copy.receive.id);
  // The stream is open between just these two.
  brick_.device->send(protocol::Chunk{sent.stream + ".0", 0, {"x"}});
  step_until([&] { return fleet_->streams().read(sent.stream).a_to_b_bytes == 1; });
  succeed(copy);
  answer_stop();
  const auto sync = take_transfer();
  EXPECT_TRUE(content<protocol::MoveSend>(sync.send).is_final);
  EXPECT_TRUE(content<protocol::MoveReceive>(sync.receive).is_final);
  EXPECT_NE(stream_of(sync), sent.stream);
  EXPECT_NE(sync.send.id, copy.send.id);
  EXPECT_EQ(content<protocol::MoveSend>(sync.send).roots, sent.roots);
}

TEST_F(MoveTest, TheTargetStartsItUnderALeaseByItsOwnClock) {
  begin();
  const auto activation = go_to_start();
  const auto command = content<protocol::ComposeDeploy>(activation);
  const auto most = boot_uptime_ns + (clock_.uptime() - chalk_.came_at).count();
  constexpr std::int64_t to_begin = std::chrono::nanoseconds{30s}.count();
  const auto lasts =
      std::chrono::nanoseconds{move_limits_.start + move_limits_.health + 60s}.count();
  EXPECT_EQ(command.action, "activate");
  EXPECT_EQ(command.target.files, std::vector<std::string>{"/opt/moved/notes/compose.yml"});
  EXPECT_EQ(command.health_ms, std::chrono::milliseconds{move_limits_.health}.count());
  EXPECT_EQ(command.lease.boot_id, "boot-c");
  EXPECT_THAT(command.lease.begin_by_ns - to_begin, AllOf(Ge(boot_uptime_ns), Le(most)));
  EXPECT_EQ(command.lease.ends_at_ns - command.lease.begin_by_ns, lasts - to_begin);
}

TEST_F(MoveTest, AServiceOnNoHostIsPutOnOne) {
  const auto id = begin(to_chalk("wiki"));
  const auto asked = tell_of<protocol::PreflightCompose>(chalk_, protocol::PreflightReport{});
  EXPECT_EQ(asked.target.files, std::vector<std::string>{"/opt/moved/wiki/compose.yml"});
  const auto activation = take<protocol::ComposeDeploy>(chalk_);
  EXPECT_NE(content<protocol::ComposeDeploy>(activation).lease.boot_id, "");
  succeed(chalk_, go_to_confirm(activation));
  succeed(chalk_, activation);
  const auto job = ended(id);
  EXPECT_EQ(job.state, "succeeded") << job.error_message;
  EXPECT_EQ(job.kind, "deploy");
  EXPECT_EQ(registry_->snapshot()->registry->require_service("wiki", "").current_host, "chalk");
  EXPECT_THAT(text(), HasSubstr("  notes: {current_host: brick, "));
  EXPECT_EQ(stored(id).source_data, "none");
  EXPECT_FALSE(run(mover_->list("wiki"))[0].from_machine);
  EXPECT_THAT(chalk_.began, ElementsAre("compose.deploy", "compose.confirm"));
  EXPECT_THAT(brick_.began, IsEmpty());
}

TEST_F(MoveTest, WhatStandsAgainstItEndsItBeforeAnythingIsTouched) {
  const auto before = text();
  const auto id = begin();
  answer_look({{"ports", "error", "PORT_TAKEN", "8090", "port 8090 is taken", "free it"}});
  const auto job = ended(id);
  EXPECT_EQ(job.state, "failed");
  EXPECT_EQ(job.error_reason, "PORT_TAKEN");
  EXPECT_EQ(job.error_message, "\"notes\" is not moved: port 8090 is taken");
  EXPECT_THAT(steps(job), AllOf(Contains("look: failed"), Contains("copy: skipped")));
  EXPECT_EQ(stored(id).phase, "returned");
  EXPECT_THAT(brick_.began, IsEmpty());
  EXPECT_THAT(chalk_.began, IsEmpty());
  EXPECT_EQ(text(), before);
}

TEST_F(MoveTest, ToWhereItIsAlreadyItIsNotBegun) {
  EXPECT_EQ(refusal_of(mover_->begin({"notes", std::nullopt, "brick"}, "ada")).reason(),
            "STALE_PLAN");
  EXPECT_EQ(refusal_of(mover_->begin({"ghost", std::nullopt, "brick"}, "ada")).code(),
            Code::not_found);
  EXPECT_EQ(refusal_of(mover_->begin({"notes", std::nullopt, "attic"}, "ada")).code(),
            Code::not_found);
  EXPECT_THAT(run(jobs_->list({})), IsEmpty());
}

// What is kept where a service was before.

class KeptDataTest : public MoveTest {
 protected:
  /// "notes" was moved from `source` to `target`, and its data is kept there.
  storage::MoveRecord kept(const std::string& source, const std::string& target) {
    MoveNotes notes;
    notes.source.service = "notes";
    notes.source.files = {"/before/notes/compose.yml"};
    for (const auto* kind : {"folder", "path", "volume", "image"}) {
      protocol::DataRoot root;
      root.kind = kind;
      if (root.kind == "folder") root.path = "/before/notes";
      if (root.kind == "path") root.path = "/before/photos";
      if (root.kind == "volume") root.volume = "notes_data";
      notes.source_roots.push_back(root);
    }
    storage::MoveRecord record;
    record.id = make_ulid(clock_.now() - 1h);
    record.service = "notes";
    record.source = source;
    record.target = target;
    record.phase = "done";
    record.data = dump(to_json(notes));
    record.begun_at = clock_.now() - 1h;
    record.decided_at = record.begun_at;
    record.ended_at = record.begun_at;
    record.source_data = "kept";
    record.discard_after = clock_.now() + 1h;
    return record;
  }
  std::string store_kept(const std::string& source, const std::string& target) {
    const auto record = kept(source, target);
    store(record);
    return record.id;
  }
};

TEST_F(KeptDataTest, IsReplacedByAMoveBackOnlyWhenThatIsDecided) {
  const auto earlier = store_kept("chalk", "brick");
  const auto failing = begin();
  EXPECT_THAT(answer_look().may_replace, ElementsAre("/before/notes", "volume:notes_data"));
  const auto copy = take_transfer();
  EXPECT_THAT(content<protocol::MoveReceive>(copy.receive).may_replace,
              ElementsAre("/before/notes", "volume:notes_data"));
  fail(chalk_, copy.receive, "DISK_FULL");
  fail(brick_, copy.send, "TRANSFER_CUT");
  succeed(chalk_, take<protocol::MoveDiscard>(chalk_));
  EXPECT_EQ(ended(failing).error_reason, "DISK_FULL");
  EXPECT_EQ(stored(earlier).source_data, "kept");

  const auto id = begin();
  const auto activation = go_to_start();
  EXPECT_EQ(stored(earlier).source_data, "kept") << "it may still go back";
  succeed(chalk_, go_to_confirm(activation));
  succeed(chalk_, activation);
  succeed(brick_, take<protocol::ComposeDown>(brick_));
  EXPECT_EQ(ended(id).state, "succeeded");
  EXPECT_EQ(stored(earlier).source_data, "replaced");
  EXPECT_FALSE(stored(earlier).discard_after);
  EXPECT_EQ(stored(id).source_data, "kept");
}

TEST_F(KeptDataTest, OfAnotherHostIsNotReplaced) {
  store_kept("slate", "brick");
  begin();
  EXPECT_THAT(answer_look().may_replace, IsEmpty());
}

TEST_F(KeptDataTest, IsRemovedOnRequest) {
  const auto id = store_kept("chalk", "brick");
  const auto asked = ask(mover_->finalize(id));
  const auto command = take<protocol::MoveDiscard>(chalk_);
  const auto discard = content<protocol::MoveDiscard>(command);
  EXPECT_EQ(discard.move, id);
  EXPECT_EQ(discard.target.files, std::vector<std::string>{"/before/notes/compose.yml"});
  EXPECT_THAT(shown(discard.roots), ElementsAre("folder /before/notes", "volume notes_data"))
      << "other paths may be somebody else's too";
  EXPECT_EQ(stored(id).source_data, "kept") << "the host has not said so";
  succeed(chalk_, command);
  step_until([&] { return asked->over(); });
  ASSERT_TRUE(asked->answer) << asked->refusal->message();
  EXPECT_EQ(asked->answer->source_data, "discarded");
  EXPECT_FALSE(asked->answer->kept_until);
  EXPECT_EQ(stored(id).source_data, "discarded");
  EXPECT_EQ(refusal_of(mover_->finalize(id)).reason(), "MOVE_NOT_KEPT");
}

TEST_F(KeptDataTest, ThatTheHostCannotRemoveStays) {
  const auto id = store_kept("chalk", "brick");
  const auto asked = ask(mover_->finalize(id));
  fail(chalk_, take<protocol::MoveDiscard>(chalk_), "VOLUME_IN_USE");
  step_until([&] { return asked->over(); });
  ASSERT_TRUE(asked->refusal);
  EXPECT_EQ(asked->refusal->reason(), "VOLUME_IN_USE");
  EXPECT_EQ(stored(id).source_data, "kept");
}

TEST_F(KeptDataTest, IsNotRemovedWhileTheServiceMovesOrWhereItIs) {
  EXPECT_EQ(refusal_of(mover_->finalize("01J")).reason(), "MOVE_UNKNOWN");
  const auto here = store_kept("brick", "chalk");
  EXPECT_EQ(refusal_of(mover_->finalize(here)).reason(), "MOVE_NOT_KEPT")
      << "the service is there again";
  const auto away = store_kept("chalk", "brick");
  begin();
  EXPECT_EQ(refusal_of(mover_->finalize(away)).reason(), "BUSY");
  EXPECT_THAT(brick_.began, IsEmpty());
  EXPECT_THAT(chalk_.began, IsEmpty());
}

TEST_F(KeptDataTest, IsRemovedWhenItsTimeIsOver) {
  auto record = kept("chalk", "brick");
  record.discard_after = clock_.now() - 1s;
  store(record);
  const auto later = store_kept("chalk", "brick");
  begin_chores();
  const auto command = take<protocol::MoveDiscard>(chalk_);
  EXPECT_EQ(content<protocol::MoveDiscard>(command).move, record.id);
  succeed(chalk_, command);
  step_until([&] { return stored(record.id).source_data == "discarded"; });
  EXPECT_EQ(stored(later).source_data, "kept");
  EXPECT_THAT(chalk_.began, ElementsAre("move.discard"));
}

TEST_F(KeptDataTest, IsNotRemovedByTimeWhileTheServiceMoves) {
  auto record = kept("chalk", "brick");
  record.discard_after = clock_.now() - 1s;
  store(record);
  begin();
  begin_chores();
  EXPECT_FALSE(answer_look().may_replace.empty());
  answer_transfer();
  EXPECT_THAT(chalk_.began, ElementsAre("move.receive"));
  EXPECT_EQ(stored(record.id).source_data, "kept");
}

TEST_F(KeptDataTest, LeadsAMoveBackToWhereItIs) {
  const auto id = store_kept("chalk", "brick");
  const auto back = run(mover_->way_back(id));
  EXPECT_EQ(back.service_name, "notes");
  EXPECT_EQ(back.from_machine, "brick");
  EXPECT_EQ(back.to_machine, "chalk");
  ASSERT_TRUE(back.extra_paths);
  EXPECT_THAT(*back.extra_paths, ElementsAre("/before/photos"));
}

TEST_F(KeptDataTest, ThereIsNoWayBackFromWhatIsNotSo) {
  EXPECT_EQ(refusal_of(mover_->way_back("01J")).reason(), "MOVE_UNKNOWN");
  EXPECT_EQ(refusal_of(mover_->way_back(store_kept("slate", "chalk"))).reason(), "STALE_PLAN")
      << "it is elsewhere by now";
  auto undecided = kept("chalk", "brick");
  undecided.decided_at.reset();
  store(undecided);
  EXPECT_EQ(refusal_of(mover_->way_back(undecided.id)).reason(), "STALE_PLAN");
  EXPECT_EQ(refusal_of(mover_->way_back(store_kept("", "brick"))).reason(), "STALE_PLAN")
      << "it was on no host before";
}

}  // namespace
}  // namespace portoser::deployment
