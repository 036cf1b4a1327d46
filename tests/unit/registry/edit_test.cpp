#include "controller/registry/edit.h"

#include "common/error.h"
#include "controller/registry/load.h"
#include "tests/unit/registry/edits.h"
#include "tests/unit/registry/sample.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace portoser::registry {
namespace {

using testing::HasSubstr;

/// Two hosts and two services as people write them, with comments everywhere.
constexpr std::string_view lived_in = R"(# The house. Do not reorder!
domain: "attic.example"   # quotes on purpose

hosts:
  # rack 2
  brick:
    ip: 192.0.2.21      # static lease
    ssh_user: 'ops'
    roles: [edge, "build"]  # two hats

  pebble: {ip: 192.0.2.22, arch: arm64-linux}

services:
  notes:
    current_host: brick  # since spring
    docker_compose: /srv/notes/compose.yml
    port: 8090
    dependencies:
      - store   # needs it
      - mail
    description: "reads: all"
  # the database
  store:
    current_host: pebble
    unit: store.service
    deployment_type: native
)";

TEST(RegistryEdit, ChangesOneValueAndNoOtherByte) {
  EXPECT_EQ(changed(lived_in, Section::services, "notes", {{"port", number(9000)}}),
            replaced(lived_in, "port: 8090", "port: 9000"));
  EXPECT_EQ(changed(lived_in, Section::hosts, "brick", {{"ip", text("192.0.2.99")}}),
            replaced(lived_in, "ip: 192.0.2.21 ", "ip: 192.0.2.99 "));
  EXPECT_EQ(changed(lived_in, Section::hosts, "pebble", {{"ip", text("192.0.2.99")}}),
            replaced(lived_in, "{ip: 192.0.2.22,", "{ip: 192.0.2.99,"));
}

TEST(RegistryEdit, KeepsTheQuotesOfAValue) {
  EXPECT_EQ(changed(lived_in, Section::hosts, "brick", {{"ssh_user", text("root")}}),
            replaced(lived_in, "'ops'", "'root'"));
  EXPECT_EQ(changed(lived_in, Section::services, "notes", {{"description", text("writes")}}),
            replaced(lived_in, "\"reads: all\"", "\"writes\""));
}

TEST(RegistryEdit, ThatChangesNothingGivesTheSameText) {
  EXPECT_EQ(changed(lived_in, Section::services, "notes", {{"port", number(8090)}}), lived_in);
  EXPECT_EQ(changed(lived_in,
                    Section::services,
                    "notes",
                    {{"dependencies", FieldValue::of_texts({"store", "mail"})}}),
            lived_in);
  EXPECT_EQ(changed(lived_in, Section::services, "store", {{"port", {}}}), lived_in);
}

TEST(RegistryEdit, ANewFieldStandsBehindTheOthersOfItsEntry) {
  EXPECT_EQ(changed(lived_in, Section::services, "store", {{"port", number(5432)}}),
            std::string{lived_in} + "    port: 5432\n");
  EXPECT_EQ(changed(lived_in, Section::hosts, "pebble", {{"ssh_port", number(2222)}}),
            replaced(lived_in, "arch: arm64-linux}", "arch: arm64-linux, ssh_port: 2222}"));
  EXPECT_EQ(changed(lived_in, Section::services, "notes", {{"unit", text("n.service")}}),
            replaced(lived_in,
                     "    description: \"reads: all\"\n",
                     "    description: \"reads: all\"\n    unit: n.service\n"));
}

TEST(RegistryEdit, AFieldThatGoesTakesItsLineAlone) {
  EXPECT_EQ(changed(lived_in, Section::services, "notes", {{"port", {}}}),
            replaced(lived_in, "    port: 8090\n", ""));
  EXPECT_EQ(changed(lived_in, Section::hosts, "pebble", {{"arch", {}}}),
            replaced(lived_in, ", arch: arm64-linux", ""));
  EXPECT_EQ(changed(lived_in, Section::hosts, "pebble", {{"ip", {}}}),
            replaced(lived_in, "ip: 192.0.2.22, ", ""));
  EXPECT_EQ(
      changed(lived_in, Section::services, "notes", {{"dependencies", {}}}),
      replaced(lived_in, "    dependencies:\n      - store   # needs it\n      - mail\n", ""));
}

