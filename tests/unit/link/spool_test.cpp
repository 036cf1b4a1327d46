#include "agent/link/spool.h"

#include "common/error.h"
#include "common/file.h"
#include "common/log_counts.h"
#include "tests/support/await.h"
#include "tests/support/small_disk.h"
#include "tests/support/temp_folder.h"
#include "tests/unit/link/full_disk.h"
#include "tests/unit/link/sequence_range.h"

#include <gtest/gtest.h>

#include <fstream>
#include <optional>
#include <unistd.h>
#include <vector>

namespace portoser::agent::link {
namespace {

using test::FullDisk;
using test::TempFolder;

std::int64_t append(Spool& spool, const std::string& text) {
  return spool.append([&](std::int64_t sequence) { return text + " " + std::to_string(sequence); });
}

void append_many(Spool& spool, int count, const std::string& text = "event") {
  for (int i = 0; i < count; ++i) {
    append(spool, text);
  }
}

std::vector<std::int64_t> numbers(Spool& spool, std::int64_t after = 0) {
  std::vector<std::int64_t> found;
  while (const auto record = spool.read_after(after)) {
    EXPECT_TRUE(record->payload.ends_with(" " + std::to_string(record->number)));
    after = record->number;
    found.push_back(after);
  }
  return found;
}

std::filesystem::path only_segment(const std::filesystem::path& folder) {
  std::filesystem::path found;
  for (const auto& entry : std::filesystem::directory_iterator{folder}) {
    if (entry.path().extension() == ".log") found = entry.path();
  }
  return found;
}

/// The spool's folder as a crash would leave it: copied while it is in use.
void copy_in_use(const std::filesystem::path& from, const std::filesystem::path& to) {
  std::filesystem::remove_all(to);
  std::filesystem::copy(from, to);
}

TEST(Spool, GivesNumbersAndReadsBackInOrder) {
  const TempFolder folder;
  Spool spool{folder.path()};
  EXPECT_EQ(spool.last_sequence(), 0);
  EXPECT_EQ(append(spool, "first"), 1);
  EXPECT_EQ(append(spool, "second"), 2);
  EXPECT_EQ(numbers(spool), range(1, 2));
  EXPECT_EQ(numbers(spool, 1), range(2, 2));
  EXPECT_EQ(spool.read_after(0)->payload, "first 1");
}

TEST(Spool, KeepsMessagesAndEpochOverARestart) {
  const TempFolder folder;
  std::string epoch;
  {
    Spool spool{folder.path()};
    epoch = spool.epoch();
    append_many(spool, 3);
  }
  Spool spool{folder.path()};
  EXPECT_EQ(spool.epoch(), epoch);
  EXPECT_EQ(numbers(spool), range(1, 3));
  EXPECT_EQ(append(spool, "next"), 4);
}

TEST(Spool, EpochIsMadeWithTheFolder) {
  const TempFolder folder;
  const Spool one{folder.path() / "one"};
  const Spool other{folder.path() / "other"};
  EXPECT_EQ(one.epoch().size(), 32U);
  EXPECT_NE(one.epoch(), other.epoch());
}

TEST(Spool, AcknowledgedMessagesAreGoneAndTheNumbersGoOn) {
  const TempFolder folder;
  {
    Spool spool{folder.path()};
    append_many(spool, 5);
    EXPECT_TRUE(spool.ack(spool.epoch(), 3));
    EXPECT_EQ(numbers(spool), range(4, 5));
    EXPECT_TRUE(spool.ack(spool.epoch(), 5));
    EXPECT_EQ(spool.bytes(), 0U);
    EXPECT_TRUE(numbers(spool).empty());
  }
  Spool spool{folder.path()};
  EXPECT_EQ(spool.last_sequence(), 5);
  EXPECT_EQ(append(spool, "next"), 6);
  EXPECT_EQ(numbers(spool), range(6, 6));
}

TEST(Spool, AcknowledgementOfAnotherEpochChangesNothing) {
  const TempFolder folder;
  Spool spool{folder.path()};
  append_many(spool, 2);
  EXPECT_FALSE(spool.ack("another", 2));
  EXPECT_EQ(numbers(spool), range(1, 2));
}

TEST(Spool, AnOlderAcknowledgementChangesNothing) {
  const TempFolder folder;
  Spool spool{folder.path()};
  append_many(spool, 4);
  spool.ack(spool.epoch(), 3);
  spool.ack(spool.epoch(), 1);
  EXPECT_EQ(spool.acked_sequence(), 3);
  EXPECT_EQ(numbers(spool), range(4, 4));
}

TEST(Spool, GoesOnBehindAnAcknowledgementFromItsFuture) {
  const TempFolder folder;
  Spool spool{folder.path()};
  append_many(spool, 2);
  EXPECT_TRUE(spool.ack(spool.epoch(), 1000));
  EXPECT_EQ(append(spool, "next"), 1001);
  EXPECT_EQ(numbers(spool), range(1001, 1001));
}

TEST(Spool, UsesNoNumberTwiceAfterACrash) {
  const TempFolder folder;
  const auto crashed = folder.path() / "crashed";
  Spool spool{folder.path() / "spool"};
  append_many(spool, 3);
  copy_in_use(folder.path() / "spool", crashed);
  // What was written after the power went: sent, perhaps, and not on the disk.
  append_many(spool, 100);

  Spool after{crashed};
  EXPECT_EQ(after.epoch(), spool.epoch());
  EXPECT_EQ(numbers(after), range(1, 3));
  EXPECT_GT(append(after, "next"), spool.last_sequence());
}

TEST(Spool, ReservesFurtherNumbersBeforeTheyRunOut) {
  const TempFolder folder;
  const auto reserved = [&] {
    std::ifstream head{folder.path() / "head"};
    std::string title;
    std::string version;
    std::string epoch;
    std::int64_t next = 0;
    head >> title >> version >> epoch >> next;
    return next;
  };
  Spool spool{folder.path()};
  const auto first = reserved();
  ASSERT_TRUE(spool.ack(spool.epoch(), first - 10));
  append(spool, "event");
  test::await_until(
      "more is reserved", std::chrono::seconds{20}, [&] { return reserved() > first; });
  EXPECT_GT(reserved(), spool.last_sequence() + 1000);
}

TEST(Spool, BeginsANewEpochWithoutReusingNumbersWhenItsHeadIsDamaged) {
  const TempFolder folder;
  std::string epoch;
  {
    Spool spool{folder.path()};
    epoch = spool.epoch();
    append_many(spool, 3);
  }
  std::ofstream{folder.path() / "head"} << "garbage";
  Spool spool{folder.path()};
  EXPECT_NE(spool.epoch(), epoch);
  EXPECT_EQ(numbers(spool), range(1, 3));
  EXPECT_EQ(append(spool, "next"), 4);
}

TEST(Spool, SurvivesATearAtEveryByteOfTheLastRecord) {
  const TempFolder folder;
  const auto spool_folder = folder.path() / "spool";
  std::uint64_t before_last = 0;
  {
    Spool spool{spool_folder};
    append_many(spool, 2);
    before_last = spool.bytes();
    append_many(spool, 1);
  }
  const auto size = std::filesystem::file_size(only_segment(spool_folder));
  ASSERT_GT(size, before_last + 16);
  for (auto cut = before_last; cut < size; ++cut) {
    const auto torn = folder.path() / "torn";
    copy_in_use(spool_folder, torn);
    std::filesystem::resize_file(only_segment(torn), cut);
    Spool spool{torn};
    EXPECT_EQ(numbers(spool), range(1, 2)) << "cut at " << cut;
    EXPECT_EQ(append(spool, "next"), 4) << "cut at " << cut;
    EXPECT_EQ(numbers(spool, 2), range(4, 4)) << "cut at " << cut;
    EXPECT_EQ(spool.corrupt(), 0) << "cut at " << cut;
  }
}

TEST(Spool, CutsOffATailOfZeros) {
  const TempFolder folder;
  {
    Spool spool{folder.path()};
    append_many(spool, 2);
  }
  const auto file = only_segment(folder.path());
  std::filesystem::resize_file(file, std::filesystem::file_size(file) + 4096);
  Spool spool{folder.path()};
  EXPECT_EQ(numbers(spool), range(1, 2));
  append(spool, "next");
  EXPECT_EQ(numbers(spool), range(1, 3));
}

TEST(Spool, SkipsADamagedRecordWhicheverByteIsWrong) {
  const TempFolder folder;
  const auto spool_folder = folder.path() / "spool";
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  {
    Spool spool{spool_folder};
    append_many(spool, 1);
    begin = spool.bytes();
    append_many(spool, 1);
    end = spool.bytes();
    append_many(spool, 2);
  }
  const auto good = read_file(only_segment(spool_folder));
  for (auto at = begin; at < end; ++at) {
    const auto damaged = folder.path() / "damaged";
    copy_in_use(spool_folder, damaged);
    auto bytes = good;
    bytes[at] = static_cast<char>(bytes[at] ^ 0x55);
    std::ofstream{only_segment(damaged), std::ios::binary} << bytes;
    Spool spool{damaged};
    EXPECT_EQ(numbers(spool), (std::vector<std::int64_t>{1, 3, 4})) << "byte " << at;
    EXPECT_EQ(spool.corrupt(), 1) << "byte " << at;
    spool.ack(spool.epoch(), 3);
    EXPECT_EQ(numbers(spool), range(4, 4)) << "byte " << at;
    EXPECT_EQ(spool.corrupt(), 1) << "byte " << at;
  }
}

TEST(Spool, DropsTheOldestOverItsLimitAndCountsThem) {
  const TempFolder folder;
  Spool spool{folder.path(), {.total_bytes = 4096, .segment_bytes = 1024}};
  append_many(spool, 100, std::string(100, 'x'));
  EXPECT_LE(spool.bytes(), 4096U);
  EXPECT_GT(spool.dropped(), 0);
  EXPECT_EQ(numbers(spool), range(spool.dropped() + 1, 100));
}

TEST(Spool, DeletesFilesThatAreAcknowledgedWhole) {
  const TempFolder folder;
  Spool spool{folder.path(), {.total_bytes = std::size_t{1} << 20U, .segment_bytes = 1024}};
  append_many(spool, 100, std::string(100, 'x'));
  const auto full = spool.bytes();
  spool.ack(spool.epoch(), 90);
  EXPECT_LT(spool.bytes(), full / 5);
  EXPECT_EQ(numbers(spool), range(91, 100));
}

TEST(Spool, ReadsOnWhileOlderMessagesAreAcknowledged) {
  const TempFolder folder;
  Spool spool{folder.path(), {.total_bytes = std::size_t{1} << 20U, .segment_bytes = 512}};
  append_many(spool, 50, std::string(50, 'x'));
  std::int64_t at = 0;
  for (std::int64_t expected = 1; expected <= 50; ++expected) {
    const auto record = spool.read_after(at);
    ASSERT_TRUE(record);
    EXPECT_EQ(record->number, expected);
    at = record->number;
    spool.ack(spool.epoch(), at - 2);
  }
  spool.ack(spool.epoch(), 50);
  append(spool, "next");
  EXPECT_EQ(spool.read_after(50)->number, 51);
}

TEST(Spool, KeepsMessagesInMemoryWhileTheDiskIsFull) {
  const TempFolder folder;
  {
    Spool spool{folder.path(), {.memory_records = 20}};
    {
      const FullDisk full{2000};
      append_many(spool, 30, std::string(100, 'x'));
      EXPECT_GT(spool.in_memory(), 0U);
      EXPECT_LE(spool.bytes(), 2000U);
      EXPECT_EQ(numbers(spool), range(1, 30));
      spool.retry_disk();
      EXPECT_GT(spool.in_memory(), 0U);
    }
    spool.retry_disk();
    EXPECT_EQ(spool.in_memory(), 0U);
    EXPECT_EQ(numbers(spool), range(1, 30));
  }
  Spool spool{folder.path()};
  EXPECT_EQ(numbers(spool), range(1, 30));
  EXPECT_EQ(spool.corrupt(), 0);
}

TEST(Spool, SaysThatWhatIsInMemoryAloneIsNotFlushed) {
  const TempFolder folder;
  Spool spool{folder.path()};
  const auto is_flushed = [&] {
    std::promise<bool> done;
    auto told = done.get_future();
    spool.tell_flushed(std::move(done));
    return told.get();
  };
  EXPECT_TRUE(is_flushed());
  {
    const FullDisk full{2000};
    append_many(spool, 30, std::string(100, 'x'));
    EXPECT_FALSE(is_flushed());
    spool.ack(spool.epoch(), 30);
    EXPECT_TRUE(is_flushed()) << "the controller has it";
    append_many(spool, 30, std::string(100, 'x'));
  }
  EXPECT_TRUE(is_flushed()) << "the disk takes it again";
  EXPECT_EQ(spool.in_memory(), 0U);
}

TEST(Spool, MemoryOfAFullDiskIsBounded) {
  const TempFolder folder;
  Spool spool{folder.path(), {.memory_records = 10}};
  const FullDisk full{1000};
  const auto errors = log::counts().errors;
  append_many(spool, 100, std::string(100, 'x'));
  EXPECT_EQ(log::counts().errors - errors, 2U) << "that it is full, and that events are dropped";
  EXPECT_EQ(spool.in_memory(), 10U);
  const auto left = numbers(spool);
  EXPECT_EQ(static_cast<std::int64_t>(left.size()) + spool.dropped(), 100);
  EXPECT_EQ(left.back(), 100);
}

/// A file system that has no page left, unlike a limit for files.
class SpoolOnAFullDisk : public testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "mounting a small disk needs root";
    disk_.emplace(folder_.path() / "disk", 1);
  }
  [[nodiscard]] std::filesystem::path spool() const { return folder_.path() / "disk/spool"; }
  /// What a crash would leave, on a disk with room.
  [[nodiscard]] std::filesystem::path crashed() const {
    copy_in_use(spool(), folder_.path() / "crashed");
    return folder_.path() / "crashed";
  }

