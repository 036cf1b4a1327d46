#include "agent/transfer/engine_data.h"

#include "agent/transfer/users.h"
#include "common/error.h"
#include "common/file.h"
#include "tests/support/temp_folder.h"
#include "tests/unit/engine/fake_engine.h"

#include <boost/asio/executor_work_guard.hpp>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <thread>

namespace portoser::agent::transfer {
namespace {

using testing::Contains;
using testing::ElementsAre;

/// What the engine answers is set before the first question.
class EngineDataTest : public testing::Test {
 protected:
  EngineDataTest() { engine.answer("GET /version", 200, R"({"ApiVersion":"1.41"})"); }
  ~EngineDataTest() override {
    context.stop();
    if (running.joinable()) running.join();
  }
  RealEngineData& asked() {
    running = std::thread{[this] { context.run(); }};
    return data;
  }

  asio::io_context context{1};
  engine::FakeEngine engine{context};
  RealEngineData data{engine.socket_path()};
  std::thread running;
};

TEST_F(EngineDataTest, AVolumeHasItsFolderAndLabels) {
  engine.answer("GET /v1.41/volumes/notes_data",
                200,
                R"({"Name":"notes_data","Mountpoint":"/v/_data","Labels":{"a":"b"}})");
  auto& some = asked();
  const auto volume = some.volume("notes_data");
  ASSERT_TRUE(volume);
  EXPECT_EQ(volume->folder, "/v/_data");
  EXPECT_EQ(volume->labels.at("a"), "b");
  EXPECT_FALSE(some.volume("other"));
}

TEST_F(EngineDataTest, AVolumeIsMadeAsItWas) {
  engine.answer(
      "POST /v1.41/volumes/create", 201, R"({"Name":"n","Mountpoint":"/v/n","Labels":null})");
  EXPECT_EQ(asked().create_volume("n", {}, {{"portoser.move", "x"}}).folder, "/v/n");
  context.stop();
  running.join();
  EXPECT_EQ(engine.last_body(),
            R"({"Driver":"local","DriverOpts":{},"Labels":{"portoser.move":"x"},"Name":"n"})");
}

TEST_F(EngineDataTest, AVolumeInUseStays) {
  engine.answer("DELETE /v1.41/volumes/n", 409, R"({"message":"volume is in use"})");
  auto& some = asked();
  EXPECT_NO_THROW(some.remove_volume("gone"));
  try {
    some.remove_volume("n");
    FAIL() << "it was removed";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::conflict);
    EXPECT_EQ(error.message(), "the Docker engine says: volume is in use");
  }
}

TEST_F(EngineDataTest, NamesCannotBecomePaths) {
  auto& some = asked();
  for (const auto* name : {"", "../x", "a/b", "a?b", ".x"}) {
    EXPECT_THROW(some.volume(name), Error) << name;
  }
  EXPECT_THROW(some.image_id("x/../../containers"), Error);
}

TEST_F(EngineDataTest, AnImageComesInBlocks) {
  engine::Script script;
  script.writes = {engine::chunked_header(),
                   engine::chunk("first "),
                   engine::chunk(std::string(100'000, 'x')),
                   engine::chunk({})};
  engine.answer("GET /v1.41/images/get?names=sha256:aa", script);
  std::string got;
  asked().save_image("sha256:aa", 0, [&](std::string_view block) { got += block; });
  EXPECT_EQ(got, "first " + std::string(100'000, 'x'));
}

TEST_F(EngineDataTest, AnImageThatIsNotThereIsNoContent) {
  std::string got;
  try {
    asked().save_image("sha256:aa", 0, [&](std::string_view block) { got += block; });
    FAIL() << "it was there";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::not_found);
  }
  EXPECT_EQ(got, "");
}

TEST_F(EngineDataTest, WhatTakesTheBlocksMayFail) {
  engine::Script script;
  script.writes = {engine::chunked_header(), engine::chunk("x"), engine::chunk({})};
  engine.answer("GET /v1.41/images/get?names=sha256:aa", script);
  auto& some = asked();
  EXPECT_THROW(
      some.save_image("sha256:aa", 0, [](std::string_view) { throw std::out_of_range{"mine"}; }),
      std::out_of_range);
}

TEST(EngineDataAway, IsSaid) {
  RealEngineData data{"/nowhere/docker.sock"};
  try {
    data.containers();
    FAIL() << "it answered";
  } catch (const Error& error) {
    EXPECT_EQ(error.reason(), "ENGINE_UNAVAILABLE");
  }
}

TEST(ContainerUses, HaveVolumesPathsAndTheFolderOfTheirProject) {
  const auto uses = container_uses_from(R"([
    {"Id":"0123456789abcdef","Names":["/web"],
     "Labels":{"com.docker.compose.project.working_dir":"/srv/notes"},
     "Mounts":[{"Type":"volume","Name":"notes_data","Source":"/v/_data"},
               {"Type":"bind","Source":"/srv/notes/media"}]},
    {"Id":"0123456789abcdef","Names":null,"Labels":null,"Mounts":null}])");
  ASSERT_EQ(uses.size(), 2U);
  EXPECT_EQ(uses[0].name, "web");
  EXPECT_THAT(uses[0].volumes, ElementsAre("notes_data"));
  EXPECT_THAT(uses[0].paths, Contains("/srv/notes/media"));
  EXPECT_EQ(uses[0].compose_folder, "/srv/notes");
  EXPECT_EQ(uses[1].name, "0123456789ab");
  EXPECT_THROW(container_uses_from("no JSON"), Error);
}

TEST(ContainerUses, KnowWhatCanOnlyBeRead) {
  const auto uses_all = container_uses_from(R"([
    {"Id":"a","Names":["/web"],"State":"running",
     "Labels":{"com.docker.compose.project.working_dir":"/srv/notes"},
     "Mounts":[{"Type":"volume","Name":"data","Source":"/v/_data","RW":false},
               {"Type":"bind","Source":"/srv/media","RW":false},
               {"Type":"bind","Source":"/srv/notes/x","RW":true},
               {"Type":"bind","Source":"/srv/both","RW":false},
               {"Type":"bind","Source":"/srv/both","RW":true}]}])");
  ASSERT_EQ(uses_all.size(), 1U);
  const auto& use = uses_all[0];
  EXPECT_THAT(use.read_only, ElementsAre("/srv/media", "/v/_data", "data"));
  const auto root = [](const std::string& kind, const std::string& what) {
    MadeRoot out;
    out.kind = kind;
    (kind == "volume" ? out.volume : out.path) = what;
    return out;
  };
  EXPECT_TRUE(uses(use, root("path", "/srv/media")));
  EXPECT_FALSE(writes(use, root("path", "/srv/media")));
  EXPECT_TRUE(uses(use, root("volume", "data")));
  EXPECT_FALSE(writes(use, root("volume", "data")));
  EXPECT_TRUE(writes(use, root("path", "/srv/both")));
  EXPECT_TRUE(writes(use, root("path", "/srv/notes/x")));
  EXPECT_TRUE(writes(use, root("folder", "/srv/notes")));
}

/// Takes one upload, whose end a chunk of no size is.
class Upload {
 public:
  Upload(const std::filesystem::path& socket, std::string answer)
      : answer_(std::move(answer)), listener_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, socket.c_str(), sizeof address.sun_path - 1);
    if (::bind(listener_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
        ::listen(listener_.get(), 4) != 0) {
      throw std::runtime_error{"no socket"};
    }
    serving_ = std::thread{[this] { serve(); }};
  }
  Upload(const Upload&) = delete;
  Upload& operator=(const Upload&) = delete;
  ~Upload() {
    ::shutdown(listener_.get(), SHUT_RDWR);
    if (serving_.joinable()) serving_.join();
  }
  /// All that came in the second request, once it is answered.
  const std::string& received() {
    if (serving_.joinable()) serving_.join();
    return received_;
  }

 private:
  void serve() {
    reply(std::string{R"({"ApiVersion":"1.41"})"}, "\r\n\r\n");
    reply(answer_, "\r\n0\r\n\r\n");
  }
  void reply(const std::string& body, const std::string& end) {
    const Descriptor connection{::accept(listener_.get(), nullptr, nullptr)};
    if (!connection.is_open()) return;
    std::string text;
    char block[4096];
    while (text.find(end) == std::string::npos) {
      const auto got = ::recv(connection.get(), block, sizeof block, 0);
      if (got <= 0) return;
      text.append(block, static_cast<std::size_t>(got));
    }
    received_ = text;
    const auto answer = engine::reply_text(200, body);
    ::send(connection.get(), answer.data(), answer.size(), MSG_NOSIGNAL);
  }

  std::string answer_;
  std::string received_;
  Descriptor listener_;
  std::thread serving_;
};

EngineData::Source source_of(std::string text) {
  return [text, at = std::size_t{0}](char* out, std::size_t size) mutable {
    const auto count = std::min(size, text.size() - at);
    std::memcpy(out, text.data() + at, count);
    at += count;
    return count;
  };
}

TEST(EngineUpload, GoesInChunks) {
  const test::TempFolder folder{"upload"};
  Upload upload{folder / "docker.sock", "{\"stream\":\"Loaded image\"}\n"};
  RealEngineData data{(folder / "docker.sock").string()};
  EXPECT_NO_THROW(data.load_image(source_of("the tar")));
  EXPECT_THAT(upload.received(), testing::StartsWith("POST /v1.41/images/load?quiet=1 HTTP/1.1"));
  EXPECT_THAT(upload.received(), testing::HasSubstr("\r\n7\r\nthe tar\r\n"));
}

TEST(EngineUpload, AnErrorInAGoodAnswerIsOne) {
  const test::TempFolder folder{"upload"};
  const Upload upload{folder / "docker.sock",
                      "{\"stream\":\"Loading\"}\n{\"error\":\"unexpected EOF\"}\n"};
  RealEngineData data{(folder / "docker.sock").string()};
  try {
    data.load_image(source_of("half a tar"));
    FAIL() << "it was taken";
  } catch (const Error& error) {
    EXPECT_THAT(error.message(), testing::HasSubstr("unexpected EOF"));
  }
}

TEST(EngineUpload, WhatGivesTheBytesMayFail) {
  const test::TempFolder folder{"upload"};
  const Upload upload{folder / "docker.sock", "{}"};
  RealEngineData data{(folder / "docker.sock").string()};
  EXPECT_THROW(
      data.load_image([](char*, std::size_t) -> std::size_t { throw std::out_of_range{"mine"}; }),
      std::out_of_range);
}

}  // namespace
}  // namespace portoser::agent::transfer
