#include "tests/unit/storage/storage_test.h"

#include <sys/mount.h>
#include <sys/resource.h>

#include <csignal>
#include <cstring>
#include <fstream>
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
    if (::mount("tmpfs", folder_.c_str(), "tmpfs", 0, "size=2m") != 0) {
      GTEST_SKIP() << "cannot mount a small tmpfs: " << std::strerror(errno);
    }
    mounted_ = true;
  }
  void TearDown() override {
    close();
    if (mounted_) {
      ::umount2(folder_.c_str(), MNT_DETACH);
    }
  }

 private:
  bool mounted_ = false;
};

TEST_F(FullDisk, IsNamedAndStoringGoesOnWhenThereIsRoom) {
  open();
  EventStore events{*database_};
  run(events.append({event(1)}));
  const auto ballast = folder_ / "ballast";
  std::ofstream{ballast} << std::string(4'000'000, 'x');
  const auto error = error_of([&] { run(events.append({large_event(2, 500'000)})); });
  EXPECT_EQ(error.reason(), "STORAGE_FAILED");
  EXPECT_NE(error.message().find("full"), std::string::npos) << error.message();
  std::filesystem::remove(ballast);
  EXPECT_GT(run(events.append({large_event(2, 500'000)}))[0], 0);
  EXPECT_EQ(run(events.list({})).size(), 2U);
}

}  // namespace
}  // namespace portoser::storage
