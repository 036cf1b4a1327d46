#include "common/mount_points.h"

#include "tests/support/temp_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

namespace portoser {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(MountPoints, AreReadWithTheirEscapes) {
  EXPECT_THAT(mount_points_from("22 1 254:0 / / rw,relatime - ext4 /dev/vda rw\n"
                                "30 22 0:26 / /srv/my\\040disk rw shared:5 - tmpfs tmpfs rw\n"
                                "odd\n"),
              ElementsAre("/", "/srv/my disk"));
}

TEST(MountPoints, OfThisHostAreKnown) {
  EXPECT_THAT(mount_points(), testing::Contains("/proc"));
}

TEST(MountsBelow, AreThoseInTheFolderAndNotTheFolderItself) {
  EXPECT_THAT(
      mounts_below("/srv/notes", {"/", "/srv", "/srv/notes", "/srv/notes2", "/srv/notes/x/y"}),
      ElementsAre("/srv/notes/x/y"));
  EXPECT_THAT(mounts_below("/srv/notes/", {"/srv/notes/x"}), ElementsAre("/srv/notes/x"));
  EXPECT_THAT(mounts_below("/srv/notes", {}), IsEmpty());
}

TEST(MountsBelow, GoByWhereLinksLead) {
  const test::TempFolder folder{"mounts-below"};
  std::filesystem::create_directories(folder / "real");
  std::filesystem::create_directory_symlink(folder / "real", folder / "link");
  const auto mount = (std::filesystem::canonical(folder / "real") / "x").string();
  EXPECT_THAT(mounts_below((folder / "link").string(), {mount}), ElementsAre(mount));
}

}  // namespace
}  // namespace portoser
