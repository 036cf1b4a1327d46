// Moves of a compose service with its data, as people ask for them, without faults; and one that
// cannot come about.
#include "common/error.h"
#include "common/file.h"
#include "tests/cluster/move_checks.h"
#include "tests/cluster/odd_files.h"
#include "tests/support/await.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <chrono>
#include <filesystem>
#include <string>

namespace portoser::test {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class Move : public testing::Test {
 protected:
  /// Started at the first call, ended with the program.
  static MoveWorld& world() {
    static MoveWorld world;
    return world;
  }
  Move() { world().heal(); }

  /// Where the ledger is, and two where it is not.
  [[nodiscard]] MoveHost& here() const { return world().host(world().registry_host()); }
  [[nodiscard]] MoveHost& elsewhere(std::size_t which = 0) const {
    std::vector<MoveHost*> others;
    for (const auto& host : world().hosts()) {
      if (host->name() != here().name()) others.push_back(host.get());
    }
    return *others.at(which);
  }
  /// One that keeps nothing of an earlier move.
  [[nodiscard]] static MoveHost& untouched() {
    for (const auto& host : world().hosts()) {
      if (!std::filesystem::exists(host->folder()) && !host->has_volume()) return *host;
    }
    throw Error{Code::internal, "the ledger has been everywhere: run this test first"};
  }
  [[nodiscard]] static std::int64_t records() {
    return world().history()["total"].get<std::int64_t>();
  }
  [[nodiscard]] static std::string starts(const MoveHost& host) {
    return ask_ledger(host.machine().address(), MoveWorld::port, "starts", 10s).value_or("away");
  }
  static void expect_whole_on(const MoveHost& host) {
    const auto finding = look_at_ledger(world());
    EXPECT_THAT(finding.wrong, IsEmpty());
    EXPECT_EQ(finding.place, host.name());
    EXPECT_EQ(world().registry_host(), host.name());
    world().controller().await_service(MoveWorld::service, "running");
  }
  /// A move that comes about, and all that it promises.
  static void expect_move(const MoveHost& from, const MoveHost& to) {
    const auto registry = world().registry_text();
    const auto count = records();
    const auto writer = world().client().writer();
    const auto part = world().move(to.name());
    ASSERT_EQ(part["state"], "succeeded") << dump(part) << world().controller().log_tail();
    EXPECT_EQ(part["kind"], "move");
    expect_whole_on(to);
    EXPECT_THAT(from.containers(true), IsEmpty());
    EXPECT_NE(world().client().writer(), writer);
    // Nothing else in it is another one, no comment either.
    EXPECT_EQ(
        world().registry_text(),
        with_replaced(registry, "current_host: " + from.name(), "current_host: " + to.name()));
    EXPECT_EQ(records(), count + 1);
    EXPECT_THAT(look_at_record(world(), part, from.name(), to.name()), IsEmpty());
    const auto newest = world().history()["deployments"][0];
    EXPECT_EQ(newest["action"], "migrate") << dump(newest);
    EXPECT_EQ(newest["status"], "success") << dump(newest);
  }
};

// First those that need a host where the ledger has never been.

TEST_F(Move, ThatWouldFailIsRefusedBeforeAnythingHappens) {
  auto& host = here();
  auto& target = untouched();
  const auto writer = world().client().writer();
  const auto count = records();
  // Something that is not ours is in the folder's place.
  const auto folder = target.folder();
  make_folder(folder, 0755);
  write_file_atomic(folder / "of somebody else", "not to be touched\n");
  const auto taken = world().begin(target.name());
  if (!taken.batch.empty()) {
    const auto part = world().await_end(taken.batch);
    EXPECT_EQ(part["state"], "failed") << dump(part);
    EXPECT_EQ(part["error"]["reason"], "FOLDER_EXISTS") << dump(part);
    EXPECT_EQ(records(), count + 1);
  } else {
    EXPECT_THAT(taken.text, HasSubstr("FOLDER_EXISTS"));
    EXPECT_EQ(records(), count);
  }
  EXPECT_EQ(read_file(folder / "of somebody else"), "not to be touched\n");
  std::filesystem::remove_all(folder);
  expect_whole_on(host);
  EXPECT_EQ(world().client().writer(), writer) << "it was not even restarted";
}

TEST_F(Move, LeadsBackWhenTheHealthOfTheTargetDoesNotCome) {
  auto& source = here();
  auto& target = untouched();
  const auto registry = world().registry_text();
  const auto count = records();
  world().watch().freeze_on(target.name());
  const auto part = world().move(target.name());
  world().watch().freeze_nowhere();
  EXPECT_EQ(part["state"], "failed") << dump(part);
  EXPECT_FALSE(part["error"]["message"].get<std::string>().empty()) << dump(part);
  expect_whole_on(source);
  EXPECT_THAT(target.containers(true), IsEmpty());
  EXPECT_FALSE(std::filesystem::exists(target.folder()));
  EXPECT_FALSE(target.has_volume());
  EXPECT_EQ(world().registry_text(), registry);
  EXPECT_EQ(records(), count + 1);
  EXPECT_THAT(look_at_record(world(), part, source.name(), target.name()), IsEmpty());
  // What stood in its way is over.
  expect_move(source, target);
}

TEST_F(Move, TakesTheServiceWithAllItsDataToAnotherHostAndBack) {
  auto& first = here();
  auto& second = elsewhere();
  expect_move(first, second);
  EXPECT_TRUE(second.has_volume());
  expect_move(second, first);
}

TEST_F(Move, GoesOnToAThirdHost) {
  auto& first = here();
  auto& second = elsewhere(0);
  auto& third = elsewhere(1);
  expect_move(first, second);
  expect_move(second, third);
}

TEST_F(Move, SurvivesARebootOfBothHostsAfterwards) {
  auto& first = here();
  auto& second = elsewhere();
  expect_move(first, second);
  for (auto* host : {&first, &second}) host->power_off();
  for (auto* host : {&first, &second}) host->switch_on();
  for (auto* host : {&first, &second}) {
    world().controller().await_machine(host->name(), "online");
  }
  expect_whole_on(second);
}

TEST_F(Move, ToWhereItIsRestartsIt) {
  auto& host = here();
  const auto registry = world().registry_text();
  const auto count = records();
  const auto before = starts(host);
  ASSERT_THAT(before, HasSubstr("ok "));
  const auto part = world().move(host.name());
  EXPECT_EQ(part["state"], "succeeded") << dump(part);
  EXPECT_EQ(part["kind"], "restart");
  expect_whole_on(host);
  EXPECT_EQ(std::stoi(starts(host).substr(3)), std::stoi(before.substr(3)) + 1);
  EXPECT_EQ(world().registry_text(), registry);
  EXPECT_EQ(records(), count + 1);
}

TEST_F(Move, IsSeenByTheChecksWhenItsDataIsNotTheSame) {
  const auto file = here().odd_files() / "plain";
  ASSERT_EQ(::chmod(file.c_str(), 0600), 0);
  EXPECT_THAT(look_at_ledger(world()).wrong, ElementsAre(HasSubstr("\"plain\" was mode 100640")));
  ASSERT_EQ(::chmod(file.c_str(), 0640), 0);
  EXPECT_THAT(look_at_ledger(world()).wrong, IsEmpty());
  const auto rows = rows_of_ledger(here().machine().address(), MoveWorld::port);
  EXPECT_THAT(rows, testing::SizeIs(testing::Gt(world().client().acknowledged().size() / 2)));
}

}  // namespace
}  // namespace portoser::test
