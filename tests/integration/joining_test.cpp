// How a host becomes a device, with tokens of `portoser-controller token create` and with what is
// wrong about them. A refusal changes nothing.

#include "common/crypto.h"
#include "common/file.h"
#include "protocol/curve.h"
#include "protocol/join.h"
#include "tests/integration/portoser.h"
#include "tests/support/await.h"
#include "tests/support/programs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace portoser::test {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

class Joining : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = std::make_unique<TempFolder>("joining");
    controller_ = std::make_unique<ControllerProcess>(folder_->path());
    controller_->write_registry(registry);
    controller_->start();
  }
  static void TearDownTestSuite() {
    controller_.reset();
    folder_.reset();
  }

  static constexpr auto registry =
      "hosts:\n  brick: {ip: 127.0.0.1}\n  pebble: {ip: 127.0.0.2}\n  slate: {ip: 127.0.0.3}\n"
      "  shale: {ip: 127.0.0.4}\n  flint: {ip: 127.0.0.5}\n  marl: {ip: 127.0.0.7}\n  chalk: {ip: "
      "127.0.0.6}\n";

  /// A host with an empty data folder of its own, thus with a key of its own.
  static AgentProcess host(const std::string& name) {
    static int made = 0;
    const auto machine = *folder_ / ("machine" + std::to_string(++made));
    std::filesystem::create_directory(machine);
    return {machine, name, "/nonexistent.sock"};
  }
  static void expect_refused(const AgentProcess& host,
                             const std::string& token,
                             const std::string& text) {
    const auto before = devices();
    const auto answer = host.try_join(token);
    EXPECT_NE(answer.exit_status, 0);
    EXPECT_THAT(answer.output, HasSubstr(text));
    EXPECT_EQ(devices(), before) << "a refusal changes nothing";
  }
  /// But for what changes by itself: who does not come is offline after a while.
  static Json devices() {
    auto answer = controller_->get("/api/devices").body;
    for (auto& device : answer["devices"]) {
      device.erase("status");
      device.erase("liveness");
      device.erase("reason");
    }
    return answer;
  }
  static std::string device_id(const std::string& name) {
    const auto row = controller_->row("/api/devices", "devices", name);
    const bool has_joined = row.is_object() && row["device_id"].is_string();
    return has_joined ? row["device_id"].get<std::string>() : "";
  }
  static HttpAnswer register_at(std::uint16_t port, const Json& body) {
    return HttpClient{port}.post(
        "/api/v1/devices", dump(body), {{"Content-Type", "application/json"}});
  }

  static std::unique_ptr<TempFolder> folder_;
  static std::unique_ptr<ControllerProcess> controller_;
};

std::unique_ptr<TempFolder> Joining::folder_;
std::unique_ptr<ControllerProcess> Joining::controller_;

TEST_F(Joining, TokenThatWasUsedUpIsRefused) {
  const auto token = controller_->create_token();
  host("brick").join(token);
  expect_refused(host("pebble"), token, "is used up");
}

TEST_F(Joining, HostThatJoinedMayAskAgainWithItsKey) {
  const auto again = host("pebble");
  const auto token = controller_->create_token();
  again.join(token);
  const auto id = device_id("pebble");
  EXPECT_FALSE(id.empty());
  again.join(token);
  EXPECT_EQ(device_id("pebble"), id);
}

TEST_F(Joining, TokenThatHasExpiredIsRefused) {
  const auto token = controller_->create_token({"--expires", "1s", "--description", "short"});
  await_until("the token has expired", 30s, [&] {
    const auto list = must_run({controller_program().string(),
                                "token",
                                "list",
                                "--data",
                                controller_->data().string(),
                                "--registry-path",
                                controller_->registry().string()});
    return list.find("expired") != std::string::npos;
  });
  expect_refused(host("slate"), token, "this token was good until");
}

