#include "controller/registry/load.h"

#include "tests/unit/registry/sample.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <string>

namespace portoser::registry {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

Registry load(std::string_view text) {
  return parse_registry(text, "registry.yml");
}

std::string all_findings(const Registry& registry) {
  std::string text;
  for (const auto& finding : registry.findings) {
    text += std::to_string(finding.line) + " " + finding.path + ": " + finding.message + "\n";
  }
  return text;
}

TEST(RegistryLoad, AGoodFileHasNoFindings) {
  const auto registry = load(sample_registry);
  EXPECT_EQ(all_findings(registry), "");
  EXPECT_EQ(registry.domain, "cellar.example");
  EXPECT_EQ(registry.file, "registry.yml");
  EXPECT_EQ(registry.text, sample_registry);
}

TEST(RegistryLoad, TheRevisionIsTheBeginningOfTheTextsSha256) {
  EXPECT_EQ(load("hosts: {}\nservices: {}\n").revision, "d47b0cbfa6592fb8");
  EXPECT_NE(load("hosts: {}\nservices: {}\n\n").revision, "d47b0cbfa6592fb8");
}

TEST(RegistryLoad, HostsKeepTheOrderOfTheFileAndTheirValues) {
  const auto registry = load(sample_registry);
  ASSERT_EQ(registry.hosts().size(), 2U);
  const auto& den = registry.hosts()[0];
  EXPECT_EQ(den.name, "den");
  EXPECT_EQ(den.line, 7);
  EXPECT_EQ(den.ip, "198.51.100.7");
  EXPECT_EQ(den.ssh_user, "keeper");
  EXPECT_EQ(den.ssh_port, 22);
  EXPECT_EQ(den.path, "/opt/stacks");
  EXPECT_EQ(den.arch, "linux/amd64");
  EXPECT_THAT(den.roles, ElementsAre("edge", "build"));
  EXPECT_EQ(den.status, "online");
  ASSERT_TRUE(den.resources.has_value());
  EXPECT_EQ(den.resources->cpu_cores, 8);
  EXPECT_EQ(den.resources->cpu_threads, std::nullopt);
  EXPECT_EQ(den.resources->memory_gb, 31.5);
  EXPECT_EQ(den.resources->gpu, "none");
  EXPECT_EQ(den.resources->mlx_capable, false);
  const auto* loft = registry.find_host("loft");
  ASSERT_NE(loft, nullptr);
  EXPECT_EQ(loft->ssh_port, 2222);
  EXPECT_EQ(loft->arch, "darwin/arm64");
  EXPECT_EQ(loft->status, "unknown");
  EXPECT_EQ(loft->resources, std::nullopt);
  EXPECT_EQ(registry.find_host("attic"), nullptr);
}

TEST(RegistryLoad, ServicesKeepTheOrderOfTheFileAndTheirValues) {
  const auto registry = load(sample_registry);
  ASSERT_EQ(registry.services().size(), 4U);
  const auto& wiki = registry.services()[0];
  EXPECT_EQ(wiki.name, "wiki");
  EXPECT_EQ(wiki.line, 20);
  EXPECT_EQ(wiki.hostname, "wiki.cellar.example");
  EXPECT_EQ(wiki.current_host, "den");
  EXPECT_EQ(wiki.deployment_type, DeploymentType::docker);
  EXPECT_EQ(wiki.service_name, "app");
  EXPECT_EQ(wiki.port, 8000);
  EXPECT_THAT(wiki.dependencies, ElementsAre("store"));
  ASSERT_TRUE(wiki.health.has_value());
  EXPECT_EQ(wiki.health->type, HealthType::http);
  EXPECT_EQ(wiki.health->endpoint, "/ready");
  EXPECT_EQ(wiki.health->port, 8000);
  EXPECT_EQ(wiki.health->interval_seconds, 10);
  EXPECT_EQ(wiki.health->timeout_seconds, 5);
  EXPECT_EQ(wiki.health->retries, 5);
  EXPECT_EQ(wiki.healthcheck_url, "http://198.51.100.7:8000/ready");
  const auto* store = registry.find_service("store");
  ASSERT_NE(store, nullptr);
  EXPECT_EQ(store->deployment_type, DeploymentType::native);
  EXPECT_EQ(store->unit, "store@main.service");
  ASSERT_TRUE(store->health.has_value());
  EXPECT_EQ(store->health->type, HealthType::command);
  EXPECT_EQ(store->health->command, "pg_isready -q");
  EXPECT_EQ(store->healthcheck_url, std::nullopt);
  const auto* probe = registry.find_service("probe");
  ASSERT_NE(probe, nullptr);
  EXPECT_EQ(probe->deployment_type, DeploymentType::local);
  EXPECT_EQ(probe->description, "reads\nthe meter\n");
  EXPECT_EQ(probe->health, std::nullopt);
  EXPECT_EQ(registry.find_service("spare")->current_host, std::nullopt);
}

TEST(RegistryLoad, TheDocumentationDialectGivesTheSameModel) {
  const auto registry = load(R"(machines:
  den: {host: 198.51.100.7, user: keeper, platform: linux/x86_64, tags: [edge]}
services:
  wiki:
    type: docker
    machine: den
    path: /opt/stacks/wiki
    compose_file: stack.yml
    port: 80
    depends_on: {store: {condition: service_healthy}, mail: {}}
    health: {type: tcp, timeout: 2, interval: 1m}
  store: {type: native, machine_name: den, path: /opt/store, service_file: service.yml}
  mail: {host: den, compose_file: /opt/mail/compose.yml, depends_on: [store]}
)");
  EXPECT_EQ(all_findings(registry), "");
  const auto* den = registry.find_host("den");
  ASSERT_NE(den, nullptr);
  EXPECT_EQ(den->ip, "198.51.100.7");
  EXPECT_EQ(den->ssh_user, "keeper");
  EXPECT_EQ(den->arch, "linux/amd64");
  EXPECT_THAT(den->roles, ElementsAre("edge"));
  const auto* wiki = registry.find_service("wiki");
  ASSERT_NE(wiki, nullptr);
  EXPECT_EQ(wiki->hostname, "wiki.internal");
  EXPECT_EQ(wiki->current_host, "den");
  EXPECT_EQ(wiki->docker_compose, "/opt/stacks/wiki/stack.yml");
  EXPECT_EQ(wiki->working_dir, "/opt/stacks/wiki");
  EXPECT_THAT(wiki->dependencies, ElementsAre("store", "mail"));
  ASSERT_TRUE(wiki->health.has_value());
  EXPECT_EQ(wiki->health->type, HealthType::tcp);
  EXPECT_EQ(wiki->health->port, 80);
  EXPECT_EQ(wiki->health->interval_seconds, 60);
  EXPECT_EQ(registry.find_service("store")->deployment_type, DeploymentType::native);
  EXPECT_EQ(registry.find_service("store")->service_file, "/opt/store/service.yml");
  EXPECT_EQ(registry.find_service("mail")->current_host, "den");
}

TEST(RegistryLoad, HostsAndMachinesAsOneAnchorAreTheSameHosts) {
  const auto registry =
      load("hosts: &id001\n  den: {ip: 198.51.100.7}\nmachines: *id001\nservices: {}\n");
  EXPECT_EQ(all_findings(registry), "");
  EXPECT_EQ(registry.hosts().size(), 1U);
}

TEST(RegistryLoad, HostsAndMachinesAreMergedWithAWarningForEachClash) {
  const auto registry = load(
      "hosts:\n  den: {ip: 198.51.100.7}\n  loft: {ip: 198.51.100.8}\n"
      "machines:\n  den: {ip: 198.51.100.9}\n  loft: {ip: 198.51.100.8}\n  shed: {ip: "
      "198.51.100.10}\nservices: {}\n");
  ASSERT_EQ(registry.hosts().size(), 3U);
  EXPECT_EQ(registry.find_host("den")->ip, "198.51.100.7");
  EXPECT_NE(registry.find_host("shed"), nullptr);
  ASSERT_EQ(registry.findings.size(), 1U);
  EXPECT_EQ(registry.findings[0].path, "machines.den");
  EXPECT_EQ(registry.findings[0].severity, Severity::warning);
  EXPECT_EQ(registry.findings[0].line, 5);
}

TEST(RegistryLoad, MergeKeysGiveWayToOwnKeysAndToEarlierMaps) {
  const auto registry = load(R"(x-a: &a {ssh_user: first, ssh_port: 2201, path: /a}
x-b: &b {ssh_user: second, description: from b}
hosts:
  den:
    <<: [*a, *b]
    ip: 198.51.100.7
    path: /own
services: {}
)");
  EXPECT_EQ(all_findings(registry), "");
  const auto* den = registry.find_host("den");
  ASSERT_NE(den, nullptr);
  EXPECT_EQ(den->ssh_user, "first");
  EXPECT_EQ(den->ssh_port, 2201);
  EXPECT_EQ(den->path, "/own");
  EXPECT_EQ(den->description, "from b");
}

TEST(RegistryLoad, ABomAndCarriageReturnsChangeNothing) {
  std::string text{"\xEF\xBB\xBF"};
  for (const char c : sample_registry) {
    text += c == '\n' ? "\r\n" : std::string(1, c);
  }
  const auto registry = load(text);
  EXPECT_EQ(all_findings(registry), "");
  EXPECT_EQ(registry.find_service("wiki")->line, 20);
  EXPECT_EQ(registry.find_host("den")->ssh_user, "keeper");
}

struct Unassigned : testing::TestWithParam<const char*> {};

TEST_P(Unassigned, IsAServiceWithoutAHostAndWithoutAFinding) {
  const auto registry =
      load(std::string{"hosts: {}\nservices:\n  wiki:\n    docker_compose: /c.yml\n"} + GetParam() +
           "\n");
  EXPECT_EQ(all_findings(registry), "");
  EXPECT_EQ(registry.find_service("wiki")->current_host, std::nullopt);
}

INSTANTIATE_TEST_SUITE_P(RegistryLoad,
                         Unassigned,
                         testing::Values("",
                                         "    current_host:",
                                         "    current_host: null",
                                         "    current_host: ''",
                                         "    machine: unassigned"));

struct ArchCase {
  const char* written;
  const char* read;
};
struct Arch : testing::TestWithParam<ArchCase> {};

TEST_P(Arch, IsNormalised) {
  const auto registry = load(std::string{"hosts:\n  den: {ip: h, "} + GetParam().written + "}\n");
  EXPECT_EQ(registry.find_host("den")->arch, GetParam().read);
}

INSTANTIATE_TEST_SUITE_P(RegistryLoad,
                         Arch,
                         testing::Values(ArchCase{"arch: arm64-apple", "darwin/arm64"},
                                         ArchCase{"arch: arm64-linux", "linux/arm64"},
                                         ArchCase{"arch: amd64-linux", "linux/amd64"},
                                         ArchCase{"arch: linux/aarch64", "linux/arm64"},
                                         ArchCase{"platform: linux/amd64", "linux/amd64"},
                                         ArchCase{"arch: x86_64, os: linux", "linux/amd64"},
                                         ArchCase{"platform: darwin", "darwin"},
                                         ArchCase{"arch: riscv64-linux", "riscv64-linux"},
                                         ArchCase{"roles: []", ""}));

TEST(RegistryLoad, CandidatesOfAnAbsolutePathAreTheLiteralOneAndThatBelowTheHostsFolder) {
  const auto registry = load(sample_registry);
  EXPECT_THAT(registry.compose_candidates(*registry.find_service("wiki")),
              ElementsAre("/wiki/compose.yml", "/opt/stacks/wiki/compose.yml"));
}

TEST(RegistryLoad, TheOnlyCandidateOfARelativePathIsBelowTheHostsFolder) {
  const auto registry = load(sample_registry);
  EXPECT_THAT(registry.service_file_candidates(*registry.find_service("probe")),
              ElementsAre("/opt/stacks/probe/service.yml"));
  EXPECT_THAT(registry.compose_candidates(*registry.find_service("probe")), IsEmpty());
}

TEST(RegistryLoad, ARelativePathOfAnUnassignedServiceHasNoCandidate) {
  const auto registry = load(sample_registry);
  EXPECT_THAT(registry.compose_candidates(*registry.find_service("spare")), IsEmpty());
}

TEST(RegistryLoad, ConfigIsTheEntryInItsOrderWithTypesAndWithoutSecrets) {
  const auto registry = load(R"(services:
  wiki:
    docker_compose: /c.yml
    port: 8090
    ratio: 1.5
    version: "2"
    build: 007
    zeta: true
    alpha: ~
    env:
      API_TOKEN: abc
      DbPassword: [a, b]
      empty_secret:
      MODE: fast
      URL: postgres://me:hunter2@store/x
    vault_secrets: {a: b}
    list: ["SMTP_PASSWORD=x y", "LEVEL=3", "http://h/?key=1"]
)");
  const auto config = nlohmann::ordered_json::parse(registry.find_service("wiki")->config);
  EXPECT_EQ(config.dump(),
            R"({"docker_compose":"/c.yml","port":8090,"ratio":1.5,"version":"2","build":"007",)"
            R"("zeta":true,"alpha":null,"env":{"API_TOKEN":"***","DbPassword":"***",)"
            R"("empty_secret":null,"MODE":"fast","URL":"postgres://me:***@store/x"},)"
            R"("vault_secrets":"***",)"
            R"("list":["SMTP_PASSWORD=***","LEVEL=3","http://h/?key=1"]})");
}

TEST(RegistryLoad, TlsAndAuthAreReadFromTheirMaps) {
  const auto registry = load(
      "services:\n  wiki: {docker_compose: /c.yml, tls: {enabled: yes}, auth: {enabled: 'true'}}\n"
      "  mail: {docker_compose: /c.yml, tls: {enabled: false}}\n");
  EXPECT_TRUE(registry.find_service("wiki")->tls_enabled);
  EXPECT_TRUE(registry.find_service("wiki")->requires_auth);
  EXPECT_FALSE(registry.find_service("mail")->tls_enabled);
  EXPECT_FALSE(registry.find_service("mail")->requires_auth);
}

TEST(RegistryLoad, TheOldHealthKeysMakeAFullCheck) {
  const auto registry = load(R"(services:
  wiki: {docker_compose: /c.yml, healthcheck_url: "http://wiki/ok", healthcheck_interval: 7, healthcheck_retries: 2}
  demo: {docker_compose: /c.yml, health: {url: "https://demo/ok", interval_seconds: 9, timeout_seconds: 4}}
  quiet: {docker_compose: /c.yml, health: {type: none}}
  inner: {docker_compose: /c.yml, health: {type: docker}}
)");
  EXPECT_EQ(all_findings(registry), "");
  const auto& wiki = *registry.find_service("wiki");
  EXPECT_EQ(wiki.healthcheck_url, "http://wiki/ok");
  EXPECT_EQ(wiki.health->type, HealthType::http);
  EXPECT_EQ(wiki.health->url, "http://wiki/ok");
  EXPECT_EQ(wiki.health->interval_seconds, 7);
  EXPECT_EQ(wiki.health->retries, 2);
  const auto& demo = *registry.find_service("demo");
  EXPECT_EQ(demo.healthcheck_url, "https://demo/ok");
  EXPECT_EQ(demo.health->interval_seconds, 9);
  EXPECT_EQ(demo.health->timeout_seconds, 4);
  EXPECT_EQ(registry.find_service("quiet")->health->type, HealthType::none);
  EXPECT_EQ(registry.find_service("inner")->health->type, HealthType::docker);
}

TEST(RegistryLoad, WhereNamesAreServedAndProxiedIsRead) {
  const auto registry = load(
      "hosts: {}\ndns: {host: den, ingress_ip: 198.51.100.9, config_path: /etc/hosts.house, "
      "resolver_path: /etc/resolver/house, zone: house}\n"
      "caddy: {host: loft, config_path: /etc/caddy/Caddyfile, admin_api: 'http://localhost:2020', "
      "use_admin_api: no, colour: blue}\n");
  EXPECT_EQ(all_findings(registry), "");
  ASSERT_TRUE(registry.dns);
  EXPECT_EQ(registry.dns->host, "den");
  EXPECT_EQ(registry.dns->ingress_ip, "198.51.100.9");
  EXPECT_EQ(registry.dns->config_path, "/etc/hosts.house");
  EXPECT_EQ(registry.dns->resolver_path, "/etc/resolver/house");
  ASSERT_TRUE(registry.caddy);
  EXPECT_EQ(registry.caddy->host, "loft");
  EXPECT_EQ(registry.caddy->config_path, "/etc/caddy/Caddyfile");
  EXPECT_EQ(registry.caddy->admin_api, "http://localhost:2020");
  EXPECT_FALSE(registry.caddy->use_admin_api);
}

TEST(RegistryLoad, CaddyIsReadInItsOtherSpellings) {
  const auto registry = load(
      "hosts: {}\ncaddy: {ingress_host: loft, admin_endpoint: 'localhost:2019', config_dir: "
      "/opt/caddy}\n");
  EXPECT_FALSE(registry.dns);
  EXPECT_EQ(registry.caddy->host, "loft");
  EXPECT_EQ(registry.caddy->admin_api, "localhost:2019");
  EXPECT_EQ(registry.caddy->config_path, "/opt/caddy/Caddyfile");
  EXPECT_TRUE(registry.caddy->use_admin_api);
}

}  // namespace
}  // namespace portoser::registry
