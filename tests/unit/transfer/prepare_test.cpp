#include "agent/transfer/discard.h"
#include "agent/transfer/receive.h"
#include "common/error.h"
#include "common/file.h"
#include "tests/support/temp_folder.h"
#include "tests/unit/transfer/fake_engine_data.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

namespace portoser::agent::transfer {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;

class Prepare : public testing::Test {
 protected:
  Prepare() {
    fs::create_directories(folder / "data");
    parameters.data = (folder / "data").string();
    parameters.move = "01J0000000000000000000000M";
    protocol::DataRoot files;
    files.kind = "folder";
    files.path = (folder / "apps/notes").string();
    protocol::DataRoot volume;
    volume.kind = "volume";
    volume.volume = "notes_data";
    volume.labels = {{"com.docker.compose.volume", "data"}};
    parameters.roots = {files, volume};
  }
  std::string prepare() {
    try {
      Receive{parameters, engine, folder / "data", "/nowhere", [this] { return mounts; }}.prepare();
    } catch (const Error& error) {
      return error.reason();
    }
    return "done";
  }

  test::TempFolder folder{"prepare"};
  Parameters parameters;
  FakeEngineData engine{folder / "volumes"};
  std::vector<std::string> mounts;
};

TEST_F(Prepare, MakesFolderAndVolumeAndSaysSoInTheNotes) {
  EXPECT_EQ(prepare(), "done");
  EXPECT_TRUE(fs::is_empty(folder / "apps/notes"));
  const auto& labels = engine.volumes.at("notes_data").labels;
  EXPECT_EQ(labels.at("portoser.move"), parameters.move);
  EXPECT_EQ(labels.at("com.docker.compose.volume"), "data");
  const auto notes = read_notes(parameters.data, parameters.move);
  ASSERT_TRUE(notes);
  ASSERT_EQ(notes->made.size(), 2U);
  EXPECT_FALSE(notes->made[0].was_there);
  EXPECT_THAT(notes->made[0].parents, ElementsAre((folder / "apps").string()));
}

TEST_F(Prepare, AgainChangesNothing) {
  EXPECT_EQ(prepare(), "done");
  write_file_atomic(folder / "apps/notes/copied", "x");
  const auto notes = read_file(notes_file(parameters.data, parameters.move));
  EXPECT_EQ(prepare(), "done");
  EXPECT_TRUE(fs::exists(folder / "apps/notes/copied"));
  EXPECT_EQ(read_file(notes_file(parameters.data, parameters.move)), notes);
}

TEST_F(Prepare, WhatIsNotOfThisMoveIsLeftAlone) {
  fs::create_directories(folder / "apps/notes");
  write_file_atomic(folder / "apps/notes/mine", "x");
  EXPECT_EQ(prepare(), "FOLDER_EXISTS");
  EXPECT_TRUE(engine.volumes.empty());
  EXPECT_FALSE(read_notes(parameters.data, parameters.move));
  fs::remove(folder / "apps/notes/mine");
  engine.create_volume("notes_data", {}, {{move_label, "another"}});
  EXPECT_EQ(prepare(), "VOLUME_EXISTS");
  EXPECT_FALSE(read_notes(parameters.data, parameters.move));
}

TEST_F(Prepare, AnEmptyFolderIsTaken) {
  fs::create_directories(folder / "apps/notes");
  EXPECT_EQ(prepare(), "done");
  EXPECT_TRUE(read_notes(parameters.data, parameters.move)->made[0].was_there);
}

TEST_F(Prepare, WhatIsKeptFromAnEarlierMoveMayBeReplaced) {
  fs::create_directories(folder / "apps/notes");
  write_file_atomic(folder / "apps/notes/old", "x");
  engine.create_volume("notes_data", {}, {{move_label, "another"}});
  parameters.may_replace = {(folder / "apps/notes").string(), "volume:notes_data"};
  EXPECT_EQ(prepare(), "done");
  const auto notes = read_notes(parameters.data, parameters.move);
  EXPECT_TRUE(notes->made[0].replaced);
  EXPECT_TRUE(notes->made[1].replaced);
  // The next pass does not need to be told again.
  parameters.may_replace.clear();
  EXPECT_EQ(prepare(), "done");
}

TEST_F(Prepare, IsInTheNotesBeforeItIsThere) {
  engine.is_away = true;
  EXPECT_EQ(prepare(), "ENGINE_UNAVAILABLE");
  const auto notes = read_notes(parameters.data, parameters.move);
  ASSERT_TRUE(notes);
  EXPECT_NE(notes->find({}, "notes_data"), nullptr);
  engine.is_away = false;
  EXPECT_EQ(prepare(), "done");
}

TEST_F(Prepare, AFolderOfTheHostIsRefused) {
  parameters.roots[0].path = "/srv";
  EXPECT_EQ(prepare(), "FOLDER_REFUSED");
  parameters.roots[0].path = (folder / "data/x").string();
  EXPECT_EQ(prepare(), "FOLDER_REFUSED");
}

TEST_F(Prepare, WhatIsKeptAndInUseIsNotWrittenOver) {
  fs::create_directories(folder / "apps/notes");
  write_file_atomic(folder / "apps/notes/old", "x");
  engine.create_volume("notes_data", {}, {{move_label, "another"}});
  parameters.may_replace = {(folder / "apps/notes").string(), "volume:notes_data"};
  ContainerUse container;
  container.name = "backup";
  container.volumes = {"notes_data"};
  engine.list = {container};
  EXPECT_EQ(prepare(), "VOLUME_IN_USE");
  container.volumes.clear();
  container.paths = {(folder / "apps/notes/old").string()};
  engine.list = {container};
  EXPECT_EQ(prepare(), "VOLUME_IN_USE");
  EXPECT_FALSE(read_notes(parameters.data, parameters.move));
  container.paths = {(folder / "apps/other").string()};
  engine.list = {container};
  EXPECT_EQ(prepare(), "done");
}

TEST_F(Prepare, AMountBelowIsNotWrittenThrough) {
  fs::create_directories(folder / "apps/notes");
  const auto real = fs::canonical(folder / "apps/notes").string();
  mounts = {"/", real};
  EXPECT_EQ(prepare(), "done") << "a disk of its own is fine";
  mounts = {real + "/media"};
  EXPECT_EQ(prepare(), "FOLDER_REFUSED");
  mounts = {fs::canonical(engine.volumes.at("notes_data").folder).string() + "/media"};
  EXPECT_EQ(prepare(), "FOLDER_REFUSED");
}

TEST_F(Prepare, ALinkToWhatIsKeptIsFollowed) {
  fs::create_directories(folder / "disk/notes");
  write_file_atomic(folder / "disk/notes/old", "x");
  fs::create_directories(folder / "apps");
  fs::create_directory_symlink(folder / "disk/notes", folder / "apps/notes");
  const auto real = fs::canonical(folder / "disk/notes").string();
  parameters.may_replace = {real};
  EXPECT_EQ(prepare(), "done");
  const auto notes = read_notes(parameters.data, parameters.move);
  ASSERT_TRUE(notes);
  EXPECT_EQ(notes->made[0].path, real);
  EXPECT_TRUE(notes->made[0].replaced);
  EXPECT_TRUE(fs::is_symlink(folder / "apps/notes"));
  parameters.may_replace.clear();
  EXPECT_EQ(prepare(), "done");
  EXPECT_EQ(read_notes(parameters.data, parameters.move)->made.size(), 2U);
}

TEST_F(Prepare, ALinkOnTheWayToWhatIsKeptIsFollowed) {
  fs::create_directories(folder / "disk/notes");
  write_file_atomic(folder / "disk/notes/old", "x");
  fs::create_directory_symlink(folder / "disk", folder / "apps");
  EXPECT_EQ(prepare(), "FOLDER_EXISTS");
  parameters.may_replace = {fs::canonical(folder / "disk/notes").string()};
  EXPECT_EQ(prepare(), "done");
}

TEST_F(Prepare, ALinkIsNoFolder) {
  fs::create_directories(folder / "elsewhere");
  fs::create_directories(folder / "apps");
  fs::create_directory_symlink(folder / "elsewhere", folder / "apps/notes");
  EXPECT_EQ(prepare(), "FOLDER_EXISTS");
}

}  // namespace
}  // namespace portoser::agent::transfer
