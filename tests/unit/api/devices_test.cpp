// Devices and join tokens over HTTP: what is asked and what is answered.

#include "tests/unit/api/api_fixture.h"

#include <algorithm>
#include <deque>
#include <set>

namespace portoser::api {
namespace {

using http::Method;

class DevicesTest : public ApiTest {
 protected:
  /// "aaa", without a token.
  void ask_to_be_let_in() {
    send(Method::post,
         "/api/register",
         {{"hostname", "aaa"},
          {"ip_address", "192.0.2.31"},
          {"os", "Debian"},
          {"architecture", "x86_64"},
          {"ram_mb", 4096}});
  }
  static std::set<std::string> keys_of(const Json& object) {
    std::set<std::string> keys;
    for (const auto& [key, value] : object.items()) keys.insert(key);
    return keys;
  }
  template <class Ask>
  static Error refused(Ask ask) {
    try {
      ask();
    } catch (const Error& error) {
      return error;
    }
    ADD_FAILURE() << "it was answered";
    return Error{Code::internal, ""};
  }
  /// A host without an agent; its credential.
  std::string join_shelf() {
    write_file_atomic(folder_ / "registry.yml",
                      "hosts:\n  brick: {ip: 127.0.0.1}\n  shelf: {ip: 127.0.0.2, roles: [nas]}\n"
                      "services:\n"
                      "  notes: {current_host: brick, docker_compose: /srv/notes/compose.yml}\n");
    run(registry_->reload());
    const auto token = send(Method::post, "/api/devices/tokens")["token"];
    const auto answer = send(Method::post,
                             "/api/v1/devices",
                             {{"hostname", "shelf"},
                              {"ip", "192.0.2.9"},
                              {"arch", "arm64"},
                              {"os", "linux"},
                              {"os_version", "Debian 12"},
                              {"registration_token", token}});
    return answer["device_credential"];
  }
  Json beat(const std::string& target, const std::string& credential, const Json& body) {
    http::Request request;
    request.method = Method::post;
    request.add_header("Authorization", "Bearer " + credential);
    request.body = dump(body);
    request.set_target(target);
    http::Match match;
    router_.find(request, match);
    const http::CallContext call{request, match.endpoint->parameters, match.values};
    return Json::parse(run(match.endpoint->later(call)).text());
  }
  static inline const http::User eve{"eve", "Eve", {"viewer"}, {}};
};

TEST_F(DevicesTest, OneIsAskedForByItsName) {
  const auto row = get("/api/devices/brick");
  EXPECT_EQ(row, get("/api/devices")["devices"][0]);
  EXPECT_EQ(row["approval_status"], "approved");
  EXPECT_EQ(row["mode"], "normal");
  EXPECT_EQ(row["status"], "online");
  for (const auto* name : {"nobody", "x'; id; '", "a%7Cb", "n%C3%BCc"}) {
    const auto error = refused([&] { ask(std::string{"/api/devices/"} + name); });
    EXPECT_EQ(error.reason(), "DEVICE_UNKNOWN") << name;
  }
}

TEST_F(DevicesTest, WhatAHostThatIsGoneUsedLastIsNotItsUseNow) {
  const auto here = get("/api/devices/brick");
  EXPECT_EQ(here["services"][0]["cpu_percent"], 3.0);
  EXPECT_EQ(here["cpu_percent"], 12.5);
  live_.on_liveness("brick", fleet::Liveness::online, fleet::Liveness::offline, clock_.now());
  const auto gone = get("/api/devices/brick");
  ASSERT_EQ(gone["services"].size(), 1U);
  EXPECT_TRUE(gone["services"][0]["cpu_percent"].is_null());
  EXPECT_TRUE(gone["cpu_percent"].is_null());
}

TEST_F(DevicesTest, TheListIsFilteredAndTurnedPageByPage) {
  const auto credential = join_shelf();
  EXPECT_EQ(get("/api/devices")["total"], 2) << "no host is there twice";
  const auto second = get("/api/devices?page=2&page_size=1");
  EXPECT_EQ(second["total_pages"], 2);
  ASSERT_EQ(second["devices"].size(), 1U);
  EXPECT_EQ(second["devices"][0]["id"], "shelf");
  EXPECT_EQ(get("/api/devices?page=3&page_size=1")["devices"].size(), 0U);
  EXPECT_EQ(get("/api/devices?role=nas")["devices"][0]["id"], "shelf");
  EXPECT_EQ(get("/api/devices?status=online")["total"], 1);
  EXPECT_EQ(get("/api/devices?status=maintenance")["total"], 0);
  send(Method::patch, "/api/devices/shelf", {{"status", "maintenance"}});
  EXPECT_EQ(get("/api/devices?status=maintenance")["devices"][0]["id"], "shelf");
  EXPECT_EQ(refused([&] { get("/api/devices?page_size=101"); }).where(), "query.page_size");
  EXPECT_EQ(refused([&] { get("/api/devices?page=0"); }).where(), "query.page");
}

/// Many registries have hosts that never get an agent.
TEST_F(DevicesTest, HostsOfTheRegistryThatNeverJoinedAreListedAsUnknownWithTheReason) {
  write_file_atomic(
      folder_ / "registry.yml",
      "hosts:\n  air: {ip: 192.0.2.7, arch: darwin/arm64, ssh_user: ada, roles: [web],"
      " resources: {cpu_cores: 8, memory_gb: 15.6}}\n  brick: {ip: 127.0.0.1}\n"
      "services:\n"
      "  notes: {current_host: air, docker_compose: /srv/notes/compose.yml}\n");
  run(registry_->reload());
  ask_to_be_let_in();
  const auto list = get("/api/devices");
  EXPECT_EQ(list["total"], 3);
  ASSERT_EQ(list["devices"].size(), 3U);
  EXPECT_EQ(list["devices"][0]["name"], "brick");
  EXPECT_EQ(list["devices"][0]["reason"], "");
  const auto& row = list["devices"][1];
  EXPECT_EQ(row["id"], "air");
  EXPECT_EQ(row["name"], "air");
  EXPECT_TRUE(row["device_id"].is_null());
  EXPECT_EQ(row["status"], "unknown");
  EXPECT_EQ(row["liveness"], "unknown");
  EXPECT_EQ(row["reason"], "no agent has joined from this host");
  EXPECT_EQ(row["has_agent"], false);
  EXPECT_EQ(row["ip_address"], "192.0.2.7");
  EXPECT_EQ(row["os"], "darwin");
  EXPECT_EQ(row["arch"], "arm64");
  EXPECT_EQ(row["resources"]["cpu_cores"], 8);
  EXPECT_EQ(row["resources"]["memory_gb"], 16);
  EXPECT_EQ(row["registered_at"], "");
  EXPECT_FALSE(row.contains("last_seen")) << "the UI would show null as 1970";
  EXPECT_TRUE(row["cpu_percent"].is_null());
  EXPECT_EQ(row["service_count"], 1);
  EXPECT_EQ(row["services"][0]["name"], "notes");
  EXPECT_EQ(row["services"][0]["status"], "unknown");
  EXPECT_EQ(list["devices"][2]["name"], "aaa") << "who waits to be let in comes last";
  EXPECT_EQ(get("/api/devices/air"), row);
  // Filters and pages know it.
  EXPECT_EQ(get("/api/devices?status=unknown")["total"], 1);
  EXPECT_EQ(get("/api/devices?status=online")["total"], 1);
  EXPECT_EQ(get("/api/devices?role=web")["devices"][0]["id"], "air");
  const auto second = get("/api/devices?page=2&page_size=1");
  EXPECT_EQ(second["total_pages"], 3);
  EXPECT_EQ(second["devices"][0]["id"], "air");
  // It is no device that somebody could change.
  EXPECT_EQ(refused([&] { send(Method::patch, "/api/devices/air"); }).reason(), "DEVICE_UNKNOWN");
  EXPECT_EQ(get("/api/machines/air")["reason"], row["reason"]);
}

TEST_F(DevicesTest, AHostThatIsHeardAndSendsNoSamplesHasAReasonAndNoUse) {
  clock_.set_by(std::chrono::seconds{20});
  const auto row = get("/api/devices/brick");
  EXPECT_EQ(row["status"], "warning");
  EXPECT_EQ(row["reason"], "the agent is heard and sends no samples");
  EXPECT_TRUE(row["cpu_percent"].is_null());
  EXPECT_TRUE(row["services"][0]["cpu_percent"].is_null());
}

TEST_F(DevicesTest, WhoAsksToBeLetInHidesNobodyWhoIsIn) {
  ask_to_be_let_in();
  const auto rows = get("/api/devices")["devices"];
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_EQ(rows[0]["name"], "brick");
  EXPECT_EQ(rows[1]["name"], "aaa");
  const std::string page{ask("/metrics").text()};
  EXPECT_NE(page.find("hostname=\"brick\""), std::string::npos);
  EXPECT_EQ(page.find("hostname=\"aaa\""), std::string::npos);
}

TEST_F(DevicesTest, AHeartbeatIsAnsweredAndShown) {
  const auto credential = join_shelf();
  const auto answer =
      beat("/api/devices/shelf/heartbeat", credential, {{"metrics", {{"cpu_percent", 12.5}}}});
  EXPECT_EQ(keys_of(answer),
            (std::set<std::string>{"success", "hostname", "last_seen_at", "status"}));
  EXPECT_EQ(answer["status"], "online");
  EXPECT_EQ(answer["last_seen_at"].get<std::string>().back(), 'Z');
  step_until([&] { return get("/api/devices/shelf")["liveness"] == "online"; });
  const auto row = get("/api/devices/shelf");
  EXPECT_EQ(row["cpu_percent"], 12.5);
  EXPECT_EQ(row["metrics"]["cpu_percent"], 12.5);
  EXPECT_EQ(row["has_agent"], false);
  EXPECT_EQ(row["ip"], "127.0.0.2") << "the registry knows better than the host";
  EXPECT_EQ(refused([&] { beat("/api/devices/shelf/heartbeat", "guess", {}); }).reason(),
            "CREDENTIAL_WRONG");
}

TEST_F(DevicesTest, AThousandHeartbeatsThatWaitHoldUpNoQuestion) {
  const auto credential = join_shelf();
  const auto written_at = std::filesystem::last_write_time(folder_ / "registry.yml");
  struct Beat {
    http::Request request;
    http::Match match;
  };
  std::deque<Beat> beats(1000);
  std::size_t heard = 0;
  for (auto& [request, match] : beats) {
    request.method = Method::post;
    request.add_header("Authorization", "Bearer " + credential);
    request.body = "{}";
    request.set_target("/api/devices/shelf/heartbeat");
    router_.find(request, match);
    const http::CallContext call{request, match.endpoint->parameters, match.values};
    asio::co_spawn(context_,
                   match.endpoint->later(call),
                   [&heard](const std::exception_ptr& failure, const http::Response&) {
                     EXPECT_FALSE(failure);
                     ++heard;
                   });
  }
  EXPECT_EQ(get("/api/devices")["total"], 2);
  EXPECT_EQ(get("/api/devices/shelf")["status"], "unknown");
  EXPECT_EQ(heard, 0U) << "the answers above waited for heartbeats";
  step_until([&] { return heard == beats.size(); });
  EXPECT_EQ(std::filesystem::last_write_time(folder_ / "registry.yml"), written_at);
}

/// The UI would show null as 1970.
TEST_F(DevicesTest, WhoWasNeverHeardWasSeenWhenItAskedToBeLetIn) {
  ask_to_be_let_in();
  const auto row = get("/api/devices/aaa");
  EXPECT_TRUE(row["last_seen_at"].is_null());
  EXPECT_EQ(row["last_seen"], row["registered_at"]);
  EXPECT_EQ(row["status"], "pending");
}

TEST_F(DevicesTest, AnUpdateSaysWhatItChanged) {
  const auto answer = send(Method::patch,
                           "/api/devices/brick",
                           {{"labels", {{"site", "lab"}}}, {"description", "under the stairs"}});
  EXPECT_EQ(keys_of(answer),
            (std::set<std::string>{
                "success", "hostname", "updated_fields", "current_roles", "mode", "updated_at"}));
  EXPECT_EQ(answer["updated_fields"]["labels"], true);
  EXPECT_EQ(answer["updated_fields"]["resources"], false);
  EXPECT_EQ(answer["updated_fields"]["status"], false);
  const auto row = get("/api/devices/brick");
  EXPECT_EQ(row["labels"], (Json{{"site", "lab"}}));
  EXPECT_EQ(row["description"], "under the stairs");
  EXPECT_EQ(refused([&] { send(Method::patch, "/api/devices/brick", {}, eve); }).code(),
            Code::forbidden);
  EXPECT_EQ(refused([&] {
              send(Method::patch, "/api/devices/brick", {{"labels", "lab"}});
            }).where(),
            "body.labels");
}

TEST_F(DevicesTest, ResourcesChangeOneByOneAndGoBackToTheMeasured) {
  const auto measured = get("/api/devices/brick")["resources"];
  const auto patch = [&](const Json& resources) {
    const auto answer = send(Method::patch, "/api/devices/brick", {{"resources", resources}});
    EXPECT_EQ(answer["updated_fields"]["resources"], true);
  };
  patch({{"memory_gb", "77"}});
  patch({{"disk_gb", 990.0}, {"gpu", true}});
  auto expected = measured;
  expected["memory_gb"] = 77;
  expected["disk_gb"] = 990;
  expected["gpu"] = true;
  EXPECT_EQ(get("/api/devices/brick")["resources"], expected);
  const auto page = ask("/metrics").text();
  EXPECT_NE(page.find("device_resources{hostname=\"brick\",resource_type=\"disk_gb\"} 990\n"),
            std::string::npos)
      << "alerts look at the same";
  send(Method::patch, "/api/devices/brick", {{"description", "x"}});
  EXPECT_EQ(get("/api/devices/brick")["resources"], expected);
  for (const auto& wrong : {Json(-1), Json(7.7), Json("7.7"), Json("7 "), Json(1e300)}) {
    const Json body{{"resources", {{"cpu_cores", wrong}}}};
    EXPECT_EQ(refused([&] { send(Method::patch, "/api/devices/brick", body); }).where(),
              "body.resources.cpu_cores")
        << wrong;
  }
  patch(nullptr);
  expected = measured;
  expected["gpu"] = true;
  EXPECT_EQ(get("/api/devices/brick")["resources"], expected);
}

TEST_F(DevicesTest, OwnersChange) {
  const auto answer =
      send(Method::post, "/api/devices/brick/transfer-ownership", {{"new_owner_user_id", "eve"}});
  EXPECT_EQ(answer["status"], "transferred");
  EXPECT_EQ(answer["previous_owner_user_id"], nullptr);
  EXPECT_EQ(get("/api/devices/brick")["owner_user_id"], "eve");
  EXPECT_EQ(send(Method::patch, "/api/devices/brick", Json::object(), eve)["success"], true);
}

TEST_F(DevicesTest, ARemovalSaysWhatBecomesOfItsServices) {
  EXPECT_EQ(refused([&] { send(Method::delete_, "/api/devices/brick"); }).reason(),
            "DEVICE_IN_USE");
  for (const auto* target : {"/api/devices/brick?migrate_services=true",
                             "/api/devices/brick?migrate_services=true&force=true"}) {
    EXPECT_EQ(refused([&] { send(Method::delete_, target); }).reason(), "NOT_SUPPORTED") << target;
  }
  const auto answer = send(Method::delete_, "/api/devices/brick?force=true");
  EXPECT_EQ(answer["status"], "deregistered");
  EXPECT_EQ(answer["services_migrated"], Json::array());
  EXPECT_EQ(answer["services_left"], Json::array({"notes"}));
  const auto left = get("/api/devices");
  ASSERT_EQ(left["total"], 1);
  EXPECT_TRUE(left["devices"][0]["device_id"].is_null()) << "registry.yml has it still";
  live_.on_device({"device_deregistered", "brick", "", "", false, {}});
  EXPECT_EQ(get("/api/machines/brick")["status"], "unknown") << "it has no agent";
}

TEST_F(DevicesTest, ATokensSecretIsInTheAnswerThatMadeItAlone) {
  const auto made = send(
      Method::post,
      "/api/devices/tokens",
      {{"description", "rack 2"}, {"max_uses", 3}, {"host", "brick"}, {"allow_new_host", true}});
  const auto text = made["token"].get<std::string>();
  const auto secret = protocol::decode_join_token(text).secret;
  EXPECT_EQ(made["created_by"], "ada");
  EXPECT_EQ(made["max_uses"], 3);
  EXPECT_EQ(made["is_valid"], true);
  EXPECT_EQ(get("/api/devices/tokens")["tokens"][0]["allow_new_host"], true);
  const auto id = made["id"].get<std::string>();
  for (const auto& target :
       {std::string{"/api/devices/tokens"}, "/api/devices/tokens/" + id, std::string{"/metrics"}}) {
    const std::string answer{ask(target).text()};
    EXPECT_EQ(answer.find(secret), std::string::npos) << target;
    EXPECT_EQ(answer.find(to_hex(sha256(secret))), std::string::npos) << target;
  }
  for (const auto* file : {"portoser.db", "portoser.db-wal"}) {
    const auto stored = read_file(folder_ / file, 64U << 20U);
    EXPECT_EQ(stored.find(secret), std::string::npos) << file;
    EXPECT_EQ(stored.find(text), std::string::npos) << file;
  }
  for (const auto* name : {"x'; id; '", "a|b", "-n", "$(id)", "../../x", "a b"}) {
    const Json body{{"host", name}};
    EXPECT_EQ(refused([&] { send(Method::post, "/api/devices/tokens", body); }).where(),
              "body.host")
        << name;
  }
  EXPECT_EQ(get("/api/devices/tokens")["total"], 1) << "the one that brick used up is not shown";
  EXPECT_EQ(get("/api/devices/tokens?include_expired=true")["total"], 2);
  EXPECT_EQ(get("/api/devices/tokens?include_expired=true&limit=1&offset=2")["tokens"].size(), 0U);

  const auto revoked = send(Method::delete_, "/api/devices/tokens/" + id);
  EXPECT_EQ(revoked["status"], "revoked");
  EXPECT_EQ(get("/api/devices/tokens/" + id)["state"], "revoked");
  EXPECT_EQ(get("/api/devices/tokens")["total"], 0);
  EXPECT_EQ(refused([&] { send(Method::delete_, "/api/devices/tokens/nobody"); }).reason(),
            "TOKEN_UNKNOWN");
}

TEST_F(DevicesTest, RoutesAskForTheRolesThatTheyNeed) {
  const auto role_of = [&](Method method, std::string_view target) {
    http::Request request;
    request.method = method;
    request.set_target(target);
    http::Match match;
    router_.find(request, match);
    return match.endpoint == nullptr ? std::string{"nothing there"}
                                     : std::string{http::to_string(match.endpoint->route.role)};
  };
  EXPECT_EQ(role_of(Method::get, "/api/devices/tokens"), "admin");
  EXPECT_EQ(role_of(Method::post, "/api/devices/tokens"), "admin");
  EXPECT_EQ(role_of(Method::delete_, "/api/devices/tokens/x"), "admin");
  EXPECT_EQ(role_of(Method::post, "/api/devices/x/approve"), "admin");
  EXPECT_EQ(role_of(Method::post, "/api/devices/x/reject"), "admin");
  EXPECT_EQ(role_of(Method::post, "/api/devices/x/heartbeat"), "public");
  EXPECT_EQ(role_of(Method::get, "/api/devices/x"), "viewer");
  EXPECT_EQ(role_of(Method::patch, "/api/devices/x"), "viewer") << "its owner may be one";
}

}  // namespace
}  // namespace portoser::api
