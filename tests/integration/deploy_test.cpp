// A change of a service that goes wrong is undone by its host, and what ran can be brought back.
#include "common/file.h"
#include "tests/integration/deploy_fixture.h"
#include "tests/support/await.h"
#include "tests/support/images.h"

#include <fmt/format.h>

namespace portoser::test {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

std::string text_of(const std::string& image, const std::string& more = "") {
  return "version: '3'\nservices:\n  web: {image: '" + image + "'" + more +
         ", restart: unless-stopped}\n";
}

class Deploy : public DeployTest {
 protected:
  Deploy() {
    make_image("app:1", "RUN touch /ok; echo 1 > /version");
    make_image("app:2", "RUN touch /ok; echo 2 > /version");
    // Its first process hears no SIGTERM: the way back must not wait for it.
    make_image("app:bad", "RUN echo bad > /version\nSTOPSIGNAL SIGTERM");
    project_.write(text_of("app:1"));
  }
  void start() {
    const auto result = deploy([](auto&) {});
    ASSERT_TRUE(result.succeeded) << result.message;
  }
};

TEST_F(Deploy, ANewTextRunsAndIsKept) {
  start();
  const auto result = deploy_text(text_of("app:2"), deployment_id(1));
  ASSERT_TRUE(result.succeeded) << result.message;
  EXPECT_EQ(text(), text_of("app:2"));
  EXPECT_THAT(what_runs(), ElementsAre(AllOf(HasSubstr(image_id("app:2")), HasSubstr("true"))));
  const auto kept = store_.find("notes", deployment_id(1));
  ASSERT_TRUE(kept.has_value());
  EXPECT_EQ(store_.text(*kept), text_of("app:2"));
  EXPECT_EQ(image_id("portoser-kept/notes-web:" + deployment_id(1)), image_id("app:2"));
  EXPECT_THAT(files(), ElementsAre("docker-compose.yml"));
}

TEST_F(Deploy, AnImageWhoseHealthDoesNotComeReturnsByItself) {
  start();
  const auto before = what_runs();
  const auto result = deploy_text(text_of("app:bad"), deployment_id(1));
  EXPECT_FALSE(result.succeeded);
  EXPECT_EQ(result.reason, "HEALTH_NOT_BACK");
  EXPECT_EQ(result.undone, "returned") << result.message;
  EXPECT_EQ(result.failed_step, "health");
  EXPECT_THAT(result.message, HasSubstr("what ran before runs again"));
  EXPECT_THAT(result.last_lines, Contains(HasSubstr("no /ok here")));
  EXPECT_EQ(what_runs(), before);
  EXPECT_THAT(events(), ElementsAre("start", "restart", "stop", "start")) << "none is a failure";
  EXPECT_EQ(text(), text_of("app:1"));
  EXPECT_FALSE(store_.find("notes", deployment_id(1)));
  EXPECT_THAT(files(), ElementsAre("docker-compose.yml"));
}

TEST_F(Deploy, ANameThatMeansAnotherImageNowIsGivenBack) {
  engine_.docker({"tag", "app:1", "app:latest"});
  project_.write(text_of("app:latest"));
  start();
  const auto before = what_runs();
  engine_.docker({"tag", "app:bad", "app:latest"});
  const auto result = deploy([](auto& arguments) { arguments.action = "restart"; });
  EXPECT_EQ(result.reason, "HEALTH_NOT_BACK");
  EXPECT_EQ(result.undone, "returned") << result.message;
  EXPECT_EQ(what_runs(), before);
}

TEST_F(Deploy, ARebuildThatIsNotWellReturns) {
  project_.write_file("Dockerfile", "FROM app:1\nRUN echo first > /version\n");
  project_.write("version: '3'\nservices:\n  web: {build: .}\n");
  auto rebuild = [](auto& arguments) { arguments.action = "rebuild"; };
  auto result = deploy(rebuild);
  ASSERT_TRUE(result.succeeded) << result.message;
  const auto before = what_runs();
  project_.write_file("Dockerfile", "FROM app:1\nRUN rm /ok\n");
  result = deploy(rebuild);
  EXPECT_EQ(result.reason, "HEALTH_NOT_BACK");
  EXPECT_EQ(result.undone, "returned") << result.message;
  EXPECT_EQ(what_runs(), before);
  project_.write_file("Dockerfile", "FROM app:1\nRUN exit 7\n");
  const auto id = container_id("web");
  result = deploy(rebuild);
  EXPECT_FALSE(result.succeeded);
  EXPECT_EQ(result.failed_step, "build");
  EXPECT_EQ(result.undone, "");
  EXPECT_EQ(container_id("web"), id) << "nothing was stopped";
}

TEST_F(Deploy, WhatCannotBeStartsNothingAndStopsNothing) {
  start();
  const auto id = container_id("web");
  auto result = deploy([&](auto& arguments) {
    arguments.replaces_text = true;
    arguments.text = text_of("app:2");
    arguments.revision = std::string(64, '0');
  });
  EXPECT_EQ(result.reason, "STALE_REVISION");
  EXPECT_EQ(result.code, "conflict");
  result = deploy_text("services:\n  web: [\n");
  EXPECT_EQ(result.reason, "COMPOSE_INVALID") << result.message;
  EXPECT_EQ(result.undone, "");
  result = deploy_text(text_of("127.0.0.1:1/portoser-test/absent"));
  EXPECT_EQ(result.reason, "IMAGE_MISSING") << result.message;
  EXPECT_EQ(result.failed_step, "images");
  result = deploy([](auto& arguments) {
    arguments.action = "restore";
    arguments.restore = deployment_id(7);
  });
  EXPECT_EQ(result.reason, "DEPLOYMENT_NOT_KEPT") << result.message;
  EXPECT_EQ(container_id("web"), id);
  EXPECT_EQ(text(), text_of("app:1"));
  EXPECT_THAT(files(), ElementsAre("docker-compose.yml"));
}

TEST_F(Deploy, ABrokenFileOfTheUsersOwnStopsNothing) {
  start();
  const auto id = container_id("web");
  project_.write("services:\n  web: [\n");
  const auto result = deploy([](auto& arguments) { arguments.action = "restart"; });
  EXPECT_EQ(result.reason, "COMPOSE_INVALID") << result.message;
  EXPECT_EQ(result.undone, "") << result.message;
  EXPECT_EQ(container_id("web"), id);
  EXPECT_EQ(text(), "services:\n  web: [\n");
}

TEST_F(Deploy, AServiceThatTheTextDropsIsGoneAndComesBackWithIt) {
  const auto both = text_of("app:1") + "  side: {image: 'app:1'}\n";
  project_.write(both);
  start();
  const auto before = what_runs();
  ASSERT_EQ(before.size(), 2U);
  const auto side = container_id("side");
  auto result = deploy_text(text_of("app:bad"));
  EXPECT_EQ(result.undone, "returned") << result.message;
  EXPECT_EQ(what_runs(), before);
  EXPECT_EQ(container_id("side"), side) << "with all that it wrote";
  result = deploy_text(text_of("app:2"));
  ASSERT_TRUE(result.succeeded) << result.message;
  EXPECT_EQ(what_runs().size(), 1U);
}

TEST_F(Deploy, WhatDidNotRunIsStoppedAgain) {
  project_.write(text_of("app:bad"));
  const auto result = deploy([](auto&) {});
  EXPECT_EQ(result.reason, "HEALTH_NOT_BACK");
  EXPECT_EQ(result.undone, "returned") << result.message;
  EXPECT_THAT(what_runs(), ElementsAre(HasSubstr("false")));
  const auto policy =
      engine_.docker({"inspect", "--format", "{{.HostConfig.RestartPolicy.Name}}", "notes_web_1"});
  EXPECT_EQ(policy, "no\n") << "a reboot must not start it";
}

TEST_F(Deploy, AContainerThatEndsReturnsWithItsExitCode) {
  start();
  const auto before = what_runs();
  const auto result = deploy_text(
      "version: '3'\nservices:\n  web: {image: 'app:1', command: [sh, -c, 'exit 3']}\n");
  EXPECT_EQ(result.reason, "CONTAINER_EXITED");
  EXPECT_EQ(result.exit_code, 3);
  EXPECT_EQ(result.undone, "returned") << result.message;
  EXPECT_EQ(what_runs(), before);
}

TEST_F(Deploy, ACancelReturns) {
  engine_.docker({"tag", "app:1", "app:latest"});
  project_.write(text_of("app:latest"));
  start();
  const auto before = what_runs();
  // Nobody ever makes that file, and it does not fail for as long as this test may take: health
  // comes neither before the cancel nor instead of it.
  make_image("app:waits", "HEALTHCHECK --interval=1s --retries=100000 CMD test -f /go");
  engine_.docker({"tag", "app:waits", "app:latest"});
  const auto id = send([&](auto& arguments) {
    arguments.action = "restart";
    arguments.health_ms = 300'000;
  });
  ASSERT_TRUE(await_step(id, "health"));
  cancel(id);
  const auto result = await_result(id);
  EXPECT_EQ(result.reason, "ACTION_CANCELLED") << result.message;
  EXPECT_EQ(result.undone, "returned") << result.message;
  EXPECT_EQ(what_runs(), before);
}

TEST_F(Deploy, AnyOfTheLastTwentyComesBackExactly) {
  const auto text_with = [](int i) {
    return fmt::format(
        "version: '3'\nservices:\n  web: {{image: 'app:now', env_file: web.env, environment: "
        "['V={}', 'D=${{D:-none}}']}}\n",
        i);
  };
  std::vector<std::vector<std::string>> ran(23);
  for (int i = 1; i <= 22; ++i) {
    engine_.docker({"tag", i % 2 == 0 ? "app:1" : "app:2", "app:now"});
    project_.write(text_with(i));
    project_.write_file("web.env", fmt::format("E={}\n", i));
    project_.write_file(".env", fmt::format("D={}\n", i));
    const auto result = deploy([&](auto& arguments) { arguments.deployment = deployment_id(i); });
    ASSERT_TRUE(result.succeeded) << result.message;
    ran[static_cast<std::size_t>(i)] = what_runs();
  }
  const auto back_to = [&](int i) {
    return deploy([&](auto& arguments) {
      arguments.action = "restore";
      arguments.restore = deployment_id(i);
      arguments.deployment = deployment_id(100 + i);
    });
  };
  // The oldest two are gone, and so are the names of their images.
  EXPECT_EQ(back_to(1).reason, "DEPLOYMENT_NOT_KEPT");
  EXPECT_EQ(back_to(2).reason, "DEPLOYMENT_NOT_KEPT");
  EXPECT_EQ(what_runs(), ran[22]);
  EXPECT_NE(engine_.try_docker({"image", "inspect", "portoser-kept/notes-web:" + deployment_id(2)})
                .exit_status,
            0);
  engine_.docker({"image", "prune", "-f"});
  // The oldest that is left, and another one: each time of the other image than what runs then.
  for (const auto& [i, image] : {std::pair{3, "app:2"}, std::pair{20, "app:1"}}) {
    SCOPED_TRACE(i);
    EXPECT_THAT(what_runs(), ElementsAre(Not(HasSubstr(image_id(image)))));
    const auto result = back_to(i);
    ASSERT_TRUE(result.succeeded) << result.message;
    EXPECT_THAT(what_runs(), ElementsAre(HasSubstr(image_id(image))));
    EXPECT_EQ(what_runs(), ran[static_cast<std::size_t>(i)]);
    EXPECT_EQ(text(), text_with(i));
    EXPECT_EQ(read_file(project_.folder() / "web.env"), fmt::format("E={}\n", i));
    EXPECT_EQ(read_file(project_.folder() / ".env"), fmt::format("D={}\n", i));
    EXPECT_EQ(store_.list("notes").size(), 20U);
  }
  EXPECT_EQ(back_to(4).reason, "DEPLOYMENT_NOT_KEPT") << "the restores are the newest now";
}

TEST_F(Deploy, ARestoreWhoseImageIsGoneTouchesNothing) {
  start();
  ASSERT_TRUE(deploy_text(text_of("app:2"), deployment_id(1)).succeeded);
  ASSERT_TRUE(deploy_text(text_of("app:1"), deployment_id(2)).succeeded);
  const auto id = container_id("web");
  engine_.docker({"rmi", "-f", image_id("app:2")});
  const auto result = deploy([](auto& arguments) {
    arguments.action = "restore";
    arguments.restore = deployment_id(1);
  });
  EXPECT_EQ(result.reason, "IMAGE_GONE") << result.message;
  EXPECT_EQ(container_id("web"), id);
}

}  // namespace
}  // namespace portoser::test
