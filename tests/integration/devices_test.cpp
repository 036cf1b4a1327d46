// Devices of a real controller that asks for approval: what waits, what is let in, what has no
// agent and what is removed.

#include "common/file.h"
#include "protocol/curve.h"
#include "protocol/join.h"
#include "tests/integration/portoser.h"
#include "tests/support/await.h"
#include "tests/support/wire_peer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <thread>

namespace portoser::test {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

class DevicesOfAController : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = std::make_unique<TempFolder>("devices");
    controller_ = std::make_unique<ControllerProcess>(folder_->path());
    controller_->write_registry(
        "hosts:\n  brick: {ip: 127.0.0.1}\n  pebble: {ip: 127.0.0.2}\n  slate: {ip: 127.0.0.3}\n"
        "  shelf: {ip: 127.0.0.4}\n  flint: {ip: 127.0.0.5}\n  marl: {ip: 127.0.0.6}\n"
        "  chalk: {ip: 127.0.0.7}\n  shale: {ip: 127.0.0.8}\n");
    controller_->set_environment({{"DEVICE_APPROVAL_REQUIRED", "true"},
                                  {"PORTOSER_PUBLIC_URL", "https://portoser.example/"}});
    controller_->start();
  }
  static void TearDownTestSuite() {
    controller_.reset();
    folder_.reset();
  }

  static ApiAnswer ask(const std::string& method,
                       const std::string& path,
                       const Json& body = nullptr,
                       const std::string& credential = "",
                       std::uint16_t port = controller_->port()) {
    Headers headers;
    if (!credential.empty()) headers.emplace_back("Authorization", "Bearer " + credential);
    if (!body.is_null()) headers.emplace_back("Content-Type", "application/json");
    const auto answer =
        HttpClient{port}.request(method, path, body.is_null() ? "" : dump(body), headers);
    return {answer.status, Json::parse(answer.body, nullptr, false), answer.body, answer.headers};
  }
  static std::string make_token(const Json& wish = Json::object()) {
    const auto made = ask("POST", "/api/devices/tokens", wish);
    EXPECT_EQ(made.status, 201U) << made.text;
    return made.body.value("token", "");
  }
  static Json without_agent(const std::string& name, const std::string& token) {
    return {{"hostname", name},
            {"ip", "192.0.2.31"},
            {"arch", "x86_64"},
            {"os", "linux"},
            {"os_version", "Debian 12"},
            {"resources",
             {{"cpu_cores", 4},
              {"cpu_threads", 8},
              {"memory_gb", 16},
              {"disk_gb", 480},
              {"gpu", false},
              {"mlx_capable", false}}},
            {"ssh_user", "portoser"},
            {"ssh_key_fingerprint", "SHA256:abc"},
            {"registration_token", token}};
  }
  /// "none": it has not joined, though registry.yml may have it.
  static std::string status_of(const std::string& name) {
    const auto answer = controller_->get("/api/devices/" + name);
    const bool has_joined = answer.status == 200 && answer.body["device_id"].is_string();
    return has_joined ? answer.body["status"].get<std::string>() : "none";
  }

  static std::unique_ptr<TempFolder> folder_;
  static std::unique_ptr<ControllerProcess> controller_;
};

std::unique_ptr<TempFolder> DevicesOfAController::folder_;
std::unique_ptr<ControllerProcess> DevicesOfAController::controller_;

TEST_F(DevicesOfAController, AnAgentThatWaitsComesOnlineByItselfAndIsRemovedForGood) {
  AgentProcess agent{folder_->path(), "brick", "/nonexistent.sock"};
  EXPECT_THAT(agent.join(make_token()), HasSubstr("waits for approval"));
  EXPECT_EQ(status_of("brick"), "pending");
  agent.start();
  await_until(
      "it was turned away",
      30s,
      [&] { return agent.log().find("not enrolled") != std::string::npos; },
      [&] { return agent.log_tail(); });
  EXPECT_EQ(status_of("brick"), "pending");
  SocketClient events{controller_->port(), "/ws"};
  const auto approved = ask("POST", "/api/devices/brick/approve");
  EXPECT_EQ(approved.status, 200U) << approved.text;
  EXPECT_EQ(approved.body["status"], "approved");
  controller_->await_machine("brick", "online");
  EXPECT_EQ(status_of("brick"), "online");

  const auto removed = ask("DELETE", "/api/devices/brick");
  EXPECT_EQ(removed.status, 200U) << removed.text;
  EXPECT_EQ(status_of("brick"), "none");
  await_until(
      "it was told",
      30s,
      [&] { return agent.log().find("this device was removed") != std::string::npos; },
      [&] { return agent.log_tail(); });
  controller_->await_machine("brick", "unknown");
  const auto again = agent.try_join(make_token());
  EXPECT_NE(again.exit_status, 0);
  EXPECT_THAT(again.output, HasSubstr("which was removed")) << "its key is refused";
  frames_until(events, [](const Json& frame) {
    return frame["type"] == "device_status_change" && frame["data"]["new_status"] == "offline";
  });
  agent.stop();
}

