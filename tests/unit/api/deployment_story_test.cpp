// The socket of one deployment: what it told, told again. The host is played by the test.

#include "controller/api/deployment_frames.h"
#include "tests/unit/api/api_fixture.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <map>
#include <utility>

namespace portoser::api {
namespace {

using testing::ElementsAre;

class DeploymentStory : public ApiTest {
 protected:
  std::string restart() {
    return run(actions_->begin(deployment::Action::restart, "notes", "ada")).id;
  }
  /// The host says that it is at this step, and these lines.
  void report(fleet::DeviceDouble& device,
              const std::string& id,
              const std::string& step,
              std::vector<std::string> lines) {
    auto& next = next_line_[id];
    const auto first = std::exchange(next, next + static_cast<std::int64_t>(lines.size()));
    device.send(protocol::Progress{id, step, first, std::move(lines), {"config", "up"}});
  }
  void end(fleet::DeviceDouble& device, const std::string& id) {
    protocol::CommandResult result;
    result.sequence = ++results_;
    result.command_id = id;
    result.succeeded = true;
    device.send(result);
    run(jobs_->wait(id));
  }
  /// A job that is over.
  std::string whole(fleet::DeviceDouble& device, int lines = 1) {
    const auto id = restart();
    await<protocol::Command>(device);
    std::vector<std::string> texts;
    for (int i = 0; i < lines; ++i) texts.push_back("line " + std::to_string(i));
    report(device, id, "config", {});
    report(device, id, "up", std::move(texts));
    end(device, id);
    return id;
  }
  std::shared_ptr<PlayedSocket> follow(const std::string& id, const std::string& query = "") {
    return open_socket("/api/deployment/ws/" + id + query, {});
  }
  /// All that it told, the end too.
  std::vector<Json> told(PlayedSocket& socket) {
    frame_of(socket, "deployment_completed");
    return socket.frames;
  }
  static std::vector<std::string> types(const std::vector<Json>& frames) {
    std::vector<std::string> all;
    for (const auto& frame : frames) all.push_back(frame["type"]);
    return all;
  }
  static std::vector<std::string> texts_of(const std::vector<StoryFrame>& frames) {
    std::vector<std::string> all;
    for (const auto& frame : frames) all.push_back(*frame.frame.text);
    return all;
  }

