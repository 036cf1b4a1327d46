#include "controller/deployment/health_probe.h"

#include "controller/registry/load.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace portoser::deployment {
namespace {

const std::string hosts =
    "domain: attic.lan\n"
    "hosts:\n  brick: {ip: 192.0.2.21, ssh_hostname: brick.ssh}\n  pebble: {ip: 192.0.2.22}\n"
    "  edge: {ip: 192.0.2.2}\n  six: {ip: 'fd00::6'}\n  bare: {}\n";

/// Of a service on brick that goes to `target`, with these keys besides.
protocol::HealthProbe probe(const std::string& keys, const std::string& target = "pebble") {
  const auto registry = registry::parse_registry(
      hosts + "services:\n  notes: {current_host: brick, docker_compose: /srv/notes/compose.yml, " +
          keys + "}\n",
      "registry.yml");
  const auto* service = registry.find_service("notes");
  const auto* host = registry.find_host(target);
  if (service == nullptr || host == nullptr) {
    ADD_FAILURE() << keys;
    return {};
  }
  return probe_of(registry, *service, *host);
}

/// "https://192.0.2.22:8443/x as notes.attic.lan", "tcp 192.0.2.22:5432", "none".
std::string written(const protocol::HealthProbe& probe) {
  if (probe.type.empty()) return "none";
  if (probe.type == "tcp") return fmt::format("tcp {}:{}", probe.address, probe.port);
  return fmt::format("{}://{}:{}{}{}",
                     probe.is_tls ? "https" : probe.type,
                     probe.address,
                     probe.port,
                     probe.path,
                     probe.host.empty() ? "" : " as " + probe.host);
}

std::string of_url(const std::string& url, const std::string& keys = "port: 8090") {
  return written(probe(fmt::format("{}, healthcheck_url: '{}'", keys, url)));
}

TEST(HealthProbe, ChecksOverTcpAndHttpAreAskedForOnTheNewHost) {
  EXPECT_EQ(written(probe("health: {type: tcp, port: 5432}")), "tcp 192.0.2.22:5432");
  EXPECT_EQ(written(probe("port: 5433, health: {type: tcp}")), "tcp 192.0.2.22:5433");
  EXPECT_EQ(written(probe("port: 5433, health: {type: tcp}", "six")), "tcp fd00::6:5433");
  EXPECT_EQ(written(probe("port: 8090, health: {endpoint: '/ready?full=1'}")),
            "http://192.0.2.22:8090/ready?full=1");
  EXPECT_EQ(written(probe("port: 8090, health: {endpoint: '/a b', port: 9000}")),
            "http://192.0.2.22:9000/a%20b");
}

TEST(HealthProbe, OtherChecksAndNoneAreNotAskedFor) {
  EXPECT_EQ(written(probe("port: 8090")), "none");
  for (const auto* type : {"docker", "none", "command, command: 'true'"}) {
    EXPECT_EQ(written(probe(fmt::format("port: 8090, health: {{type: {}}}", type))), "none");
    EXPECT_EQ(
        written(probe(fmt::format(
            "port: 8090, healthcheck_url: 'http://192.0.2.21:8090/', health: {{type: {}}}", type))),
        "none");
  }
}

TEST(HealthProbe, StatusAndTimeAreThoseOfTheCheck) {
  const auto usual = probe("port: 8090, healthcheck_url: 'http://192.0.2.21:8090/'");
  EXPECT_EQ(usual.status, 200);
  EXPECT_EQ(usual.timeout_ms, 5000);
  const auto own = probe("port: 8090, health: {endpoint: /, expected_status: 204, timeout: 2m}");
  EXPECT_EQ(own.status, 204);
  EXPECT_EQ(own.timeout_ms, 120'000);
}

TEST(HealthProbe, AUrlOfTheOldHostIsAskedForOnTheNewOne) {
  EXPECT_EQ(of_url("http://192.0.2.21:8090/healthz?full=1#top"),
            "http://192.0.2.22:8090/healthz?full=1");
  EXPECT_EQ(of_url("http://brick:8090"), "http://192.0.2.22:8090/");
  EXPECT_EQ(of_url("http://BRICK.attic.lan:8090?x"), "http://192.0.2.22:8090/?x");
  EXPECT_EQ(of_url("https://brick.ssh:8443/"), "https://192.0.2.22:8443/");
  EXPECT_EQ(of_url("http://192.0.2.22:9000/"), "http://192.0.2.22:9000/") << "of the new one";
  EXPECT_EQ(of_url("http://127.0.0.1:8090/"), "http://:8090/") << "as its own host asks it";
  EXPECT_EQ(of_url("http://localhost:8090/"), "http://:8090/");
}

TEST(HealthProbe, UnderItsNameItKeepsIt) {
  EXPECT_EQ(of_url("http://notes.attic.lan:9000/x"),
            "http://192.0.2.22:9000/x as notes.attic.lan:9000");
  EXPECT_EQ(of_url("http://Notes.attic.lan/x"), "http://192.0.2.22:8090/x as notes.attic.lan");
  EXPECT_EQ(of_url("http://pad.example/x", "hostname: pad.example, ports: [8091, 8092]"),
            "http://192.0.2.22:8091/x as pad.example");
}

TEST(HealthProbe, TheUsualPortIsThatOfTheServiceIfItHasOne) {
  EXPECT_EQ(of_url("http://192.0.2.21/x"), "http://192.0.2.22:8090/x");
  EXPECT_EQ(of_url("http://192.0.2.21:80/x"), "http://192.0.2.22:8090/x");
  EXPECT_EQ(of_url("http://192.0.2.21/x", "port: 8090, ports: [80]"), "http://192.0.2.22:80/x");
  EXPECT_EQ(of_url("http://192.0.2.21/x", "description: bare"), "http://192.0.2.22:80/x");
  EXPECT_EQ(of_url("https://192.0.2.21/x", "description: bare"), "https://192.0.2.22:443/x");
}

TEST(HealthProbe, BehindAProxyThatHasTheCertificateTheServiceIsAskedWithoutTls) {
  EXPECT_EQ(of_url("https://notes.attic.lan/x"), "http://192.0.2.22:8090/x as notes.attic.lan");
  EXPECT_EQ(of_url("https://notes.attic.lan/x", "port: 8090, tls: {enabled: true}"),
            "https://192.0.2.22:8090/x as notes.attic.lan");
  EXPECT_EQ(of_url("https://notes.attic.lan/x", "port: 443"),
            "https://192.0.2.22:443/x as notes.attic.lan");
}

TEST(HealthProbe, AUrlThatLeadsElsewhereIsNotAskedFor) {
  EXPECT_EQ(of_url("http://status.example:8090/notes"), "none");
  EXPECT_EQ(of_url("http://192.0.2.99:8090/"), "none") << "no host of the registry";
  EXPECT_EQ(of_url("http://192.0.2.2/notes"), "none") << "what another host has at its usual port";
  EXPECT_EQ(of_url("http://192.0.2.2:9999/notes"), "none");
  EXPECT_EQ(of_url("http://192.0.2.2:8090/"), "http://192.0.2.22:8090/")
      << "left over from when it was there";
  EXPECT_EQ(of_url("http://somebody:word@192.0.2.21:8090/"), "none");
}

TEST(HealthProbe, WhatIsNoUrlIsNotAskedFor) {
  const std::vector<std::pair<std::string, std::string>> cases{
      {"http://", "none"},
      {"http://:8090/", "none"},
      {"http://192.0.2.21:0/", "none"},
      {"http://192.0.2.21:80900/", "none"},
      {"http://192.0.2.21:80x/", "none"},
      {"http://[fd00::6/", "none"},
      {"http://[fd00::6]x/", "none"},
      {"http://[FD00::6]:8090/", "http://192.0.2.22:8090/"},
      {"http://192.0.2.21:/", "http://192.0.2.22:8090/"}};
  for (const auto& [url, right] : cases) EXPECT_EQ(of_url(url), right) << url;
}

TEST(HealthProbe, OfAHostWithoutAnAddressIsAskedForOnItself) {
  EXPECT_EQ(written(probe("health: {type: tcp, port: 5432}", "bare")), "tcp :5432");
}

}  // namespace
}  // namespace portoser::deployment
