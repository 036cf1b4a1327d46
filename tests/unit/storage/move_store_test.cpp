#include "controller/storage/move_store.h"

#include "tests/unit/storage/storage_test.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

namespace portoser::storage {
namespace {

using testing::ElementsAre;

std::string move_id(int number) {
  return fmt::format("01J{:023}", number);
}

MoveRecord begun_move(int number) {
  MoveRecord record;
  record.id = move_id(number);
  record.service = "web";
  record.source = "host-1";
  record.target = "host-2";
  record.begun_at = from_unix_us(number);
  return record;
}

MoveRecord ended_move(int number) {
  auto record = begun_move(number);
  record.phase = "done";
  record.ended_at = from_unix_us(number + 1);
  return record;
}

class MoveStoreTest : public StorageTest {
 protected:
  MoveStoreTest() { open(); }

  static std::vector<std::string> ids_of(const std::vector<MoveRecord>& moves) {
    std::vector<std::string> ids;
    for (const auto& move : moves) ids.push_back(move.id);
    return ids;
  }

  MoveStore moves_{*database_};
};

TEST_F(MoveStoreTest, KeepsEveryField) {
  auto record = begun_move(1);
  run(moves_.insert(record));
  const auto begun = run(moves_.find(record.id)).value();
  EXPECT_EQ(begun.service, "web");
  EXPECT_EQ(begun.source, "host-1");
  EXPECT_EQ(begun.target, "host-2");
  EXPECT_EQ(begun.phase, "look");
  EXPECT_EQ(begun.begun_at, from_unix_us(1));
  EXPECT_FALSE(begun.decided_at || begun.ended_at || begun.discard_after);
  record.phase = "done";
  record.attempts = 3;
  record.data = R"({"was_running":true})";
  record.decided_at = from_unix_us(2);
  record.ended_at = from_unix_us(3);
  record.source_data = "kept";
  record.discard_after = from_unix_us(4);
  record.chores = R"([{"what":"down","host":"host-1"}])";
  run(moves_.update(record));
  const auto back = run(moves_.find(record.id)).value();
  EXPECT_EQ(back.phase, "done");
  EXPECT_EQ(back.attempts, 3);
  EXPECT_EQ(back.data, record.data);
  EXPECT_EQ(back.decided_at, record.decided_at);
  EXPECT_EQ(back.ended_at, record.ended_at);
  EXPECT_EQ(back.source_data, "kept");
  EXPECT_EQ(back.discard_after, record.discard_after);
  EXPECT_EQ(back.chores, record.chores);
  EXPECT_FALSE(run(moves_.find(move_id(2))));
}

TEST_F(MoveStoreTest, OneThatIsThereStaysAsItIs) {
  auto record = begun_move(1);
  run(moves_.insert(record));
  record.phase = "copy";
  run(moves_.update(record));
  run(moves_.insert(begun_move(1)));
  EXPECT_EQ(run(moves_.find(record.id))->phase, "copy");
}

TEST_F(MoveStoreTest, WhatItIsAboutDoesNotChange) {
  auto record = begun_move(1);
  run(moves_.insert(record));
  record.service = "db";
  record.source = "host-3";
  record.target = "host-4";
  record.begun_at = from_unix_us(9);
  run(moves_.update(record));
  const auto back = run(moves_.find(record.id)).value();
  EXPECT_EQ(back.service + " " + back.source + " " + back.target, "web host-1 host-2");
  EXPECT_EQ(back.begun_at, from_unix_us(1));
}

TEST_F(MoveStoreTest, ListsTheNewestFirst) {
  for (const auto number : {2, 1, 4}) run(moves_.insert(begun_move(number)));
  auto other = begun_move(3);
  other.service = "db";
  run(moves_.insert(other));
  EXPECT_THAT(ids_of(run(moves_.list(std::nullopt, 3))),
              ElementsAre(move_id(4), move_id(3), move_id(2)));
  EXPECT_THAT(ids_of(run(moves_.list("web", 10))), ElementsAre(move_id(4), move_id(2), move_id(1)));
  EXPECT_THAT(ids_of(run(moves_.list("we", 10))), ElementsAre());
}

TEST_F(MoveStoreTest, SomethingIsLeftOfThoseThatAreOverAndHaveChoresOrKeptData) {
  auto kept = ended_move(5);
  kept.source_data = "kept";
  auto with_chore = ended_move(4);
  with_chore.chores = R"([{"what":"down","host":"host-1"}])";
  auto under_way = begun_move(3);
  under_way.source_data = "kept";
  under_way.chores = with_chore.chores;
  auto discarded = ended_move(2);
  discarded.source_data = "discarded";
  for (const auto& record : {kept, with_chore, under_way, discarded, ended_move(1)}) {
    run(moves_.insert(record));
  }
  EXPECT_THAT(ids_of(run(moves_.unsettled())), ElementsAre(move_id(4), move_id(5)));
}

}  // namespace
}  // namespace portoser::storage
