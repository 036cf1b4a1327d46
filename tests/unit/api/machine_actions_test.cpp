// All services of a host over HTTP; the host is played by the test.

#include "tests/unit/api/api_fixture.h"

#include <gmock/gmock.h>

namespace portoser::api {
namespace {

using http::Method;
using testing::HasSubstr;

class MachineActionsTest : public ApiTest {
 protected:
  MachineActionsTest() {
    write_file_atomic(folder_ / "registry.yml",
                      "hosts:\n  brick: {ip: 127.0.0.1}\nservices:\n"
                      "  notes: {current_host: brick, docker_compose: /srv/notes/compose.yml, "
                      "dependencies: [db]}\n"
                      "  db: {current_host: brick, docker_compose: /srv/db/compose.yml}\n");
    run(registry_->reload());
  }
};

TEST_F(MachineActionsTest, TheAnswerSaysWhatBecameOfEach) {
  auto device = welcomed();
  const auto waiting = begin_request(Method::post, "/api/machines/brick/restart");
  EXPECT_EQ(play(device), "db");
  EXPECT_EQ(play(device), "notes");
  await_answer(*waiting);
  EXPECT_EQ(waiting->response->status, 200U);
  const auto answer = waiting->body();
  EXPECT_EQ(answer["success"], true);
  EXPECT_EQ(answer["machine"], "brick");
  EXPECT_EQ(answer["output"], "db: done\nnotes: done\n");
  EXPECT_EQ(answer["error"], nullptr);
  EXPECT_EQ(answer["state"], "succeeded");
  ASSERT_EQ(answer["results"].size(), 2U);
  EXPECT_EQ(answer["results"][1]["service"], "notes");
}

TEST_F(MachineActionsTest, SoDoesAFailure) {
  auto device = welcomed();
  const auto waiting = begin_request(Method::post, "/api/machines/brick/start");
  EXPECT_EQ(play(device, false), "db");
  await_answer(*waiting);
  EXPECT_EQ(waiting->response->status, 502U);
  const auto answer = waiting->body();
  EXPECT_EQ(answer["reason"], "SERVICES_FAILED");
  EXPECT_EQ(answer["error"]["status"], 502) << "the error stays what every error is";
  EXPECT_EQ(answer["success"], false);
  EXPECT_EQ(answer["machine"], "brick");
  EXPECT_EQ(answer["state"], "failed");
  EXPECT_EQ(get("/api/jobs/" + answer["job_id"].get<std::string>())["state"], "failed");
  ASSERT_EQ(answer["results"].size(), 2U);
  EXPECT_EQ(answer["results"][0]["service"], "db");
  EXPECT_EQ(answer["results"][0]["success"], false);
  EXPECT_EQ(answer["results"][0]["error"], "port 8090 is taken");
  EXPECT_THAT(answer["results"][1]["error"].get<std::string>(), HasSubstr("not begun"));
  EXPECT_THAT(answer["output"].get<std::string>(), HasSubstr("db: port 8090 is taken\nnotes: "));
}

}  // namespace
}  // namespace portoser::api
