#include "agent/inspection/move_preflight.h"

#include "agent/inspection/move_room.h"
#include "common/error.h"
#include "common/file.h"
#include "tests/support/temp_folder.h"
#include "tests/unit/engine/fake_engine.h"

#include <boost/asio/io_context.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>

namespace portoser::agent::inspection {
namespace {

using nlohmann::json;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
namespace fs = std::filesystem;

std::vector<std::string> words_of(const std::vector<protocol::Finding>& findings) {
  std::vector<std::string> all;
  for (const auto& one : findings) {
    all.push_back(one.severity + " " + one.reason + " " + one.subject);
  }
  return all;
}

/// A host with nothing on it; the service would lie in <root>/srv/notes.
class MovePreflightTest : public testing::Test {
 protected:
  MovePreflightTest() {
    write_program("rsync", "echo 'rsync  version 3.2.7  protocol version 31'");
    write_program("compose", "echo 2.24.5");
    make_folder(root_ / "engine");
    engine_.answer("GET /version", 200, R"({"Version":"20.10.24","ApiVersion":"1.41"})");
    engine_.answer("GET /v1.41/info", 200, json{{"DockerRootDir", path("engine")}}.dump());
    engine_.answer("GET /v1.41/volumes", 200, R"({"Volumes":[{"Name":"other"}]})");
    engine_.answer("GET /v1.41/networks", 200, R"([{"Name":"bridge"}])");
    engine_.answer("GET /v1.41/containers/json", 200, "[]");
    engine_.answer("GET /v1.41/containers/json?all=1", 200, "[]");
    asked_.service = "notes";
    asked_.file = path("srv/notes/compose.yml");
    asked_.arch = machine_name();
  }
  [[nodiscard]] std::string path(const std::string& rest) const { return (root_ / rest).string(); }
  void write_program(const std::string& name, const std::string& line) const {
    write_file_atomic(root_ / name, "#!/bin/sh\n" + line + "\n", 0755);
  }
  /// One that runs and is of the project in the folder.
  void add_container(const std::string& project, const std::string& folder) {
    engine_.answer("GET /v1.41/containers/json?all=1", 200, R"([{"Id":"a","Names":["/web_1"]}])");
    const json labels{{"com.docker.compose.project", project},
                      {"com.docker.compose.project.working_dir", folder},
                      {"com.docker.compose.project.config_files", folder + "/compose.yml"}};
    engine_.answer("GET /v1.41/containers/a/json",
                   200,
                   json{{"Id", "a"}, {"Name", "/web_1"}, {"Config", {{"Labels", labels}}}}.dump());
  }

  std::vector<protocol::Finding> look() {
    MoveHost host;
    host.data = root_ / "agent";
    host.compose = {path("compose")};
    host.rsync = path("rsync");
    engine::Client client{context_.get_executor(), engine_.socket_path()};
    std::optional<protocol::PreflightReport> report;
    context_.restart();
    asio::co_spawn(context_,
                   preflight_move(asked_, client, std::move(host)),
                   [&](const std::exception_ptr& failure, protocol::PreflightReport found) {
                     context_.stop();
                     if (failure) std::rethrow_exception(failure);
                     report = std::move(found);
                   });
    context_.run_for(std::chrono::minutes{1});
    return std::move(report.value().findings);
  }
  /// How much memory and disk this host has left is another matter.
  std::vector<std::string> errors() {
    std::vector<std::string> all;
    for (const auto& one : look()) {
      if (one.severity == "error") all.push_back(one.reason + " " + one.subject);
    }
    return all;
  }