TEST_F(Joining, TokenThatWasRevokedIsRefused) {
  const auto token = controller_->create_token();
  must_run({controller_program().string(),
            "token",
            "revoke",
            protocol::decode_join_token(token).id,
            "--data",
            controller_->data().string(),
            "--registry-path",
            controller_->registry().string()});
  expect_refused(host("slate"), token, "this token was revoked at");
  const Json body{{"hostname", "slate"},
                  {"public_key", protocol::make_key_pair().public_key},
                  {"registration_token", token}};
  const auto answer = register_at(controller_->join_port(), body);
  EXPECT_EQ(answer.status, 401U);
  EXPECT_EQ(Json::parse(answer.body)["code"], "TOKEN_REVOKED") << answer.body;
}

TEST_F(Joining, WrongProofIsRefusedAndTheTokenStaysGood) {
  const auto text = controller_->create_token();
  const auto token = protocol::decode_join_token(text);
  const auto keys = protocol::make_key_pair();
  // Made for another name, as somebody would who overheard one registration.
  const Json body{{"hostname", "slate"},
                  {"public_key", keys.public_key},
                  {"token_id", token.id},
                  {"proof", protocol::join_proof(sha256(token.secret), "shale", keys.public_key)}};
  const auto answer = register_at(controller_->join_port(), body);
  EXPECT_EQ(answer.status, 401U) << answer.body;
  EXPECT_THAT(answer.body, HasSubstr("PROOF_WRONG"));
  EXPECT_EQ(device_id("slate"), "");
  host("slate").join(text);
}

TEST_F(Joining, UnknownTokenIsRefused) {
  const Json body{{"hostname", "shale"},
                  {"public_key", protocol::make_key_pair().public_key},
                  {"token_id", "nobody"},
                  {"proof", std::string(64, '0')}};
  for (const auto port : {controller_->join_port(), controller_->port()}) {
    const auto answer = register_at(port, body);
    EXPECT_EQ(answer.status, 401U) << answer.body;
    EXPECT_THAT(answer.body, HasSubstr("TOKEN_UNKNOWN"));
  }
}

TEST_F(Joining, TokenForAnotherHostIsRefused) {
  const auto token = controller_->create_token({"--host", "shale"});
  expect_refused(host("flint"), token, "this token is for the host \"shale\", not for \"flint\"");
  host("shale").join(token);
}

TEST_F(Joining, WholeTokenInTheBodyIsAcceptedToo) {
  const auto token = controller_->create_token();
  const Json body{{"hostname", "flint"},
                  {"public_key", protocol::make_key_pair().public_key},
                  {"registration_token", token},
                  {"arch", "arm64"}};
  const auto answer = register_at(controller_->join_port(), body);
  EXPECT_EQ(answer.status, 201U) << answer.body;
  EXPECT_EQ(Json::parse(answer.body)["device_id"], device_id("flint"));
  const auto again = register_at(controller_->join_port(), body);
  EXPECT_EQ(again.status, 200U) << "the same host asks again: " << again.body;
  EXPECT_EQ(Json::parse(again.body)["device_id"], device_id("flint"));
}

TEST_F(Joining, WhatARegistrationDeclaresIsListed) {
  const Json body{{"hostname", "marl"},
                  {"public_key", protocol::make_key_pair().public_key},
                  {"registration_token", controller_->create_token()},
                  {"capabilities", {"mlx", "ssh"}},
                  {"labels", {{"site", "lab"}}},
                  {"resources", {{"cpu_cores", 4}, {"gpu", true}, {"mlx_capable", true}}}};
  EXPECT_EQ(register_at(controller_->join_port(), body).status, 201U);
  const auto list = Json::parse(HttpClient{controller_->port()}.get("/api/devices").body);
  for (const auto& device : list["devices"]) {
    if (device["hostname"] != "marl") continue;
    EXPECT_EQ(device["capabilities"], (Json{"mlx", "ssh"}));
    EXPECT_EQ(device["labels"], (Json{{"site", "lab"}}));
    EXPECT_EQ(device["resources"]["gpu"], true);
    EXPECT_EQ(device["resources"]["mlx_capable"], true);
    return;
  }
  FAIL() << list;
}

