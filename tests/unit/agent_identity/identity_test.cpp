#include "agent/identity/identity.h"

#include "agent/identity/settings.h"
#include "common/error.h"
#include "common/file.h"
#include "tests/support/temp_folder.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

namespace portoser::agent::identity {
namespace {

using test::TempFolder;

unsigned mode_of(const std::filesystem::path& path) {
  struct stat info {};
  EXPECT_EQ(::stat(path.c_str(), &info), 0) << path;
  return info.st_mode & 07777U;
}

Identity sample(const protocol::KeyPair& keys) {
  return {keys,
          "01JDEVICE",
          "web1",
          "tcp://10.0.0.5:8990",
          protocol::make_key_pair().public_key,
          "http://10.0.0.5:8991"};
}

Error error_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& error) {
    return error;
  }
  return Error{Code::internal, "nothing was thrown"};
}

TEST(Identity, KeysAreMadeOnceAndFoundAgain) {
  const TempFolder folder;
  const auto data = folder.path() / "data";
  const auto made = make_or_find_keys(data);
  EXPECT_TRUE(protocol::is_key(made.public_key));
  EXPECT_EQ(mode_of(data), 0700U);
  EXPECT_EQ(mode_of(data / "agent.key"), 0600U);
  const auto found = make_or_find_keys(data);
  EXPECT_EQ(found.public_key, made.public_key);
  EXPECT_EQ(found.secret_key, made.secret_key);
}

TEST(Identity, IsNotThereBeforeJoining) {
  const TempFolder folder;
  EXPECT_FALSE(load_identity(folder.path()));
  make_or_find_keys(folder.path());
  EXPECT_FALSE(load_identity(folder.path()));
}

TEST(Identity, IsFoundAgainAndItsFileHoldsNoSecret) {
  const TempFolder folder;
  const auto saved = sample(make_or_find_keys(folder.path()));
  save_identity(folder.path(), saved);
  const auto found = load_identity(folder.path());
  ASSERT_TRUE(found);
  EXPECT_EQ(found->keys.secret_key, saved.keys.secret_key);
  EXPECT_EQ(found->keys.public_key, saved.keys.public_key);
  EXPECT_EQ(found->device_id, saved.device_id);
  EXPECT_EQ(found->name, saved.name);
  EXPECT_EQ(found->controller_endpoint, saved.controller_endpoint);
  EXPECT_EQ(found->controller_key, saved.controller_key);
  EXPECT_EQ(found->controller_url, saved.controller_url);
  EXPECT_EQ(read_file(folder.path() / "identity.json").find(saved.keys.secret_key),
            std::string::npos);
}

TEST(Identity, RefusesASecretKeyThatOthersMayRead) {
  const TempFolder folder;
  save_identity(folder.path(), sample(make_or_find_keys(folder.path())));
  for (const unsigned mode : {0640U, 0604U, 0660U}) {
    ASSERT_EQ(::chmod((folder.path() / "agent.key").c_str(), mode), 0);
    const auto error = error_of([&] { load_identity(folder.path()); });
    EXPECT_EQ(error.code(), Code::invalid);
    EXPECT_NE(error.hint().find("chmod 600"), std::string::npos);
    EXPECT_THROW(make_or_find_keys(folder.path()), Error);
  }
  ASSERT_EQ(::chmod((folder.path() / "agent.key").c_str(), 0600), 0);
  EXPECT_TRUE(load_identity(folder.path()));
}

TEST(Identity, SaysWhatToDoAboutDamagedFiles) {
  const TempFolder folder;
  save_identity(folder.path(), sample(make_or_find_keys(folder.path())));
  for (const auto* text : {"", "{", "[]", "{}", R"({"device_id":5})", R"({"device_id":"a"})"}) {
    write_file_atomic(folder.path() / "identity.json", text);
    const auto error = error_of([&] { load_identity(folder.path()); });
    EXPECT_EQ(error.code(), Code::invalid) << text;
    EXPECT_NE(error.hint().find("join"), std::string::npos) << text;
  }
  write_file_atomic(folder.path() / "agent.key", "not a key\n", 0600);
  EXPECT_EQ(error_of([&] { make_or_find_keys(folder.path()); }).code(), Code::invalid);
}

TEST(Identity, AnIdentityWithoutItsKeyIsAnError) {
  const TempFolder folder;
  save_identity(folder.path(), sample(protocol::make_key_pair()));
  const auto error = error_of([&] { load_identity(folder.path()); });
  EXPECT_NE(error.message().find("secret key"), std::string::npos);
}

TEST(AgentSettings, ComeFromTheFileAndTheCommandLine) {
  const TempFolder folder;
  const auto file = folder.path() / "agent.yml";
  write_file_atomic(file, "name: web1\ndata: /srv/agent\nlog:\n  format: json\n");
  const auto loaded = load_agent_settings("test", {"--config", file.string(), "--data", "/other"});
  EXPECT_EQ(loaded.values.name, "web1");
  EXPECT_EQ(loaded.values.data, "/other");
  EXPECT_EQ(loaded.values.engine_socket, "/var/run/docker.sock");
  EXPECT_EQ(loaded.values.format(), log::Format::json);
  EXPECT_NE(loaded.description.find("data = /other  (command line --data)"), std::string::npos);
}

TEST(AgentSettings, RefuseWhatTheyDoNotKnow) {
  const TempFolder folder;
  const auto file = folder.path() / "agent.yml";
  write_file_atomic(file, "nmae: web1\n");
  const auto error = error_of([&] { load_agent_settings("test", {"--config", file.string()}); });
  EXPECT_NE(error.message().find("nmae"), std::string::npos);
  EXPECT_THROW(load_agent_settings("test", {"--log-level", "loud"}), Error);
}

}  // namespace
}  // namespace portoser::agent::identity
