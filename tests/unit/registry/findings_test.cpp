#include "controller/registry/load.h"

#include <gtest/gtest.h>

#include <ostream>
#include <string>
#include <vector>

namespace portoser::registry {
namespace {

/// A file, and the one finding it must give.
struct Mistake {
  const char* name;
  std::string text;
  Severity severity;
  const char* path;
  int line;
  int column;
  const char* message;  ///< a part of the message or of the hint
};

void PrintTo(const Mistake& c, std::ostream* out) {
  *out << c.name;
}

/// A service in line 4 with these further keys in line 5 and on.
std::string wiki(const std::string& lines) {
  return "hosts:\n  den: {ip: 198.51.100.7}\nservices:\n  wiki:\n" + lines;
}

const std::string compose = "    docker_compose: /opt/wiki/compose.yml\n";

std::vector<Mistake> mistakes() {
  const auto error = Severity::error;
  const auto warning = Severity::warning;
  return {
      {"dns_is_no_map", "hosts: {}\ndns: 192.0.2.1\n", warning, "dns", 2, 6, "must be a map"},
      {"unknown_key",
       wiki(compose + "    colour: blue\n"),
       warning,
       "services.wiki.colour",
       6,
       5,
       "begin the names of your own keys with \"x-\""},
      {"unknown_key_near_a_known_one",
       wiki("    docker_compose: /c.yml\n    curent_host: den\n"),
       warning,
       "services.wiki.curent_host",
       6,
       5,
       "did you mean \"current_host\"?"},
      {"unknown_top_key",
       "hosts: {}\nservises: {}\n",
       warning,
       "servises",
       2,
       1,
       "did you mean \"services\"?"},
      {"unknown_host_key",
       "hosts:\n  den: {ip: h, ssh_usr: me}\n",
       warning,
       "hosts.den.ssh_usr",
       2,
       16,
       "did you mean \"ssh_user\"?"},
      {"unknown_host",
       wiki(compose + "    current_host:  dan\n"),
       error,
       "services.wiki.current_host",
       6,
       20,
       "did you mean \"den\"?"},
      {"unknown_host_by_alias",
       wiki(compose + "    machine: palace\n"),
       error,
       "services.wiki.machine",
       6,
       14,
       "there is no host \"palace\""},
      {"host_name_of_wrong_type",
       wiki(compose + "    current_host: [den]\n"),
       error,
       "services.wiki.current_host",
       6,
       19,
       "\"current_host\" is a list"},
      {"port_too_high",
       wiki(compose + "    port: 65536\n"),
       error,
       "services.wiki.port",
       6,
       11,
       "a whole number from 1 to 65535"},
      {"port_zero",
       wiki(compose + "    port: 0\n"),
       error,
       "services.wiki.port",
       6,
       11,
       "\"port\" is \"0\""},
      {"port_no_number",
       wiki(compose + "    port: http\n"),
       error,
       "services.wiki.port",
       6,
       11,
       "\"port\" is \"http\""},
      {"port_a_map",
       wiki(compose + "    port: {a: 1}\n"),
       error,
       "services.wiki.port",
       6,
       11,
       "\"port\" is a map"},
      {"ports_with_a_mapping",
       wiki(compose + "    ports: [\"8081:80\"]\n"),
       warning,
       "services.wiki.ports[0]",
       6,
       13,
       "write 8081"},
      {"ports_with_a_word",
       wiki(compose + "    ports:\n      - 81\n      - web\n"),
       error,
       "services.wiki.ports[1]",
       8,
       9,
       "\"web\" is not a port"},
      {"unknown_type",
       wiki(compose + "    type: podman\n"),
       error,
       "services.wiki.type",
       6,
       11,
       "docker, native or local"},
      {"docker_without_compose",
       wiki("    current_host: den\n"),
       error,
       "services.wiki",
       4,
       3,
       "has no compose file"},
      {"native_without_unit",
       wiki("    deployment_type: native\n"),
       error,
       "services.wiki",
       4,
       3,
       "neither \"service_file\" nor \"unit\""},
      {"local_without_file",
       wiki("    deployment_type: local\n"),
       error,
       "services.wiki",
       4,
       3,
       "neither \"service_file\" nor \"working_dir\""},
      {"relative_path_without_a_base",
       wiki("    docker_compose: c.yml\n    current_host: den\n"),
       warning,
       "services.wiki",
       4,
       3,
       "write the whole path"},
      {"unit_like_an_option",
       wiki("    type: native\n    unit: --now\n"),
       error,
       "services.wiki.unit",
       6,
       11,
       "the name of a systemd unit"},
      {"project_of_two_words",
       wiki(compose + "    project: a b\n"),
       error,
       "services.wiki.project",
       6,
       14,
       "lower-case letters"},
      {"unknown_dependency",
       wiki(compose + "    depends_on:\n      - stoer\n"),
       warning,
       "services.wiki.depends_on[0]",
       7,
       9,
       "there is no service \"stoer\""},
      {"dependency_of_wrong_type",
       wiki(compose + "    dependencies: [{a: b}]\n"),
       error,
       "services.wiki.dependencies[0]",
       6,
       20,
       "a dependency is a map"},
      {"dependency_on_itself",
       wiki(compose + "    dependencies: [wiki]\n"),
       warning,
       "services.wiki.dependencies[0]",
       6,
       20,
       "wiki -> wiki"},
      {"dependencies_in_a_circle",
       "services:\n  a: {docker_compose: /c, dependencies: [b]}\n  b: {docker_compose: /c, "
       "dependencies: [c]}\n  c: {docker_compose: /c, dependencies: [a]}\n",
       warning,
       "services.c.dependencies[0]",
       4,
       42,
       "a -> b -> c -> a"},
      {"duplicate_service",
       wiki(compose + "  wiki: {docker_compose: /other.yml}\n"),
       error,
       "services.wiki",
       6,
       3,
       "the one in line 4 is read"},
      {"duplicate_key",
       wiki(compose + "    docker_compose: /b.yml\n"),
       error,
       "services.wiki.docker_compose",
       6,
       5,
       "the one in line 5 is read"},
      {"two_names_of_one_key",
       wiki(compose + "    compose_file: /b.yml\n"),
       warning,
       "services.wiki.compose_file",
       6,
       5,
       "means the same as \"docker_compose\""},
      {"ports_on_one_host",
       "hosts: {den: {ip: h}}\nservices:\n  a: {docker_compose: /c, current_host: den, port: 80}\n"
       "  b: {docker_compose: /c, current_host: den, ports: [80]}\n",
       warning,
       "services.b.ports[0]",
       4,
       54,
       "also that of the service \"a\""},
      {"service_name_with_upper_case",
       "services:\n  Wiki: {docker_compose: /c}\n",
       warning,
       "services.Wiki",
       2,
       3,
       "new ones may not look so"},
      {"service_name_with_a_slash",
       "services:\n  a/b: {docker_compose: /c}\n",
       error,
       "services.a/b",
       2,
       3,
       "cannot be the name of a service"},
      {"host_name_with_a_control_character",
       "hosts:\n  \"a\\x1bb\": {ip: h}\n",
       error,
       "hosts.a\x1b"
       "b",
       2,
       3,
       "cannot be the name of a host"},
      {"reserved_service_name",
       "services:\n  health: {docker_compose: /c}\n",
       warning,
       "services.health",
       2,
       3,
       "/api/metrics"},
      {"null_host",
       "hosts:\n  den:\n  loft: {ip: h}\n",
       error,
       "hosts.den",
       2,
       3,
       "the host \"den\" is nothing"},
      {"host_as_a_list", "hosts:\n  den: [ip, h]\n", error, "hosts.den", 2, 3, "is a list"},
      {"null_service",
       "services:\n  wiki: ~\n",
       error,
       "services.wiki",
       2,
       3,
       "the service \"wiki\" is nothing"},
      {"service_as_text",
       "services:\n  wiki: /opt/compose.yml\n",
       error,
       "services.wiki",
       2,
       3,
       "is text"},
      {"null_hosts", "hosts:\nservices: {}\n", warning, "hosts", 1, 1, "\"hosts\" is empty"},
      {"host_without_ip",
       "hosts:\n  den: {ssh_user: me}\n",
       warning,
       "hosts.den",
       2,
       3,
       "has no \"ip\""},
      {"ip_like_an_option",
       "hosts:\n  den: {ip: -oProxyCommand=x}\n",
       error,
       "hosts.den.ip",
       2,
       13,
       "an address or a name"},
      {"ssh_user_with_a_command",
       "hosts:\n  den: {ip: h, ssh_user: \"$(id)\"}\n",
       error,
       "hosts.den.ssh_user",
       2,
       26,
       "the name of a user"},
      {"ssh_port_out_of_range",
       "hosts:\n  den: {ip: h, ssh_port: 70000}\n",
       error,
       "hosts.den.ssh_port",
       2,
       26,
       "a whole number from 1 to 65535"},
      {"roles_as_text",
       "hosts:\n  den: {ip: h, roles: edge}\n",
       warning,
       "hosts.den.roles",
       2,
       23,
       "it must be a list: [edge]"},
      {"resources_of_wrong_type",
       "hosts:\n  den: {ip: h, resources: {memory_gb: much}}\n",
       warning,
       "hosts.den.resources.memory_gb",
       2,
       39,
       "not negative"},
      {"health_of_unknown_type",
       wiki(compose + "    health: {type: ping}\n"),
       warning,
       "services.wiki.health.type",
       6,
       20,
       "http, tcp, command, docker or none"},
      {"health_without_port",
       wiki(compose + "    health: {type: tcp}\n"),
       warning,
       "services.wiki.health",
       6,
       5,
       "it needs \"port\""},
      {"health_as_text",
       wiki(compose + "    health: fine\n"),
       warning,
       "services.wiki.health",
       6,
       13,
       "it must be a map"},
      {"health_url_of_no_scheme",
       wiki(compose + "    healthcheck_url: wiki/ok\n"),
       warning,
       "services.wiki.healthcheck_url",
       6,
       22,
       "a URL with http:// or https://"},
      {"health_interval_in_words",
       wiki(compose + "    health: {type: docker, interval: often}\n"),
       warning,
       "services.wiki.health.interval",
       6,
       38,
       "seconds, such as 30"},
      {"merge_key_without_a_map",
       wiki(compose + "    <<: 4\n"),
       warning,
       "services.wiki.<<",
       6,
       5,
       "nothing to merge"},
  };
}

struct RegistryFinding : testing::TestWithParam<Mistake> {};

TEST_P(RegistryFinding, IsTheOnlyOneAndNamesItsPlace) {
  const auto& expected = GetParam();
  const auto registry = parse_registry(expected.text, "registry.yml");
  ASSERT_FALSE(registry.findings.empty());
  const auto& found = registry.findings.front();
  EXPECT_EQ(registry.findings.size(), 1U) << registry.findings.back().message;
  EXPECT_EQ(found.severity, expected.severity);
  EXPECT_EQ(found.path, expected.path);
  EXPECT_EQ(found.line, expected.line);
  EXPECT_EQ(found.column, expected.column);
  EXPECT_NE((found.message + " / " + found.hint).find(expected.message), std::string::npos)
      << found.message << " / " << found.hint;
  EXPECT_FALSE(found.hint.empty());
}

INSTANTIATE_TEST_SUITE_P(RegistryFinding,
                         RegistryFinding,
                         testing::ValuesIn(mistakes()),
                         [](const auto& test) { return std::string{test.param.name}; });

TEST(RegistryQuarantine, AnErrorQuarantinesItsServiceAndNoOther) {
  const auto registry = parse_registry(
      "hosts: {den: {ip: h}}\nservices:\n  good: {docker_compose: /c, current_host: den}\n"
      "  lost: {docker_compose: /c, current_host: moon}\n",
      "registry.yml");
  EXPECT_FALSE(registry.find_service("good")->quarantined());
  ASSERT_TRUE(registry.find_service("lost")->quarantined());
  EXPECT_EQ(registry.find_service("lost")->config_errors.front().line, 4);
  EXPECT_EQ(registry.find_service("lost")->current_host, "moon");
}

TEST(RegistryQuarantine, AWarningDoesNotQuarantine) {
  const auto registry =
      parse_registry("services:\n  wiki: {docker_compose: /c, colour: blue}\n", "registry.yml");
  EXPECT_EQ(registry.find_service("wiki")->config_errors.size(), 1U);
  EXPECT_FALSE(registry.find_service("wiki")->quarantined());
}

TEST(RegistryQuarantine, TheFirstOfTwoServicesOfOneNameIsRead) {
  const auto registry = parse_registry(
      "services:\n  wiki: {docker_compose: /first}\n  wiki: {docker_compose: /second}\n", "r.yml");
  ASSERT_EQ(registry.services().size(), 1U);
  EXPECT_EQ(registry.services()[0].docker_compose, "/first");
  EXPECT_TRUE(registry.services()[0].quarantined());
}

TEST(RegistryQuarantine, Port8000IsAllowed) {
  const auto registry =
      parse_registry("services:\n  wiki: {docker_compose: /c, port: 8000}\n", "registry.yml");
  EXPECT_TRUE(registry.findings.empty());
}

TEST(RegistryQuarantine, TheHostPortOfAMappingIsRead) {
  const auto registry = parse_registry(
      "services:\n  wiki: {docker_compose: /c, ports: [\"8081:80\", 82, "
      "\"127.0.0.1:83:80/tcp\"]}\n",
      "registry.yml");
  EXPECT_EQ(registry.services()[0].ports, (std::vector<int>{8081, 82, 83}));
}

TEST(RegistryQuarantine, FindingsOfTheWholeFileAreInTheOrderOfTheirLines) {
  const auto registry = parse_registry(
      "services:\n  b: {docker_compose: /c, current_host: moon}\n  a: {docker_compose: /c, x: 1, "
      "port: -1}\nhosts:\n  den: {}\n",
      "registry.yml");
  ASSERT_EQ(registry.findings.size(), 4U);
  EXPECT_EQ(registry.findings[0].path, "services.b.current_host");
  EXPECT_EQ(registry.findings[1].path, "services.a.x");
  EXPECT_EQ(registry.findings[2].path, "services.a.port");
  EXPECT_EQ(registry.findings[3].path, "hosts.den");
}

TEST(RegistryQuarantine, TooManyWarningsNeverHideAnError) {
  std::string text = "services:\n  wiki:\n    docker_compose: /c\n";
  for (int i = 0; i < 400; ++i) {
    text += "    own" + std::to_string(i) + "key: 1\n";
  }
  text += "    current_host: moon\n";
  const auto registry = parse_registry(text, "registry.yml");
  EXPECT_LE(registry.findings.size(), 110U);
  EXPECT_TRUE(registry.services()[0].quarantined());
}

}  // namespace
}  // namespace portoser::registry
