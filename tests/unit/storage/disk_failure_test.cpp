#include "tests/support/await.h"
#include "tests/support/small_disk.h"
#include "tests/unit/storage/storage_test.h"

#include <sys/resource.h>

#include <csignal>
#include <optional>
#include <unistd.h>

namespace portoser::storage {
namespace {

EventRecord large_event(std::int64_t sequence, std::size_t bytes) {
  auto record = event(sequence);
  record.details = std::string(bytes, 'x');
  return record;
}

/// Limits how large a file of this process may become, for as long as it lives.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) {
    std::signal(SIGXFSZ, SIG_IGN);
    ::getrlimit(RLIMIT_FSIZE, &before_);
    rlimit limited = before_;
    limited.rlim_cur = bytes;
    ::setrlimit(RLIMIT_FSIZE, &limited);
  }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;
  ~FileSizeLimit() { ::setrlimit(RLIMIT_FSIZE, &before_); }

 private:
  rlimit before_{};
};

/// Below the page cache of SQLite the commit fails, above it the statement does.
class WriteFailure : public StorageTest, public ::testing::WithParamInterface<std::size_t> {};

TEST_P(WriteFailure, FailsWhatWaitsAndWorksAgainAfterwards) {
  open();
  EventStore events{*database_};
  const auto stored = run(events.append({event(1)}));
  {
    const FileSizeLimit limit{600'000};
    const auto error = error_of([&] {
      run(events.append({event(2), large_event(3, GetParam())}));
    });
    EXPECT_EQ(error.code(), Code::unavailable);
    EXPECT_EQ(error.reason(), "STORAGE_FAILED");
    EXPECT_NE(error.message().find(path().string()), std::string::npos) << error.message();
    EXPECT_FALSE(error.hint().empty());
  }
  const auto later = run(events.append({event(2), large_event(3, GetParam())}));
  ASSERT_EQ(later.size(), 2U);
  EXPECT_GT(later[0], stored[0]);  // 0 would say that the failed one was stored after all
  EXPECT_GT(later[1], later[0]);
  EXPECT_GE(database_->stats().failures, 1U);
}

INSTANTIATE_TEST_SUITE_P(Sizes,
                         WriteFailure,
                         ::testing::Values(std::size_t{1'000'000}, std::size_t{9'000'000}),
                         [](const auto& size) { return std::to_string(size.param) + "Bytes"; });

class FullDisk : public StorageTest {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "mounting a small disk needs root";
    disk_.emplace(folder_, 2);
  }
  void TearDown() override {
    close();
    disk_.reset();
  }

  std::optional<test::SmallDisk> disk_;
};

TEST_F(FullDisk, IsNamedAndStoringGoesOnWhenThereIsRoom) {
  open();
  EventStore events{*database_};
  run(events.append({event(1)}));
  disk_->fill();
  const auto error = error_of([&] { run(events.append({large_event(2, 500'000)})); });
  EXPECT_EQ(error.reason(), "STORAGE_FAILED");
  EXPECT_NE(error.message().find("full"), std::string::npos) << error.message();
  disk_->make_room();
  EXPECT_GT(run(events.append({large_event(2, 500'000)}))[0], 0);
  EXPECT_EQ(run(events.list({})).size(), 2U);
}

TEST_F(FullDisk, IsAProblemUntilAWriteSucceeds) {
  open();
  EventStore events{*database_};
  run(events.append({event(1)}));
  EXPECT_FALSE(database_->stats().problem);
  disk_->fill();
  clock_.advance(std::chrono::hours{1});
  const auto began = clock_.now();
  error_of([&] { run(events.append({event(2)})); });
  clock_.advance(std::chrono::hours{1});
  error_of([&] { run(events.append({event(2)})); });
  const auto problem = database_->stats().problem;
  ASSERT_TRUE(problem);
  EXPECT_NE(problem->message.find("full"), std::string::npos) << problem->message;
  EXPECT_NE(problem->hint.find("make room"), std::string::npos) << problem->hint;
  EXPECT_EQ(problem->since, began);
  disk_->make_room();
  run(events.append({event(2)}));
  EXPECT_FALSE(database_->stats().problem);
}

TEST_F(FullDisk, StaysAProblemWhileOneRowFitsAndTheNextWouldNot) {
  open();
  EventStore events{*database_};
  run(events.append({event(1)}));
  disk_->fill_but(20);
  error_of([&] { run(events.append({large_event(2, 500'000)})); });
  ASSERT_TRUE(database_->stats().problem);
  run(events.append({event(2)}));
  EXPECT_TRUE(database_->stats().problem);
  disk_->make_room();
  run(events.append({event(3)}));
  EXPECT_FALSE(database_->stats().problem);
}

TEST_F(FullDisk, IsTriedAgainWhileNobodyWrites) {
  open();
  EventStore events{*database_};
  disk_->fill();
  error_of([&] { run(events.append({event(1)})); });
  ASSERT_TRUE(database_->stats().problem);
  disk_->make_room();
  test::await_until(
      "the writer has tried", std::chrono::minutes{1}, [&] { return !database_->stats().problem; });
}

TEST_F(FullDisk, LetsADatabaseBeOpenedAndReadAndNotWritten) {
  open();
  run(EventStore{*database_}.append({event(1)}));
  close();
  disk_->fill();
  open();
  EventStore events{*database_};
  EXPECT_EQ(run(events.list({})).size(), 1U);
  EXPECT_EQ(error_of([&] { run(events.append({event(2)})); }).reason(), "STORAGE_FAILED");
  disk_->make_room();
  run(events.append({event(2)}));
  EXPECT_EQ(run(events.list({})).size(), 2U);
}

TEST_F(FullDisk, HasNoPlaceForANewDatabaseAndSaysSo) {
  disk_->fill();
  const auto error = error_of([&] { open(); });
  EXPECT_EQ(error.reason(), "STORAGE_FAILED");
  EXPECT_NE(error.message().find("full"), std::string::npos) << error.message();
  EXPECT_NE(error.message().find(path().string()), std::string::npos) << error.message();
}

TEST_F(FullDisk, KeepsWhatTheLogHasWhenThereIsNoRoomToMoveItIntoTheFile) {
  open();
  EventStore events{*database_};
  std::int64_t sequence = 0;
  // Some 100 pages, all of them in the log still.
  while (sequence < 10) run(events.append({large_event(++sequence, 40'000)}));
  disk_->fill();
  close();  // would move them into the file, which cannot grow
  disk_->fill();
  open();
  EXPECT_EQ(run(EventStore{*database_}.list({})).size(), 10U);
  disk_->make_room();
  run(EventStore{*database_}.append({event(++sequence)}));
  close();
  open();
  EXPECT_EQ(run(EventStore{*database_}.list({})).size(), 11U);
}

}  // namespace
}  // namespace portoser::storage
