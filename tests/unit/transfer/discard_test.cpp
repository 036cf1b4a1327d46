#include "agent/transfer/discard.h"

#include "common/error.h"
#include "common/file.h"
#include "tests/support/temp_folder.h"
#include "tests/unit/transfer/fake_engine_data.h"

#include <gtest/gtest.h>

#include <filesystem>

namespace portoser::agent::transfer {
namespace {

namespace fs = std::filesystem;

class DiscardTest : public testing::Test {
 protected:
  DiscardTest() {
    parameters.data = (folder / "data").string();
    parameters.move = "01J0000000000000000000000M";
    fs::create_directories(folder / "data");
    fs::create_directories(folder / "apps/notes");
    write_file_atomic(folder / "apps/notes/docker-compose.yml", "services: {}\n");
  }
  void make_volume(const std::string& name, const std::string& move) {
    engine.create_volume(name, {}, {{move_label, move}});
  }
  [[nodiscard]] std::string at(const char* name) const { return (folder / name).string(); }
  protocol::DataRoot root(const std::string& kind, const std::string& path) const {
    protocol::DataRoot out;
    out.kind = kind;
    (kind == "volume" ? out.volume : out.path) = path;
    return out;
  }
  MadeRoot made(const std::string& kind, const std::string& path) const {
    MadeRoot out;
    out.kind = kind;
    (kind == "volume" ? out.volume : out.path) = path;
    return out;
  }
  void note(std::vector<MadeRoot> roots) const {
    MoveNotes notes;
    notes.move = parameters.move;
    notes.made = std::move(roots);
    write_notes(parameters.data, notes);
  }
  std::string run() {
    try {
      Discard{parameters, engine, [this] { return mounts; }}.run();
    } catch (const Error& error) {
      return error.reason();
    }
    return "done";
  }

