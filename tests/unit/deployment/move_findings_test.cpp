#include "controller/deployment/move_findings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace portoser::deployment {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

protocol::MoveBind bind(const std::string& path, const std::string& kind = "folder") {
  protocol::MoveBind bind;
  bind.path = path;
  bind.container = "web_1";
  bind.kind = kind;
  bind.bytes = 10;
  return bind;
}

class MoveFindings : public testing::Test {
 protected:
  MoveFindings() {
    inventory_.folder = "/srv/notes";
    inventory_.folder_bytes = 100;
  }
  MoveData data(const std::vector<std::string>& extra = {},
                const std::vector<std::string>& leave = {}) {
    return data_of_move(inventory_, "/opt/moved/notes/compose.yml", extra, leave);
  }
  static std::vector<std::string> shown(const std::vector<protocol::DataRoot>& roots) {
    std::vector<std::string> all;
    for (const auto& one : roots) {
      all.push_back(one.kind + " " + one.path + one.volume + one.image);
    }
    return all;
  }
  static std::vector<std::string> shown(const MoveData& data) {
    std::vector<std::string> all;
    for (const auto& one : data.findings) {
      all.push_back(one.severity + " " + one.reason + " " + one.subject);
    }
    return all;
  }

  protocol::MoveInventory inventory_;
};

TEST_F(MoveFindings, AllThatGoesAlongHasItsPlaceOnBothHosts) {
  protocol::MoveVolume volume;
  volume.volume = "notes_data";
  volume.labels = {{"a", "b"}};
  volume.options = {{"size", "10G"}};
  volume.bytes = 1000;
  inventory_.volumes = {volume};
  inventory_.images = {{"web", "notes:1", "sha256:1", 5}};
  inventory_.binds = {bind("/srv/photos"), bind("/srv/notes/data")};
  inventory_.binds[1].is_inside = true;
  const auto all = data({"/srv/photos/"});
  EXPECT_THAT(
      shown(all.source),
      ElementsAre("folder /srv/notes", "path /srv/photos", "volume notes_data", "image sha256:1"));
  EXPECT_THAT(
      shown(all.target),
      ElementsAre(
          "folder /opt/moved/notes", "path /srv/photos", "volume notes_data", "image sha256:1"));
  EXPECT_EQ(all.target[2].labels, volume.labels);
  EXPECT_EQ(all.target[2].options, volume.options);
  EXPECT_EQ(all.target[3].reference, "notes:1");
  EXPECT_EQ(all.bytes, 110);
  EXPECT_EQ(all.volume_bytes, 1000);
  EXPECT_THAT(shown(all), ElementsAre("info  /srv/photos"));
  EXPECT_THAT(all.needed_paths, IsEmpty());
}

TEST_F(MoveFindings, APathThatNobodyDecidedAboutIsAnErrorOnce) {
  inventory_.binds = {bind("/srv/photos"), bind("/srv/photos"), bind("/srv/photos-2")};
  const auto all = data({"/srv/photos-2", "", "photos"});
  EXPECT_THAT(shown(all), ElementsAre("error MOUNT_OUTSIDE /srv/photos", "info  /srv/photos-2"));
  const auto& hint = all.findings[0].hint;
  EXPECT_THAT(hint, HasSubstr("extra_paths"));
  EXPECT_THAT(hint, HasSubstr("leave_paths"));
  EXPECT_THAT(hint, HasSubstr("/srv/photos"));
  EXPECT_THAT(shown(all.source), ElementsAre("folder /srv/notes", "path /srv/photos-2"));
}

TEST_F(MoveFindings, WhatStaysBehindHasToBeThere) {
  inventory_.binds = {
      bind("/srv/photos"), bind("/srv/app.sock", "other"), bind("/srv/key", "file")};
  const auto all = data({}, {"/srv"});
  EXPECT_THAT(shown(all.source), ElementsAre("folder /srv/notes"));
  EXPECT_THAT(all.needed_paths, ElementsAre("/srv/photos", "/srv/key"));
  EXPECT_THAT(shown(all),
              ElementsAre("info  /srv/photos", "info  /srv/app.sock", "info  /srv/key"));
}

TEST_F(MoveFindings, ASingleFileGoesAlongOnlyInAFolderThatDoes) {
  inventory_.binds = {
      bind("/data/photos/key", "file"), bind("/data/photos"), bind("/srv/key", "file")};
  const auto all = data({"/data", "/srv/key"});
  EXPECT_THAT(shown(all.source), ElementsAre("folder /srv/notes", "path /data/photos"));
  EXPECT_THAT(shown(all),
              ElementsAre("info  /data/photos/key",
                          "info  /data/photos",
                          "info  /srv/key",
                          "error MOUNT_OUTSIDE /srv/key"));
}

TEST_F(MoveFindings, WhatIsOfTheSystemIsNeededUnlessItIsMadeAnew) {
  for (const auto* path :
       {"/etc/localtime", "/dev/dri", "/proc", "/sys/fs", "/run/x", "/var/run/x", "/developers"}) {
    inventory_.binds.push_back(bind(path));
    inventory_.binds.back().is_of_system = true;
  }
  const auto all = data({"/etc"});
  EXPECT_THAT(all.needed_paths, ElementsAre("/etc/localtime", "/developers"));
  EXPECT_THAT(shown(all), IsEmpty());
  EXPECT_THAT(shown(all.source), ElementsAre("folder /srv/notes"));
}

TEST_F(MoveFindings, TheLongerPathOfTwoListsCounts) {
  inventory_.binds = {bind("/data/notes"), bind("/data/cache/notes")};
  auto all = data({"/data"}, {"/data/cache"});
  EXPECT_THAT(shown(all.source), ElementsAre("folder /srv/notes", "path /data/notes"));
  EXPECT_THAT(all.needed_paths, ElementsAre("/data/cache/notes"));
  all = data({"/data"}, {"/data"});
  EXPECT_EQ(all.source.size(), 3U);
}

TEST_F(MoveFindings, APathInAnotherOneGoesWithIt) {
  inventory_.binds = {bind("/data/notes/deep"), bind("/data/notes"), bind("/data/notes-2")};
  const auto all = data({"/data"});
  EXPECT_THAT(shown(all.source),
              ElementsAre("folder /srv/notes", "path /data/notes", "path /data/notes-2"));
  EXPECT_EQ(all.bytes, 120);
}

TEST_F(MoveFindings, WhatCannotBeCopiedOrIsNotThereDoesNotGoAlong) {
  inventory_.binds = {bind("/srv/app.sock", "other"), bind("/srv/none", "missing")};
  const auto all = data({"/srv/app.sock"});
  EXPECT_THAT(shown(all), ElementsAre("error MOUNT_OUTSIDE /srv/app.sock", "info  /srv/none"));
  EXPECT_THAT(shown(all.source), ElementsAre("folder /srv/notes"));
}

}  // namespace
}  // namespace portoser::deployment
