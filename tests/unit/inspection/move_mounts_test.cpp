#include "agent/inspection/move_mounts.h"

#include "common/file.h"
#include "tests/support/temp_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

namespace portoser::agent::inspection {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;
namespace fs = std::filesystem;

class MoveMounts : public testing::Test {
 protected:
  MoveMounts() {
    make_folder(root_ / "notes/data");
    make_folder(root_ / "photos");
    write_file_atomic(root_ / "key.pem", "key");
    seen_.folder = folder_of(path("notes/compose.yml"));
    seen_.engine_root = "/var/lib/docker";
    add_own("a", "web_1");
  }
  [[nodiscard]] std::string path(const std::string& rest) const { return (root_ / rest).string(); }

  void add_own(const std::string& id, const std::string& name) {
    engine::Container container;
    container.id = id;
    container.name = name;
    container.labels["com.docker.compose.service"] = "web";
    seen_.own.push_back(container);
    seen_.own_ids.insert(id);
    seen_.mounts.push_back({id, name, {}});
  }
  engine::ContainerMounts& of(std::size_t container) { return seen_.mounts.at(container); }
  static engine::Mount bind(const std::string& source, const std::string& destination) {
    engine::Mount mount;
    mount.type = "bind";
    mount.source = source;
    mount.destination = destination;
    return mount;
  }
  static engine::Mount volume(const std::string& name, const std::string& destination) {
    engine::Mount mount;
    mount.type = "volume";
    mount.volume = name;
    mount.source = place_of(name);
    mount.destination = destination;
    return mount;
  }
  static std::string place_of(const std::string& volume) {
    return "/var/lib/docker/volumes/" + volume + "/_data";
  }
  engine::Volume& add_volume(const std::string& name) {
    engine::Volume volume;
    volume.name = name;
    volume.driver = "local";
    volume.mount_point = place_of(name);
    seen_.there.push_back(volume);
    return seen_.there.back();
  }
  ModelService service_with(const std::string& source, const std::string& target) {
    ModelService service;
    service.name = "web";
    BindMount mount;
    mount.source = source;
    mount.target = target;
    service.binds.push_back(mount);
    return service;
  }

  std::vector<std::string> binds() {
    take_binds(seen_, inventory_, findings_);
    std::vector<std::string> all;
    for (const auto& one : inventory_.binds) {
      const auto base = root_.path().string() + "/";
      const auto rest = one.path.starts_with(base) ? one.path.substr(base.size()) : one.path;
      all.push_back(one.container + " " + rest + " " + one.kind + (one.is_inside ? " inside" : "") +
                    (one.is_of_system ? " system" : ""));
    }
    return all;
  }
  std::vector<std::string> volumes() {
    take_volumes(seen_, inventory_, findings_);
    std::vector<std::string> all;
    for (const auto& one : inventory_.volumes) all.push_back(one.volume);
    return all;
  }
  std::vector<std::string> found() {
    std::vector<std::string> all;
    for (const auto& one : findings_.report().findings) {
      all.push_back(one.severity + " " + one.reason + " " + one.subject);
    }
    return all;
  }

