#include "common/file.h"

#include "common/disk.h"
#include "common/error.h"
#include "common/ids.h"
#include "tests/support/small_disk.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <unistd.h>

namespace portoser {
namespace {

class File : public testing::Test {
 protected:
  File() : folder_(std::filesystem::temp_directory_path() / ("portoser-file-" + random_hex(6))) {
    std::filesystem::create_directories(folder_);
  }
  ~File() override { std::filesystem::remove_all(folder_); }
  std::filesystem::path folder_;
};

TEST_F(File, IsReplacedWholeWithItsMode) {
  const auto path = folder_ / "key";
  write_file_atomic(path, "one", 0600);
  write_file_atomic(path, "two", 0600);
  EXPECT_EQ(read_file(path), "two");
  struct stat status {};
  ASSERT_EQ(::stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator{folder_}, {}), 1)
      << "a temporary file was left behind";
}

TEST_F(File, ThatIsMissingIsNotFound) {
  try {
    read_file(folder_ / "absent");
    FAIL() << "read";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::not_found);
  }
}

TEST_F(File, LargerThanTheLimitIsRefused) {
  write_file_atomic(folder_ / "big", std::string(100, 'x'));
  EXPECT_EQ(read_file(folder_ / "big", 100).size(), 100U);
  EXPECT_THROW(read_file(folder_ / "big", 99), Error);
}

TEST_F(File, OnAFullDiskKeepsWhatItHadAndSaysWhy) {
  if (::geteuid() != 0) GTEST_SKIP() << "mounting a small disk needs root";
  const test::SmallDisk disk{folder_ / "disk", 1};
  const auto path = folder_ / "disk/key";
  write_file_atomic(path, "one", 0600);
  disk.fill();
  try {
    write_file_atomic(path, "two", 0600);
    FAIL() << "written";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::unavailable);
    EXPECT_EQ(error.reason(), "DISK_FULL");
    EXPECT_NE(error.message().find((folder_ / "disk").string() + " is full"), std::string::npos)
        << error.message();
  }
  EXPECT_EQ(read_file(path), "one");
  EXPECT_TRUE(disk_room(path).is_full());
  disk.make_room();
  EXPECT_FALSE(disk_room(path).is_full());
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator{folder_ / "disk"}, {}), 1)
      << "a temporary file was left behind";
}

TEST_F(File, LockIsHeldByOneAndGivenBack) {
  {
    const FileLock lock{folder_ / "lock"};
    EXPECT_THROW(FileLock{folder_ / "lock"}, Error);
  }
  EXPECT_NO_THROW(FileLock{folder_ / "lock"});
}

}  // namespace
}  // namespace portoser
