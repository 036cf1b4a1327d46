#include "agent/deployments/program/whole_file.h"

#include "common/error.h"
#include "common/file.h"
#include "tests/support/temp_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace portoser::agent::deployments {
namespace {

namespace fs = std::filesystem;

class WholeFileTest : public testing::Test {
 protected:
  [[nodiscard]] std::vector<std::string> names() const {
    std::vector<std::string> out;
    for (const auto& entry : fs::directory_iterator{folder.path()}) {
      out.push_back(entry.path().filename().string());
    }
    return out;
  }

  test::TempFolder folder{"whole-file"};
  fs::path path{folder / "compose.yml"};
};

TEST_F(WholeFileTest, KeepsEveryByteModeAndOwner) {
  const WholeFile file{std::string{"a: 1\r\nb: \0\xff\r\n", 14}, 0640, 12345, 54321};
  write_file_atomic(path, "before");
  put_whole(path, file, "one");
  EXPECT_EQ(read_whole(path), file);
  EXPECT_THAT(names(), testing::ElementsAre("compose.yml"));
}

TEST_F(WholeFileTest, ALinkStaysAndItsTargetIsReplaced) {
  make_folder(folder / "real");
  write_file_atomic(folder / "real/app.yml", "before");
  fs::create_symlink("real/app.yml", path);
  auto file = read_whole(path).value();
  file.text = "after";
  put_whole(path, file, "one");
  EXPECT_TRUE(fs::is_symlink(path));
  EXPECT_FALSE(fs::is_symlink(folder / "real/app.yml"));
  EXPECT_EQ(read_file(folder / "real/app.yml"), "after");
}

TEST_F(WholeFileTest, ALinkInALinkedFolderLeadsFromWhereItReallyLies) {
  make_folder(folder / "data/apps/app");
  make_folder(folder / "data/apps/shared");
  make_folder(folder / "shared");
  write_file_atomic(folder / "data/apps/shared/compose.yml", "before");
  write_file_atomic(folder / "shared/compose.yml", "another's");
  fs::create_directory_symlink(folder / "data/apps/app", folder / "lnk");
  fs::create_symlink("../shared/compose.yml", folder / "data/apps/app/docker-compose.yml");
  const auto named = folder / "lnk/docker-compose.yml";
  auto file = read_whole(named).value();
  file.text = "after";
  put_whole(named, file, "one");
  EXPECT_EQ(read_file(named), "after");
  EXPECT_EQ(read_file(folder / "data/apps/shared/compose.yml"), "after");
  EXPECT_EQ(read_file(folder / "shared/compose.yml"), "another's");
}

TEST_F(WholeFileTest, ALinkToNothingGetsItsTarget) {
  fs::create_symlink("later.env", folder / ".env");
  put_whole(folder / ".env", {"A=1", 0600, ::getuid(), ::getgid()}, "one");
  EXPECT_EQ(read_file(folder / "later.env"), "A=1");
}

TEST_F(WholeFileTest, WhatAKilledOneLeftIsRemovedAndOverwritten) {
  write_file_atomic(path, "before");
  write_file_atomic(folder / ".compose.yml.portoser-one.new", "half");
  put_whole(path, {"after", 0644, ::getuid(), ::getgid()}, "one");
  EXPECT_EQ(read_file(path), "after");
  write_file_atomic(folder / ".compose.yml.portoser-one.new", "half");
  remove_unfinished(path, "one");
  EXPECT_THAT(names(), testing::ElementsAre("compose.yml"));
}

TEST_F(WholeFileTest, WhatIsNoFileIsNotRead) {
  EXPECT_FALSE(read_whole(path));
  EXPECT_THROW(read_whole(folder.path()), Error);
  remove_whole(path);
}

}  // namespace
}  // namespace portoser::agent::deployments
