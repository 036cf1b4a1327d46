// registry.yml edited by hand, over HTTP and by joining hosts at the same time, and by a controller
// that is killed.

#include "common/file.h"
#include "controller/registry/load.h"
#include "protocol/curve.h"
#include "tests/integration/portoser.h"
#include "tests/support/await.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/file.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <fcntl.h>
#include <random>
#include <set>
#include <thread>

namespace portoser::test {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

const std::string by_people = R"(# the house; do not reorder
hosts:
  brick: {ip: 127.0.0.1}   # rack 2

  chalk:
    ip: 127.0.0.2   # since spring
services:
  # everyone reads it
  notes:
    current_host: brick   # the quiet one
    docker_compose: /srv/notes/compose.yml
    port: 8090   # not 8000
)";

class RegistryEdits : public testing::Test {
 protected:
  RegistryEdits() {
    controller_.write_registry(by_people);
    controller_.start();
  }

  [[nodiscard]] HttpAnswer ask(std::string_view method,
                               const std::string& path,
                               const Json& body) const {
    return HttpClient{controller_.port()}.request(
        method, path, dump(body), {{"Content-Type", "application/json"}});
  }
  [[nodiscard]] std::string on_disk() const { return read_file(controller_.registry()); }
  [[nodiscard]] std::set<std::string> services() const {
    std::set<std::string> names;
    const auto registry = registry::parse_registry(on_disk(), "registry.yml");
    for (const auto& one : registry.services()) names.insert(one.name);
    return names;
  }
  [[nodiscard]] std::set<std::string> hosts() const {
    std::set<std::string> names;
    const auto registry = registry::parse_registry(on_disk(), "registry.yml");
    for (const auto& one : registry.hosts()) names.insert(one.name);
    return names;
  }
  /// As a new host does it; the controller adds its entry.
  [[nodiscard]] HttpAnswer join(const std::string& name, const std::string& token) const {
    return ask("POST",
               "/api/v1/devices",
               {{"hostname", name},
                {"public_key", protocol::make_key_pair().public_key},
                {"registration_token", token},
                {"ip", "192.0.2.77"}});
  }
  void expect_comments() const {
    for (const auto* comment : {"# the house; do not reorder\n",
                                "# rack 2\n",
                                "# since spring\n",
                                "  # everyone reads it\n",
                                "# the quiet one\n",
                                "# not 8000\n"}) {
      EXPECT_THAT(on_disk(), HasSubstr(comment));
    }
  }
  /// As a script does it that wants to be sure: under the lock.
  void add_by_hand(const std::string& line) const {
    const auto path = controller_.registry().string() + ".lock";
    const Descriptor lock{::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644)};
    ASSERT_EQ(::flock(lock.get(), LOCK_EX), 0);
    write_file_atomic(controller_.registry(), on_disk() + line);
  }

  TempFolder folder_{"registry-edits"};
  ControllerProcess controller_{folder_.path()};
};