  test::TempFolder root_{"move-mounts"};
  MountsSeen seen_;
  protocol::MoveInventory inventory_;
  Findings findings_;
};

TEST_F(MoveMounts, PathsOutsideAreToldOnceAndThoseOfTheSystemNotAtAll) {
  add_own("b", "web_2");
  of(0).mounts = {bind(path("notes/data"), "/data"),
                  bind(path("photos"), "/photos"),
                  bind("/var/run/docker.sock", "/var/run/docker.sock")};
  of(1).mounts = {bind(path("photos"), "/photos")};
  EXPECT_THAT(binds(),
              UnorderedElementsAre("web_1 notes/data folder inside",
                                   "web_1 photos folder",
                                   testing::StartsWith("web_1 /var/run/docker.sock"),
                                   "web_2 photos folder"));
  EXPECT_THAT(found(), ElementsAre("warning MOUNT_OUTSIDE " + path("photos")));
}

TEST_F(MoveMounts, AFileInTheFolderGoesAlongAndOneOutsideDoesNot) {
  write_file_atomic(root_ / "notes/site.conf", "x");
  of(0).mounts = {bind(path("notes/site.conf"), "/site.conf"), bind(path("key.pem"), "/key.pem")};
  EXPECT_THAT(binds(), ElementsAre("web_1 notes/site.conf file inside", "web_1 key.pem file"));
  EXPECT_THAT(found(), ElementsAre("warning MOUNT_OUTSIDE " + path("key.pem")));
}

TEST_F(MoveMounts, TheFileSaysWhatNoContainerHasYet) {
  of(0).mounts = {bind(path("photos"), "/photos")};
  seen_.services = {service_with(path("photos"), "/photos")};
  seen_.services.push_back(service_with(path("photos"), "/more"));
  seen_.services.push_back(service_with(path("none"), "/none"));
  EXPECT_THAT(binds(), ElementsAre("web_1 photos folder", "web photos folder", "web none missing"));
  EXPECT_THAT(found(),
              ElementsAre("warning MOUNT_OUTSIDE " + path("photos"), "info  " + path("none")));
}

TEST_F(MoveMounts, WhatALinkInTheFolderLeadsToIsOutside) {
  fs::create_symlink(path("photos"), root_ / "notes/photos");
  of(0).mounts = {bind(path("notes/photos"), "/photos")};
  EXPECT_THAT(binds(), ElementsAre("web_1 photos folder"));
  EXPECT_THAT(found(), ElementsAre("warning MOUNT_OUTSIDE " + path("photos")));
}

TEST_F(MoveMounts, FilesThatComposeReadsAreLookedAtToo) {
  write_file_atomic(root_ / "notes/.env", "A=b\n");
  fs::create_symlink(path("key.pem"), root_ / "notes/key.env");
  write_file_atomic(root_ / "common.env", "A=b\n");
  seen_.files = {path("notes/.env"), path("notes/key.env"), path("common.env")};
  EXPECT_THAT(binds(), ElementsAre(" key.pem file", " common.env file"));
  EXPECT_THAT(found(),
              ElementsAre("warning MOUNT_OUTSIDE " + path("key.pem"),
                          "warning MOUNT_OUTSIDE " + path("common.env")));
}

TEST_F(MoveMounts, VolumesAreThoseOfContainersAndThoseOfTheFileThatAreThere) {
  const std::string no_name(64, 'a');
  engine::Mount memory;
  memory.type = "tmpfs";
  memory.destination = "/tmp";
  of(0).mounts = {volume("notes_data", "/data"), volume(no_name, "/cache"), memory};
  add_volume("notes_data").labels["a"] = "b";
  add_volume("shop_data");
  add_volume("external");
  add_volume(no_name);
  seen_.volumes = {"external", "notes_gone"};
  EXPECT_THAT(volumes(), ElementsAre("external", "notes_data"));
  EXPECT_EQ(inventory_.volumes[1].path, place_of("notes_data"));
  EXPECT_EQ(inventory_.volumes[1].labels.at("a"), "b");
  EXPECT_FALSE(inventory_.volumes[1].has_options);
  EXPECT_THAT(inventory_.anonymous, ElementsAre("/cache"));
  EXPECT_THAT(found(), ElementsAre("warning ANONYMOUS_VOLUME /cache"));
}

TEST_F(MoveMounts, AVolumeWhoseDataLiesElsewhereCannotBeMoved) {
  seen_.volumes = {"bound", "nfs", "plugin", "quota", "memory"};
  add_volume("bound").options = {{"type", "none"}, {"o", "bind"}, {"device", "/mnt/x"}};
  add_volume("nfs").options = {{"type", "nfs"}, {"device", ":/x"}};
  add_volume("plugin").driver = "rexray";
  add_volume("quota").options = {{"size", "10G"}};
  add_volume("memory").options = {{"type", "tmpfs"}};
  EXPECT_THAT(volumes(), testing::SizeIs(5));
  EXPECT_THAT(found(),
              ElementsAre("error VOLUME_NOT_LOCAL bound",
                          "error VOLUME_NOT_LOCAL nfs",
                          "error VOLUME_NOT_LOCAL plugin",
                          "error VOLUME_NOT_LOCAL memory"));
}

TEST_F(MoveMounts, AVolumeThatOthersUseIsShared) {
  of(0).mounts = {volume("notes_data", "/data")};
  add_volume("notes_data");
  seen_.mounts.push_back({"x", "backup", {volume("notes_data", "/in")}});
  seen_.mounts.push_back({"y", "reader", {bind(place_of("notes_data") + "/part", "/in")}});
  seen_.mounts.push_back({"z", "shop", {volume("shop_data", "/in"), bind("/srv/x", "/x")}});
  EXPECT_THAT(volumes(), ElementsAre("notes_data"));
  EXPECT_THAT(inventory_.volumes[0].others, ElementsAre("backup", "reader"));
  EXPECT_THAT(found(), ElementsAre("error VOLUME_SHARED notes_data"));
}

TEST_F(MoveMounts, ItsOwnOneOffContainersShareNothing) {
  of(0).mounts = {volume("notes_data", "/data")};
  add_volume("notes_data");
  seen_.own_ids.insert("x");
  seen_.mounts.push_back({"x", "web_run_1", {volume("notes_data", "/data")}});
  EXPECT_THAT(volumes(), ElementsAre("notes_data"));
  EXPECT_THAT(found(), IsEmpty());
}

TEST_F(MoveMounts, WhoElseWritesToAFolderOutsideIsTold) {
  of(0).mounts = {bind(path("photos"), "/photos"), bind(path("key.pem"), "/key")};
  auto read = bind(path("photos"), "/in");
  read.is_read_only = true;
  seen_.mounts.push_back({"x", "reader", {read}});
  seen_.mounts.push_back({"y", "watcher", {bind("/", "/host"), bind(path("key.pem"), "/key")}});
  take_binds(seen_, inventory_, findings_);
  check_bind_users(seen_, inventory_, findings_);
  EXPECT_THAT(found(), testing::Each(testing::StartsWith("warning MOUNT_OUTSIDE")));
  fs::create_directory_symlink(path("photos"), root_ / "pictures");
  seen_.mounts.push_back({"z", "writer", {bind(path("photos/2026"), "/in")}});
  seen_.mounts.push_back({"w", "by_link", {bind(path("pictures"), "/in")}});
  check_bind_users(seen_, inventory_, findings_);
  EXPECT_THAT(found(), testing::Contains("error MOUNT_SHARED " + path("photos")).Times(1));
  EXPECT_THAT(findings_.report().findings.back().message, testing::HasSubstr("writer, by_link"));
}

TEST_F(MoveMounts, WhatIsMountedBelowIsTold) {
  of(0).mounts = {bind(path("photos"), "/photos"), volume("notes_data", "/data")};
  add_volume("notes_data");
  take_binds(seen_, inventory_, findings_);
  take_volumes(seen_, inventory_, findings_);
  const auto photos = fs::canonical(root_ / "photos").string();
  seen_.mount_points = {"/", seen_.folder.real, photos, place_of("notes_data"), "/srv/x"};
  check_mounts_below(seen_, inventory_, findings_);
  EXPECT_THAT(found(), ElementsAre("warning MOUNT_OUTSIDE " + path("photos")))
      << "each may be a disk of its own";
  seen_.mount_points = {
      seen_.folder.real + "/media", photos + "/2026", place_of("notes_data") + "/x/y"};
  check_mounts_below(seen_, inventory_, findings_);
  EXPECT_THAT(found(),
              ElementsAre("warning MOUNT_OUTSIDE " + path("photos"),
                          "error MOUNT_BELOW " + seen_.folder.real,
                          "error MOUNT_BELOW notes_data",
                          "error MOUNT_BELOW " + path("photos")));
}

TEST_F(MoveMounts, WhoElseUsesTheFolderIsTold) {
  of(0).mounts = {bind(path("notes/data"), "/data")};
  auto read = bind(path("notes"), "/in");
  read.is_read_only = true;
  seen_.mounts.push_back({"x", "reader", {read}});
  seen_.mounts.push_back({"y", "writer", {bind("/srv/x", "/x"), bind(path("notes/data"), "/in")}});
  seen_.mounts.push_back({"z", "watcher", {bind("/", "/host")}});
  check_folder_users(seen_, findings_);
  EXPECT_THAT(found(),
              ElementsAre("warning MOVE_FOLDER_SHARED reader", "error MOVE_FOLDER_SHARED writer"));
}

}  // namespace
}  // namespace portoser::agent::inspection