TEST(RegistryEdit, ItemsOfAListComeAndGoBesideTheOthers) {
  const auto depend = [](std::vector<std::string> names) {
    return changed(
        lived_in, Section::services, "notes", {{"dependencies", FieldValue::of_texts(names)}});
  };
  EXPECT_EQ(depend({"store", "mail", "cache"}),
            replaced(lived_in, "      - mail\n", "      - mail\n      - cache\n"));
  EXPECT_EQ(depend({"store"}), replaced(lived_in, "      - mail\n", ""));
  EXPECT_EQ(depend({"mail"}), replaced(lived_in, "      - store   # needs it\n", ""));
  EXPECT_EQ(
      changed(
          lived_in, Section::hosts, "brick", {{"roles", FieldValue::of_texts({"build", "a, b"})}}),
      replaced(lived_in, "[edge, \"build\"]", "[\"build\", 'a, b']"));
}

TEST(RegistryEdit, AnEntryComesAsItsSiblingsAreWritten) {
  EXPECT_EQ(
      added(lived_in,
            Section::services,
            "mail",
            {{"current_host", text("brick")}, {"docker_compose", text("/srv/m.yml")}}),
      std::string{lived_in} + "  mail:\n    current_host: brick\n    docker_compose: /srv/m.yml\n");
  // The last host is written in one line, and there is an empty line between hosts.
  EXPECT_EQ(
      added(lived_in, Section::hosts, "chalk", {{"ip", text("192.0.2.23")}}),
      replaced(
          lived_in, "arch: arm64-linux}\n", "arch: arm64-linux}\n\n  chalk: {ip: 192.0.2.23}\n"));
}

TEST(RegistryEdit, AnEntryThatGoesLeavesTheCommentsAroundIt) {
  EXPECT_EQ(removed(lived_in, Section::hosts, "pebble"),
            replaced(lived_in, "  pebble: {ip: 192.0.2.22, arch: arm64-linux}\n", ""));
  const auto without_store = removed(lived_in, Section::services, "store");
  EXPECT_TRUE(without_store.ends_with("\"reads: all\"\n  # the database\n")) << without_store;
}

TEST(RegistryEdit, TheLastEntryLeavesAnEmptySection) {
  const std::string one = "hosts:   # none of them new\n  den:\n    ip: a\nservices: {}\n";
  EXPECT_EQ(removed(one, Section::hosts, "den"), "hosts: {}   # none of them new\nservices: {}\n");
  EXPECT_EQ(changed(one, Section::hosts, "den", {{"ip", {}}}),
            "hosts:   # none of them new\n  den: {}\nservices: {}\n");
}

TEST(RegistryEdit, SectionsThatAreMissingEmptyOrNullAreMade) {
  const std::vector<FieldChange> fields{{"ip", text("a")}};
  EXPECT_EQ(added("services: {}\n", Section::hosts, "den", fields),
            "services: {}\nhosts:\n  den:\n    ip: a\n");
  EXPECT_EQ(added("hosts:  # soon\nservices: {}\n", Section::hosts, "den", fields),
            "hosts:  # soon\n  den:\n    ip: a\nservices: {}\n");
  EXPECT_EQ(added("hosts: {}  # soon\nservices: {}", Section::hosts, "den", fields),
            "hosts:  # soon\n  den:\n    ip: a\nservices: {}");
  EXPECT_EQ(added("services: {}", Section::hosts, "den", fields),
            "services: {}\nhosts:\n  den:\n    ip: a\n");
  EXPECT_EQ(added("", Section::hosts, "den", fields), "hosts:\n  den:\n    ip: a\n");
  EXPECT_EQ(added("# mine", Section::hosts, "den", fields), "# mine\nhosts:\n  den:\n    ip: a\n");
}

