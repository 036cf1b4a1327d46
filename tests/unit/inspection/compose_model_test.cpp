#include "agent/inspection/compose_model.h"

#include "common/error.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace portoser::agent::inspection {
namespace {

using testing::ElementsAre;

std::vector<std::string> shown(const std::vector<PublishedPort>& ports) {
  std::vector<std::string> all;
  for (const auto& one : ports) {
    all.push_back(one.address + ":" + std::to_string(one.port) + "/" + one.protocol);
  }
  return all;
}

/// As docker-compose 1.29.2 prints it.
TEST(ComposeModel, ReadsTheOutputOfTheOlderTool) {
  const auto model = compose_model(R"(
networks:
  edge:
    external: true
    name: edge_net
  inner: {}
services:
  web:
    build:
      context: /srv/notes/web
    environment:
      A: b
    image: notes:1
    mem_limit: 512m
    ports:
    - 8080:80/tcp
    - 127.0.0.1:9000-9002:9000-9002/udp
    - '7000'
    volumes:
    - /srv/notes/conf:/etc/conf:ro
    - data:/data:rw
version: '3.7'
volumes:
  data: {}
  kept:
    external:
      name: kept_elsewhere
)",
                                   "notes");
  ASSERT_EQ(model.services.size(), 1U);
  const auto& web = model.services[0];
  EXPECT_EQ(web.name, "web");
  EXPECT_EQ(web.image, "notes:1");
  EXPECT_TRUE(web.has_build);
  EXPECT_EQ(web.build_folder, "/srv/notes/web");
  EXPECT_EQ(web.memory_limit_bytes, 512 << 20);
  EXPECT_THAT(
      shown(web.ports),
      ElementsAre(":8080/tcp", "127.0.0.1:9000/udp", "127.0.0.1:9001/udp", "127.0.0.1:9002/udp"));
  ASSERT_EQ(web.binds.size(), 1U);
  EXPECT_EQ(web.binds[0].source, "/srv/notes/conf");
  EXPECT_TRUE(web.binds[0].creates_source);
  EXPECT_THAT(model.external_networks, ElementsAre("edge_net"));
  EXPECT_THAT(model.external_volumes, ElementsAre("kept_elsewhere"));
  EXPECT_THAT(model.volumes, ElementsAre("notes_data"));
}

/// As docker compose v2 prints it.
TEST(ComposeModel, ReadsTheOutputOfV2) {
  const auto model = compose_model(R"(
name: notes
services:
  web:
    image: notes:1
    platform: linux/arm64
    deploy:
      resources:
        limits:
          memory: "1073741824"
    ports:
      - mode: ingress
        target: 80
        published: "8080"
        protocol: tcp
        host_ip: 127.0.0.1
    volumes:
      - type: bind
        source: /srv/notes/conf
        target: /etc/conf
        bind:
          create_host_path: true
      - type: bind
        source: /srv/notes/key
        target: /etc/key
volumes:
  data:
    name: notes_data
)",
                                   "other");
  const auto& web = model.services.at(0);
  EXPECT_EQ(web.platform, "linux/arm64");
  EXPECT_EQ(web.memory_limit_bytes, 1 << 30);
  EXPECT_THAT(shown(web.ports), ElementsAre("127.0.0.1:8080/tcp"));
  ASSERT_EQ(web.binds.size(), 2U);
  EXPECT_TRUE(web.binds[0].creates_source);
  EXPECT_FALSE(web.binds[1].creates_source);
  EXPECT_THAT(model.volumes, ElementsAre("notes_data"));
}

TEST(ComposeModel, WhatIsOnTheHostsNetworkPublishesNothing) {
  const auto model = compose_model(
      "services: {web: {network_mode: host, ports: [{target: 80, published: '80'}]}}\n", "p");
  EXPECT_THAT(model.services.at(0).ports, testing::IsEmpty());
  EXPECT_TRUE(model.services.at(0).is_on_host_network);
}

TEST(ComposeModel, SaysWhereAPathIsSeenAndWhetherItIsWritten) {
  const auto model = compose_model(R"(
name: notes
services:
  web:
    volumes:
      - /srv/a:/a:z,ro
      - /srv/b:/b
      - data:/data
      - {type: bind, source: /srv/c, target: /c, read_only: true}
secrets:
  key: {name: notes_key, file: /srv/keys/key}
  given: {external: true}
configs:
  site: {file: /srv/site.conf}
)",
                                   "p");
  EXPECT_EQ(model.project, "notes");
  EXPECT_THAT(model.files, ElementsAre("/srv/keys/key", "/srv/site.conf"));
  std::vector<std::string> all;
  for (const auto& one : model.services.at(0).binds) {
    all.push_back(one.source + " " + one.target + (one.is_read_only ? " ro" : ""));
  }
  EXPECT_THAT(all, ElementsAre("/srv/a /a ro", "/srv/b /b", "/srv/c /c ro"));
}

TEST(ComposeModel, AnActionIsAboutWhatItNamesOrAllThatUpStarts) {
  const auto model = compose_model("services: {web: {}, tool: {profiles: [tools]}}\n", "p");
  const auto names = [&](const std::string& compose_service) {
    std::vector<std::string> all;
    for (const auto& one : services_meant(model, compose_service)) all.push_back(one.name);
    return all;
  };
  EXPECT_THAT(names(""), ElementsAre("web"));
  EXPECT_THAT(names("tool"), ElementsAre("tool"));
  EXPECT_THAT(names("none"), testing::IsEmpty());
}

TEST(ComposeModel, ASourceIsMadeUnlessThatIsForbidden) {
  const auto model = compose_model(
      "services:\n  web:\n    volumes:\n      - {type: bind, source: /a, bind: {}}\n"
      "      - {type: bind, source: /b, bind: {create_host_path: false}}\n",
      "p");
  const auto& binds = model.services.at(0).binds;
  ASSERT_EQ(binds.size(), 2U);
  EXPECT_TRUE(binds[0].creates_source);
  EXPECT_FALSE(binds[1].creates_source);
}

TEST(ComposeModel, RefusesWhatIsNoConfig) {
  EXPECT_THROW(compose_model("services: [", "p"), Error);
  EXPECT_THROW(compose_model("version: '3'", "p"), Error);
  EXPECT_THROW(compose_model("", "p"), Error);
}

TEST(ComposeModel, KnowsUnitsOfBytes) {
  EXPECT_EQ(bytes_from("512m"), 512 << 20);
  EXPECT_EQ(bytes_from("1.5gb"), 1610612736);
  EXPECT_EQ(bytes_from("100"), 100);
  EXPECT_EQ(bytes_from("100b"), 100);
  EXPECT_EQ(bytes_from("7 apples"), std::nullopt);
  EXPECT_EQ(bytes_from(""), std::nullopt);
}

}  // namespace
}  // namespace portoser::agent::inspection