TEST_F(DevicesOfAController, ATokenForOneIsForOneAlsoAtOnce) {
  const auto token = make_token();
  const std::vector<std::string> names{"pebble", "slate", "flint", "marl"};
  std::vector<ApiAnswer> answers(names.size());
  std::vector<std::thread> hosts;
  for (std::size_t i = 0; i < names.size(); ++i) {
    hosts.emplace_back([&, i] {
      answers[i] = ask(
          "POST", "/api/v1/devices", without_agent(names[i], token), "", controller_->join_port());
    });
  }
  for (auto& host : hosts) host.join();
  int joined = 0;
  for (const auto& answer : answers) {
    if (answer.status == 201U) {
      ++joined;
    } else {
      EXPECT_EQ(answer.status, 401U) << answer.text;
      EXPECT_EQ(answer.body["code"], "TOKEN_USED_UP");
    }
  }
  EXPECT_EQ(joined, 1);
}

TEST_F(DevicesOfAController, ANameThatIsTakenTakesNoUse) {
  ask("POST", "/api/v1/devices", without_agent("chalk", make_token()));
  const auto made = ask("POST", "/api/devices/tokens", Json::object());
  const auto path = "/api/devices/tokens/" + made.body["id"].get<std::string>();
  const auto answer = ask("POST", "/api/v1/devices", without_agent("chalk", made.body["token"]));
  EXPECT_EQ(answer.status, 409U) << answer.text;
  EXPECT_EQ(answer.body["code"], "NAME_TAKEN");
  EXPECT_EQ(ask("GET", path).body["current_uses"], 0);
  EXPECT_EQ(ask("DELETE", path).status, 200U);
  const auto revoked = ask("POST", "/api/v1/devices", without_agent("shale", made.body["token"]));
  EXPECT_EQ(revoked.status, 401U) << revoked.text;
  EXPECT_EQ(revoked.body["code"], "TOKEN_REVOKED");
}

TEST_F(DevicesOfAController, AHostWithoutAnAgentIsHeardOverHttp) {
  const auto answer = ask("POST",
                          "/api/devices/register",
                          without_agent("shelf", make_token()),
                          "",
                          controller_->join_port());
  ASSERT_EQ(answer.status, 201U) << answer.text;
  EXPECT_EQ(answer.body["status"], "pending");
  EXPECT_EQ(answer.body["approval_url"], "https://portoser.example/devices/pending/shelf");
  const auto credential = answer.body["device_credential"].get<std::string>();
  const std::string path = "/api/devices/shelf/heartbeat";
  const auto waiting = ask("POST", path, Json::object(), credential);
  EXPECT_EQ(waiting.status, 403U) << waiting.text;
  EXPECT_EQ(waiting.body["code"], "DEVICE_PENDING");
  ASSERT_EQ(ask("POST", "/api/devices/shelf/approve").status, 200U);
  EXPECT_EQ(ask("POST", path, Json::object(), "guess").status, 401U);
  EXPECT_EQ(ask("POST", path).status, 401U);
  EXPECT_EQ(ask("POST", path, Json{{"metrics", {{"cpu_percent", "hot"}}}}, credential).status,
            422U);

  const auto registry = read_file(controller_->registry());
  HttpClient client{controller_->join_port()};
  const Headers headers{{"Authorization", "Bearer " + credential},
                        {"Content-Type", "application/json"}};
  const auto log_lines = controller_->log().size();
  for (int i = 0; i < 1000; ++i) {
    const auto heard = client.post(path, R"({"metrics":{"cpu_percent":12.5}})", headers);
    ASSERT_EQ(heard.status, 200U) << heard.body;
  }
  EXPECT_EQ(read_file(controller_->registry()), registry);
  EXPECT_LT(controller_->log().size() - log_lines, 2000U) << "nobody reads a line a heartbeat";
  EXPECT_EQ(status_of("shelf"), "online");
  await_until("what it said is shown", 30s, [&] {
    return controller_->get("/api/devices/shelf").body["cpu_percent"] == 12.5;
  });
  EXPECT_EQ(ask("DELETE", "/api/devices/shelf").status, 200U);
  EXPECT_EQ(client.post(path, "{}", headers).status, 404U);
}

