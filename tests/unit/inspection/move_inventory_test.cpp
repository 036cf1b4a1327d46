#include "agent/inspection/move_inventory.h"

#include "common/error.h"
#include "common/file.h"
#include "tests/support/temp_folder.h"
#include "tests/unit/engine/fake_engine.h"

#include <boost/asio/io_context.hpp>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <chrono>
#include <filesystem>
#include <optional>

namespace portoser::agent::inspection {
namespace {

using nlohmann::json;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
namespace fs = std::filesystem;

constexpr auto config = R"(
name: notes
services:
  web:
    image: notes:1
    ports:
      - {target: 80, published: "8080-8081", protocol: tcp, host_ip: 127.0.0.1}
      - {target: 80, published: "53", protocol: udp}
    volumes:
      - {type: volume, source: data, target: /data}
  db:
    image: db:2
networks:
  edge: {external: true, name: edge_net}
volumes:
  data: {name: notes_data}
  kept: {external: true, name: kept_elsewhere}
)";

/// A service in <root>/srv/notes on a host whose engine and compose say what the test tells them.
class MoveInventoryTest : public testing::Test {
 protected:
  MoveInventoryTest() {
    make_folder(root_ / "srv/notes");
    write_file_atomic(file_, "services: {}\n");
    write_file_atomic(root_ / "srv/notes/text", std::string(50'000, 'x'));
    write_program("rsync", "echo 'rsync  version 3.2.7  protocol version 31'");
    compose_says(config);
    make_folder(root_ / "engine/volumes/notes_data");
    write_file_atomic(root_ / "engine/volumes/notes_data/db", std::string(70'000, 'x'));
    engine_.answer("GET /version", 200, R"({"Version":"20.10.24","ApiVersion":"1.41"})");
    engine_.answer("GET /v1.41/info",
                   200,
                   json{{"DockerRootDir", path("engine")}, {"OSType", "linux"}}.dump());
    engine_.answer("GET /v1.41/volumes", 200, json{{"Volumes", {volume("notes_data")}}}.dump());
    for (const auto* name : {"notes:1", "sha256:web", "db:2"}) add_image(name, 1000);
    tell_containers();
  }
  [[nodiscard]] std::string path(const std::string& rest) const { return (root_ / rest).string(); }
  void write_program(const std::string& name, const std::string& line) const {
    write_file_atomic(root_ / name, "#!/bin/sh\n" + line + "\n", 0755);
  }
  void compose_says(const std::string& text) const {
    write_file_atomic(root_ / "config", text);
    write_program("compose",
                  "case \"$*\" in version*) echo 2.24.5;; *) cat " + path("config") + ";; esac");
  }
  [[nodiscard]] json volume(const std::string& name) const {
    return {{"Name", name}, {"Driver", "local"}, {"Mountpoint", path("engine/volumes/" + name)}};
  }
  void add_image(const std::string& name, int bytes) {
    const auto id = name.starts_with("sha256:") ? name : "sha256:of-" + name;
    engine_.answer(fmt::format("GET /v1.41/images/{}/json", name),
                   200,
                   json{{"Id", id}, {"Size", bytes}}.dump());
  }
  /// Of the service's file, unless `changes` says otherwise.
  json& add_container(const std::string& id, const std::string& service) {
    json container{{"Id", id},
                   {"Name", "/" + id},
                   {"Image", "sha256:" + service},
                   {"State", {{"Status", "running"}}},
                   {"Mounts", json::array()},
                   {"Config",
                    {{"Image", service == "web" ? "notes:1" : "db:2"},
                     {"Labels",
                      {{"com.docker.compose.project", "notes"},
                       {"com.docker.compose.service", service},
                       {"com.docker.compose.project.working_dir", path("srv/notes")},
                       {"com.docker.compose.project.config_files", file_.string()}}}}}};
    containers_.push_back(std::move(container));
    return containers_.back();
  }
  void tell_containers() {
    auto list = json::array();
    for (const auto& one : containers_) {
      const auto id = one["Id"].get<std::string>();
      list.push_back({{"Id", id}, {"Names", {one["Name"]}}, {"Mounts", one["Mounts"]}});
      engine_.answer(fmt::format("GET /v1.41/containers/{}/json", id), 200, one.dump());
    }
    engine_.answer("GET /v1.41/containers/json?all=1", 200, list.dump());
  }

  protocol::MoveInventory look(const std::string& compose_service = {}) {
    protocol::InspectMove asked;
    asked.target = {"notes", {path("nowhere/compose.yml"), file_.string()}, "", compose_service};
    MoveHost host;
    host.data = root_ / "agent";
    host.compose = {path("compose")};
    host.rsync = path("rsync");
    engine::Client client{context_.get_executor(), engine_.socket_path()};
    std::optional<protocol::MoveInventory> inventory;
    context_.restart();
    asio::co_spawn(context_,
                   inspect_move(std::move(asked), client, std::move(host)),
                   [&](const std::exception_ptr& failure, protocol::MoveInventory found) {
                     context_.stop();
                     if (failure) std::rethrow_exception(failure);
                     inventory = std::move(found);
                   });
    context_.run_for(std::chrono::minutes{1});
    return std::move(inventory.value());
  }
  static std::vector<std::string> words_of(const protocol::MoveInventory& inventory) {
    std::vector<std::string> all;
    for (const auto& one : inventory.findings) {
      all.push_back(one.severity + " " + one.reason + " " + one.subject);
    }
    return all;
  }

  test::TempFolder root_{"move-inventory"};
  fs::path file_ = root_ / "srv/notes/compose.yml";
  asio::io_context context_{1};
  engine::FakeEngine engine_{context_};
  std::vector<json> containers_;
};

TEST_F(MoveInventoryTest, NamesAllThatGoesWithTheService) {
  add_container("web_1", "web")["Mounts"] = {
      {{"Type", "volume"}, {"Name", "notes_data"}, {"Destination", "/data"}, {"RW", true}},
      {{"Type", "bind"}, {"Source", path("srv/notes/text")}, {"Destination", "/t"}, {"RW", true}}};
  tell_containers();
  const auto found = look();
  EXPECT_THAT(words_of(found), IsEmpty());
  EXPECT_EQ(found.file, file_.string());
  EXPECT_EQ(found.candidate, 1);
  EXPECT_EQ(found.folder, fs::canonical(root_ / "srv/notes").string());
  EXPECT_EQ(found.project, "notes");
  EXPECT_NE(found.arch, "");
  EXPECT_TRUE(found.is_counted);
  EXPECT_EQ(found.folder_files, 2);
  EXPECT_GE(found.folder_bytes, 50'000);
  ASSERT_EQ(found.volumes.size(), 1U);
  EXPECT_EQ(found.volumes[0].volume, "notes_data");
  EXPECT_EQ(found.volumes[0].files, 1);
  EXPECT_GE(found.volumes[0].bytes, 70'000);
  ASSERT_EQ(found.binds.size(), 1U);
  EXPECT_TRUE(found.binds[0].is_inside);
  std::vector<std::string> images;
  for (const auto& one : found.images) images.push_back(one.reference + " " + one.image);
  EXPECT_THAT(images, ElementsAre("notes:1 sha256:web", "db:2 sha256:of-db:2"))
      << "of web what its container runs, of db what it would be made of";
  std::vector<std::string> ports;
  for (const auto& one : found.ports) {
    ports.push_back(fmt::format("{}:{}/{}", one.address, one.port, one.protocol));
  }
  EXPECT_THAT(ports, ElementsAre("127.0.0.1:8080/tcp", "127.0.0.1:8081/tcp", ":53/udp"));
  EXPECT_THAT(found.networks, ElementsAre("edge_net"));
  EXPECT_THAT(found.running, ElementsAre("web"));
}

TEST_F(MoveInventoryTest, WhatWasNeverStartedHasItsFolderAndVolumes) {
  engine_.answer("GET /v1.41/volumes",
                 200,
                 json{{"Volumes", {volume("kept_elsewhere"), volume("other")}}}.dump());
  make_folder(root_ / "engine/volumes/kept_elsewhere");
  const auto found = look();
  EXPECT_THAT(words_of(found), IsEmpty());
  ASSERT_EQ(found.volumes.size(), 1U);
  EXPECT_EQ(found.volumes[0].volume, "kept_elsewhere");
  EXPECT_THAT(found.running, IsEmpty());
}

TEST_F(MoveInventoryTest, StoppedContainersCountAndOneOffOnesMustNotRun) {
  add_container("web_1", "web")["State"]["Status"] = "exited";
  auto& run = add_container("web_run_1", "web");
  run["Config"]["Labels"]["com.docker.compose.oneoff"] = "True";
  tell_containers();
  auto found = look();
  EXPECT_THAT(words_of(found), ElementsAre("error ONE_OFF_RUNNING web_run_1"));
  EXPECT_THAT(found.running, IsEmpty());
  EXPECT_EQ(found.images.size(), 2U);
  containers_[1]["State"]["Status"] = "exited";
  tell_containers();
  EXPECT_THAT(words_of(look()), IsEmpty());
}

TEST_F(MoveInventoryTest, AFileWithOtherServicesIsShared) {
  const auto found = look("web");
  EXPECT_THAT(words_of(found), ElementsAre("error SHARED_PROJECT " + file_.string()));
  EXPECT_THAT(found.findings[0].message, HasSubstr("db"));
  EXPECT_THAT(words_of(look("tool")), Contains("error COMPOSE_SERVICE_MISSING tool"));
}

TEST_F(MoveInventoryTest, AnotherProjectInTheFolderIsSaid) {
  auto& labels = add_container("shop_1", "web")["Config"]["Labels"];
  labels["com.docker.compose.project"] = "shop";
  labels["com.docker.compose.project.working_dir"] = path("srv/notes/shop");
  labels["com.docker.compose.project.config_files"] = path("srv/notes/shop/compose.yml");
  tell_containers();
  EXPECT_THAT(words_of(look()), ElementsAre("error MOVE_FOLDER_SHARED shop"));
}

TEST_F(MoveInventoryTest, WithoutAFileThereIsNothingToLookAt) {
  fs::remove(file_);
  const auto found = look();
  EXPECT_THAT(words_of(found), ElementsAre("error COMPOSE_FILE_MISSING notes"));
  EXPECT_EQ(found.file, "");
}

TEST_F(MoveInventoryTest, ComposeSaysWhatIsWrongWithAFile) {
  write_program("compose",
                "case \"$*\" in version*) echo 2.24.5;; *) echo 'services.web is nonsense' >&2; "
                "exit 15;; esac");
  const auto found = look();
  ASSERT_EQ(found.findings.size(), 1U);
  EXPECT_EQ(found.findings[0].reason, "COMPOSE_INVALID");
  EXPECT_THAT(found.findings[0].message, HasSubstr("services.web is nonsense"));
  compose_says("not: a config\n");
  EXPECT_THAT(words_of(look()), ElementsAre("error COMPOSE_INVALID " + file_.string()));
  write_program("compose", "exit 1");
  EXPECT_THAT(words_of(look()), ElementsAre("error COMPOSE_MISSING notes"));
}

TEST_F(MoveInventoryTest, AnEngineThatFailsIsSaid) {
  engine_.answer("GET /v1.41/info", 500, R"({"message":"no"})");
  const auto found = look();
  EXPECT_THAT(words_of(found), ElementsAre("error ENGINE_ERROR engine"));
  EXPECT_GE(found.folder_bytes, 50'000);
  EXPECT_EQ(found.ports.size(), 3U);
}

TEST_F(MoveInventoryTest, WithoutRsyncNothingIsCopied) {
  fs::remove(root_ / "rsync");
  EXPECT_THAT(words_of(look()), ElementsAre("error RSYNC_MISSING " + path("rsync")));
  write_program("rsync", "echo 'rsync  version 3.1.3  protocol version 31'");
  const auto old = look();
  ASSERT_THAT(words_of(old), ElementsAre("error RSYNC_MISSING " + path("rsync")));
  EXPECT_THAT(old.findings[0].message, HasSubstr("3.1"));
}

TEST_F(MoveInventoryTest, WhatTheOtherHostWouldNotHaveIsWarnedOf) {
  compose_says(fmt::format(
      "services:\n  web: {{network_mode: host, build: {{context: {}}}, ports: ['80:80']}}\n",
      path("srv/app")));
  add_container("web_1", "web");
  add_container("old_1", "old");
  tell_containers();
  add_image("sha256:old", 1);
  const auto found = look();
  EXPECT_THAT(words_of(found),
              ElementsAre("warning PORTS_UNKNOWN web",
                          "warning BUILD_FOLDER_MISSING " + path("srv/app"),
                          "warning NOT_STARTED_THERE old"));
  EXPECT_THAT(found.ports, IsEmpty());
}

TEST_F(MoveInventoryTest, AnImageThatIsGoneOrLostItsNameIsNotInTheWay) {
  add_container("web_1", "web")["Config"]["Image"] = "sha256:" + std::string(64, 'e');
  add_container("db_1", "db")["Image"] = "sha256:gone";
  tell_containers();
  const auto found = look();
  EXPECT_THAT(words_of(found), ElementsAre("warning IMAGE_GONE db:2"));
  ASSERT_EQ(found.images.size(), 1U);
  EXPECT_EQ(found.images[0].reference, "notes:1") << "as the file calls it";
}

TEST(RsyncVersion, IsRead) {
  EXPECT_EQ(rsync_version_in("rsync  version 3.2.7  protocol version 31\n").minor, 2);
  EXPECT_EQ(rsync_version_in("rsync  version v3.4.1  protocol\n").major, 3);
  EXPECT_EQ(rsync_version_in("openrsync: protocol version 29\n").major, 0);
  EXPECT_EQ(rsync_version_in("").major, 0);
}

}  // namespace
}  // namespace portoser::agent::inspection
