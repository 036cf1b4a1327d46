// A disk that is full, under the agent's data folder and under the controller's: it is said, reads
// go on, nothing that was acknowledged is lost, and work goes on when there is room.
#include "common/file.h"
#include "tests/integration/portoser.h"
#include "tests/support/await.h"
#include "tests/support/compose_project.h"
#include "tests/support/engine.h"
#include "tests/support/images.h"
#include "tests/support/small_disk.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <future>
#include <map>
#include <ranges>

namespace portoser::test {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

std::size_t count_of(const std::string& text, std::string_view part) {
  std::size_t found = 0;
  for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
  return found;
}

/// The host "brick" with the service "notes", which runs; one of the data folders is a small disk.
class FullDisk : public testing::Test {
 protected:
  explicit FullDisk(const std::string& data_folder) : disk_(folder_ / data_folder) {
    load_images(engine_);
    // Of the test before: compose would take it over with the labels of that folder.
    for (const auto& old : engine_.docker({"ps", "-aq"}) | std::views::split('\n')) {
      const std::string id{old.begin(), old.end()};
      if (!id.empty()) engine_.docker({"rm", "-f", id});
    }
    controller_.write_registry(
        fmt::format("hosts:\n  brick: {{ip: 127.0.0.1}}\n  loft: {{ip: 127.0.0.1}}\n"
                    "services:\n  notes: {{current_host: brick, docker_compose: {}}}\n",
                    project_.file().string()));
    controller_.start();
    agent_.join(controller_.create_token());
    agent_.start();
    controller_.await_machine("brick", "online");
    const auto answer = controller_.post("/api/services/notes/start");
    EXPECT_EQ(answer.status, 200U) << answer.text;
    controller_.await_service("notes", "running");
    await_types("start");
    begin_ = events().back()["id"].get<std::int64_t>();
  }

  [[nodiscard]] std::string container() const {
    auto id = engine_.docker({"ps", "-aq", "--no-trunc"});
    while (!id.empty() && id.back() == '\n') id.pop_back();
    return id;
  }
  /// As a crash: the engine was not asked.
  void crash_container() const {
    const auto pid =
        std::stoi(engine_.docker({"inspect", "--format", "{{.State.Pid}}", container()}));
    ASSERT_GT(pid, 1) << "0 and 1 would kill ourselves";
    ASSERT_EQ(::kill(pid, SIGKILL), 0);
    engine_.docker({"wait", container()});
  }
  void start_container() const { engine_.docker({"start", container()}); }

  /// The stored events of the service since the test began, oldest first.
  [[nodiscard]] std::vector<Json> events() const { return controller_.events_of("notes", begin_); }
  [[nodiscard]] std::string types() const {
    return fmt::format("{}", fmt::join(types_of(events()), " "));
  }
  void await_types(const std::string& wanted) const {
    await_until(
        "the events are " + wanted,
        60s,
        [&] { return types() == wanted; },
        [&] { return types() + "\n" + agent_.log_tail() + "\n" + controller_.log_tail(); });
  }

  [[nodiscard]] Json job(const std::string& id) const {
    return controller_.get("/api/jobs/" + id).body;
  }
  void await_job(const std::string& id, const std::string& state) const {
    await_until(
        "the job has " + state,
        120s,
        [&] { return job(id)["state"] == state; },
        [&] { return dump(job(id)) + "\n" + agent_.log_tail() + "\n" + controller_.log_tail(); });
  }
  void await_output_of(const std::string& id) const {
    await_until("the job writes", 60s, [&] { return controller_.job_writes(id); });
  }
  [[nodiscard]] std::string agent_log() const { return read_file(folder_ / "brick.log"); }
  [[nodiscard]] Json metrics() const { return controller_.get("/api/metrics/machine/brick").body; }
  /// Minutes of the history of the host by their beginning, each with its samples.
  [[nodiscard]] std::map<std::string, std::int64_t> history() const {
    ApiAnswer answer;
    await_until(
        "the history can be read",
        60s,
        [&] {
          answer = controller_.get("/api/metrics/machine/brick/history?time_range=1h&interval=1m");
          return answer.status == 200;
        },
        [&] { return answer.text; });
    std::map<std::string, std::int64_t> minutes;
    for (const auto& row : answer.body["data_points"]) {
      const auto samples = row["samples"].get<std::int64_t>();
      EXPECT_EQ(row["cpu_percent"].is_null(), samples == 0) << "a gap is a gap: " << dump(row);
      minutes[row["timestamp"]] = samples;
    }
    return minutes;
  }
  /// What was measured since the controller's start is there; the first sample of an agent knows no
  /// use of the processor, which is what the history counts.
  void expect_all_samples_in_history(int agents = 1) const {
    const auto taken =
        controller_.metric(R"(portoser_series_samples_total{result="new"})").value_or(0);
    std::int64_t found = 0;
    for (const auto& [minute, samples] : history()) found += samples;
    EXPECT_GE(found, static_cast<std::int64_t>(taken) - agents);
    EXPECT_GT(taken, agents);
  }
  void await_new_sample() const {
    const auto before = metrics()["timestamp"];
    await_until("a new sample is there", 60s, [&] { return metrics()["timestamp"] != before; });
    EXPECT_EQ(metrics()["status"], "ok") << dump(metrics());
  }