TEST_F(DevicesOfAController, TheOldBootstrapsPayloadWaits) {
  const Json payload{{"hostname", "nuc-1"},
                     {"ip_address", "192.0.2.31"},
                     {"os", "Debian GNU/Linux 12"},
                     {"os_id", "debian"},
                     {"architecture", "x86_64"},
                     {"kernel", "6.1.0"},
                     {"ram_mb", 15872},
                     {"cpu_cores", 8},
                     {"disk_free", "210G"},
                     {"ssh_public_key", "ssh-rsa AAAA user@nuc-1"},
                     {"user", "portoser"},
                     {"portoser_home", "/home/portoser/portoser"},
                     {"docker_version", "Docker version 27.0.1, build abc"},
                     {"timestamp", "2026-03-04T08:15:42Z"}};
  const auto answer = ask("POST", "/api/register", payload, "", controller_->join_port());
  EXPECT_EQ(answer.status, 201U) << answer.text;
  EXPECT_THAT(answer.text, HasSubstr("registered")) << "the script looks for it";
  const auto row = controller_->get("/api/devices/nuc-1").body;
  EXPECT_EQ(row["status"], "pending");
  EXPECT_EQ(row["os_version"], "Debian GNU/Linux 12");
  EXPECT_EQ(row["resources"]["memory_gb"], 16);
  EXPECT_EQ(row["ip"], "192.0.2.31");
  const auto again = ask("POST", "/api/v1/devices", payload, "", controller_->join_port());
  EXPECT_EQ(again.status, 200U) << again.text;
  const auto approved = ask("POST", "/api/devices/nuc-1/approve");
  EXPECT_EQ(approved.status, 409U) << approved.text;
  EXPECT_EQ(approved.body["code"], "HOST_NOT_IN_REGISTRY");
  EXPECT_EQ(ask("POST", "/api/devices/nuc-1/reject").body["status"], "rejected");
  EXPECT_EQ(ask("POST", "/api/register", payload).body["code"], "DEVICE_REJECTED");
  EXPECT_EQ(ask("DELETE", "/api/devices/nuc-1").status, 200U);
}

TEST_F(DevicesOfAController, NamesThatNobodyMayTakeAreWrittenNowhere) {
  const auto registry = read_file(controller_->registry());
  const auto devices = controller_->get("/api/devices").body["total"];
  for (const auto& name : {std::string{"x'; id; '"},
                           std::string{"../../x"},
                           std::string{"a|b"},
                           std::string(300, 'a'),
                           std::string{"n\xc3\xbc"
                                       "c"}}) {
    const auto answer = ask("POST", "/api/devices/register", without_agent(name, make_token()));
    EXPECT_EQ(answer.status, 422U) << answer.text;
    EXPECT_TRUE(answer.body["error"]["field_errors"].contains("body.hostname")) << answer.text;
  }
  for (const auto* name : {"x'%3B%20id%3B%20'", "..%2F..%2Fx", "a%7Cb", "n%C3%BCc", "a%00b"}) {
    const auto path = std::string{"/api/devices/"} + name;
    for (const auto& [method, target] : {std::pair{"GET", path},
                                         std::pair{"PATCH", path},
                                         std::pair{"DELETE", path},
                                         std::pair{"POST", path + "/heartbeat"},
                                         std::pair{"POST", path + "/approve"}}) {
      const auto status = ask(method, target, Json::object()).status;
      EXPECT_TRUE(status == 400U || status == 404U) << method << " " << target << ": " << status;
    }
  }
  EXPECT_EQ(controller_->get("/api/devices").body["total"], devices);
  EXPECT_EQ(read_file(controller_->registry()), registry);
}

TEST_F(DevicesOfAController, TheJoiningListenerTakesHeartbeatsAndShowsNothing) {
  for (const auto* path : {"/api/devices", "/api/devices/brick", "/api/devices/tokens"}) {
    EXPECT_EQ(ask("GET", path, nullptr, "", controller_->join_port()).status, 404U) << path;
  }
  EXPECT_EQ(ask("DELETE", "/api/devices/brick", nullptr, "", controller_->join_port()).status,
            404U);
  EXPECT_EQ(ask("POST", "/api/devices/x/approve", nullptr, "", controller_->join_port()).status,
            404U);
}

/// An agent that measures every second, and a host beside it that has none.
class SilentHost : public testing::Test {
 protected:
  SilentHost() : folder_("silent-host"), controller_(folder_.path()) {
    controller_.set_environment({{"PORTOSER_SAMPLE_INTERVAL_MS", "1000"},
                                 {"PORTOSER_OFFLINE_AFTER_MS", "10000"},
                                 {"PORTOSER_GRACE_MS", "0"}});
    controller_.write_registry("hosts:\n  brick: {ip: 127.0.0.1}\n  shelf: {ip: 127.0.0.2}\n");
    controller_.start();
    agent_.join(controller_.create_token());
    agent_.start();
    await_ok();
  }

