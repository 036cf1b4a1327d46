#include "controller/deployment/pending_moves.h"

#include "tests/unit/fleet/fleet_fixture.h"

#include <gmock/gmock.h>

namespace portoser::deployment {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class PendingMovesTest : public fleet::FleetTest {
 protected:
  PendingMovesTest() {
    write_file_atomic(folder_ / "registry.yml",
                      "hosts:\n  brick: {ip: 127.0.0.1}\n  chalk: {ip: 127.0.0.2}\nservices:\n"
                      "  notes: {current_host: brick, docker_compose: /srv/notes/compose.yml}\n"
                      "  wiki: {docker_compose: /srv/wiki/compose.yml}\n");
    run(registry_->reload());
  }
  PendingMoves pending() { return {*registry_, *database_, clock_}; }
  std::vector<std::string> staged() {
    auto moves = pending();
    std::vector<std::string> all;
    for (const auto& move : run(moves.list()).moves) {
      all.push_back(move.service_name + " " + move.from_machine.value_or("-") + " " +
                    move.to_machine + " " + move.staged_by);
    }
    return all;
  }
  PendingList stage(std::vector<Move> moves, const std::string& who) {
    auto list = pending();
    return run(list.replace(std::move(moves), who));
  }
};

TEST_F(PendingMovesTest, AreNoneAtFirst) {
  auto moves = pending();
  const auto list = run(moves.list());
  EXPECT_THAT(list.moves, IsEmpty());
  EXPECT_FALSE(list.updated_at);
}

TEST_F(PendingMovesTest, OutliveARestart) {
  stage({{"notes", "brick", "chalk"}, {"wiki", "unassigned", "brick"}}, "ada");
  close();
  open();
  EXPECT_THAT(staged(), ElementsAre("notes brick chalk ada", "wiki - brick ada"));
}

TEST_F(PendingMovesTest, AreReplacedAndThoseThatStayKeepWhoStagedThem) {
  const auto first = stage({{"notes", "brick", "chalk"}, {"wiki", {}, "brick"}}, "ada");
  clock_.set_by(std::chrono::minutes{5});
  const auto second = stage({{"wiki", "", "brick"}, {"notes", "brick", "brick"}}, "bob");
  EXPECT_THAT(staged(), ElementsAre("wiki - brick ada", "notes brick brick bob"));
  EXPECT_EQ(second.moves[0].staged_at, first.moves[1].staged_at);
  EXPECT_GT(second.moves[1].staged_at, first.moves[1].staged_at);
  EXPECT_GT(second.updated_at, first.updated_at);
}

TEST_F(PendingMovesTest, AWrongListChangesNothing) {
  stage({{"notes", "brick", "chalk"}}, "ada");
  EXPECT_THROW(stage({{"wiki", {}, "brick"}, {"ghost", {}, "brick"}}, "bob"), Error);
  EXPECT_THAT(staged(), ElementsAre("notes brick chalk ada"));
}

TEST_F(PendingMovesTest, WhatWasDoneIsTakenOutWhereItWasDone) {
  stage({{"notes", "brick", "chalk"}, {"wiki", {}, "brick"}}, "ada");
  auto moves = pending();
  run(moves.take_out({{"notes", "brick"}, {"wiki", "brick"}}));
  EXPECT_THAT(staged(), ElementsAre("notes brick chalk ada"));
  run(moves.clear());
  EXPECT_THAT(staged(), IsEmpty());
}

}  // namespace
}  // namespace portoser::deployment
