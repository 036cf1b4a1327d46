// The way back: what stands against it, and what it changes. The host is played by the test.

#include "controller/deployment/rollback.h"

#include "common/json_members.h"
#include "tests/unit/deployment/actions_fixture.h"

#include <boost/asio/co_spawn.hpp>
#include <gmock/gmock.h>

#include <functional>

namespace portoser::deployment {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr auto kept_id = "deploy-20260304-091500-1f0c9a7e";

class RollbackTest : public ActionsTest {
 protected:
  RollbackTest() {
    set_port(9000);
    start_controller();
    inspection_.file = "/srv/notes/compose.yml";
    inspection_.kept = {kept_id};
  }
  ~RollbackTest() override {
    run(rollback_->stop());
    stop_controller();
    rollback_.reset();
    mover_.reset();
    editor_.reset();
  }

  void add_kinds() override {
    editor_ = std::make_unique<registry::RegistryEditor>(
        *registry_, folder_ / "registry.yml", folder_ / "registry-backups", clock_);
    mover_ = std::make_unique<Mover>(
        *registry_, *editor_, *fleet_, *jobs_, *recording_, routing_, *database_, clock_);
    rollback_ = std::make_unique<Rollback>(*registry_,
                                           *editor_,
                                           *fleet_,
                                           *jobs_,
                                           *history_,
                                           *preflight_,
                                           *mover_,
                                           *recording_,
                                           context_.get_executor());
    jobs_->add_listener(*rollback_);
  }

  void set_port(int port) {
    write_registry("  notes: {current_host: brick, docker_compose: /srv/notes/compose.yml, port: " +
                   std::to_string(port) + "}\n");
  }
  [[nodiscard]] std::string entry() const {
    return registry_->snapshot()->registry->require_service("notes", "").config;
  }
  [[nodiscard]] int port() const { return Json::parse(entry())["port"]; }
  /// A deployment whose entry had this port.
  storage::DeploymentRecord with_port(int port) {
    storage::DeploymentRecord record;
    record.id = kept_id;
    record.job_id = "01J";
    record.started_at = clock_.now() - std::chrono::hours{1};
    record.finished_at = record.started_at;
    record.service = "notes";
    record.machine = "brick";
    record.action = "update";
    record.status = "success";
    record.outcome = "succeeded";
    auto config = Json::parse(entry());
    config["port"] = port;
    record.config_after = dump(config);
    return record;
  }
  void insert(storage::DeploymentRecord record) {
    storage::DeploymentStore store{*database_};
    run(store.insert(std::move(record)));
  }

  /// What comes of the work, while the host answers.
  template <class T>
  T played(fleet::DeviceDouble& device, asio::awaitable<T> work) {
    std::optional<T> result;
    std::exception_ptr failure;
    bool over = false;
    asio::co_spawn(context_, std::move(work), [&](const std::exception_ptr& ended, T value) {
      failure = ended;
      result = std::move(value);
      over = true;
    });
    step_until([&] {
      if (auto message = device.receive()) take(device, *message);
      return over;
    });
    if (failure) std::rethrow_exception(failure);
    return std::move(*result);
  }
  fleet::DeviceDouble host() {
    return knowing({"compose.inspect", "compose.preflight", "compose.deploy"});
  }
  static Error refusal_in(const std::function<void()>& work) {
    try {
      work();
    } catch (const Error& error) {
      return error;
    }
    ADD_FAILURE() << "it was accepted";
    return Error{Code::internal, ""};
  }

  /// A rollback that ended well, and what the registry said when it began.
  storage::JobRecord lost_job(const std::string& config_before) {
    storage::JobRecord job;
    job.id = "01K";
    job.kind = "rollback";
    job.service = "notes";
    job.host = "brick";
    job.created_by = "ada";
    job.created_at = clock_.now();
    job.request = dump(Json{{"rollback_of", kept_id}, {"why", ""}});
    auto own = with_port(0);
    own.id = history::History::id_of(job);
    own.job_id = job.id;
    own.action = "rollback";
    own.started_at = job.created_at;
    own.config_before = config_before;
    insert(std::move(own));
    return job;
  }