  [[nodiscard]] Json metrics() const { return controller_.get("/api/metrics/machine/brick").body; }
  void await_ok() const {
    await_until(
        "it is measured",
        60s,
        [&] {
          const auto row = metrics();
          return row["status"] == "ok" && row["stale"] == false;
        },
        [&] { return dump(metrics()) + agent_.log_tail(); });
  }
  [[nodiscard]] double samples() const {
    return controller_.metric(R"(metrics_ingested_total{source="agent",type="sample"})")
        .value_or(0);
  }
  /// Frames of that type; changes of status from one word to the other, empty: any.
  static std::size_t count(const std::vector<Json>& frames,
                           const std::string& type,
                           const std::string& old_status = "",
                           const std::string& new_status = "") {
    return static_cast<std::size_t>(
        std::count_if(frames.begin(), frames.end(), [&](const Json& frame) {
          if (frame["type"] != type) return false;
          if (type != "device_status_change") return true;
          const auto& data = frame["data"];
          return (old_status.empty() || data["old_status"] == old_status) &&
                 (new_status.empty() || data["new_status"] == new_status);
        }));
  }

  TempFolder folder_;
  ControllerProcess controller_;
  AgentProcess agent_{folder_.path(), "brick", "/nonexistent.sock"};
};

TEST_F(SilentHost, IsStaleThenUnavailableThenBackAndEachIsToldOnce) {
  SocketClient devices{controller_.port(), "/ws/devices"};
  SocketClient everything{controller_.port(), "/ws"};
  devices.send(R"({"action":"subscribe","hostname":"brick"})");
  frames_until(devices, [](const Json& frame) { return frame["type"] == "device_list"; });
  agent_.kill();

  std::vector<std::string> stood;
  await_until("it is unavailable", 60s, [&] {
    const auto row = metrics();
    const auto status = row["status"].get<std::string>();
    const bool is_stale = row["stale"].get<bool>();
    EXPECT_EQ(is_stale, status != "ok" || row["age_seconds"].get<double>() > 3.0)
        << "three samples are missed: " << dump(row);
    const auto words = is_stale ? "stale, " + status : status;
    if (stood.empty() || stood.back() != words) stood.push_back(words);
    return status != "ok";
  });
  EXPECT_THAT(stood, testing::IsSupersetOf({"stale, ok", "stale, unavailable"}));
  EXPECT_EQ(stood.back(), "stale, unavailable");
  const auto rows = controller_.get("/api/metrics/all");
  EXPECT_EQ(rows.status, 200U);
  ASSERT_EQ(rows.body.size(), 2U) << "a row for each host, and no agent lives: " << rows.text;
  for (const auto& row : rows.body) EXPECT_EQ(row["status"], "unavailable") << rows.text;
  EXPECT_EQ(controller_.row("/api/devices", "devices", "brick")["status"], "offline");
  const auto is_offline = [](const Json& frame) {
    return frame["type"] == "device_status_change" && frame["data"]["new_status"] == "offline";
  };
  auto of_devices = frames_until(devices, is_offline);
  auto of_all = frames_until(everything, is_offline);
  EXPECT_EQ(of_all.back()["data"]["reason"], "heartbeat_timeout");
  EXPECT_EQ(count(of_all, "device_status_change", "online", "warning"), 1U);

  agent_.start();
  controller_.await_machine("brick", "online");
  await_ok();
  EXPECT_EQ(controller_.row("/api/devices", "devices", "brick")["status"], "online");
  const auto before = samples();
  await_until("more samples come", 60s, [&] { return samples() > before + 4; });
  for (auto* socket : {&devices, &everything}) {
    auto& frames = socket == &devices ? of_devices : of_all;
    socket->send(R"({"action":"ping"})");
    const auto rest = frames_until(*socket, [](const Json& one) { return one["type"] == "pong"; });
    frames.insert(frames.end(), rest.begin(), rest.end());
    EXPECT_EQ(count(frames, "device_status_change", "", "offline"), 1U) << dump(Json(frames));
    EXPECT_EQ(count(frames, "device_status_change", "offline"), 1U) << dump(Json(frames));
  }
  EXPECT_EQ(count(of_devices, "device_offline"), 1U) << dump(Json(of_devices));
  EXPECT_EQ(count(of_devices, "device_online"), 1U) << dump(Json(of_devices));
}

}  // namespace
}  // namespace portoser::test