  TempFolder folder_;
  std::optional<test::SmallDisk> disk_;
};

TEST_F(SpoolOnAFullDisk, UsesNoNumberTwiceAfterACrash) {
  std::string epoch;
  {
    Spool before{spool()};
    append_many(before, 3);
    before.ack(before.epoch(), 3);
    epoch = before.epoch();
  }
  disk_->fill();
  Spool full{spool()};
  append_many(full, 100, std::string(100, 'x'));
  Spool after{crashed()};
  EXPECT_EQ(after.epoch(), epoch);
  EXPECT_GT(append(after, "next"), full.last_sequence());
}

TEST_F(SpoolOnAFullDisk, HasNoRecordWithoutTheEpochThatItBelongsTo) {
  disk_->fill();
  Spool full{spool()};
  append_many(full, 3);
  EXPECT_EQ(full.in_memory(), 3U);
  EXPECT_EQ(numbers(full), range(1, 3));
  disk_->make_room();
  full.retry_disk();
  EXPECT_EQ(full.in_memory(), 0U);
  Spool after{crashed()};
  EXPECT_EQ(after.epoch(), full.epoch());
  EXPECT_EQ(numbers(after), range(1, 3));
}

TEST_F(SpoolOnAFullDisk, IsClosedWithWhatItSent) {
  std::string epoch;
  {
    Spool full{spool()};
    epoch = full.epoch();
    disk_->fill();
    append_many(full, 3);
    full.ack(full.epoch(), 3);
  }
  Spool after{spool()};
  EXPECT_EQ(after.epoch(), epoch);
  EXPECT_EQ(append(after, "next"), 4);
}

TEST(Spool, AcknowledgesWhatIsOnlyInMemory) {
  const TempFolder folder;
  Spool spool{folder.path()};
  const FullDisk full{500};
  append_many(spool, 10, std::string(100, 'x'));
  ASSERT_GT(spool.in_memory(), 1U);
  spool.ack(spool.epoch(), 9);
  EXPECT_EQ(numbers(spool), range(10, 10));
  spool.ack(spool.epoch(), 10);
  EXPECT_EQ(spool.in_memory(), 0U);
  EXPECT_EQ(spool.bytes(), 0U);
}

TEST(Spool, RefusesAFolderThatCannotBeMade) {
  const TempFolder folder;
  std::ofstream{folder.path() / "file"} << "in the way";
  EXPECT_THROW(Spool{folder.path() / "file" / "spool"}, Error);
}

}  // namespace
}  // namespace portoser::agent::link