TEST(RegistryEdit, TheFilesOwnSpellingIsUsed) {
  const std::string documented =
      "machines:\n  den: {host: a, user: ops}\nservices:\n  wiki:\n    machine: den\n    "
      "compose_file: /c.yml\n    depends_on:\n      store: {condition: service_healthy}\n";
  EXPECT_EQ(changed(documented, Section::hosts, "den", {{"ip", text("b")}}),
            replaced(documented, "host: a", "host: b"));
  EXPECT_EQ(changed(documented, Section::services, "wiki", {{"current_host", text("loft")}}),
            replaced(documented, "machine: den", "machine: loft"));
  EXPECT_EQ(added(documented, Section::hosts, "loft", {{"ip", text("b")}, {"ssh_user", text("x")}}),
            replaced(documented, "user: ops}\n", "user: ops}\n  loft: {host: b, user: x}\n"));
  EXPECT_EQ(changed(documented,
                    Section::services,
                    "wiki",
                    {{"dependencies", FieldValue::of_texts({"store", "mail"})}}),
            std::string{documented} + "      mail: {}\n");
  EXPECT_EQ(
      added("services:\n  wiki: {machine: den}\n", Section::hosts, "den", {{"ip", text("a")}}),
      "services:\n  wiki: {machine: den}\nmachines:\n  den:\n    ip: a\n");
}

TEST(RegistryEdit, AMapIsChangedMemberByMember) {
  const std::string file =
      "services:\n  wiki:\n    health:\n      type: http   # plain\n      interval_seconds: 10\n"
      "      endpoint: /ready\n    port: 80\n";
  const auto health = FieldValue::of_map(
      {{"type", text("http")}, {"interval", number(20)}, {"retries", number(5)}});
  EXPECT_EQ(changed(file, Section::services, "wiki", {{"health", health}}),
            "services:\n  wiki:\n    health:\n      type: http   # plain\n"
            "      interval_seconds: 20\n      retries: 5\n    port: 80\n");
}

TEST(RegistryEdit, TheUrlOfAHealthMapIsTheOneThatCounts) {
  const std::string file = "services:\n  wiki: {health: {url: 'http://a/'}, port: 80}\n";
  EXPECT_EQ(changed(file, Section::services, "wiki", {{"healthcheck_url", text("http://b/")}}),
            replaced(file, "http://a/", "http://b/"));
}

TEST(RegistryEdit, TheOlderHealthKeysChangeWhatIsInForce) {
  const std::string url = "services:\n  wiki: {health: {type: http, endpoint: 'http://a/'}}\n";
  EXPECT_EQ(changed(url, Section::services, "wiki", {{"healthcheck_url", text("http://b/")}}),
            replaced(url, "http://a/", "http://b/"));
  EXPECT_EQ(changed(url, Section::services, "wiki", {{"healthcheck_url", {}}}),
            replaced(url, ", endpoint: 'http://a/'", ""));
  const std::string path = "services:\n  wiki: {health: {endpoint: /ready}}\n";
  EXPECT_EQ(changed(path, Section::services, "wiki", {{"healthcheck_url", text("http://b/")}}),
            replaced(path, "/ready}", "/ready}, healthcheck_url: http://b/"));
  const std::string command = "services:\n  wiki: {health: {type: command, command: old}}\n";
  EXPECT_EQ(changed(command, Section::services, "wiki", {{"healthcheck_command", text("new")}}),
            replaced(command, "command: old", "command: new"));
}

