#include "agent/inspection/environment_keys.h"

#include "common/file.h"
#include "tests/support/temp_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace portoser::agent::inspection {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

class EnvironmentKeys : public testing::Test {
 protected:
  void write(const std::string& name, const std::string& text) {
    write_file_atomic(folder_.path() / name, text);
  }
  std::vector<std::string> names(const std::string& compose_text, const std::string& service = "") {
    std::vector<std::string> all;
    for (const auto& key :
         environment_keys(folder_.path() / "compose.yml", compose_text, service, "key")) {
      all.push_back(key.file + " " + key.name);
    }
    return all;
  }
  std::string fingerprint() {
    return environment_keys(folder_.path() / "compose.yml", "", "", "key").at(0).fingerprint;
  }

  test::TempFolder folder_;
};

TEST(EnvironmentFile, IsReadAsComposeReadsIt) {
  const auto lines =
      parse_environment("# a comment\n\n A = b \nexport C=\"d e\"\r\nF='g=h'\nONLY\n=nothing\n");
  std::vector<std::string> all;
  for (const auto& line : lines) all.push_back(line.name + "=" + line.value);
  EXPECT_THAT(all, ElementsAre("A=b", "C=d e", "F=g=h", "ONLY="));
}

TEST_F(EnvironmentKeys, AreThoseOfTheFolderAndOfFilesThatTheServiceNames) {
  write(".env", "TAG=1\n");
  write("web.env", "PASSWORD=secret\n");
  write("db.env", "ROOT=secret\n");
  const std::string compose = R"(
services:
  web: {image: a, env_file: web.env}
  db: {image: b, env_file: [{path: db.env, required: false}, gone.env]}
)";
  EXPECT_THAT(names(compose), ElementsAre(".env TAG", "web.env PASSWORD", "db.env ROOT"));
  EXPECT_THAT(names(compose, "db"), ElementsAre(".env TAG", "db.env ROOT"));
  EXPECT_THAT(names("services: ["), ElementsAre(".env TAG"))
      << "compose itself refuses such a file";
}

TEST_F(EnvironmentKeys, AFingerprintTellsAChangeAndNotTheValue) {
  write(".env", "PASSWORD=secret\n");
  const auto first = fingerprint();
  EXPECT_THAT(first, Not(HasSubstr("secret")));
  write(".env", "PASSWORD=other\n");
  EXPECT_NE(fingerprint(), first);
  write(".env", "PASSWORD=other\nPASSWORD=secret\n");
  EXPECT_EQ(fingerprint(), first) << "of two lines the later counts";
}

}  // namespace
}  // namespace portoser::agent::inspection