 private:
  std::int64_t results_ = 100;
  std::map<std::string, std::int64_t> next_line_;  ///< by the ids of the commands
};

TEST_F(DeploymentStory, AnUnknownOneIsToldAndItsSocketStaysOpen) {
  for (const std::string id : {"deploy-20260304-091500-1f0c9a7e",
                               "deploy-20260304-991500-1f0c9a7e",
                               "01ARZ3NDEKTSV4RRFFQ69G5FAV",
                               "nothing"}) {
    const auto socket = follow(id);
    const auto failed = frame_of(*socket, "deployment_failed");
    EXPECT_EQ(failed["error"], "unknown deployment") << id;
    EXPECT_EQ(failed["deployment_id"], id);
    EXPECT_EQ(socket->frames.size(), 1U);
    EXPECT_FALSE(socket->handled || socket->closed()) << id;
  }
}

TEST_F(DeploymentStory, APingOfOurOwnHasAPongAndTheUisNone) {
  const auto socket =
      open_socket("/api/deployment/ws/nothing", {"ping", "{", R"({"action":"ping"})"});
  frame_of(*socket, "pong");
  frame_of(*socket, "deployment_failed");
  EXPECT_EQ(socket->frames.size(), 2U);
}

TEST_F(DeploymentStory, TellsStepsAsPhasesAndEveryLine) {
  auto device = welcomed();
  const auto id = whole(device, 2);
  const auto frames = told(*follow(id));
  const auto job = run(jobs_->find(id));
  // The preflight is the first step, and says that the agent is too old for it.
  std::vector<Json> phases;
  std::vector<std::string> lines;
  for (const auto& frame : frames) {
    if (frame.contains("phase")) phases.push_back(frame);
    if (frame["type"] == "deployment_log") lines.push_back(frame["message"]);
    EXPECT_EQ(frame["deployment_id"], history::History::id_of(job)) << frame;
    EXPECT_EQ(frame["timestamp"].get<std::string>().back(), 'Z');
  }
  EXPECT_THAT(types(phases),
              ElementsAre("phase_started",
                          "phase_completed",
                          "phase_started",
                          "phase_completed",
                          "phase_started",
                          "phase_completed"));
  ASSERT_EQ(phases.size(), 6U);
  EXPECT_EQ(phases[0]["name"], "preflight");
  EXPECT_EQ(phases[2]["name"], "config");
  EXPECT_EQ(phases[2]["phase"], 2);
  EXPECT_EQ(phases[5]["name"], "up");
  EXPECT_EQ(phases[5]["phase"], 3);
  EXPECT_THAT(lines, testing::IsSupersetOf({"line 0", "line 1"}));
  EXPECT_EQ(frames.back()["type"], "deployment_completed");
}

TEST_F(DeploymentStory, WhoComesLaterGetsTheSameFramesWithTheSameNumbers) {
  auto device = welcomed();
  const auto id = restart();
  const auto early = follow(id);
  await<protocol::Command>(device);
  report(device, id, "config", {"a"});
  const auto meanwhile = follow(id);
  frame_of(*meanwhile, "phase_started");
  report(device, id, "up", {"b", "c"});
  end(device, id);
  const auto first = told(*early);
  EXPECT_EQ(told(*meanwhile), first);
  EXPECT_EQ(told(*follow(id)), first);
  const auto by_deployment = history::History::id_of(run(jobs_->find(id)));
  EXPECT_EQ(told(*follow(by_deployment)), first);
  std::int64_t last = 0;
  for (const auto& frame : first) {
    EXPECT_GT(frame["seq"].get<std::int64_t>(), last) << frame;
    last = frame["seq"];
  }
  const auto from = first.at(first.size() - 2)["seq"].get<std::int64_t>();
  EXPECT_EQ(told(*follow(id, "?from_seq=" + std::to_string(from))).size(), 2U);
}

TEST_F(DeploymentStory, AnotherControllerTellsTheSame) {
  auto device = welcomed();
  const auto id = whole(device, 3);
  const auto before = texts_of(frames_of(run(jobs_->story(id))));
  jobs::Jobs later{*database_, *fleet_, clock_, context_.get_executor()};
  EXPECT_EQ(texts_of(frames_of(run(later.story(id)))), before);
}

TEST_F(DeploymentStory, ALongLogIsShortenedInItsMiddleAndItsFramesAreSpaced) {
  auto device = welcomed();
  const auto id = whole(device, 5000);
  const auto socket = follow(id);
  const auto begin = std::chrono::steady_clock::now();
  const auto frames = told(*socket);
  const auto took = std::chrono::steady_clock::now() - begin;
  EXPECT_LT(frames.size(), 60U);
  EXPECT_GE(took, static_cast<int>(frames.size() - 1) * PacedFrames::spacing);
  const auto last_line = std::find_if(frames.rbegin(), frames.rend(), [](const Json& frame) {
    return frame["type"] == "deployment_log";
  });
  ASSERT_NE(last_line, frames.rend());
  EXPECT_EQ((*last_line)["message"], "line 4999");
  for (const auto& frame : frames) {
    EXPECT_TRUE(frame.contains("seq") && frame.contains("deployment_id")) << frame;
  }
}

TEST_F(DeploymentStory, AFailureSaysWhy) {
  auto device = welcomed();
  const auto id = restart();
  EXPECT_EQ(play(device, false), "notes");
  run(jobs_->wait(id));
  const auto failed = frame_of(*follow(id), "deployment_failed");
  EXPECT_EQ(failed["error"], "port 8090 is taken");
  EXPECT_EQ(failed["reason"], "PORT_TAKEN");
}

TEST_F(DeploymentStory, OneThatLeftIsForgotten) {
  auto device = welcomed();
  const auto id = restart();
  const auto socket = follow(id);
  await<protocol::Command>(device);
  frame_of(*socket, "phase_started");
  socket->hang_up();
  step_until([&] { return socket->handled; });
  const auto before = socket->frames.size();
  report(device, id, "config", {"a"});
  end(device, id);
  EXPECT_EQ(socket->frames.size(), before);
}

/// Pure: what was dropped between two lines leaves a gap, and nothing else moves.
TEST(StoryFrames, KeepTheirNumbersWhereLinesAreMissing) {
  jobs::Story story;
  story.job.id = "j";
  story.job.service = "notes";
  story.job.state = "succeeded";
  story.job.finished_at = Time{};
  story.job.next_line = 10;
  story.job.next_event = 3;
  story.events = {{0, 0, Time{}, R"({"type":"phase_started","phase":1})"},
                  {1, 2, Time{}, R"({"type":"observation"})"},
                  {2, 10, Time{}, R"({"type":"phase_completed","phase":1})"}};
  for (const int number : {0, 1, 2, 8, 9}) story.lines.push_back({number, Time{}, "up", "x"});
  std::vector<std::int64_t> numbers;
  for (const auto& frame : frames_of(story)) numbers.push_back(frame.seq);
  EXPECT_THAT(numbers, ElementsAre(1, 2, 3, 4, 5, 11, 12, 13, 14));
}

}  // namespace
}  // namespace portoser::api
