#include "agent/transfer/folders.h"

#include "common/error.h"
#include "common/file.h"
#include "tests/support/temp_folder.h"

#include <gtest/gtest.h>

#include <filesystem>

namespace portoser::agent::transfer {
namespace {

namespace fs = std::filesystem;

class Folders : public testing::Test {
 protected:
  Folders() {
    fs::create_directories(folder / "data");
    fs::create_directories(folder / "apps/notes/deep/er");
    write_file_atomic(folder / "apps/notes/deep/file", "x");
  }
  [[nodiscard]] std::string at(const char* name) const { return (folder / name).string(); }
  /// The reason; "fine": it may be removed.
  [[nodiscard]] std::string judge(const std::string& path,
                                  const std::vector<std::string>& mounts = {}) const {
    try {
      check_removable(path, folder / "data", mounts);
    } catch (const Error& error) {
      return error.reason();
    }
    return "fine";
  }

  test::TempFolder folder{"folders"};
};

TEST_F(Folders, OneOfAServiceMayBeRemoved) {
  EXPECT_EQ(judge(at("apps/notes")), "fine");
  EXPECT_EQ(judge(at("apps/notes/")), "fine");
  EXPECT_EQ(judge(at("apps/gone")), "fine");
}

TEST_F(Folders, WhatBelongsToTheHostIsRefused) {
  for (const auto* path : {"/", "//", "/srv", "/srv/", "/srv/.", "", "apps/notes", "/srv/x/.."}) {
    EXPECT_EQ(judge(path), "FOLDER_REFUSED") << path;
  }
}

TEST_F(Folders, TheAgentsOwnIsRefusedFromAboveAndBelow) {
  fs::create_directories(folder / "data/journal");
  EXPECT_EQ(judge(at("data")), "FOLDER_REFUSED");
  EXPECT_EQ(judge(at("data/journal")), "FOLDER_REFUSED");
  EXPECT_EQ(judge(folder.path().string()), "FOLDER_REFUSED");
  fs::create_directory_symlink(folder / "data", folder / "apps/other");
  EXPECT_EQ(judge(at("apps/other/journal")), "FOLDER_REFUSED");
}

TEST_F(Folders, ALinkIsRefused) {
  fs::create_directory_symlink(folder / "apps/notes", folder / "link");
  EXPECT_EQ(judge(at("link")), "FOLDER_REFUSED");
  EXPECT_EQ(judge(at("link/")), "FOLDER_REFUSED");
  fs::create_directory_symlink("/", folder / "apps/all");
  EXPECT_EQ(judge(at("apps/all/srv")), "FOLDER_REFUSED");
}

TEST_F(Folders, AMountPointIsRefused) {
  EXPECT_EQ(judge(at("apps/notes"), {at("apps/notes")}), "FOLDER_REFUSED");
  EXPECT_EQ(judge(at("apps/notes"), {at("apps/notes/deep")}), "FOLDER_REFUSED");
  EXPECT_EQ(judge(at("apps/notes"), {"/", at("apps"), at("apps/notes2")}), "fine");
  fs::create_directory_symlink(folder / "apps", folder / "way");
  EXPECT_EQ(judge(at("way/notes"), {at("apps/notes/deep")}), "FOLDER_REFUSED");
}

TEST_F(Folders, AFileIsRefused) {
  EXPECT_EQ(judge(at("apps/notes/deep/file")), "FOLDER_REFUSED");
}

TEST_F(Folders, ATreeGoesWholeAndLinksAreNotFollowed) {
  fs::create_directories(folder / "outside");
  write_file_atomic(folder / "outside/kept", "x");
  fs::create_directory_symlink(folder / "outside", folder / "apps/notes/out");
  fs::create_symlink(folder / "outside/kept", folder / "apps/notes/deep/file-out");
  remove_tree(at("apps/notes"), false);
  EXPECT_FALSE(fs::exists(folder / "apps/notes"));
  EXPECT_TRUE(fs::exists(folder / "outside/kept"));
  EXPECT_TRUE(fs::exists(folder / "apps"));
  EXPECT_NO_THROW(remove_tree(at("apps/notes"), false));
  EXPECT_NO_THROW(remove_tree(at("no/such/way"), false));
}

TEST_F(Folders, AFolderThatStaysIsEmptied) {
  remove_tree(at("apps/notes/"), true);
  EXPECT_TRUE(fs::is_empty(folder / "apps/notes"));
}

TEST(IsWithin, GoesByWholeNames) {
  EXPECT_TRUE(is_within("/srv/notes", "/srv/notes"));
  EXPECT_TRUE(is_within("/srv/notes/x", "/srv/notes"));
  EXPECT_FALSE(is_within("/srv/notes2", "/srv/notes"));
  EXPECT_FALSE(is_within("/srv", "/srv/notes"));
  EXPECT_TRUE(is_within("/srv", "/"));
}

}  // namespace
}  // namespace portoser::agent::transfer