  TempFolder folder_{"full-disk"};
  SmallDisk disk_;
  const PrivateEngine& engine_ = PrivateEngine::shared();
  ComposeProject project_{
      folder_ / "notes",
      {{.name = "web",
        .image = busybox_image,
        .command = {"sh", "-c", "trap 'sleep 1; exit 0' TERM; while :; do sleep 0.1; done"},
        .restart = ""}}};
  ControllerProcess controller_{folder_.path()};
  AgentProcess agent_{folder_.path(), "brick", engine_.socket()};
  std::int64_t begin_ = 0;
};

class FullAgentDisk : public FullDisk {
 protected:
  FullAgentDisk() : FullDisk("brick") {}

  [[nodiscard]] std::string problem_of_host() const {
    const auto row = controller_.row("/api/machines", "machines", "brick");
    const auto problems = row.is_object() ? row.value("problems", Json::array()) : Json::array();
    return problems.empty() ? "" : problems[0]["message"].get<std::string>();
  }
};

TEST_F(FullAgentDisk, EventsAndSamplesGoOnAndTheHostSaysWhatIsWrong) {
  disk_.fill();
  crash_container();
  await_types("failure");
  start_container();
  await_types("failure recovery");
  await_until("the host is shown with it", 60s, [&] { return !problem_of_host().empty(); });
  EXPECT_THAT(problem_of_host(), HasSubstr(disk_.path().string() + " is full"));
  EXPECT_EQ(controller_.row("/api/machines", "machines", "brick")["status"], "online");
  await_new_sample();
  await_new_sample();
  EXPECT_EQ(count_of(agent_log(), "the disk of the data folder is full"), 1U) << agent_log();
  EXPECT_LE(count_of(agent_log(), "the disk takes no events"), 1U) << agent_log();
  disk_.make_room();
  await_until("it is well again", 60s, [&] { return problem_of_host().empty(); });
  crash_container();
  await_types("failure recovery failure");
  expect_all_samples_in_history();
}

TEST_F(FullAgentDisk, WhatHappensWhileTheControllerIsAwayArrivesOnceAndInOrder) {
  disk_.fill();
  controller_.stop();
  crash_container();
  start_container();
  crash_container();
  // Until here a sample was due at least once: its loss is said, and said once.
  await_until("the log says it", 60s, [&] {
    return count_of(agent_log(), "the disk of the data folder is full") == 1U;
  });
  controller_.start();
  await_types("failure recovery failure");
  disk_.make_room();
  start_container();
  await_types("failure recovery failure recovery");
  agent_.stop();
  agent_.start();
  crash_container();
  await_types("failure recovery failure recovery failure");
}

TEST_F(FullAgentDisk, AnAgentStartsStopsAndDiesOnItAndTellsEverythingOnce) {
  agent_.stop();
  disk_.fill();
  agent_.start();
  crash_container();
  await_types("failure");
  agent_.kill();
  start_container();
  disk_.fill();
  agent_.start();
  await_types("failure recovery");
  controller_.await_service("notes", "running");
  agent_.stop();
  crash_container();
  disk_.fill();
  agent_.start();
  await_types("failure recovery failure");
  controller_.await_service("notes", "stopped");
  await_new_sample();
  disk_.make_room();
  start_container();
  await_types("failure recovery failure recovery");
}

TEST_F(FullAgentDisk, ACommandIsRefusedAndWorksWhenThereIsRoom) {
  const auto before = container();
  disk_.fill();
  const auto refused = controller_.post("/api/services/notes/stop");
  EXPECT_EQ(refused.status, 503U) << refused.text;
  EXPECT_EQ(refused.body["reason"], "DISK_FULL") << refused.text;
  EXPECT_THAT(refused.body["message"].get<std::string>(),
              HasSubstr(fmt::format("the disk of host \"brick\" that holds {}/journal is full",
                                    disk_.path().string())));
  EXPECT_THAT(refused.body["message"].get<std::string>(), HasSubstr("was not run"));
  EXPECT_THAT(refused.body["hint"].get<std::string>(), HasSubstr("make room"));
  // What looks first cannot even look.
  const auto unseen = controller_.post("/api/services/notes/restart");
  EXPECT_EQ(unseen.body["reason"], "DISK_FULL") << unseen.text;
  EXPECT_THAT(unseen.body["message"].get<std::string>(), HasSubstr("\"notes\" is not restarted"));
  EXPECT_EQ(container(), before);
  // A crash here must not find a command in the journal that nobody began.
  agent_.kill();
  agent_.start();
  controller_.await_service("notes", "running");
  EXPECT_EQ(container(), before);
  disk_.make_room();
  const auto done = controller_.post("/api/services/notes/restart");
  EXPECT_EQ(done.status, 200U) << done.text << agent_.log_tail();
  EXPECT_NE(container(), before);
  await_types("restart");
}

TEST_F(FullAgentDisk, AnActionDuringWhichItFillsHasItsTrueOutcome) {
  const auto before = container();
  const auto begun =
      controller_.post("/api/services/notes/restart", "", {{"Prefer", "respond-async"}});
  ASSERT_EQ(begun.status, 202U) << begun.text;
  const auto id = begun.body["job_id"].get<std::string>();
  await_output_of(id);
  disk_.fill();
  agent_.kill();
  agent_.start();
  await_job(id, "succeeded");
  const auto after = container();
  EXPECT_NE(after, before);
  await_types("restart");
  // The result could not be kept either: the next agent judges it again and runs nothing.
  agent_.stop();
  agent_.start();
  controller_.await_service("notes", "running");
  disk_.make_room();
  crash_container();
  await_types("restart failure");
  EXPECT_EQ(job(id)["state"], "succeeded");
  EXPECT_EQ(container(), after);
}

TEST_F(FullAgentDisk, JoiningOnItSaysSoAndASecondTryIsTheSameHost) {
  const auto token = controller_.create_token({"--host", "loft"});
  const SmallDisk disk{folder_ / "loft", 1};
  const AgentProcess loft{folder_.path(), "loft", engine_.socket()};
  disk.fill();
  const auto without_key = loft.try_join(token);
  EXPECT_NE(without_key.exit_status, 0);
  EXPECT_THAT(without_key.output, HasSubstr(disk.path().string() + " is full"));
  // Room for the key and not for what the controller answers.
  disk.fill_but(1);
  const auto without_identity = loft.try_join(token);
  EXPECT_NE(without_identity.exit_status, 0);
  EXPECT_THAT(without_identity.output, HasSubstr(disk.path().string() + " is full"));
  EXPECT_FALSE(std::filesystem::exists(disk.path() / "identity.json"));
  disk.make_room();
  loft.join(token);
  EXPECT_TRUE(controller_.row("/api/devices", "devices", "loft")["device_id"].is_string());
}

class FullControllerDisk : public FullDisk {
 protected:
  FullControllerDisk() : FullDisk("controller") {}

