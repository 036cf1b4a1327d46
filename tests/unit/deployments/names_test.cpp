#include "agent/deployments/names.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace portoser::agent::deployments {
namespace {

TEST(KeptNames, AServiceCannotLeaveItsFolder) {
  EXPECT_EQ(folder_name("notes"), "notes");
  EXPECT_EQ(folder_name("My_App-2.0"), "My_App-2.0");
  EXPECT_EQ(folder_name(".."), "%2e.");
  EXPECT_EQ(folder_name("a/b"), "a%2fb");
  EXPECT_EQ(folder_name("a%2fb"), "a%252fb");
  EXPECT_EQ(folder_name("\xc3\xa9"), "%c3%a9");
  EXPECT_EQ(folder_name(""), "%");
}

TEST(KeptNames, LongNamesFitAndDiffer) {
  const std::string name(300, 'a');
  EXPECT_LT(folder_name(name).size(), 250U);
  EXPECT_NE(folder_name(name + "b"), folder_name(name + "c"));
}

TEST(KeptNames, ARepositoryIsWhatTheEngineTakes) {
  std::set<std::string> taken;
  EXPECT_EQ(kept_repository("notes", "web", taken), "portoser-kept/notes-web");
  EXPECT_EQ(kept_repository("My App", "__Web..1__", taken), "portoser-kept/my-app-web-1");
  EXPECT_EQ(kept_repository("\xc3\xa9", "", taken), "portoser-kept/x-x");
}

TEST(KeptNames, TwoServicesThatWouldShareARepositoryDoNot) {
  std::set<std::string> taken;
  EXPECT_EQ(kept_repository("notes", "web", taken), "portoser-kept/notes-web");
  EXPECT_EQ(kept_repository("notes", "Web", taken), "portoser-kept/notes-web-2");
  EXPECT_EQ(kept_repository("notes", "WEB", taken), "portoser-kept/notes-web-3");
}

TEST(KeptNames, ImagesAreTakenApart) {
  EXPECT_EQ(split_image("nginx").tag, "latest");
  EXPECT_EQ(split_image("nginx:1.25").tag, "1.25");
  EXPECT_EQ(split_image("host:5000/team/app").repository, "host:5000/team/app");
  EXPECT_EQ(split_image("host:5000/team/app").tag, "latest");
  EXPECT_EQ(split_image("host:5000/team/app:2").repository, "host:5000/team/app");
}

TEST(KeptNames, DigestsCannotBeGivenToAnotherImage) {
  EXPECT_TRUE(names_digest("nginx@sha256:00"));
  EXPECT_TRUE(names_digest("sha256:00"));
  EXPECT_TRUE(names_digest(std::string(64, 'a')));
  EXPECT_FALSE(names_digest("nginx:1.25"));
}

TEST(Names, AProjectIsNamedAsComposeDoes) {
  EXPECT_EQ(project_of("", "/srv/My Notes_2/compose.yml"), "mynotes_2");
  EXPECT_EQ(project_of("team", "/srv/My Notes_2/compose.yml"), "team");
}

}  // namespace
}  // namespace portoser::agent::deployments