  std::unique_ptr<registry::RegistryEditor> editor_;
  Routing routing_{*registry_, *fleet_};
  std::unique_ptr<Mover> mover_;
  std::unique_ptr<Rollback> rollback_;
  protocol::ComposeInspection inspection_;
  protocol::PreflightReport report_;
  std::vector<protocol::ComposeDeploy> deployed_;

 private:
  void take(fleet::DeviceDouble& device, const protocol::AnyMessage& message) {
    if (const auto* question = std::get_if<protocol::Question>(&message)) {
      const bool is_inspection = question->name == protocol::InspectCompose::name;
      protocol::Answer answer;
      answer.question_id = question->id;
      answer.succeeded = true;
      answer.content = is_inspection ? protocol::encode_arguments(inspection_)
                                     : protocol::encode_arguments(report_);
      device.send(answer);
    } else if (const auto* command = std::get_if<protocol::Command>(&message)) {
      deployed_.push_back(protocol::decode_arguments<protocol::ComposeDeploy>(command->arguments));
      protocol::CommandResult result;
      result.sequence = ++sequence_;
      result.command_id = command->id;
      result.succeeded = true;
      device.send(result);
    }
  }
};

TEST_F(RollbackTest, AnUnknownDeploymentIsSaid) {
  const auto unknown = [&](const std::function<void()>& work) {
    const auto error = refusal_in(work);
    EXPECT_EQ(error.code(), Code::not_found);
    EXPECT_EQ(error.reason(), "DEPLOYMENT_UNKNOWN");
  };
  unknown([&] { run(rollback_->preview(kept_id)); });
  unknown([&] { run(rollback_->begin(kept_id, "ada", "")); });
}

TEST_F(RollbackTest, AHostThatIsAwayMayBeWaitedFor) {
  insert(with_port(8090));
  const auto preview = run(rollback_->preview(kept_id));
  EXPECT_FALSE(preview.safe_to_rollback);
  EXPECT_EQ(preview.reason, "AGENT_OFFLINE");
  EXPECT_EQ(preview.differences.size(), 1U) << "what the registry says is known all the same";
  const auto error = refusal_in([&] { run(rollback_->begin(kept_id, "ada", "")); });
  EXPECT_EQ(error.code(), Code::unavailable);
  EXPECT_EQ(error.reason(), "AGENT_OFFLINE");
}

TEST_F(RollbackTest, SoMayAnEngine) {
  insert(with_port(8090));
  report_.findings = {{"engine", "error", "ENGINE_UNAVAILABLE", "engine", "it is away", "wait"}};
  auto device = host();
  const auto error = refusal_in([&] { played(device, rollback_->begin(kept_id, "ada", "")); });
  EXPECT_EQ(error.code(), Code::unavailable);
  EXPECT_EQ(error.reason(), "ENGINE_UNAVAILABLE");
  EXPECT_EQ(error.message(), "it is away");
}

TEST_F(RollbackTest, AnAgentThatCannotAnswerIsSaid) {
  insert(with_port(8090));
  auto device = welcomed();
  const auto preview = run(rollback_->preview(kept_id));
  EXPECT_EQ(preview.reason, "AGENT_TOO_OLD");
  EXPECT_THAT(preview.reasons, ElementsAre(HasSubstr("cannot answer")));
}

TEST_F(RollbackTest, OfANativeServiceNothingIsKept) {
  insert(with_port(8090));
  write_registry("  notes: {current_host: brick, deployment_type: native, unit: notes}\n");
  auto device = host();
  const auto preview = run(rollback_->preview(kept_id));
  EXPECT_EQ(preview.reason, "KIND_NOT_SUPPORTED");
  EXPECT_THAT(preview.reasons, ElementsAre(HasSubstr("\"notes\" is a native service")));
  EXPECT_EQ(refusal_in([&] { run(rollback_->begin(kept_id, "ada", "")); }).code(), Code::conflict);
}

TEST_F(RollbackTest, OfAnImportedRecordNothingIsKept) {
  auto record = with_port(8090);
  record.job_id.clear();
  insert(std::move(record));
  const auto preview = run(rollback_->preview(kept_id));
  EXPECT_EQ(preview.reason, "DEPLOYMENT_NOT_KEPT");
  EXPECT_THAT(preview.reasons, ElementsAre(HasSubstr("imported from the old CLI")));
}

TEST_F(RollbackTest, AHostKeepsTheNewestAlone) {
  insert(with_port(8090));
  inspection_.kept.clear();
  auto device = host();
  const auto preview = played(device, rollback_->preview(kept_id));
  EXPECT_EQ(preview.reason, "DEPLOYMENT_NOT_KEPT");
  EXPECT_THAT(preview.reasons, ElementsAre(HasSubstr("does not keep")));
}

TEST_F(RollbackTest, WhatDiffersInNothingIsSafeAndSaysSo) {
  insert(with_port(9000));
  auto device = host();
  const auto preview = played(device, rollback_->preview(kept_id));
  EXPECT_TRUE(preview.safe_to_rollback) << testing::PrintToString(preview.reasons);
  EXPECT_THAT(preview.differences, IsEmpty());
  EXPECT_THAT(preview.warnings, Contains("nothing differs from what there is now"));
}

TEST_F(RollbackTest, AnEntryThatCannotBePutBackIsNotSafe) {
  insert(with_port(70'000));
  auto device = host();
  const auto preview = played(device, rollback_->preview(kept_id));
  EXPECT_FALSE(preview.safe_to_rollback);
  EXPECT_THAT(preview.reasons, ElementsAre(HasSubstr("its entry in registry.yml cannot be put")));
  const auto error = refusal_in([&] { played(device, rollback_->begin(kept_id, "ada", "")); });
  EXPECT_EQ(error.code(), Code::conflict);
  EXPECT_EQ(port(), 9000);
}

TEST_F(RollbackTest, TheHostGoesBackAndTheEntryWithIt) {
  insert(with_port(8090));
  auto device = host();
  const auto preview = played(device, rollback_->preview(kept_id));
  ASSERT_EQ(preview.differences.size(), 1U);
  EXPECT_EQ(preview.differences[0].field, "port");
  EXPECT_EQ(preview.differences[0].change_type, "modified");
  EXPECT_EQ(port(), 9000) << "a preview changes nothing";
  const auto id = played(device, rollback_->begin(kept_id, "ada", "too slow")).id;
  const auto job = played(device, jobs_->wait(id));
  EXPECT_EQ(job.state, "succeeded") << job.error_message;
  ASSERT_EQ(deployed_.size(), 1U);
  EXPECT_EQ(deployed_[0].action, "restore");
  EXPECT_EQ(deployed_[0].restore, kept_id);
  EXPECT_EQ(port(), 8090);
  const auto record = run(history_->find(history::History::id_of(job)));
  EXPECT_EQ(record.status, "rolled_back");
  EXPECT_EQ(record.rollback_of, kept_id);
  EXPECT_EQ(record.why, "too slow");
}

// A rollback that was given up for lost, of which the host says days later that it succeeded.

TEST_F(RollbackTest, TheEntryOfOneThatWasLostComesBackLate) {
  insert(with_port(8090));
  const auto job = lost_job(entry());
  static_cast<jobs::Listener&>(*rollback_).job_corrected(job, nullptr);
  step_until([&] { return port() == 8090; });
}

TEST_F(RollbackTest, NotWhenTheServiceWasChangedSince) {
  insert(with_port(8090));
  const auto job = lost_job(entry());
  auto later = with_port(9000);
  later.id = "deploy-later";
  later.job_id = "01L";
  later.started_at = job.created_at + std::chrono::minutes{1};
  insert(std::move(later));
  run(rollback_->restore_late(job));
  EXPECT_EQ(port(), 9000);
}

TEST_F(RollbackTest, NotWhenItsEntryWasEditedSince) {
  insert(with_port(8090));
  const auto job = lost_job(entry());
  set_port(9001);
  run(rollback_->restore_late(job));
  EXPECT_EQ(port(), 9001);
}

TEST_F(RollbackTest, NotWhileAnotherJobOfItIsUnderWay) {
  insert(with_port(8090));
  const auto job = lost_job(entry());
  auto device = welcomed();
  run(actions_->begin(Action::stop, "notes", "bob"));
  run(rollback_->restore_late(job));
  EXPECT_EQ(port(), 9000);
}

}  // namespace
}  // namespace portoser::deployment