TEST_F(Joining, HostThatIsNotInTheRegistryIsToldTheLinesToAdd) {
  const auto token = controller_->create_token();
  const auto stranger = host("stranger");
  expect_refused(stranger, token, "registry.yml has no host named \"stranger\"");

  const Json body{{"hostname", "stranger"},
                  {"public_key", protocol::make_key_pair().public_key},
                  {"registration_token", token},
                  {"ip", "192.0.2.44"}};
  const auto answer = register_at(controller_->join_port(), body);
  EXPECT_EQ(answer.status, 409U) << answer.body;
  const auto hint = Json::parse(answer.body)["hint"].get<std::string>();
  const auto lines = hint.find("hosts:\n");
  ASSERT_NE(lines, std::string::npos) << hint;
  EXPECT_EQ(hint.substr(lines), "hosts:\n  stranger:\n    ip: 192.0.2.44\n");

  // Added, they do what was promised; the token was not used up by the refusals.
  controller_->write_registry(registry + hint.substr(lines + std::string{"hosts:\n"}.size()));
  controller_->await_machine("stranger", "unknown");
  stranger.join(token);
  EXPECT_NE(device_id("stranger"), "");
  controller_->write_registry(registry);
  await_until("the registry is read again", 30s, [] {
    return controller_->row("/api/machines", "machines", "stranger").is_null();
  });
}

TEST_F(Joining, NewHostWithATokenThatSaysSoIsAddedToTheRegistry) {
  const auto token = controller_->create_token({"--add-host"});
  const auto gneiss = host("gneiss");
  gneiss.join(token);
  EXPECT_NE(device_id("gneiss"), "");
  const auto text = read_file(controller_->registry());
  EXPECT_EQ(text.rfind(registry, 0), 0U) << "what was there stays: " << text;
  EXPECT_THAT(text.substr(std::string{registry}.size()), HasSubstr("gneiss: {ip: "));
  EXPECT_THAT(text, HasSubstr("arch: linux/"));
  gneiss.join(token);
  EXPECT_EQ(read_file(controller_->registry()), text);
  controller_->write_registry(registry);
  await_until("the registry is read again", 30s, [] {
    return controller_->row("/api/machines", "machines", "gneiss").is_null();
  });
}

TEST_F(Joining, NameThatIsTakenNeedsATokenThatAllowsIt) {
  host("chalk").join(controller_->create_token());
  const auto id = device_id("chalk");
  const auto reinstalled = host("chalk");
  expect_refused(
      reinstalled, controller_->create_token(), "belongs to a device that joined before");
  expect_refused(reinstalled,
                 controller_->create_token({"--host", "chalk"}),
                 "belongs to a device that joined before");
  reinstalled.join(controller_->create_token({"--host", "chalk", "--replace-key"}));
  EXPECT_EQ(device_id("chalk"), id) << "it is the same host with a new key";
}

TEST_F(Joining, TokenThatWasCutIsRefused) {
  const auto token = controller_->create_token();
  expect_refused(host("brick"), token.substr(0, token.size() - 9), "token");
  expect_refused(host("brick"), "hello", "token");
}

TEST_F(Joining, OnlyRegistrationIsServedOnTheJoiningListener) {
  for (const auto* path : {"/api/services", "/api/machines", "/metrics", "/openapi.json"}) {
    EXPECT_EQ(HttpClient{controller_->join_port()}.get(path).status, 404U) << path;
  }
}

TEST_F(Joining, AgentWithoutAnIdentitySaysHowToJoin) {
  auto lost = host("lost");
  lost.start();
  EXPECT_EQ(lost.wait(), 78);
  EXPECT_THAT(lost.log_tail(), HasSubstr("portoser-agent join"));
}

}  // namespace
}  // namespace portoser::test
