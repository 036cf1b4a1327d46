#include "agent/deployments/kept_deployments.h"

#include "common/error.h"
#include "common/file.h"
#include "tests/support/temp_folder.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

namespace portoser::agent::deployments {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::IsEmpty;

std::string id(int number) {
  return fmt::format("deploy-20261130-120000-{:08x}", number);
}

class KeptDeploymentsTest : public testing::Test {
 protected:
  [[nodiscard]] static KeptDeployment some(const std::string& name) {
    KeptDeployment kept;
    kept.id = name;
    kept.service = "notes";
    kept.file = "/srv/notes/compose.yml";
    kept.env_files = {{"/srv/notes/.env", true, 0600, 0, 0, "00"},
                      {"/srv/notes/web.env", false, 0, 0, 0, ""}};
    kept.images = {{"web", "notes_web_1", "nginx:1", "sha256:1", "portoser-kept/notes-web:x"}};
    return kept;
  }
  void write(const std::string& name) const {
    store.write(some(name), "text of " + name + "\r\n", {"A=\xff", ""});
  }
  [[nodiscard]] std::vector<std::string> ids() const {
    std::vector<std::string> out;
    for (const auto& kept : store.list("notes")) out.push_back(kept.id);
    return out;
  }

  test::TempFolder folder{"kept"};
  KeptDeployments store{folder.path()};
};

TEST_F(KeptDeploymentsTest, GivesBackWhatWasWritten) {
  write(id(1));
  const auto kept = store.find("notes", id(1));
  ASSERT_TRUE(kept.has_value());
  auto expected = some(id(1));
  EXPECT_EQ(*kept, expected);
  EXPECT_EQ(store.text(*kept), "text of " + id(1) + "\r\n");
  EXPECT_EQ(store.env_file(*kept, 0), "A=\xff");
  EXPECT_EQ(store.env_file(*kept, 1), "");
}

TEST_F(KeptDeploymentsTest, NewestIsWhatWasWrittenLastWhateverItsNameSays) {
  write(id(9));
  write(id(3));
  write(id(5));
  EXPECT_THAT(ids(), ElementsAre(id(5), id(3), id(9)));
}

TEST_F(KeptDeploymentsTest, NobodyElseMayReadThem) {
  write(id(1));
  for (const auto& entry : fs::recursive_directory_iterator{folder / "deployments"}) {
    struct stat facts {};
    ASSERT_EQ(::stat(entry.path().c_str(), &facts), 0);
    EXPECT_EQ(facts.st_mode & 077U, 0U) << entry.path();
  }
}

TEST_F(KeptDeploymentsTest, ASecondWriteChangesNothing) {
  write(id(1));
  store.write(some(id(1)), "another text", {"", ""});
  EXPECT_EQ(store.text(store.find("notes", id(1)).value()), "text of " + id(1) + "\r\n");
}

TEST_F(KeptDeploymentsTest, WhatIsHalfThereIsNotListedAndWrittenAnew) {
  const auto room = store.folder_of("notes");
  make_folder(room / id(1));
  write_file_atomic(room / id(1) / "compose.yml", "half");
  make_folder(room / ("." + id(2) + ".new"));
  make_folder(room / id(3));
  write_file_atomic(room / id(3) / "deployment.json", "{");
  EXPECT_THAT(ids(), IsEmpty());
  write(id(1));
  write(id(2));
  EXPECT_THAT(ids(), ElementsAre(id(2), id(1)));
}

TEST_F(KeptDeploymentsTest, WhatRanBeforeACommandIsNoneOfThem) {
  const std::string command = "01ARZ3NDEKTSV4RRFFQ69G5FAV";
  write(command);
  write(id(1));
  EXPECT_THAT(ids(), ElementsAre(id(1)));
  EXPECT_FALSE(store.find("notes", command));
  ASSERT_TRUE(store.find_before("notes", command).has_value());
  EXPECT_EQ(store.list_before("notes").size(), 1U);
}

TEST_F(KeptDeploymentsTest, OnlyIdsAreLookedFor) {
  write(id(1));
  EXPECT_FALSE(store.find("notes", "../notes/" + id(1)));
  EXPECT_FALSE(store.find("notes", ""));
  EXPECT_FALSE(store.find("other", id(1)));
  EXPECT_TRUE(is_deployment_id("deploy-20261130-120000-0a1b2c3d"));
  for (const auto* wrong : {"deploy-20261130-120000-0A1B2C3D",
                            "deploy-20261130-120000-0a1b2c3",
                            "deploy-2026113x-120000-0a1b2c3d",
                            "undeploy-20261130-120000-0a1b2c",
                            "deploy-20261130_120000-0a1b2c3d"}) {
    EXPECT_FALSE(is_deployment_id(wrong)) << wrong;
  }
}

TEST_F(KeptDeploymentsTest, RemovedIsGone) {
  write(id(1));
  write(id(2));
  store.remove(store.find("notes", id(1)).value());
  EXPECT_THAT(ids(), ElementsAre(id(2)));
  EXPECT_FALSE(fs::exists(store.folder_of("notes") / id(1)));
}

}  // namespace
}  // namespace portoser::agent::deployments
