#include "controller/remote_write_settings.h"

#include "common/error.h"
#include "common/file.h"
#include "controller/settings.h"
#include "tests/support/temp_folder.h"

#include <gmock/gmock.h>

namespace portoser {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::Pair;

class RemoteWriteSettingsTest : public testing::Test {
 protected:
  ControllerSettings load(const std::string& yaml) {
    const auto file = folder_ / "controller.yml";
    write_file_atomic(file, yaml);
    return load_controller_settings({"--config", file.string()}, "test");
  }
  /// The error that it gives.
  Error error_of(const std::string& lines) {
    try {
      load("remote_write:\n  url: http://store:8428/api/v1/write\n" + lines);
    } catch (const Error& error) {
      return error;
    }
    ADD_FAILURE() << "accepted: " << lines;
    return Error{Code::internal, "nothing"};
  }

  test::TempFolder folder_{"settings"};
};

TEST_F(RemoteWriteSettingsTest, AreReadAndShownWithoutSecrets) {
  write_file_atomic(folder_ / "token", "hidden\n");
  const auto settings = load(
      "remote_write:\n  url: https://store:8428/api/v1/write\n  external_labels:\n    cluster: "
      "attic\n"
      "    zone: \"1\"\n  headers: {X-Scope-OrgID: hidden}\n  timeout: 10s\n  queue_mib: 5\n"
      "  bearer_token_file: " +
      (folder_ / "token").string() + "\n");
  const auto& options = settings.remote_write;
  EXPECT_EQ(options.url, "https://store:8428/api/v1/write");
  EXPECT_THAT(options.external_labels, ElementsAre(Pair("cluster", "attic"), Pair("zone", "1")));
  EXPECT_THAT(options.headers.values, ElementsAre(Pair("X-Scope-OrgID", "hidden")));
  EXPECT_EQ(options.timeout, std::chrono::seconds{10});
  EXPECT_EQ(options.queue_mib, 5);
  EXPECT_EQ(options.max_samples_per_send, 2000);
  EXPECT_THAT(settings.described,
              HasSubstr("remote_write.external_labels = cluster=attic,zone=1  (" +
                        (folder_ / "controller.yml").string() + ":"));
  EXPECT_THAT(settings.described, HasSubstr("remote_write.headers = X-Scope-OrgID=***  ("));
  EXPECT_THAT(settings.described, Not(HasSubstr("hidden")));
}

TEST_F(RemoteWriteSettingsTest, TheCommandLineReplacesAMapOfTheFile) {
  const auto file = folder_ / "controller.yml";
  write_file_atomic(file, "remote_write: {external_labels: {cluster: attic, zone: one}}\n");
  const auto settings = load_controller_settings(
      {"--config", file.string(), "--remote-write-external-labels", "cluster=cellar,note=a=b"},
      "test");
  EXPECT_THAT(settings.remote_write.external_labels,
              ElementsAre(Pair("cluster", "cellar"), Pair("note", "a=b")));
}

TEST_F(RemoteWriteSettingsTest, AMapThatIsNoneDoesNotShowWhatItHolds) {
  try {
    load_controller_settings({"--remote-write-headers", "hidden"}, "test");
    ADD_FAILURE() << "accepted";
  } catch (const Error& error) {
    EXPECT_THAT(error.message(), HasSubstr("remote_write.headers: name=value is needed here"));
    EXPECT_THAT(error.message() + error.hint(), Not(HasSubstr("hidden")));
  }
}

TEST_F(RemoteWriteSettingsTest, WhatCannotBeIsAnErrorThatSaysWhatWouldBeRight) {
  const struct {
    const char* lines;
    const char* where;
    const char* message;
    const char* hint;
  } wrongs[] = {
      {"  external_labels: {9lives: x}\n", "external_labels", "\"9lives\"", "not beginning"},
      {"  external_labels: {__name__: x}\n", "external_labels", "\"__name__\"", "not beginning"},
      {"  external_labels: {my-zone: x}\n", "external_labels", "\"my-zone\"", "letters"},
      {"  external_labels: {machine: x}\n", "external_labels", "of their own", "cluster"},
      {"  external_labels: {zone: \"\"}\n", "external_labels", "empty", "text"},
      {"  headers: {Authorization: x}\n", "headers", "Authorization", "bearer_token_file"},
      {"  headers: {content-encoding: x}\n", "headers", "content-encoding", "token"},
      {"  headers: {\"X Y\": x}\n", "headers", "\"X Y\"", "X-Scope-OrgID"},
      {"  headers: {X-Y: \"a\\nb\"}\n", "headers", "control", "one line"},
      {"  bearer_token_file: /nowhere/token\n", "bearer_token_file", "/nowhere/token", "can read"},
      {"  ca_file: /nowhere/ca.pem\n", "ca_file", "/nowhere/ca.pem", "can read"},
      {"  basic_auth_username: ada\n", "basic_auth_password_file", "one is missing", "both"},
      {"  basic_auth_password_file: /etc/hostname\n", "basic_auth_username", "missing", "both"},
      {"  basic_auth_username: ada\n  basic_auth_password_file: /etc/hostname\n"
       "  bearer_token_file: /etc/hostname\n",
       "bearer_token_file",
       "one of them",
       "remove"},
      {"  timeout: 11m\n", "timeout", "660s", "30s"},
  };
  for (const auto& wrong : wrongs) {
    const auto error = error_of(wrong.lines);
    EXPECT_EQ(error.code(), Code::invalid);
    EXPECT_EQ(error.where(), std::string{"remote_write."} + wrong.where) << wrong.lines;
    EXPECT_THAT(error.message(), HasSubstr(wrong.message)) << wrong.lines;
    EXPECT_THAT(error.hint(), HasSubstr(wrong.hint)) << wrong.lines;
  }
}

TEST_F(RemoteWriteSettingsTest, AnAddressThatIsNoneIsNotShown) {
  for (const auto* url : {"store:8428",
                          "ftp://store/write",
                          "http://",
                          "http:///write",
                          "http://:8428/",
                          "http://ada:hidden@store/write",
                          "https://store/a b"}) {
    try {
      load_controller_settings({"--remote-write-url", url}, "test");
      ADD_FAILURE() << url << " was accepted";
    } catch (const Error& error) {
      EXPECT_EQ(error.where(), "remote_write.url") << url;
      EXPECT_NE(error.hint(), "") << url;
      EXPECT_THAT(error.message(), Not(HasSubstr("hidden")));
    }
  }
  for (const auto* url : {"http://store", "https://[::1]:8428/x?extra_label=a"}) {
    EXPECT_NO_THROW(load_controller_settings({"--remote-write-url", url}, "test")) << url;
  }
}

TEST_F(RemoteWriteSettingsTest, WithoutAnAddressTheOthersDoNotCount) {
  EXPECT_NO_THROW(load("remote_write: {ca_file: /nowhere/ca.pem, timeout: 9h}\n"));
}

}  // namespace
}  // namespace portoser
