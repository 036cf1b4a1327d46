#include "agent/identity/enrolment.h"

#include "common/crypto.h"
#include "common/error.h"
#include "common/file.h"
#include "tests/support/temp_folder.h"
#include "tests/unit/agent_identity/registration_double.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <sys/socket.h>
#include <sys/un.h>

#include <iostream>
#include <sstream>

namespace portoser::agent::identity {
namespace {

using Json = nlohmann::json;
using test::RegistrationDouble;
using test::TempFolder;

protocol::HostFacts facts_of_a_host() {
  protocol::HostFacts facts;
  facts.hostname = "Web1.Example.org";
  facts.os = "linux";
  facts.os_version = "Debian GNU/Linux 12 (bookworm)";
  facts.arch = "x86_64";
  facts.cpu_cores = 4;
  facts.cpu_threads = 8;
  facts.memory_bytes = 16'600'000'000;
  facts.disk_bytes = 500'000'000'000;
  facts.addresses = {"192.0.2.31", "192.0.2.32"};
  return facts;
}

class Joining : public testing::Test {
 protected:
  Joining() { controller_.answer_with(201, answer(controller_key_).dump()); }

  [[nodiscard]] static Json answer(const std::string& controller_key) {
    return {{"device_id", "01JDEVICE"},
            {"controller_key", controller_key},
            {"controller_endpoint", "tcp://192.0.2.1:8990"},
            {"hostname", "web1"},
            {"status", "active"}};
  }
  [[nodiscard]] std::string token() const {
    return protocol::encode_join_token({"01JTOKEN", secret_, controller_.url(), controller_key_});
  }
  [[nodiscard]] std::filesystem::path data() const { return folder_ / "data"; }
  [[nodiscard]] bool has_identity() const {
    return std::filesystem::exists(data() / "identity.json");
  }

  /// The program, as a shell would run it.
  int join(std::vector<std::string> words) {
    write_file_atomic(folder_ / "agent.yml", settings_);
    words.insert(words.end(),
                 {"--config",
                  (folder_ / "agent.yml").string(),
                  "--data",
                  data().string(),
                  "--engine-socket",
                  (folder_ / "engine").string()});
    output_.str("");
    return join_program(words, &facts_of_a_host, output_);
  }
  Error error_of_join(std::vector<std::string> words) {
    try {
      join(std::move(words));
    } catch (const Error& error) {
      return error;
    }
    return Error{Code::internal, "nothing was thrown"};
  }
  [[nodiscard]] Json last_body() const { return Json::parse(controller_.requests().back().body); }