  [[nodiscard]] Json health() const { return controller_.get("/health").body; }
  void await_healthy() const {
    await_until(
        "the controller is healthy",
        60s,
        [&] { return health()["status"] == "healthy"; },
        [&] { return dump(health()); });
  }
  void expect_reads() const {
    for (const auto* path : {"/api/services",
                             "/api/services/notes",
                             "/api/machines",
                             "/api/devices",
                             "/api/metrics/all",
                             "/api/metrics/notes/brick",
                             "/api/metrics/notes/brick/history",
                             "/api/metrics/machine/brick/history",
                             "/api/metrics/health",
                             "/api/uptime/notes/brick",
                             "/api/uptime/notes/brick/history",
                             "/api/uptime/notes/brick/events",
                             "/api/uptime/metrics/notes/brick",
                             "/api/uptime/all",
                             "/api/uptime/summary",
                             "/api/uptime/timeline",
                             "/api/jobs",
                             "/metrics",
                             "/api/health"}) {
      const auto answer = controller_.get(path);
      EXPECT_EQ(answer.status, 200U) << path << ": " << answer.text;
    }
  }
  /// So that there is something to read of it.
  void await_history() const {
    await_until(
        "the service was measured",
        60s,
        [&] { return controller_.get("/api/metrics/notes/brick/history").status == 200; },
        [&] { return agent_.log_tail(); });
  }
  void expect_refused(const ApiAnswer& answer) const {
    EXPECT_EQ(answer.status, 503U) << answer.text;
    EXPECT_EQ(answer.body["reason"], "STORAGE_FAILED") << answer.text;
    EXPECT_THAT(answer.text, HasSubstr(controller_.data().string()));
    EXPECT_THAT(answer.text, HasSubstr("is full"));
    EXPECT_THAT(answer.body["hint"].get<std::string>(), HasSubstr("make room"));
  }
};

TEST_F(FullControllerDisk, ReadsGoOnAndWritesAreRefusedUntilThereIsRoom) {
  const auto token = controller_.create_token({"--host", "loft"});
  const auto jobs = controller_.get("/api/jobs").body["jobs"].size();
  const auto before = container();
  SocketClient live{controller_.port(), "/api/uptime/ws"};
  await_history();
  disk_.fill();
  crash_container();
  const auto frames =
      frames_until(live, [](const Json& frame) { return frame["type"] == "uptime_event"; });
  EXPECT_EQ(frames.back()["event_type"], "failure");
  await_until("/health says it", 60s, [&] { return health()["status"] == "degraded"; });
  EXPECT_THAT(health()["database"]["problem"]["message"].get<std::string>(),
              HasSubstr(controller_.data().string()));
  EXPECT_THAT(health()["database"]["problem"]["message"].get<std::string>(), HasSubstr("full"));
  expect_reads();
  expect_refused(controller_.post("/api/services/notes/restart"));
  EXPECT_EQ(container(), before);
  EXPECT_EQ(controller_.get("/api/jobs").body["jobs"].size(), jobs);

  const AgentProcess loft{folder_.path(), "loft", engine_.socket()};
  const auto refused = loft.try_join(token);
  EXPECT_NE(refused.exit_status, 0);
  EXPECT_THAT(refused.output, HasSubstr("the disk that holds"));
  EXPECT_THAT(refused.output, HasSubstr("make room"));
  EXPECT_TRUE(controller_.row("/api/devices", "devices", "loft")["device_id"].is_null());
  await_new_sample();

  disk_.make_room();
  await_types("failure");
  await_healthy();
  loft.join(token);  // its use was not taken
  const auto done = controller_.post("/api/services/notes/restart");
  EXPECT_EQ(done.status, 200U) << done.text;
}

/// 200 says that what was measured before is stored.
TEST_F(FullControllerDisk,
       SamplesOfThatTimeAreKeptUntilThereIsRoomAndNoneThatWasAcknowledgedIsLost) {
  const auto store = [this] {
    return controller_.post("/api/metrics/snapshot", R"({"machine":"brick"})");
  };
  await_history();
  ASSERT_EQ(store().status, 200U);
  disk_.fill();
  await_until("nothing can be stored", 60s, [&] { return store().status != 200; });
  expect_refused(store());
  await_new_sample();
  await_new_sample();
  expect_all_samples_in_history();
  disk_.make_room();
  await_healthy();
  agent_.stop();  // nothing comes that could hide a loss
  const auto acknowledged = store();
  EXPECT_EQ(acknowledged.status, 200U) << acknowledged.text;
  expect_all_samples_in_history();
  const auto before = history();
  controller_.kill();
  controller_.start();
  EXPECT_EQ(history(), before);
}

TEST_F(FullControllerDisk, ItStartsOnItAndAsksTheAgentsAgainForWhatItCouldNotStore) {
  SocketClient live{controller_.port(), "/api/uptime/ws"};
  await_history();
  disk_.fill();
  crash_container();
  frames_until(live, [](const Json& frame) { return frame["type"] == "uptime_event"; });
  controller_.kill();
  disk_.fill();
  controller_.start();
  controller_.await_machine("brick", "online");
  controller_.await_service("notes", "stopped");
  expect_reads();
  start_container();
  controller_.await_service("notes", "running");
  controller_.stop();
  disk_.fill();
  controller_.start();
  controller_.await_machine("brick", "online");
  expect_reads();
  await_new_sample();
  disk_.make_room();
  await_types("failure recovery");
  await_healthy();
  crash_container();
  await_types("failure recovery failure");
}

TEST_F(FullControllerDisk, AnActionWhoseEndCannotBeStoredSaysHowItEndedAndIsNotRunTwice) {
  const auto before = container();
  auto first = std::async(std::launch::async,
                          [this] { return controller_.post("/api/services/notes/restart"); });
  std::string id;
  await_until("the job writes", 60s, [&] {
    const auto jobs = controller_.get("/api/jobs?state=running").body["jobs"];
    if (jobs.empty()) return false;
    id = jobs[0]["id"];
    return controller_.job_writes(id);
  });
  disk_.fill();
  const auto answer = first.get();
  expect_refused(answer);
  EXPECT_THAT(answer.body["message"].get<std::string>(), HasSubstr("has succeeded"));
  EXPECT_THAT(answer.text, HasSubstr(id));
  const auto after = container();
  EXPECT_NE(after, before);
  expect_refused(controller_.post("/api/services/notes/restart"));
  EXPECT_EQ(container(), after);
  controller_.kill();
  controller_.start();
  controller_.await_machine("brick", "online");
  disk_.make_room();
  await_job(id, "succeeded");
  await_types("restart");
  EXPECT_EQ(container(), after);
}

}  // namespace
}  // namespace portoser::test
