#include "agent/actions/compose_tool.h"

#include "tests/unit/actions/fixture.h"

namespace portoser::agent::actions {
namespace {

using testing::ElementsAre;

/// Both tools are scripts in a folder that is the whole PATH.
class ComposeToolTest : public ActionsTest {
 protected:
  ComposeToolTest() {
    old_path_ = ::getenv("PATH");
    ::setenv("PATH", (folder / "tool").c_str(), 1);
  }
  ~ComposeToolTest() override { ::setenv("PATH", old_path_.c_str(), 1); }

  void put(const std::string& program, const std::string& lines) const {
    write_file_atomic(folder / ("tool/" + program), "#!/bin/sh\n" + lines + "\n", 0755);
  }

  ComposeFinder finder;

  // Also for tests that need programs of the machine.
  std::string old_path_;
};

TEST_F(ComposeToolTest, PrefersVersionTwo) {
  put("docker", "echo v2.24.5");
  put("docker-compose", "echo 1.29.2");
  const auto tool = run(finder.find());
  EXPECT_THAT(tool.argv, ElementsAre("docker", "compose"));
  EXPECT_EQ(tool.version, "2.24.5");
  EXPECT_TRUE(tool.is_v2());
}

TEST_F(ComposeToolTest, ADockerWithoutThePluginLeavesTheOldOne) {
  put("docker", "echo \"docker: unknown command: docker compose\" >&2; exit 1");
  put("docker-compose", "echo 1.29.2");
  const auto tool = run(finder.find());
  EXPECT_THAT(tool.argv, ElementsAre("docker-compose"));
  EXPECT_FALSE(tool.is_v2());
}

TEST_F(ComposeToolTest, NoneIsAnErrorUntilSomebodyInstallsOne) {
  EXPECT_THROW(run(finder.find()), Error);
  put("docker-compose", "echo 1.29.2");
  EXPECT_EQ(run(finder.find()).version, "1.29.2");
}

TEST_F(ComposeToolTest, IsAskedOnceUntilItIsForgotten) {
  put("docker-compose", "echo 1.29.2");
  run(finder.find());
  put("docker-compose", "echo 1.29.3");
  EXPECT_EQ(run(finder.find()).version, "1.29.2");
  finder.forget();
  EXPECT_EQ(run(finder.find()).version, "1.29.3");
}

TEST_F(ComposeToolTest, TheHostsFactsHaveItsVersion) {
  ::setenv("PATH", old_path_.c_str(), 1);  // the fixture's own tool is a script of several programs
  EXPECT_EQ(run(actions->compose_version()), "1.29.2");
}

}  // namespace
}  // namespace portoser::agent::actions
