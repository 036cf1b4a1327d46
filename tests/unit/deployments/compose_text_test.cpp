#include "agent/deployments/compose_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace portoser::agent::deployments {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(ComposeText, NamesItsEnvironmentFiles) {
  const auto found = env_files_of(
      "x-all: &all {env_file: common.env}\n"
      "services:\n"
      "  web: {image: a, env_file: [web.env, ../shared/all.env, /etc/app.env]}\n"
      "  db: {<<: *all, image: b}\n"
      "  job: {image: c, env_file: [{path: job.env, required: false}, '${NAME}.env', web.env]}\n",
      "/srv/notes/compose.yml");
  EXPECT_THAT(found.paths,
              ElementsAre("/srv/notes/.env",
                          "/srv/notes/web.env",
                          "/srv/shared/all.env",
                          "/etc/app.env",
                          "/srv/notes/common.env",
                          "/srv/notes/job.env"));
  EXPECT_THAT(found.unreadable, ElementsAre("${NAME}.env"));
}

TEST(ComposeText, NoYamlTellsNothing) {
  EXPECT_THAT(env_files_of("services: [", "/srv/a.yml").paths, ElementsAre("/srv/.env"));
  EXPECT_THAT(services_of("services: [").all, IsEmpty());
  EXPECT_THAT(services_of("services: 5").all, IsEmpty());
  EXPECT_THAT(services_with_other_images("services: [", "]", "/srv/a.yml"), IsEmpty());
  EXPECT_THAT(resolved_services(""), IsEmpty());
}

TEST(ComposeText, TellsWhatAProfileHoldsBack) {
  const auto named = services_of("services: {web: {image: a}, debug: {image: b, profiles: [x]}}");
  EXPECT_THAT(named.all, ElementsAre("debug", "web"));
  EXPECT_THAT(named.started, ElementsAre("web"));
}

TEST(ComposeText, KnowsWhichServicesGetAnotherImage) {
  const auto others = services_with_other_images(
      "services:\n  same: {image: a, ports: [1]}\n  tag: {image: 'b:1'}\n"
      "  made: {build: {context: ., args: {V: 1}}}\n  gone: {image: c}\n",
      "services:\r\n  same: {image: a, ports: [2]}\r\n  tag: {image: 'b:2'}\r\n"
      "  made: {build: {context: ., args: {V: 2}}}\r\n  new: {image: d}\r\n",
      "/srv/a.yml");
  EXPECT_THAT(others, ElementsAre("made", "new", "tag"));
}

TEST(ComposeText, NeedsComposeOnlyWhereNamesOfImagesHaveVariables) {
  const auto plain = plain_services(
      "x-a: &a {image: 'base:1'}\nservices:\n  web: {<<: *a, command: 'echo $A'}\n"
      "  app: {extends: web, build: .}\n  off: {image: '${X}', profiles: [p]}\n",
      "/srv/a.yml");
  ASSERT_TRUE(plain.has_value());
  ASSERT_EQ(plain->size(), 2U);
  EXPECT_EQ((*plain)[0].image, "base:1");
  EXPECT_FALSE((*plain)[0].is_built);
  EXPECT_EQ((*plain)[1].image, "base:1");
  EXPECT_TRUE((*plain)[1].is_built);
  EXPECT_FALSE(plain_services("services: {web: {image: 'app:${TAG}'}}", "/srv/a.yml"));
}

TEST(ComposeText, ManyWaysThroughMergeKeysTakeNoTime) {
  std::string text = "x-0: &a0 {image: a}\n";
  for (int i = 1; i < 16; ++i) {
    const auto before = "*a" + std::to_string(i - 1);
    text += "x-" + std::to_string(i) + ": &a" + std::to_string(i) + " {<<: [" + before;
    for (int more = 0; more < 9; ++more) text += ", " + before;
    text += "]}\n";
  }
  text += "services: {web: {<<: *a15}}\n";
  // Ten to the power of 15 maps have no such member.
  EXPECT_THAT(env_files_of(text, "/srv/a.yml").paths, ElementsAre("/srv/.env"));
  EXPECT_EQ(plain_services(text, "/srv/a.yml")->front().image, "a") << "the first way finds it";
}

TEST(ComposeText, ReadsWhatComposeResolved) {
  const auto services = resolved_services(
      "services:\n  app:\n    build: {context: /srv}\n  web: {image: 'nginx:1.25'}\n");
  ASSERT_EQ(services.size(), 2U);
  EXPECT_TRUE(services[0].is_built);
  EXPECT_EQ(services[0].image, "");
  EXPECT_EQ(services[1].image, "nginx:1.25");
}

}  // namespace
}  // namespace portoser::agent::deployments
