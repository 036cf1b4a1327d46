#include "controller/token_command.h"

#include "common/clock.h"
#include "common/error.h"
#include "common/ids.h"
#include "controller/storage/token_store.h"

#include <gmock/gmock.h>

#include <filesystem>

namespace portoser {
namespace {

using testing::HasSubstr;
using Options = std::vector<std::string>;

class TokenCommand : public testing::Test {
 protected:
  TokenCommand()
      : data_(std::filesystem::temp_directory_path() / ("portoser-token-" + random_hex(6))) {}
  ~TokenCommand() override { std::filesystem::remove_all(data_); }

  void create(Options options) const {
    options.insert(options.begin(), {"create", "--data", data_.string()});
    EXPECT_EQ(run_token_command(options), 0);
  }
  std::filesystem::path data_;
};

TEST_F(TokenCommand, MakesATokenAsItIsAsked) {
  testing::internal::CaptureStdout();
  create({"--host", "brick", "--replace-key", "--uses", "3", "--expires", "30m", "--add-host"});
  EXPECT_GT(testing::internal::GetCapturedStdout().size(), 40U);
  storage::TokenFile tokens{data_ / "portoser.db", SystemClock{}};
  const auto token = tokens.list().at(0);
  EXPECT_EQ(token.host, "brick");
  EXPECT_TRUE(token.allow_key_change);
  EXPECT_TRUE(token.allow_new_host);
  EXPECT_EQ(token.max_uses, 3);
  EXPECT_EQ(token.expires_at, token.created_at + std::chrono::minutes{30});
}

struct Wrong {
  std::string name;
  Options options;
  std::string text;
};

class WrongTokenOptions : public TokenCommand, public testing::WithParamInterface<Wrong> {};

TEST_P(WrongTokenOptions, AreNamedAndMakeNothing) {
  try {
    create(GetParam().options);
    FAIL() << "a token was made";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::invalid);
    EXPECT_EQ(error.where(), GetParam().options.at(0));
    EXPECT_THAT(error.message(), HasSubstr(GetParam().text));
  }
  EXPECT_FALSE(std::filesystem::exists(data_)) << "no database, no key";
}

INSTANTIATE_TEST_SUITE_P(
    Options,
    WrongTokenOptions,
    testing::Values(
        Wrong{"Soon", {"--expires", "soon"}, "\"soon\" is not a time above 0 such as 30m, 24h"},
        Wrong{"NoUnit", {"--expires", "24"}, "\"24\" is not a time above 0"},
        Wrong{"Zero", {"--expires", "0h"}, "\"0h\" is not a time above 0"},
        Wrong{"Negative", {"--expires", "-1h"}, "\"-1h\" is not a time above 0"},
        Wrong{"OnlyAUnit", {"--expires", "h"}, "\"h\" is not a time above 0"},
        Wrong{"Empty", {"--expires", ""}, "\"\" is not a time above 0"},
        Wrong{"Blank", {"--expires", " 1h"}, "\" 1h\" is not a time above 0"},
        Wrong{"VeryLong", {"--expires", "99999999999d"}, "99999999999d is more than ten years"},
        Wrong{"NoNumber", {"--expires", "99999999999999999999d"}, "is not a time above 0"},
        Wrong{"NoUse", {"--uses", "0"}, "\"0\" is not a whole number above 0"},
        Wrong{"PartOfAUse", {"--uses", "1.5"}, "\"1.5\" is not a whole number above 0"},
        Wrong{"KeyOfAnyHost", {"--replace-key"}, "--replace-key needs --host"},
        Wrong{"NoValue", {"--uses"}, "a value is missing"}),
    [](const auto& wrong) { return wrong.param.name; });

}  // namespace
}  // namespace portoser