TEST(RegistryEdit, HealthIsSaidInOneWayOnly) {
  const std::string file =
      "services:\n  wiki: {port: 80}\n  mail: {healthcheck_url: 'http://a/'}\n";
  const auto health = FieldValue::of_map({{"type", text("tcp")}});
  for (const auto* field : {"healthcheck_url", "healthcheck_command"}) {
    const auto error = refusal(
        file, change_of(Section::services, "wiki", {{field, text("x")}, {"health", health}}));
    EXPECT_EQ(error.code(), Code::invalid);
    EXPECT_EQ(error.where(), std::string{"body."} + field);
  }
  EXPECT_EQ(
      refusal(file,
              change_of(Section::services, "mail", {{"healthcheck_url", {}}, {"health", health}}))
          .where(),
      "body.healthcheck_url");
  EXPECT_EQ(changed(file, Section::services, "wiki", {{"healthcheck_url", {}}, {"health", health}}),
            replaced(file, "{port: 80}", "{port: 80, health: {type: tcp}}"));
  // What is not there is not taken out.
  EXPECT_EQ(changed(file,
                    Section::services,
                    "wiki",
                    {{"healthcheck_url", text("http://b/")}, {"health", {}}}),
            replaced(file, "{port: 80}", "{port: 80, healthcheck_url: http://b/}"));
}

TEST(RegistryEdit, AListInOddLinesIsWrittenAnew) {
  const std::string file =
      "services:\n  wiki:\n    dependencies:\n    - a\n    -   b\n    - # nul\n      c\n";
  EXPECT_EQ(
      changed(file, Section::services, "wiki", {{"dependencies", FieldValue::of_texts({"a"})}}),
      "services:\n  wiki:\n    dependencies: [a]\n");
}

TEST(RegistryEdit, WindowsLineEndsAndAByteOrderMarkStay) {
  const std::string file =
      "\xEF\xBB\xBFhosts:\r\n  den:\r\n    ip: a   # here\r\n    roles:\r\n      - x\r\nservices: "
      "{}\r\n";
  EXPECT_EQ(
      changed(file, Section::hosts, "den", {{"ip", text("b")}, {"ssh_port", number(22)}}),
      replaced(
          replaced(file, "ip: a", "ip: b"), "      - x\r\n", "      - x\r\n    ssh_port: 22\r\n"));
  EXPECT_EQ(changed(file, Section::hosts, "den", {{"roles", FieldValue::of_texts({"x", "z"})}}),
            replaced(file, "      - x\r\n", "      - x\r\n      - z\r\n"));
}

TEST(RegistryEdit, JsonStaysJson) {
  const std::string file = R"({"hosts": {"den": {"ip": "a"}}, "services": {}})";
  EXPECT_EQ(changed(file, Section::hosts, "den", {{"ssh_user", text("ops")}}),
            R"({"hosts": {"den": {"ip": "a", "ssh_user": "ops"}}, "services": {}})");
  EXPECT_EQ(
      added(file, Section::hosts, "loft", {{"ip", text("b")}, {"ssh_port", number(22)}}),
      R"({"hosts": {"den": {"ip": "a"}, "loft": {"ip": "b", "ssh_port": 22}}, "services": {}})");
}

TEST(RegistryEdit, TextThatLooksLikeSomethingElseIsQuoted) {
  const std::string file = "hosts: {}\nservices:\n  wiki:\n    port: 80\n";
  for (const std::string odd :
       {"yes",    "No",           "on",    "null",       "~",     "1.0",    "0123",
        "0x1f",   "1e3",          "12:30", "2026-03-04", "#x",    "a #b",   "a: b",
        "a:",     "- a",          "-",     "*a",         "&a",    "!a",     "%a",
        "@a",     "`a",           "{a",    "[a",         "\"a",   "'a'",    "it's",
        "|",      "> x",          "?",     "? a",        "<<",    "=",      " a",
        "a ",     "two\nlines\n", "\ttab", "C:\\x",      "größe", "\u2028", "\u00a0",
        "\ufeff", "\x01",         "y",     "n",          ".5",    "+1",     "1_000",
        "true",   ".inf",         "---",   "...",        "a,b",   "{}"}) {
    SCOPED_TRACE(odd);
    const auto after = changed(file, Section::services, "wiki", {{"description", text(odd)}});
    EXPECT_EQ(parse_registry(after, "r").services()[0].description, odd) << after;
    const auto inline_after =
        added("services: {a: {port: 1}}\n", Section::services, "b", {{"description", text(odd)}});
    EXPECT_EQ(parse_registry(inline_after, "r").services()[1].description, odd) << inline_after;
  }
  EXPECT_THAT(changed(file, Section::services, "wiki", {{"hostname", text("wiki.example")}}),
              HasSubstr("hostname: wiki.example\n"));
  EXPECT_THAT(changed(file, Section::services, "wiki", {{"hostname", text("192.0.2.7")}}),
              HasSubstr("hostname: 192.0.2.7\n"));
}

