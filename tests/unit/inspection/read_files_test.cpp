#include "agent/inspection/read_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace portoser::agent::inspection {
namespace {

using testing::ElementsAre;

TEST(ReadFiles, AreTheFileItsEnvironmentAndWhatItNames) {
  constexpr auto text = R"(
include:
  - ../common/base.yml
  - path: [more.yml]
services:
  web:
    env_file: [web.env, /etc/notes.env, "${HOME}/own.env", ~/mine.env]
  db:
    env_file: db.env
    extends: {file: ../common/db.yml, service: db}
  log:
    extends: web
)";
  EXPECT_THAT(files_read_by_compose("/srv/notes/compose.yml", text, ""),
              ElementsAre("/srv/notes/compose.yml",
                          "/srv/notes/.env",
                          "/srv/notes/web.env",
                          "/etc/notes.env",
                          "/srv/notes/db.env",
                          "/srv/common/base.yml",
                          "/srv/notes/more.yml",
                          "/srv/common/db.yml"));
}

TEST(ReadFiles, OfWhatIsNoComposeFileAreTheTwoThatItHasAnyway) {
  for (const auto* text : {"", "services: [", "include: &all [*all]\n", "- a\n"}) {
    EXPECT_THAT(files_read_by_compose("/srv/compose.yml", text, "web"),
                ElementsAre("/srv/compose.yml", "/srv/.env"))
        << text;
  }
}

}  // namespace
}  // namespace portoser::agent::inspection
