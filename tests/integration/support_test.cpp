// Proves what the other integration tests stand on, above all that a private engine works and goes
// without a trace.
#include "common/error.h"
#include "common/file.h"
#include "tests/support/await.h"
#include "tests/support/compose_project.h"
#include "tests/support/engine.h"
#include "tests/support/free_port.h"
#include "tests/support/images.h"
#include "tests/support/process.h"
#include "tests/support/temp_folder.h"

#include <fmt/core.h>
#include <gmock/gmock.h>
#include <sys/wait.h>

#include <algorithm>
#include <csignal>
#include <set>
#include <string>
#include <unistd.h>

namespace portoser::test {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::IsEmpty;

/// The body at `path`, or empty while nobody answers.
std::string fetch(std::uint16_t port, const std::string& path = "/") {
  const auto url = fmt::format("http://127.0.0.1:{}{}", port, path);
  const auto result = run_command({"curl", "-sf", "-m", "2", url});
  return result.exit_status == 0 ? result.output : std::string{};
}

std::set<std::string> lines(const std::string& text) {
  std::set<std::string> result;
  std::size_t from = 0;
  while (from < text.size()) {
    const auto end = std::min(text.find('\n', from), text.size());
    result.insert(text.substr(from, end - from));
    from = end + 1;
  }
  return result;
}

/// What private engines leave behind, and no other engine of this machine: interfaces with their
/// addresses, mounts, folders, processes.
std::set<std::string> traces() {
  return lines(run_command({"sh", "-c", R"(
    ip -4 -o address | grep -Eo ' 198\.1[89]\.[0-9./]+'
    grep -o '/var/tmp/portoser-engine[^ ]*' /proc/self/mountinfo
    ls -d /var/tmp/portoser-engine-* 2>/dev/null
    grep -lsa PORTOSER_TEST_ENGINE=/ /proc/[0-9]*/environ)"})
                   .output);
}

bool has_cgroups(const std::string& container_id) {
  return !run_command(
              {"sh", "-c", "ls -d /sys/fs/cgroup/*/docker/" + container_id + " 2>/dev/null"})
              .output.empty();
}

std::set<std::string> new_traces(const std::set<std::string>& before) {
  std::set<std::string> result;
  for (const auto& trace : traces()) {
    if (!before.contains(trace)) result.insert(trace);
  }
  return result;
}

TEST(PrivateEngine, RunsContainersThatAnswerOnLoopbackAndReportHealth) {
  auto& engine = PrivateEngine::shared();
  load_images(engine);
  const auto port = free_port();
  const auto published = fmt::format("127.0.0.1:{}:8080", port);
  engine.docker(
      {"run", "-d", "--name", "web", "-e", "GREETING=ahoy", "-p", published, httpd_image});

  await_until("the container answers", 30s, [&] { return !fetch(port).empty(); });
  EXPECT_THAT(fetch(port), HasSubstr("ahoy"));
  const auto health = [&] {
    return engine.docker({"inspect", "--format", "{{.State.Health.Status}}", "web"});
  };
  await_until(
      "the container is healthy", 30s, [&] { return health() == "healthy\n"; }, health);
  // Its network counters are what agents measure.
  EXPECT_THAT(engine.docker({"stats", "--no-stream", "--format", "{{.NetIO}}"}),
              testing::Not(testing::StartsWith("0B")));

  engine.docker({"exec", "web", "rm", "/www/health"});
  await_until(
      "the container is unhealthy", 30s, [&] { return health() == "unhealthy\n"; }, health);
  engine.docker({"kill", "web"});
  EXPECT_EQ(engine.docker({"inspect", "--format", "{{.State.ExitCode}}", "web"}), "137\n");
  EXPECT_THAT(fetch(port), IsEmpty());
}

TEST(PrivateEngine, RunsComposeProjectsWithNetworksAndBuilds) {
  auto& engine = PrivateEngine::shared();
  load_images(engine);
  const TempFolder folder{"compose"};
  const auto port = free_port();
  const ComposeProject project{
      folder / "shop",
      {{.name = "web", .port = port, .environment = {"GREETING=good: \"day\""}},
       {.name = "client",
        .image = "",
        .build = "client",
        .command = {"sh", "-c", "until wget -q -O - http://web:8080/; do sleep 0.1; done"},
        .restart = ""}}};
  project.write_file("client/Dockerfile", fmt::format("FROM {}\n", busybox_image));
  const CommandOptions options{.environment = engine.environment(), .folder = project.folder()};

  must_run({"docker-compose", "up", "-d", "--build"}, options);
  await_until("the web service answers", 30s, [&] { return !fetch(port).empty(); });
  EXPECT_THAT(fetch(port), HasSubstr("good: \"day\""));
  const auto client_log = [&] {
    return run_command({"docker-compose", "logs", "client"}, options).output;
  };
  await_until(
      "the client reached the web service by its name",
      60s,
      [&] { return client_log().find("good: \"day\"") != std::string::npos; },
      client_log);
  must_run({"docker-compose", "down"}, options);
  EXPECT_THAT(fetch(port), IsEmpty());
}

TEST(PrivateEngine, RestartedAfterACrashItBringsContainersBack) {
  PrivateEngine engine;
  load_images(engine);
  const auto port = free_port();
  const auto published = fmt::format("127.0.0.1:{}:8080", port);
  engine.docker({"run", "-d", "--restart=always", "--name", "web", "-p", published, httpd_image});
  await_until("the container answers", 30s, [&] { return !fetch(port).empty(); });

  engine.crash();
  EXPECT_NE(engine.try_docker({"ps"}).exit_status, 0);
  engine.start();
  await_until(
      "the container answers again",
      60s,
      [&] { return !fetch(port).empty(); },
      [&] { return engine.log_tail(); });
  engine.stop();
  EXPECT_THAT(fetch(port), IsEmpty());
}

TEST(PrivateEngine, EndedWithContainersAndNetworksItLeavesNoTrace) {
  const auto before = traces();
  std::string container;
  {
    PrivateEngine engine;
    load_images(engine);
    engine.docker({"network", "create", "own"});
    engine.docker({"run", "-d", "--network", "own", "--restart=always", httpd_image});
    container = engine.docker({"ps", "-q", "--no-trunc"});  // `run` may add a warning to the id
    container.pop_back();
    EXPECT_THAT(new_traces(before), testing::SizeIs(testing::Ge(5)));
    EXPECT_TRUE(has_cgroups(container));
  }
  EXPECT_THAT(new_traces(before), IsEmpty());
  EXPECT_FALSE(has_cgroups(container));
}

TEST(PrivateEngine, LeftByACrashedTestItIsClearedByTheNext) {
  const auto before = traces();
  const auto crashing = ::fork();
  if (crashing == 0) {
    const PrivateEngine engine;
    load_images(engine);
    engine.docker({"run", "-d", "--restart=always", httpd_image});
    ::raise(SIGKILL);
  }
  ::waitpid(crashing, nullptr, 0);
  ASSERT_THAT(new_traces(before), testing::Not(IsEmpty()));

  clear_abandoned_engines();
  EXPECT_THAT(new_traces(before), IsEmpty());
}

TEST(Process, DestroyedItTakesItsWholeGroupAlong) {
  const TempFolder folder;
  const auto pid_file = folder / "pid";
  std::string child;
  {
    const Process process{
        {.argv = {"sh", "-c", "sleep 1000 & echo $! > pid; wait"}, .folder = folder.path()}};
    await_until("the child is there", 10s, [&] {
      std::error_code error;
      return std::filesystem::file_size(pid_file, error) > 1 && !error;
    });
    child = read_file(pid_file);
    child.pop_back();
    EXPECT_TRUE(process.running());
  }
  await_until("the child has ended", 10s, [&] {
    const auto stat = run_command({"cat", "/proc/" + child + "/stat"});
    return stat.exit_status != 0 || stat.output.find(") Z") != std::string::npos;
  });
}

TEST(Process, TellsHowItEndedAndWhatItLoggedLast) {
  const TempFolder folder;
  const Process process{{.argv = {"sh", "-c", "echo one; echo two >&2; echo $WORD; exit 3"},
                         .environment = {{"WORD", "three"}},
                         .log_file = folder / "log"}};
  EXPECT_EQ(process.wait(10s), 3);
  EXPECT_EQ(process.log_tail(2), "two\nthree\n");
  EXPECT_EQ(process.log(), "one\ntwo\nthree\n");
}

TEST(Process, ThatIgnoresSigtermIsKilledInTheEnd) {
  const TempFolder folder;
  const Process process{
      {.argv = {"sh", "-c", "trap '' TERM; echo ready; while :; do sleep 0.1; done"},
       .log_file = folder / "log"}};
  await_until("the trap is set", 10s, [&] { return process.log() == "ready\n"; });
  EXPECT_EQ(process.terminate(100ms), 137);
}

TEST(Process, ThatIsNotThereIsAnErrorAtOnce) {
  EXPECT_THROW(Process({.argv = {"no-such-program"}}), Error);
}

TEST(FreePort, NeverGivesTheSamePortTwice) {
  std::set<int> ports;
  for (int i = 0; i < 50; ++i) {
    const auto first = free_port(2);
    EXPECT_TRUE(ports.insert(first).second);
    EXPECT_TRUE(ports.insert(first + 1).second);
  }
}

}  // namespace
}  // namespace portoser::test
