#include "agent/actions/compose_file.h"

#include "common/file.h"
#include "tests/unit/actions/fixture.h"

namespace portoser::agent::actions {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class ComposeFile : public testing::Test {
 protected:
  RebuildNeeds needs(const std::string& text, const std::string& service = {}) const {
    write_file_atomic(folder / "compose.yml", text);
    return rebuild_needs((folder / "compose.yml").string(), service);
  }
  TempFolder folder;
};

TEST_F(ComposeFile, WhatHasABuildIsBuiltAndTheOthersArePulled) {
  const auto found = needs(R"(
services:
  web: {build: ., image: mine/web}
  worker:
    build: {context: ./worker}
  db: {image: postgres:16}
  local: {image: mine/local, pull_policy: never}
  old: {image: mine/old, pull_policy: missing}
  older: {image: mine/older, pull_policy: if_not_present}
  eager: {image: mine/eager, pull_policy: always}
  debug: {image: tools, profiles: [debug]}
)");
  EXPECT_THAT(found.build, ElementsAre("web", "worker"));
  EXPECT_THAT(found.pull, ElementsAre("db", "eager"));
}

TEST_F(ComposeFile, ASingleServiceIsLookedAtAlone) {
  const std::string text = "services: {web: {build: .}, db: {image: x, profiles: [p]}}\n";
  EXPECT_THAT(needs(text, "web").build, ElementsAre("web"));
  EXPECT_THAT(needs(text, "web").pull, IsEmpty());
  EXPECT_THAT(needs(text, "db").pull, ElementsAre("db"));
  EXPECT_THAT(needs(text, "none").pull, IsEmpty());
}

TEST_F(ComposeFile, MergeKeysAndAliasesAreFollowed) {
  const auto found = needs(R"(
x-base: &base
  build: .
services:
  web:
    <<: *base
  two:
    <<: [{pull_policy: never}, {image: x}]
)");
  EXPECT_THAT(found.build, ElementsAre("web"));
  EXPECT_THAT(found.pull, IsEmpty());
}

TEST_F(ComposeFile, ExtendsIsFollowedAlsoIntoAnotherFileAndNotInACircle) {
  write_file_atomic(folder / "base.yml", "services: {base: {build: .}}\n");
  const auto found = needs(R"(
services:
  web: {extends: {file: base.yml, service: base}}
  twin: {extends: web}
  one: {extends: other, image: x}
  other: {extends: one, image: x}
)");
  EXPECT_THAT(found.build, ElementsAre("web", "twin"));
  EXPECT_THAT(found.pull, ElementsAre("one", "other"));
}

TEST_F(ComposeFile, WhatIsNoComposeFileHasNoNeeds) {
  for (const auto* text : {"services: [", "", "- a\n", "services: 3\n", "services: {web: 3}\n"}) {
    const auto found = needs(text);
    EXPECT_THAT(found.build, IsEmpty()) << text;
    EXPECT_THAT(found.pull, IsEmpty()) << text;
  }
}

}  // namespace
}  // namespace portoser::agent::actions
