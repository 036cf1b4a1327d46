// Services and machines that come, change and go over HTTP.

#include "common/file.h"
#include "tests/unit/api/registry_fixture.h"

#include <gmock/gmock.h>

namespace portoser::api {
namespace {

using http::Method;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

using ServiceEdits = RegistryApiTest;
using MachineEdits = RegistryApiTest;

TEST_F(ServiceEdits, ANewOneIsThereAtOnce) {
  const auto answer = request_of(Method::post,
                                 "/api/services",
                                 {{"name", "mail"},
                                  {"hostname", ""},
                                  {"current_host", "brick"},
                                  {"deployment_type", "docker"},
                                  {"docker_compose", "/srv/mail.yml"},
                                  {"port", 25},
                                  {"dependencies", {"notes"}},
                                  {"description", "yes"}});
  EXPECT_EQ(answer.status, 201U);
  const auto body = Json::parse(answer.text());
  EXPECT_EQ(body["success"], true);
  EXPECT_EQ(body["service"], "mail");
  EXPECT_EQ(body["revision"], registry_->snapshot()->registry->revision);
  EXPECT_EQ(etag_of(answer), etag_of(ask("/api/services/mail")));
  const auto row = get("/api/services/mail");
  EXPECT_EQ(row["port"], 25);
  EXPECT_EQ(row["description"], "yes");
  EXPECT_EQ(row["hostname"], "mail.internal");
  EXPECT_EQ(get("/api/services/notes")["dependents"], Json({"mail"}));
  EXPECT_EQ(text(),
            before_ +
                "  mail: {current_host: brick, deployment_type: docker, docker_compose: "
                "/srv/mail.yml, port: 25, dependencies: [notes], description: 'yes'}\n");
}

TEST_F(ServiceEdits, AHostIsNotNeeded) {
  for (const Json& host : {Json(nullptr), Json(""), Json("unassigned")}) {
    const auto name = "mail" + std::to_string(host.dump().size());
    send(Method::post,
         "/api/services",
         {{"name", name}, {"current_host", host}, {"docker_compose", "/m.yml"}});
    EXPECT_EQ(get("/api/services/" + name)["current_host"], nullptr);
  }
}

struct Wrong {
  Json body;
  const char* where;
  Code code = Code::invalid;
};

TEST_F(ServiceEdits, WhatIsWrongIsRefusedWithItsPlaceAndChangesNothing) {
  const auto mail = [](const char* key, Json value) {
    Json body{{"name", "mail"}, {"docker_compose", "/m.yml"}};
    body[key] = std::move(value);
    return body;
  };
  for (const auto& [body, where, code] :
       {Wrong{Json::object(), "body.name"},
        Wrong{mail("name", "../x"), "body.name"},
        Wrong{mail("name", "a;id"), "body.name"},
        Wrong{mail("name", "--force"), "body.name"},
        Wrong{mail("name", "$(id)"), "body.name"},
        Wrong{mail("name", std::string(300, 'x')), "body.name"},
        Wrong{mail("name", "nötes"), "body.name"},
        Wrong{mail("name", "Mail"), "body.name"},
        Wrong{mail("current_host", "nowhere"), "body.current_host"},
        Wrong{mail("port", 70000), "body.port"},
        Wrong{mail("port", 0), "body.port"},
        Wrong{mail("port", "80"), "body.port"},
        Wrong{mail("docker_compose", ""), "body"},
        Wrong{mail("prot", 80), "body.prot"},
        Wrong{mail("dependencies", "notes"), "body.dependencies"}}) {
    const auto error = refused(Method::post, "/api/services", body);
    EXPECT_EQ(error.code(), code) << body;
    EXPECT_EQ(error.where(), where) << error.message();
  }
  EXPECT_EQ(refused(Method::post, "/api/services", mail("name", "notes")).reason(), "NAME_TAKEN");
  EXPECT_EQ(text(), before_);
}

TEST_F(ServiceEdits, FieldsOfTheBodyChangeAndNullTakesOneOut) {
  for (const auto method : {Method::put, Method::patch}) {
    send(method, "/api/services/notes", {{"port", 8090}, {"description", "mine"}});
    EXPECT_EQ(get("/api/services/notes")["port"], 8090);
    send(method, "/api/services/notes", {{"port", nullptr}, {"description", ""}});
    EXPECT_EQ(text(), before_);
  }
  EXPECT_EQ(refused(Method::put, "/api/services/nots", {{"port", 1}}).reason(), "SERVICE_UNKNOWN");
  EXPECT_EQ(refused(Method::put, "/api/services/notes", {{"name", "n"}}).where(), "body.name");
}

TEST_F(ServiceEdits, AMaskIsNoValueWhereASecretWouldStand) {
  const auto put = [&](const Json& body) {
    return refused(Method::put, "/api/services/notes", body);
  };
  const auto url = put({{"healthcheck_url", "http://mon:***@brick:80/h"}});
  EXPECT_EQ(url.reason(), "MASKED_SECRET");
  EXPECT_EQ(url.where(), "body.healthcheck_url");
  const auto command = put({{"healthcheck_command", "PGPASSWORD=*** psql"}});
  EXPECT_EQ(command.reason(), "MASKED_SECRET");
  EXPECT_EQ(command.where(), "body.healthcheck_command");
  EXPECT_EQ(put({{"health", {{"type", "command"}, {"command", "x --token=***"}}}}).where(),
            "body.health");
  EXPECT_EQ(text(), before_);
  send(Method::put, "/api/services/notes", {{"description", "*** mine ***"}});
}

TEST_F(ServiceEdits, NoValueHasControlCharacters) {
  for (const auto& [body, where] : {
           std::pair{Json{{"health", {{"command", std::string{"a\0b", 3}}}}}, "body.health"},
           std::pair{Json{{"docker_compose", "/a\u0085b"}}, "body.docker_compose"},
           std::pair{Json{{"docker_compose", "/a\nb"}}, "body.docker_compose"},
           std::pair{Json{{"description", "a\x7f"}}, "body.description"},
           std::pair{Json{{"dependencies", {"a\x1b"}}}, "body.dependencies"},
       }) {
    const auto error = refused(Method::put, "/api/services/notes", body);
    EXPECT_EQ(error.code(), Code::invalid) << body;
    EXPECT_EQ(error.where(), where);
  }
  EXPECT_EQ(text(), before_);
  send(Method::put, "/api/services/notes", {{"description", "two\nlines"}});
  EXPECT_EQ(get("/api/services/notes")["description"], "two\nlines");
}

TEST_F(ServiceEdits, RowsAndFindingsShowNoPasswordOfAUrl) {
  write_file_atomic(folder_ / "registry.yml",
                    "hosts: {brick: {ip: a, description: 'http://u:hunter@a/'}}\nservices:\n"
                    "  notes: {docker_compose: /n.yml, healthcheck_url: 'http://u:hunter@a/', "
                    "description: 'token: hunter'}\n"
                    "  mail: {docker_compose: /m.yml, healthcheck_url: 'ftp://u:hunter@a/'}\n"
                    "  web: {docker_compose: /w.yml, healthcheck_url: 'ftp://u:hunter" +
                        std::string(90, 'x') + "@a/'}\n");
  send(Method::post, "/api/registry/reload");
  EXPECT_EQ(get("/api/services/notes")["healthcheck_url"], "http://u:***@a/");
  EXPECT_EQ(get("/api/services/mail")["config_errors"][0]["message"],
            "\"healthcheck_url\" is \"ftp://u:***@a/\"");
  for (const auto* path : {"/api/services", "/api/machines", "/api/registry", "/api/health"}) {
    EXPECT_THAT(ask(path).text(), Not(HasSubstr("hunter"))) << path;
  }
}

TEST_F(ServiceEdits, WhatWasChangedMeanwhileIsNotOverwritten) {
  const auto read = etag_of(ask("/api/services/notes"));
  send(Method::put, "/api/services/notes", {{"port", 1}});
  for (const auto method : {Method::put, Method::delete_}) {
    const auto error = refused(method, "/api/services/notes", {{"port", 2}}, {{"If-Match", read}});
    EXPECT_EQ(error.reason(), "PRECONDITION_FAILED");
  }
  EXPECT_EQ(get("/api/services/notes")["port"], 1);
  const auto now = etag_of(ask("/api/services/notes"));
  const auto answer = request_of(
      Method::put, "/api/services/notes", {{"port", 2}}, {{"If-Match", "\"x\", " + now}});
  EXPECT_EQ(etag_of(answer), etag_of(ask("/api/services/notes")));
  EXPECT_EQ(refused(Method::put, "/api/services/notes", {{"port", 3}}, {{"If-Match", "x"}}).code(),
            Code::bad_request);
}

TEST_F(ServiceEdits, OneThatOthersNeedGoesByForceAlone) {
  send(Method::post,
       "/api/services",
       {{"name", "mail"}, {"docker_compose", "/m.yml"}, {"dependencies", {"notes"}}});
  const auto error = refused(Method::delete_, "/api/services/notes?keep_running=true", {});
  EXPECT_EQ(error.reason(), "SERVICE_NEEDED");
  ASSERT_EQ(error.details().size(), 1U);
  EXPECT_EQ(error.details()[0].message, "mail");
  send(Method::delete_, "/api/services/notes?keep_running=true&force=true", {});
  EXPECT_EQ(registry_->snapshot()->registry->find_service("notes"), nullptr);
}

TEST_F(ServiceEdits, ARunningOneIsStoppedFirstOrStays) {
  ASSERT_EQ(get("/api/services/notes")["status"], "running");
  // Its agent is not connected here.
  EXPECT_EQ(refused(Method::delete_, "/api/services/notes", {}).code(), Code::unavailable);
  EXPECT_EQ(text(), before_);
  const auto answer = send(Method::delete_, "/api/services/notes?keep_running=true", {});
  EXPECT_EQ(answer["stopped"], false);
  ASSERT_EQ(answer["left"].size(), 2U);
  EXPECT_EQ(answer["left"][0], "it runs on brick");
  EXPECT_EQ(answer["left"][1], "/srv/notes/compose.yml on brick");
  EXPECT_EQ(get("/api/services")["services"], Json::array());
}

TEST_F(MachineEdits, OneComesChangesAndGoes) {
  const auto answer = request_of(Method::post,
                                 "/api/machines",
                                 {{"name", "loft"},
                                  {"ip", "192.0.2.7"},
                                  {"ssh_user", "ops"},
                                  {"roles", {"edge", "no"}},
                                  {"description", ""}});
  EXPECT_EQ(answer.status, 201U);
  EXPECT_EQ(Json::parse(answer.text())["machine"], "loft");
  EXPECT_EQ(get("/api/machines/loft")["roles"], Json({"edge", "no"}));
  send(Method::patch,
       "/api/machines/loft",
       {{"ssh_port", 2222},
        {"roles", nullptr},
        {"resources", {{"cpu_cores", 4}, {"gpu", nullptr}}}});
  const auto row = get("/api/machines/loft");
  EXPECT_EQ(row["ssh_port"], 2222);
  EXPECT_EQ(row["roles"], Json::array());
  EXPECT_EQ(row["resources"]["cpu_cores"], 4);
  const auto read = etag_of(ask("/api/machines/loft"));
  request_of(Method::delete_, "/api/machines/loft", {}, {{"If-Match", read}});
  EXPECT_EQ(text(), before_);
}

TEST_F(MachineEdits, WhatIsWrongIsRefused) {
  EXPECT_EQ(refused(Method::post, "/api/machines", {{"name", "loft"}}).where(), "body.ip");
  EXPECT_EQ(refused(Method::post, "/api/machines", {{"name", "--x"}, {"ip", "a"}}).where(),
            "body.name");
  EXPECT_EQ(refused(Method::post, "/api/machines", {{"name", "brick"}, {"ip", "a"}}).reason(),
            "NAME_TAKEN");
  EXPECT_EQ(refused(Method::put, "/api/machines/brick", {{"ip", "a b"}}).where(), "body.ip");
  EXPECT_EQ(refused(Method::put, "/api/machines/brik", {{"ip", "a"}}).reason(), "MACHINE_UNKNOWN");
  const auto error = refused(Method::delete_, "/api/machines/brick", {});
  EXPECT_EQ(error.reason(), "MACHINE_IN_USE");
  EXPECT_THAT(error.message(), HasSubstr("notes"));
  EXPECT_EQ(text(), before_);
}

TEST_F(RegistryApiTest, EveryChangeIsToldOnTheSocketOnce) {
  const auto socket = open_socket("/ws", {R"({"action":"ping"})"});
  frame_of(*socket, "pong");
  send(Method::post, "/api/machines", {{"name", "loft"}, {"ip", "192.0.2.7"}});
  EXPECT_EQ(frame_of(*socket, "machine_created")["machine"], "loft");
  send(Method::put, "/api/services/notes", {{"port", 8090}});
  EXPECT_EQ(frame_of(*socket, "service_updated")["service"], "notes");
  // By hand is no different.
  write_file_atomic(folder_ / "registry.yml", "hosts: {loft: {ip: a, ssh_port: x}}\n");
  run(registry_->reload());
  EXPECT_EQ(frame_of(*socket, "service_deleted")["service"], "notes");
  std::vector<Json> reloaded;
  for (const auto& frame : socket->frames) {
    if (frame["type"] == "registry_reloaded") reloaded.push_back(frame);
  }
  ASSERT_EQ(reloaded.size(), 3U);
  EXPECT_EQ(reloaded[1]["changed"], Json({"notes"}));
  EXPECT_EQ(reloaded[2]["removed"], Json({"notes"}));
  EXPECT_EQ(reloaded[2]["machines"]["removed"], Json({"brick"}));
  EXPECT_EQ(reloaded[2]["errors"][0]["where"], "hosts.loft.ssh_port");
  EXPECT_EQ(reloaded[2]["revision"], registry_->snapshot()->registry->revision);
}

}  // namespace
}  // namespace portoser::api