/// Hosts that join with a token that adds their entries write it too.
TEST_F(RegistryEdits, ByHandAndOverHttpAtTheSameTimeLoseNothing) {
  constexpr int threads = 4;
  constexpr int rounds = 15;
  const auto token = controller_.create_token({"--add-host", "--uses", std::to_string(rounds)});
  std::atomic<int> failures{0};
  std::vector<std::thread> writers;
  for (int writer = 0; writer < threads; ++writer) {
    writers.emplace_back([&, writer] {
      for (int round = 0; round < rounds; ++round) {
        const auto name = fmt::format("api-{}-{}", writer, round);
        const auto made =
            ask("POST", "/api/services", {{"name", name}, {"docker_compose", "/srv/x.yml"}});
        const auto changed = ask("PUT", "/api/services/" + name, {{"port", 1000 + round}});
        if (made.status != 201 || changed.status != 200) {
          ++failures;
          ADD_FAILURE() << made.body << changed.body;
        }
      }
    });
  }
  writers.emplace_back([&] {
    for (int round = 0; round < rounds; ++round) {
      add_by_hand(fmt::format("  hand-{}: {{docker_compose: /h.yml}}   # hand {}\n", round, round));
    }
  });
  writers.emplace_back([&] {
    for (int round = 0; round < rounds; ++round) {
      const auto joined = join(fmt::format("host-{}", round), token);
      if (joined.status != 201) {
        ++failures;
        ADD_FAILURE() << joined.body;
      }
    }
  });
  std::atomic<bool> done{false};
  std::atomic<int> looks{0};
  std::thread reader{[&] {
    while (!done) {
      EXPECT_NO_THROW((void)services()) << "half a file was seen";
      ++looks;
    }
  }};
  for (auto& writer : writers) writer.join();
  done = true;
  reader.join();
  ASSERT_EQ(failures.load(), 0);
  EXPECT_GT(looks.load(), 50);
  std::set<std::string> expected{"notes"};
  std::set<std::string> expected_hosts{"brick", "chalk"};
  for (int round = 0; round < rounds; ++round) {
    expected_hosts.insert(fmt::format("host-{}", round));
    expected.insert(fmt::format("hand-{}", round));
    EXPECT_THAT(on_disk(), HasSubstr(fmt::format("# hand {}\n", round)));
    for (int writer = 0; writer < threads; ++writer) {
      expected.insert(fmt::format("api-{}-{}", writer, round));
    }
  }
  EXPECT_EQ(services(), expected);
  EXPECT_EQ(hosts(), expected_hosts);
  expect_comments();
  await_until(
      "all of it is in force",
      20s,
      [&] {
        return controller_.get("/api/services").body["services"].size() == expected.size() &&
               controller_.get("/api/machines").body["machines"].size() == expected_hosts.size();
      },
      [&] { return controller_.log_tail(); });
  EXPECT_EQ(controller_.get("/api/registry/history").body["backups"].size(), 50U);
}

/// Whoever reads at any moment reads a whole file.
TEST_F(RegistryEdits, AKilledControllerLeavesTheOldTextOrTheNewOne) {
  std::mt19937 random{std::random_device{}()};
  int made = 0;
  int unmade = 0;
  // How long an edit takes depends on the machine. So the kills go where it tips: later after an
  // edit that was not made, earlier after one that was.
  std::chrono::microseconds latest = 80ms;
  for (int round = 0; round < 30; ++round) {
    const auto before = on_disk();
    const auto name = fmt::format("new-{}", round);
    std::atomic<bool> sending{false};
    std::thread writer{[&] {
      sending = true;
      try {
        (void)ask("POST", "/api/services", {{"name", name}, {"docker_compose", "/srv/x.yml"}});
      } catch (const std::exception&) {
        // It was killed before it answered.
      }
    }};
    while (!sending) std::this_thread::yield();
    // The moment of the kill is what is varied here, so it is a time and no condition.
    std::this_thread::sleep_for(latest * static_cast<int>(random() % 1000) / 1000);
    controller_.kill();
    writer.join();
    const auto after = on_disk();
    const auto expected = before + fmt::format("  {}:\n    docker_compose: /srv/x.yml\n", name);
    EXPECT_TRUE(after == before || after == expected) << after;
    ++(after == before ? unmade : made);
    using Delay = std::chrono::microseconds;
    latest = after == before ? std::min<Delay>(latest * 2, 5s) : std::max<Delay>(latest / 2, 1us);
    EXPECT_NO_THROW((void)services());
    controller_.start();
    EXPECT_EQ(controller_.get("/api/registry").body["source"], "ok");
  }
  std::cout << made << " edits were made, " << unmade << " were not" << std::endl;
  EXPECT_GT(made, 0);
  EXPECT_GT(unmade, 0);
  expect_comments();
  const auto last = ask("POST", "/api/services", {{"name", "z"}, {"docker_compose", "/z.yml"}});
  EXPECT_EQ(last.status, 201U) << last.body;
  std::set<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator{folder_.path()}) {
    names.insert(entry.path().filename().string());
  }
  EXPECT_EQ(
      names,
      (std::set<std::string>{"controller", "controller.log", "registry.yml", "registry.yml.lock"}));
}

}  // namespace
}  // namespace portoser::test