TEST(RegistryEdit, ANumberStaysOneAndATextOfDigitsStaysText) {
  const std::string file = "services:\n  wiki: {port: 80}\n";
  EXPECT_EQ(changed(file, Section::services, "wiki", {{"description", text("8080")}}),
            "services:\n  wiki: {port: 80, description: '8080'}\n");
}

TEST(RegistryEdit, LongTextsAndListsInOtherFormsAreReplacedWhole) {
  const std::string file =
      "services:\n  wiki:\n    description: |\n      reads\n\n      the meter\n    # mine\n"
      "    ports: [80,  # web\n            443]\n    port: 1\n";
  EXPECT_EQ(changed(file, Section::services, "wiki", {{"description", text("short")}}),
            "services:\n  wiki:\n    description: short\n    # mine\n"
            "    ports: [80,  # web\n            443]\n    port: 1\n");
  EXPECT_EQ(
      changed(file, Section::services, "wiki", {{"description", {}}}),
      "services:\n  wiki:\n    # mine\n    ports: [80,  # web\n            443]\n    port: 1\n");
  EXPECT_EQ(
      changed(file, Section::services, "wiki", {{"ports", FieldValue::of_list({number(8080)})}}),
      replaced(file, "[80,  # web\n            443]", "[8080]"));
}

TEST(RegistryEdit, SharedEntriesAreNotTouchedByAccident) {
  const std::string file = R"(x-base: &base {ssh_user: keeper}
hosts:
  den: &den
    <<: *base
    ip: a
  loft: *den
  shed:
    <<: *den
    ip: c
)";
  // `den` stands for `loft` and in `shed` too: what would change there as well is refused.
  for (const auto& edit : {change_of(Section::hosts, "den", {{"path", text("/x")}}),
                           change_of(Section::hosts, "loft", {{"ip", text("b")}}),
                           change_of(Section::hosts, "shed", {{"ssh_user", {}}}),
                           removal_of(Section::hosts, "den")}) {
    const auto error = refusal(file, edit);
    EXPECT_EQ(error.reason(), "EDIT_NOT_SAFE") << edit.name;
    EXPECT_THAT(error.where(), HasSubstr("registry.yml")) << edit.name;
    EXPECT_FALSE(error.hint().empty()) << edit.name;
  }
  // A value of its own goes before the merged one.
  EXPECT_EQ(changed(file, Section::hosts, "shed", {{"ssh_user", text("ops")}}),
            file + "    ssh_user: ops\n");
  EXPECT_EQ(removed(file, Section::hosts, "loft"), replaced(file, "  loft: *den\n", ""));
}

TEST(RegistryEdit, TheOldBackendsDoubledSectionFollows) {
  const std::string file = "hosts: &id001\n  den:\n    ip: a\nmachines: *id001\nservices: {}\n";
  EXPECT_EQ(changed(file, Section::hosts, "den", {{"ip", text("b")}}),
            replaced(file, "ip: a", "ip: b"));
  EXPECT_EQ(added(file, Section::hosts, "loft", {{"ip", text("b")}}),
            replaced(file, "    ip: a\n", "    ip: a\n  loft:\n    ip: b\n"));
}

