#include "agent/inspection/move_paths.h"

#include "common/file.h"
#include "tests/support/temp_folder.h"

#include <gtest/gtest.h>

#include <filesystem>

namespace portoser::agent::inspection {
namespace {

namespace fs = std::filesystem;

/// A service in <root>/real/notes, to which <root>/notes leads too.
class MovePaths : public testing::Test {
 protected:
  MovePaths() {
    make_folder(root_ / "real/notes/data");
    make_folder(root_ / "disk/data");
    write_file_atomic(root_ / "real/notes/compose.yml", "services: {}\n");
    fs::create_symlink("real/notes", root_ / "notes");
    folder_ = folder_of(path("notes/compose.yml"));
  }
  [[nodiscard]] std::string path(const std::string& rest) const { return (root_ / rest).string(); }
  /// "inside real/notes/data", without the root.
  [[nodiscard]] std::string shown(const HostPath& place) const {
    const auto base = root_.path().string() + "/";
    const auto rest = place.path.starts_with(base) ? place.path.substr(base.size()) : place.path;
    return (place.is_inside ? "inside " : "outside ") + rest;
  }
  [[nodiscard]] std::string of_file(const std::string& rest) const {
    return shown(in_file(path(rest), folder_));
  }
  [[nodiscard]] std::string of_container(const std::string& rest) const {
    return shown(in_container(path(rest), folder_));
  }

  test::TempFolder root_{"move-paths"};
  ServiceFolder folder_;
};

TEST_F(MovePaths, TheFolderHasTwoNames) {
  EXPECT_EQ(folder_.named, path("notes"));
  EXPECT_EQ(folder_.real, fs::canonical(root_ / "real/notes").string());
  EXPECT_EQ(of_file("notes/data"), "inside real/notes/data");
  EXPECT_EQ(of_file("real/notes/data/"), "inside real/notes/data");
  EXPECT_EQ(of_file("notes"), "inside real/notes");
  EXPECT_EQ(of_file("notes/none/yet"), "inside real/notes/none/yet");
  EXPECT_EQ(of_file("notes-2"), "outside notes-2");
  EXPECT_EQ(of_file("notes/../disk"), "outside disk");
}

TEST_F(MovePaths, WhatALinkInTheFolderLeadsToHasToBeThere) {
  fs::create_symlink(path("disk/data"), root_ / "real/notes/far");
  fs::create_symlink("data", root_ / "real/notes/near");
  fs::create_symlink("near", root_ / "real/notes/nearer");
  EXPECT_EQ(of_file("notes/far"), "outside disk/data");
  EXPECT_EQ(of_file("notes/far/deep"), "outside disk/data/deep");
  EXPECT_EQ(of_file("notes/nearer/x"), "inside real/notes/data/x");
}

TEST_F(MovePaths, ALinkOutsideOfTheFolderIsAskedForByItsOwnName) {
  fs::create_symlink(path("disk/data"), root_ / "store");
  fs::create_symlink(path("store"), root_ / "real/notes/by-store");
  EXPECT_EQ(of_file("store"), "outside store");
  EXPECT_EQ(of_file("notes/by-store"), "outside store") << "it is followed no further";
}

TEST_F(MovePaths, AContainerMayKnowTheFolderByAnotherName) {
  fs::create_symlink(path("real"), root_ / "other");
  EXPECT_EQ(of_container("other/notes/data"), "inside real/notes/data");
  EXPECT_EQ(of_file("other/notes/data"), "outside other/notes/data")
      << "compose will look for that very name";
  EXPECT_EQ(of_container("disk"), "outside disk");
}

TEST_F(MovePaths, LinksInACircleEnd) {
  fs::create_symlink("two", root_ / "real/notes/one");
  fs::create_symlink("one", root_ / "real/notes/two");
  EXPECT_EQ(of_file("notes/one").substr(0, 7), "outside");
}

TEST_F(MovePaths, KindsAreThoseOfWhatIsThere) {
  EXPECT_EQ(kind_of(path("notes")), "folder");
  EXPECT_EQ(kind_of(path("notes/compose.yml")), "file");
  EXPECT_EQ(kind_of(path("none")), "missing");
  EXPECT_EQ(kind_of("/dev/null"), "other");
}

TEST(SystemPaths, AreThoseThatEveryHostHas) {
  const std::string engine = "/var/lib/docker";
  for (const auto* path : {"/",
                           "/etc/localtime",
                           "/var/run/docker.sock",
                           "/run/docker.sock",
                           "/dev/ttyUSB0",
                           "/proc",
                           "/sys/fs/cgroup",
                           "/var/lib/docker",
                           "/run/../run/x"}) {
    EXPECT_TRUE(is_of_system(path, false, engine)) << path;
  }
  for (const auto* path : {"/srv/data",
                           "/etc/notes",
                           "/var/lib/docker/volumes/x/_data",
                           "/var/log/notes",
                           "/devices",
                           "/usr/local/notes"}) {
    EXPECT_FALSE(is_of_system(path, false, engine)) << path;
  }
  for (const auto* path : {"/var/log", "/var/lib/docker/containers", "/etc/ssl/certs"}) {
    EXPECT_TRUE(is_of_system(path, true, engine)) << path;
  }
  EXPECT_FALSE(is_of_system("/etc/notes", true, engine));
  EXPECT_FALSE(is_of_system("/var/lib/docker/x", true, "")) << "who knows where the engine is";
}

TEST(SharedFolders, AreThoseThatHoldMoreThanAService) {
  const std::vector<std::string> precious{"/var/lib/portoser", "/mnt/disk/docker", ""};
  for (const auto* folder : {"/",
                             "/srv",
                             "/root",
                             "/home/eva",
                             "/var/lib",
                             "/usr/local",
                             "/run/notes",
                             "/var/lib/portoser",
                             "/var/lib/portoser/x",
                             "/mnt/disk",
                             "/mnt/disk/docker/volumes/x"}) {
    EXPECT_NE(why_shared(folder, precious), "") << folder;
  }
  for (const auto* folder : {"/srv/notes",
                             "/home/eva/notes",
                             "/root/notes",
                             "/opt/notes",
                             "/var/lib/notes",
                             "/mnt/disk/notes",
                             "/usr/local/notes"}) {
    EXPECT_EQ(why_shared(folder, precious), "") << folder;
  }
}

}  // namespace
}  // namespace portoser::agent::inspection
