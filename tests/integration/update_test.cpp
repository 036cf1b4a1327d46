// A compose file that is saved and brought to life, what becomes of it when that goes wrong, and
// the way back: real programs, a real engine.
#include "common/file.h"
#include "tests/integration/update_fixture.h"
#include "tests/support/await.h"

#include <gmock/gmock.h>

#include <map>
#include <string>
#include <vector>

namespace portoser::test {
namespace {

using namespace std::chrono_literals;
using testing::Contains;
using testing::HasSubstr;
using testing::Not;

using Update = UpdateTest;

ApiAnswer roll_back(const ControllerProcess& controller,
                    const std::string& id,
                    const std::string& body = R"({"confirm": true})") {
  return controller.post(
      "/api/history/rollback/" + id + "/execute", body, {{"Content-Type", "application/json"}});
}

/// The same by the path that the existing UI has.
ApiAnswer roll_back_as_the_ui(const ControllerProcess& controller,
                              const std::string& id,
                              const std::string& body = R"({"confirm": true, "dry_run": false})") {
  return controller.post(
      "/api/history/rollback/" + id, body, {{"Content-Type", "application/json"}});
}

TEST_F(Update, TheFileIsShownWithNamesOfVariablesAndWithoutTheirValues) {
  project_->write_file(".env", "PASSWORD=very-secret\n");
  const auto answer = controller_->get("/api/services/notes/compose");
  ASSERT_EQ(answer.status, 200U) << answer.text;
  EXPECT_EQ(answer.body["text"], text());
  EXPECT_EQ(answer.body["file"], project_->file().string());
  EXPECT_EQ(answer.body["environment"], Json::parse(R"([{"name":"PASSWORD","file":".env"}])"));
  EXPECT_THAT(answer.text, Not(HasSubstr("very-secret")));
  EXPECT_EQ(answer.body["images"][0]["compose_service"], "web");
  EXPECT_EQ(answer.body["images_problem"], nullptr);
  std::filesystem::remove(project_->folder() / ".env");
}

TEST_F(Update, AFileThatSomebodyElseChangedIsNotOverwritten) {
  const auto revision = compose()["revision"].get<std::string>();
  const auto other = text("    environment: [BY=hand]\n");
  project_->write(other);
  const auto answer = put(text("    environment: [BY=api]\n"), "", revision);
  EXPECT_EQ(answer.status, 412U) << answer.text;
  EXPECT_EQ(answer.body["reason"], "STALE_REVISION");
  EXPECT_EQ(read_file(project_->file()), other);
}

TEST_F(Update, WrittenAloneTouchesNothingThatRuns) {
  const auto before = container();
  const auto wanted = text("    environment: [GREETING=written]\n");
  const auto answer = put(wanted, "");
  ASSERT_EQ(answer.status, 200U) << answer.text;
  EXPECT_THAT(answer.body["difference"].get<std::string>(),
              HasSubstr("+    environment: [GREETING=written]"));
  EXPECT_EQ(read_file(project_->file()), wanted);
  EXPECT_EQ(container(), before);
  EXPECT_EQ(newest_record()["action"], "write");
}

TEST_F(Update, AppliedItRunsAndIsRecordedWithWhatWasThereBefore) {
  const auto wanted = text("    environment: [GREETING=two]\n");
  const auto answer = put(wanted);
  ASSERT_EQ(answer.status, 200U) << answer.text << agent_->log_tail();
  HttpClient client{port_};
  EXPECT_THAT(client.get("/").body, HasSubstr("two"));
  const auto record = newest_record();
  EXPECT_EQ(record["id"], answer.body["deployment_id"]);
  EXPECT_EQ(record["action"], "update");
  EXPECT_EQ(record["status"], "success");
  EXPECT_EQ(record["why"], "a test");
  EXPECT_EQ(record["before"]["text"], text());
  EXPECT_EQ(record["after"]["text"], wanted);
  EXPECT_THAT(record["after"]["kept"], Contains(record["id"]));
  await_until("the request is in the audit trail", 30s, [] {
    const auto entries = controller_->get("/api/audit?method=PUT&limit=1").body["entries"];
    return !entries.empty() && entries[0]["path"] == "/api/services/notes/compose" &&
           entries[0]["status"] == 200;
  });
}

TEST_F(Update, OneWhoseHealthDoesNotComeIsUndoneByItself) {
  make_image("update:sick",
             "HEALTHCHECK --interval=1s --retries=2 CMD false\nCMD [\"sleep\", \"9999\"]");
  const auto before = what_runs();
  const auto sick = text_from("image: update:sick");
  const auto answer = put(sick);
  EXPECT_EQ(answer.status, 502U) << answer.text;
  EXPECT_EQ(answer.body["reason"], "HEALTH_NOT_BACK");
  EXPECT_THAT(answer.body["message"].get<std::string>(), HasSubstr("runs again"));
  EXPECT_EQ(read_file(project_->file()), text());
  EXPECT_EQ(what_runs(), before);
  HttpClient client{port_};
  EXPECT_EQ(client.get("/").status, 200U);
  const auto record = newest_record();
  EXPECT_EQ(record["status"], "failure");
  EXPECT_EQ(record["outcome"], "returned");
  EXPECT_EQ(record["after"]["text"], text());
}

TEST_F(Update, OneThatHearsNoSignalDoesNotHoldUpTheWayBack) {
  make_image("update:deaf",
             "HEALTHCHECK --interval=1s --retries=2 CMD false\n"
             "CMD [\"sh\", \"-c\", \"trap '' TERM; while :; do sleep 1; done\"]");
  const auto before = what_runs();
  const auto deaf = text_from("image: update:deaf");
  const auto answer = put(deaf);
  EXPECT_EQ(answer.status, 502U) << answer.text;
  EXPECT_EQ(answer.body["reason"], "HEALTH_NOT_BACK");
  EXPECT_EQ(what_runs(), before);
  EXPECT_EQ(PrivateEngine::shared().docker(
                {"inspect", "--format", "{{.State.Health.Status}}", container()}),
            "healthy\n");
  const auto record = newest_record();
  EXPECT_EQ(record["outcome"], "returned");

  const auto job = controller_->get("/api/jobs/" + record["job_id"].get<std::string>()).body;
  std::map<std::string, Json> steps;
  for (const auto& step : job["steps"]) steps[step["name"].get<std::string>()] = step;
  EXPECT_EQ(steps["health"]["state"], "failed") << dump(job);
  for (const auto* name : {"undo", "undo-up", "undo-health"}) {
    EXPECT_EQ(steps[name]["state"], "succeeded") << name << dump(job);
  }
  // How long that takes is the machine's matter; that compose's ten seconds are no part of it is
  // in the log.
  std::vector<std::string> lines;
  for (const auto& line : job["log"]) lines.push_back(line["text"].get<std::string>());
  EXPECT_THAT(lines, Contains(HasSubstr("is not well: it has 1 s to end"))) << dump(job);
}

TEST_F(Update, TheWayBackBringsTextImageAndEntryBack) {
  const auto first = put(text("    environment: [GREETING=first]\n"));
  ASSERT_EQ(first.status, 200U) << first.text;
  const auto ran = what_runs();
  const auto id = first.body["deployment_id"].get<std::string>();
  ASSERT_EQ(put(text("    environment: [GREETING=second]\n")).status, 200U);
  HttpClient api{controller_->port()};
  ASSERT_EQ(api.request("PATCH",
                        "/api/services/notes",
                        R"({"port": 4711})",
                        {{"Content-Type", "application/json"}})
                .status,
            200U);

  const auto preview = controller_->get("/api/history/rollback/" + id + "/preview").body;
  EXPECT_EQ(preview["safe_to_rollback"], true) << dump(preview);
  std::vector<std::string> fields;
  for (const auto& one : preview["differences"]) fields.push_back(one["field"]);
  EXPECT_THAT(fields, testing::UnorderedElementsAre("port", "compose"));
  EXPECT_THAT(preview["compose_difference"].get<std::string>(), HasSubstr("+    environment"));

  const auto unconfirmed = roll_back(*controller_, id, "{}");
  EXPECT_EQ(unconfirmed.status, 400U);
  EXPECT_EQ(unconfirmed.body["reason"], "CONFIRM_REQUIRED") << unconfirmed.text;
  const auto by_the_ui = roll_back_as_the_ui(*controller_, id, "{}");
  EXPECT_EQ(by_the_ui.status, 400U);
  EXPECT_EQ(by_the_ui.body["reason"], "CONFIRM_REQUIRED") << by_the_ui.text;
  const auto dry = roll_back(*controller_, id, R"({"dry_run": true})");
  EXPECT_EQ(dry.body["preview"]["safe_to_rollback"], true) << dry.text;

  const auto answer = roll_back(*controller_, id);
  ASSERT_EQ(answer.status, 200U) << answer.text;
  EXPECT_EQ(what_runs(), ran);
  EXPECT_EQ(read_file(project_->file()), text("    environment: [GREETING=first]\n"));
  const auto registry = read_file(controller_->registry());
  EXPECT_THAT(registry, Not(HasSubstr("4711")));
  EXPECT_THAT(registry, HasSubstr("# the notes"));
  const auto record = newest_record();
  EXPECT_EQ(record["id"], answer.body["rollback_deployment_id"]);
  EXPECT_EQ(record["status"], "rolled_back");
  EXPECT_EQ(record["rollback_of"], id);

  const auto again = controller_->get("/api/history/rollback/" + id + "/preview").body;
  EXPECT_EQ(again["differences"], Json::array()) << dump(again);
  EXPECT_THAT(again["warnings"], Contains("nothing differs from what there is now"));
}

TEST_F(Update, ARowInANamedVolumeOutlivesEverything) {
  project_->write_file("Dockerfile", "FROM portoser-test/httpd\n");
  const auto with_volume = [](const std::string& more) {
    // One that can be rebuilt: images that are only here cannot be pulled.
    return text_from("build: .", "    volumes: ['rows:/rows']\n" + more, "volumes:\n  rows: {}\n");
  };
  const auto first = put(with_volume(""));
  ASSERT_EQ(first.status, 200U) << first.text;
  auto& engine = PrivateEngine::shared();
  engine.docker({"exec", container(), "sh", "-c", "echo a row > /rows/row"});
  const auto expect_row = [&](const char* after) {
    EXPECT_EQ(engine.docker({"exec", container(), "cat", "/rows/row"}), "a row\n") << after;
  };
  for (const auto* action : {"stop", "start", "restart", "rebuild"}) {
    const auto answer = act(action);
    ASSERT_EQ(answer.status, 200U) << action << answer.text;
    if (std::string{action} != "stop") expect_row(action);
  }
  ASSERT_EQ(put(with_volume("    environment: [GREETING=other]\n")).status, 200U);
  expect_row("an update");
  const auto id = first.body["deployment_id"].get<std::string>();
  const auto back = roll_back_as_the_ui(*controller_, id);
  ASSERT_EQ(back.status, 200U) << back.text;
  EXPECT_EQ(back.body["success"], true) << back.text;
  EXPECT_EQ(back.body["rollback_deployment_id"], newest_record()["id"]);
  EXPECT_EQ(newest_record()["rollback_of"], id);
  expect_row("the way back");
}

TEST_F(Update, AFailedDeploymentIsNothingToGoBackTo) {
  project_->write("services: [broken]\n");
  EXPECT_EQ(act("rebuild").status, 422U);
  const auto id = newest_record()["id"].get<std::string>();
  const auto answer = roll_back(*controller_, id);
  EXPECT_EQ(answer.status, 409U) << answer.text;
  EXPECT_EQ(answer.body["reason"], "DEPLOYMENT_NOT_GOOD");
  EXPECT_EQ(roll_back_as_the_ui(*controller_, id).body["reason"], "DEPLOYMENT_NOT_GOOD");
  EXPECT_EQ(roll_back(*controller_, "deploy-20000101-000000-00000000").status, 404U);
}

TEST_F(Update, AControllerThatIsKilledMidwayFindsTheEndInTheHistory) {
  make_image("update:slow",
             "HEALTHCHECK --interval=1s --start-period=60s CMD test -f /ok\n"
             "CMD [\"sh\", \"-c\", \"sleep 3; touch /ok; sleep 9999\"]");
  const auto slow = text_from("image: update:slow");
  const auto revision = compose()["revision"].get<std::string>();
  HttpClient client{controller_->port()};
  const auto begun =
      client.request("PUT",
                     "/api/services/notes/compose?apply=true",
                     dump(Json{{"text", slow}, {"revision", revision}}),
                     {{"Content-Type", "application/json"}, {"Prefer", "respond-async"}});
  ASSERT_EQ(begun.status, 202U) << begun.body;
  const auto job = Json::parse(begun.body)["job_id"].get<std::string>();
  await_until("the host waits for health", 60s, [&] {
    return controller_->get("/api/jobs/" + job).body["step"] == "health";
  });
  controller_->kill();
  controller_->start();
  await_until("the job is over", 120s, [&] {
    return controller_->get("/api/jobs/" + job).body["state"] == "succeeded";
  });
  const auto record = newest_record();
  EXPECT_EQ(record["job_id"], job);
  EXPECT_EQ(record["status"], "success");
  EXPECT_EQ(record["before"]["text"], text());
  EXPECT_EQ(record["after"]["text"], slow);
}

}  // namespace
}  // namespace portoser::test