TEST(RegistryEdit, WhatIsThereTwiceOrNotAtAllIsRefused) {
  EXPECT_EQ(refusal(lived_in, addition_of(Section::services, "notes", {})).reason(), "NAME_TAKEN");
  EXPECT_EQ(refusal(lived_in, removal_of(Section::services, "nots")).reason(), "SERVICE_UNKNOWN");
  EXPECT_THAT(refusal(lived_in, removal_of(Section::services, "nots")).hint(), HasSubstr("notes"));
  EXPECT_EQ(refusal(lived_in, removal_of(Section::hosts, "x")).reason(), "MACHINE_UNKNOWN");
  const std::string twice = "services:\n  a: {port: 1, port: 2}\n  b: {}\n  b: {}\n";
  EXPECT_EQ(refusal(twice, change_of(Section::services, "a", {{"port", number(3)}})).reason(),
            "EDIT_NOT_SAFE");
  EXPECT_EQ(refusal(twice, removal_of(Section::services, "b")).reason(), "EDIT_NOT_SAFE");
  EXPECT_EQ(refusal("hosts: [", removal_of(Section::hosts, "b")).reason(), "REGISTRY_BROKEN");
  EXPECT_EQ(refusal("hosts: [a]\n", addition_of(Section::hosts, "b", {})).reason(),
            "EDIT_NOT_SAFE");
}

TEST(RegistryEdit, UnusualSpellingsAreChangedRightOrNotAtAll) {
  const std::string file = R"(---
services:
  ? wiki
  : port: 80
  "mail":
    'port' : 25
    hostname: plain text
      that goes on   # behind it
    unit: !!str x
  bare:
  flow: {port, "unit":"u", hostname: , description: ~ }
)";
  EXPECT_EQ(refusal(file, change_of(Section::services, "wiki", {{"port", number(81)}})).reason(),
            "EDIT_NOT_SAFE");
  EXPECT_EQ(changed(file, Section::services, "mail", {{"port", number(26)}}),
            replaced(file, "'port' : 25", "'port' : 26"));
  EXPECT_EQ(changed(file, Section::services, "mail", {{"hostname", text("m")}}),
            replaced(file, "plain text\n      that goes on", "m"));
  EXPECT_EQ(refusal(file, change_of(Section::services, "mail", {{"unit", text("y")}})).reason(),
            "EDIT_NOT_SAFE");
  EXPECT_EQ(changed(file, Section::services, "bare", {{"port", number(1)}}),
            replaced(file, "  bare:\n", "  bare: {port: 1}\n"));
  EXPECT_EQ(changed(file,
                    Section::services,
                    "flow",
                    {{"port", number(1)},
                     {"unit", text("v")},
                     {"hostname", text("h")},
                     {"description", text("d")}}),
            replaced(file,
                     "{port, \"unit\":\"u\", hostname: , description: ~ }",
                     "{port: 1, \"unit\":\"v\", hostname: h , description: d }"));
}

TEST(RegistryEdit, EntriesOfOneLineEachComeAndGoInAMapOverSeveralLines) {
  const std::string file =
      "services: {\n  a: {port: 1},  # first\n  # about b\n  b: {port: 2}   # last\n}\n";
  EXPECT_EQ(removed(file, Section::services, "a"),
            "services: {\n    # first\n  # about b\n  b: {port: 2}   # last\n}\n");
  EXPECT_EQ(removed(file, Section::services, "b"),
            "services: {\n  a: {port: 1},  # first\n  # about b\n     # last\n}\n");
  EXPECT_EQ(added(file, Section::services, "c", {{"port", number(3)}}),
            replaced(file, "{port: 2}", "{port: 2}, c: {port: 3}"));
}

TEST(RegistryEdit, TheSampleIsEditedInEachOfItsForms) {
  EXPECT_EQ(changed(sample_registry, Section::services, "spare", {{"current_host", text("den")}}),
            replaced(sample_registry, "current_host: null", "current_host: den"));
  EXPECT_EQ(changed(sample_registry, Section::services, "probe", {{"port", number(9)}}),
            replaced(sample_registry, "      the meter\n", "      the meter\n    port: 9\n"));
  EXPECT_EQ(changed(sample_registry,
                    Section::services,
                    "wiki",
                    {{"health", FieldValue::of_map({{"type", text("tcp")}})}}),
            replaced(sample_registry,
                     "{type: http, endpoint: /ready, interval: 10s, retries: 5}",
                     "{type: tcp}"));
}

}  // namespace
}  // namespace portoser::registry