  test::TempFolder root_{"move-preflight"};
  asio::io_context context_{1};
  engine::FakeEngine engine_{context_};
  protocol::PreflightMove asked_;
};

TEST_F(MovePreflightTest, AHostWithNothingInTheWayIsFine) {
  asked_.volumes = {"notes_data"};
  asked_.paths = {path("photos")};
  asked_.needed_paths = {path("engine")};
  asked_.networks = {"bridge"};
  asked_.bytes = 1000;
  EXPECT_THAT(errors(), IsEmpty());
  make_folder(root_ / "srv/notes");
  EXPECT_THAT(errors(), IsEmpty()) << "an empty folder holds nothing";
}

TEST_F(MovePreflightTest, WhatIsThereIsNotWrittenOver) {
  make_folder(root_ / "srv/notes/data");
  make_folder(root_ / "photos/2026");
  fs::create_symlink("/nowhere/at/all", root_ / "dangling");
  asked_.paths = {path("photos"), path("dangling")};
  asked_.volumes = {"other", "notes_data"};
  EXPECT_THAT(errors(),
              ElementsAre("FOLDER_EXISTS " + path("srv/notes"),
                          "FOLDER_EXISTS " + path("photos"),
                          "FOLDER_EXISTS " + path("dangling"),
                          "VOLUME_EXISTS other"));
  asked_.may_replace = {path("srv/notes"), path("photos") + "/", path("dangling"), "volume:other"};
  EXPECT_THAT(errors(), IsEmpty()) << "an earlier move left them";
}

TEST_F(MovePreflightTest, WhatIsKeptMayBeKnownByALink) {
  make_folder(root_ / "disk/notes/data");
  make_folder(root_ / "srv");
  fs::create_directory_symlink(path("disk/notes"), root_ / "srv/notes");
  EXPECT_THAT(errors(), ElementsAre("FOLDER_EXISTS " + path("srv/notes")));
  asked_.may_replace = {path("disk/notes")};
  EXPECT_THAT(errors(), IsEmpty());
}

TEST_F(MovePreflightTest, WhatIsWrittenOverNeedsNoRoomOfItsOwn) {
  make_folder(root_ / "srv/notes");
  make_folder(root_ / "engine/volumes/other");
  write_file_atomic(root_ / "srv/notes/kept", std::string(3 << 20, 'x'));
  write_file_atomic(root_ / "engine/volumes/other/kept", std::string(3 << 20, 'x'));
  engine_.answer("GET /v1.41/volumes",
                 200,
                 json{{"Volumes",
                       {{{"Name", "other"},
                         {"Driver", "local"},
                         {"Mountpoint", path("engine/volumes/other")}}}}}
                     .dump());
  asked_.volumes = {"other"};
  asked_.may_replace = {path("srv/notes"), "volume:other"};
  const auto wanted = [&](std::int64_t bytes, std::int64_t volume_bytes) {
    asked_.bytes = bytes;
    asked_.volume_bytes = volume_bytes;
    for (const auto& one : look()) {
      const auto needs = one.message.find("needs ");
      if (one.reason == "DISK_FULL") return std::stoll(one.message.substr(needs + 6));
    }
    return 0LL;
  };
  constexpr std::int64_t much = std::int64_t{1} << 50;
  const auto with_both = wanted(much, much);
  ASSERT_GT(with_both, 0);
  asked_.may_replace = {path("srv/notes")};
  const auto with_folder = wanted(much, much);
  asked_.may_replace = {"volume:other"};
  const auto with_volume = wanted(much, much);
  EXPECT_GE(with_folder - with_both, 3) << "and a fifth more";
  EXPECT_GE(with_volume - with_both, 3);
}

TEST_F(MovePreflightTest, ANameThatMeansAnotherImageIsInTheWay) {
  engine_.answer("GET /v1.41/images/notes:1/json", 200, R"({"Id":"sha256:mine","Size":1})");
  asked_.images = {{"web", "notes:1", "sha256:theirs", 1}};
  EXPECT_THAT(errors(), ElementsAre("IMAGE_DIFFERS notes:1"));
  asked_.images[0].image = "sha256:mine";
  EXPECT_THAT(errors(), IsEmpty());
  asked_.images = {{"web", "notes@sha256:aa", "sha256:theirs", 1}};
  EXPECT_THAT(words_of(look()), Contains("warning IMAGE_PULLED notes@sha256:aa"));
}

TEST_F(MovePreflightTest, AFolderOfTheHostIsNoServices) {
  asked_.file = "/home/eva/compose.yml";
  EXPECT_THAT(errors(), Contains("MOVE_FOLDER_SHARED /home/eva"));
  asked_.file = path("agent/compose.yml");
  EXPECT_THAT(errors(), ElementsAre("MOVE_FOLDER_SHARED " + path("agent")));
}

TEST_F(MovePreflightTest, ContainersOfTheProjectAreInTheWay) {
  add_container("shop", "/srv/shop");
  EXPECT_THAT(errors(), IsEmpty());
  add_container("notes", "/srv/elsewhere");
  EXPECT_THAT(errors(), ElementsAre("CONTAINER_EXISTS web_1")) << "compose takes it for its own";
  asked_.project = "team";
  EXPECT_THAT(errors(), IsEmpty());
  add_container("notes", path("srv/notes"));
  EXPECT_THAT(errors(), ElementsAre("CONTAINER_EXISTS web_1")) << "it is of that very file";
}

TEST_F(MovePreflightTest, APortOfAContainerIsTaken) {
  engine_.answer("GET /v1.41/containers/json",
                 200,
                 R"([{"Id":"a","Names":["/shop_1"],
                      "Ports":[{"IP":"0.0.0.0","PublicPort":8090,"Type":"sctp"}]}])");
  asked_.ports = {{8090, "", "sctp"}, {8091, "", "sctp"}};
  EXPECT_THAT(errors(), ElementsAre("PORT_TAKEN 8090/sctp"));
}

