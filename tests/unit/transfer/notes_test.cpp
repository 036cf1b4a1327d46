#include "agent/transfer/notes.h"

#include "common/error.h"
#include "common/file.h"
#include "tests/support/temp_folder.h"

#include <gtest/gtest.h>

namespace portoser::agent::transfer {
namespace {

const std::string move = "01J0000000000000000000000M";

TEST(MoveNotes, AreReadAsTheyWereWritten) {
  const test::TempFolder data{"notes"};
  EXPECT_FALSE(read_notes(data.path(), move));
  MoveNotes notes;
  notes.move = move;
  notes.service = "notes";
  MadeRoot root;
  root.kind = "folder";
  root.path = "/srv/apps/notes";
  root.was_there = true;
  root.parents = {"/srv/apps"};
  notes.made = {root};
  write_notes(data.path(), notes);
  const auto read = read_notes(data.path(), move);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->made, notes.made);
  EXPECT_EQ(read->service, "notes");
  EXPECT_NE(read->find("/srv/apps/notes", {}), nullptr);
  EXPECT_EQ(read->find("/srv/apps", {}), nullptr);
  remove_notes(data.path(), move);
  EXPECT_FALSE(read_notes(data.path(), move));
  EXPECT_NO_THROW(remove_notes(data.path(), move));
}

TEST(MoveNotes, ThatAreDamagedAreNotTakenForNone) {
  const test::TempFolder data{"notes"};
  make_folder(data / "moves");
  write_file_atomic(notes_file(data.path(), move), "{\"made\":");
  EXPECT_THROW(read_notes(data.path(), move), Error);
}

TEST(MoveNotes, AnIdCannotLeadElsewhere) {
  for (const auto* id : {"", "..", "../x", "a/b", ".hidden"}) {
    EXPECT_THROW(notes_file("/var/lib/x", id), Error) << id;
  }
}

}  // namespace
}  // namespace portoser::agent::transfer
