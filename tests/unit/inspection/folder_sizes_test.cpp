#include "agent/inspection/folder_sizes.h"

#include "common/file.h"
#include "tests/support/temp_folder.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <string>

namespace portoser::agent::inspection {
namespace {

namespace fs = std::filesystem;

bool never() {
  return false;
}

std::int64_t on_disk(const fs::path& path) {
  struct stat status {};
  EXPECT_EQ(::lstat(path.c_str(), &status), 0) << path;
  return static_cast<std::int64_t>(status.st_blocks) * 512;
}

TEST(FolderSizes, CountWhatTheDiskHolds) {
  const test::TempFolder folder{"sizes"};
  write_file_atomic(folder / "a", std::string(100'000, 'a'));
  make_folder(folder / "deep/deeper");
  write_file_atomic(folder / "deep/deeper/b", std::string(5'000, 'b'));
  const auto size = size_of(folder.path().string(), never);
  EXPECT_EQ(size.files, 2);
  EXPECT_TRUE(size.is_whole);
  EXPECT_EQ(size.bytes,
            on_disk(folder.path()) + on_disk(folder / "a") + on_disk(folder / "deep") +
                on_disk(folder / "deep/deeper") + on_disk(folder / "deep/deeper/b"));
}

TEST(FolderSizes, WhatHasTwoNamesCountsOnceAndALinkCountsAsItself) {
  const test::TempFolder folder{"sizes"};
  const test::TempFolder elsewhere{"sizes"};
  write_file_atomic(elsewhere / "large", std::string(1'000'000, 'x'));
  write_file_atomic(folder / "a", std::string(100'000, 'a'));
  fs::create_hard_link(folder / "a", folder / "b");
  fs::create_symlink(elsewhere.path(), folder / "link");
  const auto size = size_of(folder.path().string(), never);
  EXPECT_EQ(size.files, 2) << "the file once, and the link";
  EXPECT_LT(size.bytes, 500'000);
  EXPECT_TRUE(size.is_whole);
}

TEST(FolderSizes, TheRootMayBeALinkOrAFile) {
  const test::TempFolder folder{"sizes"};
  make_folder(folder / "real");
  write_file_atomic(folder / "real/a", std::string(100'000, 'a'));
  fs::create_symlink("real", folder / "named");
  EXPECT_EQ(size_of((folder / "named").string(), never).files, 1);
  const auto file = size_of((folder / "real/a").string(), never);
  EXPECT_EQ(file.files, 1);
  EXPECT_EQ(file.bytes, on_disk(folder / "real/a"));
}

TEST(FolderSizes, WhatIsNotThereOrTakesTooLongIsNotWhole) {
  const test::TempFolder folder{"sizes"};
  EXPECT_FALSE(size_of((folder / "none").string(), never).is_whole);
  for (int i = 0; i < 1000; ++i) std::ofstream{folder / std::to_string(i)} << i;
  int looks = 0;
  const auto size = size_of(folder.path().string(), [&] { return ++looks > 2; });
  EXPECT_FALSE(size.is_whole);
  EXPECT_GT(size.files, 0);
  EXPECT_LT(size.files, 1000);
}

}  // namespace
}  // namespace portoser::agent::inspection