TEST_F(MovePreflightTest, WhatHasToBeThereAlreadyIsLookedFor) {
  asked_.needed_paths = {path("engine"), path("key.pem")};
  asked_.networks = {"edge"};
  EXPECT_THAT(errors(), ElementsAre("PATH_MISSING " + path("key.pem"), "NETWORK_MISSING edge"));
}

TEST_F(MovePreflightTest, ToolsAndEngineHaveToBeThere) {
  write_program("rsync", "exit 1");
  write_program("compose", "exit 1");
  engine_.answer("GET /v1.41/info", 500, R"({"message":"no"})");
  EXPECT_THAT(
      errors(),
      ElementsAre(
          "RSYNC_MISSING " + path("rsync"), "COMPOSE_MISSING compose", "ENGINE_ERROR engine"));
}

TEST_F(MovePreflightTest, ImagesThatAreNotHereComeAlong) {
  engine_.answer("GET /v1.41/images/sha256:here/json", 200, R"({"Id":"sha256:here","Size":1})");
  asked_.images = {{"web", "notes:1", "sha256:here", 1},
                   {"db", "db:2", "sha256:gone", std::int64_t{3} << 20},
                   {"db2", "db:2", "sha256:gone", std::int64_t{3} << 20}};
  EXPECT_THAT(errors(), IsEmpty());
  const auto found = look();
  EXPECT_THAT(words_of(found), Contains("info  db:2").Times(1));
  asked_.images[1].bytes = std::int64_t{1} << 60;
  EXPECT_THAT(errors(), ElementsAre(HasSubstr("DISK_FULL")));
}

class MoveRoom : public testing::Test {
 protected:
  static constexpr std::int64_t too_much = std::int64_t{1} << 60;
  std::vector<std::string> found(const std::vector<std::string>& files,
                                 std::int64_t bytes,
                                 const std::vector<RoomWanted>& stores) {
    Findings findings;
    check_move_room(files, bytes, stores, findings);
    return words_of(findings.report().findings);
  }
  test::TempFolder root_{"move-room"};
};

TEST_F(MoveRoom, IsThatOfTheFolderThatWillHoldIt) {
  const auto here = root_.path().string();
  EXPECT_THAT(found({here + "/not/there/yet"}, 0, {{here, 0}}), IsEmpty());
  EXPECT_THAT(found({here + "/not/there/yet"}, too_much, {}),
              ElementsAre("error DISK_FULL " + here));
  EXPECT_THAT(found({here}, 0, {{here + "/engine", too_much}}),
              ElementsAre("error DISK_FULL " + here))
      << "one disk, one finding";
}

TEST_F(MoveRoom, OfSeveralDisksAllTogetherHaveToDo) {
  if (!fs::is_directory("/dev/shm")) FAIL() << "this host has no second file system";
  const auto here = root_.path().string();
  EXPECT_THAT(found({here, "/dev/shm"}, too_much, {}), Contains("error DISK_FULL " + here));
  EXPECT_THAT(found({here}, 0, {{"/dev/shm", too_much}}), ElementsAre("error DISK_FULL /dev/shm"));
}

TEST(MoveArch, HasToBeTheSameOrOneThatTheKernelRuns) {
  const auto found = [](const std::string& source, const std::string& here) {
    Findings findings;
    check_move_arch(source, here, findings);
    return words_of(findings.report().findings);
  };
  EXPECT_THAT(found("x86_64", "x86_64"), IsEmpty());
  EXPECT_THAT(found("amd64", "x86_64"), IsEmpty());
  EXPECT_THAT(found("riscv64-none", "x86_64"), ElementsAre("error ARCH_MISMATCH x86_64"));
  EXPECT_THAT(found("i686", "x86_64"), ElementsAre("warning ARCH_MISMATCH x86_64"));
  EXPECT_THAT(found("armv7l", "aarch64"), ElementsAre("warning ARCH_MISMATCH aarch64"));
  EXPECT_THAT(found("armv6l", "armv7l"), IsEmpty());
  EXPECT_THAT(found("armv7l", "armv6l"), ElementsAre("error ARCH_MISMATCH armv6l"));
  EXPECT_THAT(found("", "x86_64"), IsEmpty());
}

}  // namespace
}  // namespace portoser::agent::inspection
