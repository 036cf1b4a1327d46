#include "common/settings.h"

#include "common/error.h"
#include "common/file.h"
#include "common/ids.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

namespace portoser {
namespace {

class Settings : public testing::Test {
 protected:
  Settings()
      : file_(std::filesystem::temp_directory_path() / ("portoser-" + random_hex(6) + ".yml")) {
    table_.add(port_, {.key = "http.port", .env = "PORTOSER_TEST_PORT", .help = "TCP port"})
        .add(secret_, {.key = "secret", .env = "", .help = "a secret"})
        .add(names_, {.key = "names", .env = "", .help = "names"})
        .add(wait_, {.key = "wait", .env = "", .help = "how long"});
  }
  ~Settings() override {
    std::filesystem::remove(file_);
    ::unsetenv("PORTOSER_TEST_PORT");
  }

  Error refusal(const std::vector<std::string>& arguments) {
    try {
      table_.load("test", arguments, file_);
    } catch (const Error& error) {
      return error;
    }
    ADD_FAILURE() << "accepted";
    return Error{Code::internal, ""};
  }

  std::filesystem::path file_;
  SettingTable table_;
  std::uint16_t port_ = 1;
  Secret secret_;
  std::vector<std::string> names_;
  std::chrono::seconds wait_{0};
};

TEST_F(Settings, ComeFromTheFileThenTheEnvironmentThenTheCommandLine) {
  write_file_atomic(file_, "http:\n  port: 2\nnames: [a, b]\nwait: 5m\n");
  table_.load("test", {}, file_);
  EXPECT_EQ(port_, 2);
  EXPECT_EQ(names_, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(wait_, std::chrono::minutes{5});
  ::setenv("PORTOSER_TEST_PORT", "3", 1);
  table_.load("test", {}, file_);
  EXPECT_EQ(port_, 3);
  table_.load("test", {"--http-port", "4"}, file_);
  EXPECT_EQ(port_, 4);
}

TEST_F(Settings, SayWhereTheyComeFromAndHideSecrets) {
  table_.load("test", {"--secret", "hunter2", "--http-port", "4"}, file_);
  const auto text = table_.describe();
  EXPECT_NE(text.find("http.port = 4  (command line --http-port)"), std::string::npos) << text;
  EXPECT_NE(text.find("secret = ***"), std::string::npos) << text;
  EXPECT_EQ(text.find("hunter2"), std::string::npos) << text;
}

TEST_F(Settings, UnknownKeyIsRefusedByNameAndPlace) {
  write_file_atomic(file_, "http:\n  prot: 2\n");
  const auto error = refusal({});
  EXPECT_NE(error.message().find("http.prot"), std::string::npos);
  EXPECT_EQ(error.where(), file_.string() + ":2:9");
}

TEST_F(Settings, ValueThatCannotBeIsRefused) {
  write_file_atomic(file_, "http:\n  port: 70000\n");
  EXPECT_NE(refusal({}).message().find("not from 1 to 65535"), std::string::npos);
}

TEST_F(Settings, UnknownOptionIsRefused) {
  EXPECT_EQ(refusal({"--no-such-thing", "1"}).where(), "command line");
}

TEST_F(Settings, NamedFileMustExist) {
  EXPECT_EQ(refusal({"--config", "/nonexistent/portoser.yml"}).code(), Code::not_found);
}

TEST_F(Settings, LeaveOtherWordsToTheProgram) {
  const auto line = table_.load("test", {"create", "--http-port", "9", "--check-config"}, file_);
  EXPECT_EQ(line.words, std::vector<std::string>{"create"});
  EXPECT_TRUE(line.check_config);
}

}  // namespace
}  // namespace portoser
