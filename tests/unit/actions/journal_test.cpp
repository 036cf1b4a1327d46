#include "agent/actions/journal.h"

#include "tests/unit/actions/fixture.h"

#include <fstream>

namespace portoser::agent::actions {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class JournalTest : public testing::Test {
 protected:
  JournalTest() {
    limits.entries = 3;
    journal.emplace(folder / "journal", limits);
  }

  static std::string id(int number) { return "01J000000000000000000000" + std::to_string(number); }

  void add(int number, bool finished, std::chrono::hours age = {}) {
    protocol::Command command;
    command.id = id(number);
    command.name = "compose.up";
    command.duration_ms = 5;
    command.arguments.data = std::string{"\0\xff", 2};
    journal->begin(command);
    if (!finished) return;
    protocol::CommandResult result;
    result.command_id = command.id;
    result.succeeded = true;
    result.exit_code = 3;
    result.last_lines = {"a"};
    journal->finish(result);
    const auto when = std::chrono::file_clock::from_sys(SystemClock{}.now() - age);
    std::filesystem::last_write_time(journal->folder_of(command.id) / "result.json", when);
  }
  [[nodiscard]] bool kept(int number) const {
    return std::filesystem::exists(journal->folder_of(id(number)));
  }

  TempFolder folder;
  JournalLimits limits;
  std::optional<Journal> journal;
};

TEST_F(JournalTest, KeepsACommandAndItsResultAsTheyWere) {
  add(10, true);
  const auto command = journal->command(id(10));
  ASSERT_TRUE(command.has_value());
  EXPECT_EQ(command->name, "compose.up");
  EXPECT_EQ(command->duration_ms, 5);
  EXPECT_EQ(command->arguments.data, (std::string{"\0\xff", 2}));
  const auto result = journal->result(id(10));
  ASSERT_TRUE(result.has_value());
  EXPECT_EQ(result->exit_code, 3);
  EXPECT_THAT(result->last_lines, ElementsAre("a"));
}

TEST_F(JournalTest, KnowsWhatIsNotFinishedInTheOrderOfItsIds) {
  add(12, false);
  add(11, true);
  add(10, false);
  make_folder(folder / "journal/lost+found");
  EXPECT_THAT(journal->unfinished(), ElementsAre(id(10), id(12)));
}

TEST_F(JournalTest, AnswersNothingForWhatItDoesNotHave) {
  EXPECT_FALSE(journal->command(id(10)));
  EXPECT_FALSE(journal->result(id(10)));
  EXPECT_FALSE(journal->outcome(id(10)));
  EXPECT_FALSE(journal->spec(id(10)));
}

TEST_F(JournalTest, ADamagedFileIsAsGoodAsNone) {
  add(10, true);
  std::ofstream{journal->folder_of(id(10)) / "result.json"} << "{\"succeeded\": 7";
  EXPECT_FALSE(journal->result(id(10)));
  std::ofstream{journal->folder_of(id(10)) / "outcome.json"} << "[]";
  EXPECT_FALSE(journal->outcome(id(10)));
}

TEST_F(JournalTest, ASpecSurvivesItsText) {
  add(10, false);
  runner::Spec spec;
  spec.service = "notes";
  spec.locks = {"folder /srv/notes"};
  spec.steps.push_back({"up", {"docker", "compose"}, "/srv/notes", true});
  spec.environment = {{"A", "\"b\"\n"}};
  spec.unset = {"C"};
  spec.deadline_ns = 7;
  journal->plan(id(10), spec);
  const auto read = journal->spec(id(10));
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(read->service, "notes");
  EXPECT_EQ(read->locks, spec.locks);
  ASSERT_EQ(read->steps.size(), 1U);
  EXPECT_EQ(read->steps[0].argv, spec.steps[0].argv);
  EXPECT_TRUE(read->steps[0].may_fail);
  EXPECT_EQ(read->environment, spec.environment);
  EXPECT_EQ(read->unset, spec.unset);
  EXPECT_EQ(read->deadline_ns, 7);
}

TEST_F(JournalTest, PruningTakesTheOldestFinishedOnesAndNoneThatIsUnderWay) {
  add(10, true, std::chrono::hours{5});
  add(11, false);
  for (int number = 12; number < 16; ++number) add(number, true, std::chrono::hours{20 - number});
  journal->prune();
  EXPECT_TRUE(kept(10));
  EXPECT_TRUE(kept(11));
  EXPECT_FALSE(kept(12));
  EXPECT_FALSE(kept(13));
  EXPECT_TRUE(kept(14));
  EXPECT_TRUE(kept(15));
}

TEST_F(JournalTest, NothingIsForgottenForItsAgeWhichAClockThatIsSetWouldTell) {
  add(10, true, std::chrono::hours{24 * 400});
  add(11, true);
  journal->prune();
  EXPECT_TRUE(kept(10));
  EXPECT_TRUE(kept(11));
}

TEST_F(JournalTest, AResultIsTheNewestAlsoWhenTheClockWasSetBackBeforeIt) {
  // Finished while the clock was a day ahead.
  for (const int number : {10, 11, 12}) add(number, true, std::chrono::hours{-14 - number});
  protocol::CommandResult result;
  for (const int number : {13, 14}) {
    add(number, false);
    result.command_id = id(number);
    journal->finish(result);
    journal->prune();
  }
  EXPECT_FALSE(kept(10));
  EXPECT_FALSE(kept(11));
  EXPECT_TRUE(kept(12));
  EXPECT_TRUE(kept(13));
  EXPECT_TRUE(kept(14));
}

TEST_F(JournalTest, PruningKeepsTheDiskFree) {
  limits.bytes = 50'000;
  journal.emplace(folder / "journal", limits);
  add(10, true, std::chrono::hours{2});
  add(11, true, std::chrono::hours{1});
  for (const int number : {10, 11}) {
    std::ofstream{journal->folder_of(id(number)) / "output.log"} << std::string(30'000, 'x');
  }
  journal->prune();
  EXPECT_FALSE(kept(10));
  EXPECT_TRUE(kept(11));
}

}  // namespace
}  // namespace portoser::agent::actions
