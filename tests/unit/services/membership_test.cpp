#include "agent/engine/compose_labels.h"

#include <gtest/gtest.h>

#include <fstream>
#include <unistd.h>

namespace portoser::agent::engine {
namespace {

struct LabelCase {
  std::string name;
  std::string working_dir;
  std::string config_files;
  bool belongs = false;
};
void PrintTo(const LabelCase& one, std::ostream* out) {
  *out << one.name;
}

Container labelled(const std::string& working_dir, const std::string& config_files) {
  Container container;
  container.labels = {{"com.docker.compose.project", "notes"},
                      {"com.docker.compose.service", "web"},
                      {"com.docker.compose.oneoff", "False"},
                      {"com.docker.compose.project.working_dir", working_dir},
                      {"com.docker.compose.project.config_files", config_files}};
  return container;
}

ComposeIdentity notes() {
  return identify_compose({"/no/such/notes/docker-compose.yml"}, "", "");
}

class Labels : public testing::TestWithParam<LabelCase> {};

TEST_P(Labels, TellWhoseContainerItIs) {
  EXPECT_EQ(belongs_to(labelled(GetParam().working_dir, GetParam().config_files), notes()),
            GetParam().belongs);
}

INSTANTIATE_TEST_SUITE_P(
    Compose,
    Labels,
    testing::Values(
        LabelCase{"Absolute", "/no/such/notes", "/no/such/notes/docker-compose.yml", true},
        LabelCase{"Relative", "/no/such/notes", "docker-compose.yml", true},
        LabelCase{"TypedFromAbove", "/no/such/notes", "notes/docker-compose.yml", true},
        LabelCase{"TrailingSlash", "/no/such/notes/", "docker-compose.yml", true},
        LabelCase{
            "Several", "/no/such/notes", "/other/base.yml,/no/such/notes/docker-compose.yml", true},
        LabelCase{"NotNormal", "/no/such/notes", "/no/such/x/../notes/docker-compose.yml", true},
        LabelCase{"OtherFile", "/no/such/notes", "/no/such/notes/other.yml", false},
        LabelCase{"OtherFolder", "/no/such/wiki", "docker-compose.yml", false},
        LabelCase{"NoFile", "/no/such/notes", "", false},
        LabelCase{"NoFolder", "", "/no/such/notes/docker-compose.yml", false}),
    [](const auto& one) { return one.param.name; });

TEST(Membership, AOneOffRunBelongsToNobody) {
  auto container = labelled("/no/such/notes", "docker-compose.yml");
  container.labels["com.docker.compose.oneoff"] = "True";
  EXPECT_FALSE(belongs_to(container, notes()));
}

TEST(Membership, ServiceAndProjectNarrowIt) {
  const std::vector<std::string> files{"/no/such/notes/docker-compose.yml"};
  const auto container = labelled("/no/such/notes", "docker-compose.yml");
  EXPECT_TRUE(belongs_to(container, identify_compose(files, "notes", "web")));
  EXPECT_FALSE(belongs_to(container, identify_compose(files, "", "db")));
  EXPECT_FALSE(belongs_to(container, identify_compose(files, "wiki", "")));
}

TEST(Membership, TheFirstCandidateThatExistsCountsUnderEachOfItsNames) {
  std::string folder = "/tmp/portoser-labels-XXXXXX";
  ASSERT_NE(::mkdtemp(folder.data()), nullptr);
  std::filesystem::create_directory(folder + "/real");
  std::filesystem::create_directory_symlink("real", folder + "/link");
  std::ofstream{folder + "/real/compose.yml"} << "services: {}\n";
  const auto identity =
      identify_compose({folder + "/link/docker-compose.yml", folder + "/link/compose.yml"}, "", "");
  EXPECT_EQ(identity.file, folder + "/link/compose.yml");
  EXPECT_TRUE(belongs_to(labelled(folder + "/link", "compose.yml"), identity));
  EXPECT_TRUE(belongs_to(labelled(folder + "/real", folder + "/real/compose.yml"), identity));
  EXPECT_FALSE(belongs_to(labelled(folder + "/link", "docker-compose.yml"), identity));
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace portoser::agent::engine