  test::TempFolder folder{"discard"};
  Parameters parameters;
  FakeEngineData engine{folder / "volumes"};
  std::vector<std::string> mounts;
};

TEST_F(DiscardTest, WithoutNotesThereIsNothingToDo) {
  make_volume("notes_data", parameters.move);
  EXPECT_EQ(run(), "done");
  EXPECT_TRUE(engine.volumes.contains("notes_data"));
}

TEST_F(DiscardTest, WhatTheNotesNameGoesAndTheyGoLast) {
  make_volume("notes_data", parameters.move);
  auto folder_root = made("folder", at("apps/notes"));
  folder_root.parents = {at("apps")};
  note({folder_root, made("volume", "notes_data"), made("volume", "never_made")});
  EXPECT_EQ(run(), "done");
  EXPECT_FALSE(fs::exists(folder / "apps"));
  EXPECT_TRUE(engine.volumes.empty());
  EXPECT_FALSE(read_notes(parameters.data, parameters.move));
  EXPECT_EQ(run(), "done");
}

TEST_F(DiscardTest, AVolumeOfSomebodyElseStays) {
  make_volume("notes_data", "another");
  note({made("volume", "notes_data")});
  EXPECT_EQ(run(), "done");
  EXPECT_TRUE(engine.volumes.contains("notes_data"));
}

TEST_F(DiscardTest, AVolumeThatWasKeptStaysUnlessItIsAskedFor) {
  make_volume("notes_data", "another");
  auto root_made = made("volume", "notes_data");
  root_made.was_there = root_made.replaced = true;
  note({root_made});
  EXPECT_EQ(run(), "done");
  EXPECT_TRUE(engine.volumes.contains("notes_data"));
  parameters.roots = {root("volume", "notes_data")};
  EXPECT_EQ(run(), "done");
  EXPECT_TRUE(engine.volumes.empty());
}

TEST_F(DiscardTest, APathThatWasHereBeforeStaysUnlessItIsAskedFor) {
  auto kept = made("path", at("apps/notes"));
  kept.was_there = kept.replaced = true;
  note({kept, made("path", at("apps/new"))});
  fs::create_directories(folder / "apps/new");
  ContainerUse container;
  container.name = "player";
  container.paths = {at("apps/notes")};
  engine.list = {container};
  EXPECT_EQ(run(), "done");
  EXPECT_TRUE(fs::exists(folder / "apps/notes/docker-compose.yml"));
  EXPECT_FALSE(fs::exists(folder / "apps/new"));
  EXPECT_FALSE(read_notes(parameters.data, parameters.move));
  engine.list.clear();
  parameters.roots = {root("path", at("apps/notes"))};
  EXPECT_EQ(run(), "done");
  EXPECT_FALSE(fs::exists(folder / "apps/notes"));
}

TEST_F(DiscardTest, AFolderThatWasThereEmptyIsEmptyAgain) {
  auto root_made = made("folder", at("apps/notes"));
  root_made.was_there = true;
  note({root_made});
  EXPECT_EQ(run(), "done");
  EXPECT_TRUE(fs::is_empty(folder / "apps/notes"));
}

TEST_F(DiscardTest, AParentThatSomebodyUsesStays) {
  write_file_atomic(folder / "apps/other", "x");
  auto root_made = made("folder", at("apps/notes"));
  root_made.parents = {at("apps")};
  note({root_made});
  EXPECT_EQ(run(), "done");
  EXPECT_FALSE(fs::exists(folder / "apps/notes"));
  EXPECT_TRUE(fs::exists(folder / "apps/other"));
}

TEST_F(DiscardTest, JustTheGivenRootsGo) {
  make_volume("notes_data", "another");
  make_volume("other", parameters.move);
  parameters.roots = {root("folder", at("apps/notes")), root("volume", "notes_data")};
  EXPECT_EQ(run(), "done");
  EXPECT_FALSE(fs::exists(folder / "apps/notes"));
  EXPECT_FALSE(engine.volumes.contains("notes_data"));
  EXPECT_TRUE(engine.volumes.contains("other"));
  EXPECT_EQ(run(), "done");
}

TEST_F(DiscardTest, WhatAContainerUsesStaysWithAllTheRest) {
  make_volume("notes_data", parameters.move);
  parameters.roots = {root("folder", at("apps/notes")), root("volume", "notes_data")};
  ContainerUse container;
  container.name = "web";
  container.volumes = {"notes_data"};
  engine.list = {container};
  EXPECT_EQ(run(), "VOLUME_IN_USE");
  container.volumes.clear();
  container.paths = {at("apps/notes/data")};
  engine.list = {container};
  EXPECT_EQ(run(), "VOLUME_IN_USE");
  container.paths.clear();
  container.compose_folder = at("apps/notes");
  engine.list = {container};
  EXPECT_EQ(run(), "VOLUME_IN_USE");
  EXPECT_TRUE(fs::exists(folder / "apps/notes/docker-compose.yml"));
  EXPECT_TRUE(engine.volumes.contains("notes_data"));
  container.compose_folder = at("apps/other");
  container.paths = {at("apps"), at("apps/notes2")};
  engine.list = {container};
  EXPECT_EQ(run(), "done");
}

TEST_F(DiscardTest, OneRefusalKeepsAll) {
  make_volume("notes_data", parameters.move);
  parameters.roots = {root("volume", "notes_data"), root("folder", "/")};
  EXPECT_EQ(run(), "FOLDER_REFUSED");
  parameters.roots = {root("volume", "notes_data"), root("folder", at("data"))};
  EXPECT_EQ(run(), "FOLDER_REFUSED");
  parameters.roots = {root("volume", "notes_data"), root("folder", at("apps/notes"))};
  mounts = {at("apps/notes/media")};
  EXPECT_EQ(run(), "FOLDER_REFUSED");
  EXPECT_TRUE(engine.volumes.contains("notes_data"));
  EXPECT_TRUE(fs::exists(folder / "apps/notes/docker-compose.yml"));
}

}  // namespace
}  // namespace portoser::agent::transfer
