#include "tests/unit/jobs/jobs_fixture.h"

namespace portoser::jobs {
namespace {

using namespace std::chrono_literals;

TEST_F(JobsTest, SucceedsWithItsLogKept) {
  auto device = welcomed();
  const auto id = run(jobs_->submit(request())).id;
  EXPECT_EQ(await<protocol::Command>(device).id, id) << "the command has the job's id";
  device.send(protocol::Progress{id, "up", 0, {"Recreating", "done"}, {}});
  device.send(result_of(id, true, 1));
  const auto job = run(jobs_->wait(id));
  EXPECT_EQ(job.state, "succeeded");
  const auto lines = run(jobs_->log(id, 0, 100));
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_EQ(lines[1].text, "done");
  EXPECT_TRUE(jobs_->active()->empty());
}

TEST_F(JobsTest, StepsAreStoredWhenTheyChange) {
  auto device = welcomed();
  const auto id = run(jobs_->submit(request())).id;
  await<protocol::Command>(device);
  device.send(protocol::Progress{id, "config", 0, {}, {"config", "up"}});
  storage::JobStore store{*database_};
  step_until([&] { return words(run(store.find(id))->steps) == "config running, up pending"; });
  device.send(protocol::Progress{id, "up", 0, {}, {"config", "up"}});
  step_until([&] { return words(run(store.find(id))->steps) == "config succeeded, up running"; });
  device.send(result_of(id, true, 1));
  const auto steps = run(jobs_->wait(id)).steps;
  EXPECT_EQ(words(steps), "config succeeded, up succeeded");
  EXPECT_TRUE(steps[1].started_at && steps[1].finished_at);
  EXPECT_EQ(run(store.find(id))->steps, steps);
}

TEST_F(JobsTest, TheStepThatFailedSaysWhy) {
  auto device = welcomed();
  const auto id = run(jobs_->submit(request())).id;
  await<protocol::Command>(device);
  device.send(protocol::Progress{id, "config", 0, {}, {"config", "build", "up"}});
  auto failed = result_of(id, false, 1);
  failed.failed_step = "build";
  device.send(failed);
  const auto steps = run(jobs_->wait(id)).steps;
  EXPECT_EQ(words(steps), "config succeeded, build failed, up skipped");
  EXPECT_EQ(steps[1].message, "port 8090 is taken");
}

TEST_F(JobsTest, FailureCarriesTheHostsReason) {
  auto device = welcomed();
  const auto id = run(jobs_->submit(request())).id;
  await<protocol::Command>(device);
  device.send(result_of(id, false, 1));
  const auto job = run(jobs_->wait(id));
  EXPECT_EQ(job.state, "failed");
  EXPECT_EQ(job.error_reason, "PORT_TAKEN");
  EXPECT_EQ(job.error_message, "port 8090 is taken");
}

TEST_F(JobsTest, IdenticalRequestJoinsAndAnotherOneIsRefused) {
  auto device = welcomed();
  const auto first = run(jobs_->submit(request()));
  const auto second = run(jobs_->submit(request()));
  EXPECT_EQ(second.id, first.id);
  EXPECT_TRUE(second.joined);
  try {
    run(jobs_->submit(request("stop")));
    FAIL() << "two jobs for one service";
  } catch (const Error& error) {
    EXPECT_EQ(error.reason(), "BUSY");
    ASSERT_EQ(error.details().size(), 1U);
    EXPECT_EQ(error.details()[0].message, first.id);
  }
  await<protocol::Command>(device);
  device.send(result_of(first.id, true, 1));
  run(jobs_->wait(first.id));
  EXPECT_FALSE(run(jobs_->submit(request("stop"))).joined) << "the service is free again";
}

TEST_F(JobsTest, CancelGoesToTheHostWhichEndsIt) {
  auto device = welcomed();
  const auto id = run(jobs_->submit(request())).id;
  await<protocol::Command>(device);
  run(jobs_->cancel(id));
  EXPECT_EQ(await<protocol::Cancel>(device).id, id);
  auto cancelled = result_of(id, false, 1);
  cancelled.reason = "ACTION_CANCELLED";
  device.send(cancelled);
  EXPECT_EQ(run(jobs_->wait(id)).state, "cancelled");
  EXPECT_THROW(run(jobs_->cancel(id)), Error) << "it is over";
}

TEST_F(JobsTest, ACancelIsAskedForAgainAfterARestart) {
  std::string id;
  {
    auto device = welcomed();
    id = run(jobs_->submit(request())).id;
    await<protocol::Command>(device);
  }
  run(jobs_->cancel(id));
  restart_controller();
  auto device = welcomed();
  EXPECT_TRUE(await<protocol::Command>(device).adopt_only);
  EXPECT_EQ(await<protocol::Cancel>(device).id, id);
  auto cancelled = result_of(id, false, 1);
  cancelled.reason = "ACTION_CANCELLED";
  device.send(cancelled);
  EXPECT_EQ(run(jobs_->wait(id)).state, "cancelled");
}

TEST_F(JobsTest, AfterARestartTheHostIsAskedAndItsOutcomeCounts) {
  std::string id;
  {
    auto device = welcomed();
    id = run(jobs_->submit(request())).id;
    await<protocol::Command>(device);
  }
  restart_controller();
  EXPECT_EQ(state_of(id), "running");
  auto device = welcomed();
  const auto again = await<protocol::Command>(device);
  EXPECT_EQ(again.id, id);
  EXPECT_TRUE(again.adopt_only) << "it must not be begun anew";
  device.send(result_of(id, true, 1));
  EXPECT_EQ(run(jobs_->wait(id)).state, "succeeded");
}

TEST_F(JobsTest, AnAdoptedJobGoesOnWithItsStepsAndItsLog) {
  std::string id;
  {
    auto device = welcomed();
    id = run(jobs_->submit(request())).id;
    await<protocol::Command>(device);
    device.send(protocol::Progress{id, "config", 0, {}, {"config", "up"}});
    device.send(protocol::Progress{id, "up", 0, {"one", "two"}, {}});
    storage::JobStore store{*database_};
    step_until([&] { return run(store.find(id))->output_lines == 2; });
  }
  restart_controller();
  const auto before = run(jobs_->find(id)).steps;
  EXPECT_EQ(words(before), "config succeeded, up running");
  auto device = welcomed();
  await<protocol::Command>(device);
  // A host tells everything from the beginning when it is asked again.
  device.send(protocol::Progress{id, "config", 0, {}, {"config", "up"}});
  device.send(protocol::Progress{id, "up", 0, {}, {"config", "up"}});
  device.send(protocol::Progress{id, "up", 0, {"one", "two", "three"}, {}});
  device.send(result_of(id, true, 1));
  const auto job = run(jobs_->wait(id));
  EXPECT_EQ(words(job.steps), "config succeeded, up succeeded");
  EXPECT_EQ(job.steps[0], before[0]);
  EXPECT_EQ(job.steps[1].started_at, before[1].started_at);
  std::vector<std::string> told;
  for (const auto& line : run(jobs_->log(id, 0, 100))) {
    if (line.step != own_step) told.push_back(line.text);
  }
  EXPECT_EQ(told, (std::vector<std::string>{"one", "two", "three"}));
}

TEST_F(JobsTest, WhatTheHostDoesNotKnowEndsInterrupted) {
  std::string id;
  {
    auto device = welcomed();
    id = run(jobs_->submit(request())).id;
  }
  restart_controller();
  auto device = welcomed();
  await<protocol::Command>(device);
  auto unknown = result_of(id, false, 1);
  unknown.reason = "COMMAND_UNKNOWN";
  device.send(unknown);
  EXPECT_EQ(run(jobs_->wait(id)).state, "interrupted");
}

TEST_F(JobsTest, WhatWasPersistedAndNeverSentEndsPlainlyAfterARestart) {
  jobs_->add_kind("restart", [](std::shared_ptr<jobs::Run>) { return pause(1h); });
  const auto lost = run(jobs_->submit(request())).id;
  storage::JobStore store{*database_};
  EXPECT_EQ(run(store.find(lost))->state, "queued") << "persisted before it begins";
  restart_controller();
  auto device = welcomed();
  const auto asked = await<protocol::Command>(device);
  EXPECT_EQ(asked.id, lost);
  EXPECT_TRUE(asked.adopt_only) << "it is asked for, not begun";
  auto unknown = result_of(lost, false, 1);
  unknown.reason = "COMMAND_UNKNOWN";
  device.send(unknown);
  const auto job = run(jobs_->wait(lost));
  EXPECT_EQ(job.state, "interrupted");
  EXPECT_EQ(job.error_reason, "COMMAND_UNKNOWN");
  // The service is free, and the next command that the host gets is of the next job.
  const auto next = run(jobs_->submit(request())).id;
  const auto sent = await<protocol::Command>(device);
  EXPECT_EQ(sent.id, next);
  EXPECT_FALSE(sent.adopt_only);
}

TEST_F(JobsTest, LateResultTellsWhatBecameOfAnInterruptedJob) {
  auto device = welcomed();
  const auto id = run(jobs_->submit(request())).id;
  await<protocol::Command>(device);
  device.send(protocol::Progress{id, "up", 0, {}, {"up"}});
  auto lost = result_of(id, false, 1);
  lost.reason = "AGENT_LOST";
  device.send(lost);
  EXPECT_EQ(run(jobs_->wait(id)).state, "interrupted");
  storage::EventRecord late = fleet::to_record(result_of(id, true, 2));
  late.time = clock_.now();
  late.machine = "brick";
  jobs_->late_result(late);
  step_until([&] { return state_of(id) == "succeeded"; });
  EXPECT_EQ(words(run(jobs_->find(id)).steps), "up succeeded");
}

/// The host has been told that its result is safe, and the controller died before the job had it.
TEST_F(JobsTest, AResultThatWasStoredWhenTheControllerDiedIsNotLost) {
  std::string id;
  {
    auto device = welcomed();
    id = run(jobs_->submit(request())).id;
    await<protocol::Command>(device);
  }
  stop_jobs();
  auto record = fleet::to_record(result_of(id, true, 7));
  record.device_id = "brick's";
  record.time = clock_.now();
  record.machine = "brick";
  storage::EventStore events{*database_};
  run(events.append({record}));
  restart_controller();
  auto device = welcomed();
  await<protocol::Command>(device);
  auto unknown = result_of(id, false, 8);
  unknown.reason = "COMMAND_UNKNOWN";  // the agent keeps what it has told for some days only
  device.send(unknown);
  step_until([&] { return state_of(id) == "succeeded"; });
}

TEST_F(JobsTest, UnknownJobIsNotFound) {
  EXPECT_THROW(run(jobs_->find("nobody")), Error);
}

}  // namespace
}  // namespace portoser::jobs