  TempFolder folder_{"join"};
  RegistrationDouble controller_;
  std::string controller_key_ = protocol::make_key_pair().public_key;
  std::string secret_ = "a secret that never travels";
  std::string settings_;
  std::ostringstream output_;
};

TEST_F(Joining, RegistersAndSavesTheIdentity) {
  ASSERT_EQ(join({token()}), 0);
  const auto identity = load_identity(data());
  ASSERT_TRUE(identity);
  EXPECT_EQ(identity->device_id, "01JDEVICE");
  EXPECT_EQ(identity->name, "web1");
  EXPECT_EQ(identity->controller_endpoint, "tcp://192.0.2.1:8990");
  EXPECT_EQ(identity->controller_key, controller_key_);
  EXPECT_EQ(identity->controller_url, controller_.url());
  EXPECT_NE(output_.str().find("web1"), std::string::npos);
  EXPECT_NE(output_.str().find("Next: start the agent"), std::string::npos);
}

TEST_F(Joining, SendsWhatTheControllerNeedsAndNotTheSecret) {
  join({token()});
  const auto request = controller_.requests().back();
  EXPECT_TRUE(request.head.starts_with("POST /api/v1/devices HTTP/1.1\r\n")) << request.head;
  EXPECT_EQ((request.head + request.body).find(secret_), std::string::npos);
  const auto body = last_body();
  const auto key = load_identity(data())->keys.public_key;
  EXPECT_EQ(body.at("hostname"), "web1");
  EXPECT_EQ(body.at("public_key"), key);
  EXPECT_EQ(body.at("token_id"), "01JTOKEN");
  EXPECT_EQ(body.at("proof"), protocol::join_proof(sha256(secret_), "web1", key));
  EXPECT_EQ(body.at("ip"), "192.0.2.31");
  EXPECT_EQ(body.at("arch"), "x86_64");
  EXPECT_EQ(body.at("os"), "linux");
  EXPECT_EQ(body.at("resources"),
            (Json{{"cpu_cores", 4},
                  {"cpu_threads", 8},
                  {"memory_gb", 15},
                  {"disk_gb", 466},
                  {"gpu", false},
                  {"mlx_capable", false}}));
  EXPECT_EQ(body.at("capabilities"), Json::array());
  EXPECT_EQ(body.at("labels"), Json::object());
  EXPECT_EQ(body.at("facts").at("hostname"), "Web1.Example.org");
}

TEST_F(Joining, NameComesFromTheSettingOrTheCommandLine) {
  settings_ = "name: from-file\n";
  join({token()});
  EXPECT_EQ(last_body().at("hostname"), "from-file");
  join({token(), "--name", "from-option"});
  EXPECT_EQ(last_body().at("hostname"), "from-option");
}

TEST_F(Joining, AnEngineSocketIsACapability) {
  const Descriptor engine{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  (folder_ / "engine").string().copy(address.sun_path, sizeof address.sun_path - 1);
  ASSERT_EQ(::bind(engine.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  join({token()});
  EXPECT_EQ(last_body().at("capabilities"), Json::array({"docker"}));
}

TEST_F(Joining, ARepeatComesWithTheSameKey) {
  join({token()});
  const auto first = last_body();
  controller_.answer_with(200, answer(controller_key_).dump());
  ASSERT_EQ(join({token()}), 0);
  EXPECT_EQ(last_body().at("public_key"), first.at("public_key"));
  EXPECT_EQ(last_body().at("proof"), first.at("proof"));
  EXPECT_NE(output_.str().find("renewed its registration"), std::string::npos);
}

TEST_F(Joining, AfterAFailureTheRepeatComesWithTheSameKey) {
  controller_.answer_with(500, "");
  EXPECT_EQ(error_of_join({token()}).code(), Code::unavailable);
  const auto first = last_body().at("public_key");
  controller_.answer_with(201, answer(controller_key_).dump());
  join({token()});
  EXPECT_EQ(last_body().at("public_key"), first);
}

TEST_F(Joining, AnImpostorIsRefusedAndNothingIsSaved) {
  controller_.answer_with(201, answer(protocol::make_key_pair().public_key).dump());
  const auto error = error_of_join({token()});
  EXPECT_EQ(error.code(), Code::forbidden);
  EXPECT_NE(error.message().find("another key"), std::string::npos);
  EXPECT_FALSE(has_identity());
}

TEST_F(Joining, SaysThatItWaitsForApproval) {
  auto pending = answer(controller_key_);
  pending["status"] = "pending";
  controller_.answer_with(202, pending.dump());
  ASSERT_EQ(join({token()}), 0);
  EXPECT_NE(output_.str().find("approve"), std::string::npos);
  EXPECT_TRUE(has_identity());
}

TEST_F(Joining, PassesOnWhatTheControllerRefuses) {
  controller_.answer_with(401,
                          R"({"message":"this token is used up","code":"unauthenticated",)"
                          R"("hint":"make a new one"})");
  const auto error = error_of_join({token()});
  EXPECT_EQ(error.code(), Code::unauthenticated);
  EXPECT_NE(error.message().find("this token is used up"), std::string::npos);
  EXPECT_EQ(error.hint(), "make a new one");
  EXPECT_FALSE(has_identity());
}

TEST_F(Joining, AnAnswerThatIsNoneIsAnError) {
  for (const auto* body : {"", "<html>", "[]", "{}", R"({"device_id":7})"}) {
    controller_.answer_with(200, body);
    const auto error = error_of_join({token()});
    EXPECT_NE(error.message().find("not that of a controller"), std::string::npos) << body;
  }
  controller_.answer_with(502, "<html>bad gateway</html>");
  EXPECT_NE(error_of_join({token()}).message().find("bad gateway"), std::string::npos);
  EXPECT_FALSE(has_identity());
}

TEST_F(Joining, AHostOfAnotherControllerStaysThere) {
  join({token()});
  const auto before = read_file(data() / "identity.json");
  controller_key_ = protocol::make_key_pair().public_key;
  const auto error = error_of_join({token()});
  EXPECT_EQ(error.code(), Code::conflict);
  EXPECT_EQ(controller_.requests().size(), 1U);
  EXPECT_EQ(read_file(data() / "identity.json"), before);
}

TEST_F(Joining, SaysThatNobodyAnswers) {
  const auto text =
      protocol::encode_join_token({"01JTOKEN", secret_, "http://127.0.0.1:1", controller_key_});
  const auto error = error_of_join({text});
  EXPECT_EQ(error.code(), Code::unavailable);
  EXPECT_EQ(error.message().find(secret_), std::string::npos);
}

TEST_F(Joining, NeedsOneToken) {
  EXPECT_NE(error_of_join({}).message().find("needed"), std::string::npos);
  EXPECT_NE(error_of_join({token(), token()}).message().find("not more"), std::string::npos);
  EXPECT_NE(error_of_join({"hello"}).message().find("not a join token"), std::string::npos);
  const auto cut = token().substr(0, 40);
  EXPECT_NE(error_of_join({cut}).message().find("cut off"), std::string::npos);
  EXPECT_TRUE(controller_.requests().empty());
}

TEST_F(Joining, TakesTheTokenFromStandardInput) {
  std::istringstream input{token() + "\n"};
  auto* before = std::cin.rdbuf(input.rdbuf());
  const int status = join({"-"});
  std::cin.rdbuf(before);
  EXPECT_EQ(status, 0);
  EXPECT_TRUE(has_identity());
}

}  // namespace
}  // namespace portoser::agent::identity
