#include "common/error.h"
#include "controller/registry/load.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ostream>
#include <string>
#include <vector>

namespace portoser::registry {
namespace {

/// A file that cannot be used as a whole, and what is said about it.
struct Refusal {
  const char* name;
  std::string text;
  const char* where;
  const char* message;  ///< a part of the message or of the hint
};

void PrintTo(const Refusal& c, std::ostream* out) {
  *out << c.name;
}

std::vector<Refusal> refusals() {
  return {
      {"empty", "", "r.yml:1:1", "the registry is empty"},
      {"blank", " \n\n", "r.yml:1:1", "the registry is empty"},
      {"only_comments", "# hosts:\n#   den: {}\n", "r.yml:1:1", "the registry is empty"},
      {"a_null", "~\n", "r.yml:1:1", "the registry is empty"},
      {"only_a_bom", "\xEF\xBB\xBF", "r.yml:1:1", "the registry is empty"},
      {"a_list", "\n- hosts\n", "r.yml:2:1", "the registry is a list, not a map"},
      {"text", "hello\n", "r.yml:1:1", "the registry is text, not a map"},
      {"neither_hosts_nor_services",
       "domain: a.b\n",
       "r.yml:1:1",
       "neither \"hosts\" nor \"services\""},
      {"tab_indentation",
       "hosts:\n  den:\n\tip: 198.51.100.7\n",
       "r.yml:3:1",
       "indented with a tab"},
      {"tab_after_blanks",
       "hosts:\n  den:\n  \tip: 1\n  \tpath: /b\n",
       "r.yml:3:1",
       "indented with a tab"},
      {"tab_in_a_sequel",
       "hosts:\n  den:\n    ip: h\n\tpath: /b\n",
       "r.yml:4:1",
       "indent with spaces"},
      {"half_a_flow_map",
       "hosts:\n  den: {ip: 198.51.100.7, pa",
       "r.yml:2:27",
       "saved only in part"},
      {"half_a_quote", "hosts:\n  den:\n    ip: \"198.51", "r.yml:3:16", "saved only in part"},
      {"half_a_single_quote", "hosts:\n  den:\n    ip: 'it''s\n", "r.yml:3:9", "never closed"},
      {"half_a_key", "hosts:\n  den:\n    ip: h\n    pa", "r.yml:4:5", "no colon after \"pa\""},
      {"half_an_entry", "hosts:\n  den:\n    ip:", "r.yml:3:1", "ends in the middle"},
      {"colon_in_a_value",
       "hosts:\n  den: {ip: h}\n  loft: a: b\n",
       "r.yml:3:10",
       "not valid YAML"},
      {"bad_indentation",
       "hosts:\n  den:\n    ip: h\n   path: /a\nservices: {}\n",
       "r.yml:4:4",
       "not valid YAML"},
      {"duplicate_host",
       "hosts:\n  den: {ip: a}\n  loft: {ip: b}\n  den: {ip: c}\n",
       "r.yml:4:3",
       "the host \"den\" is there twice; first in line 2"},
      {"duplicate_machine",
       "machines:\n  den: {ip: a}\n  den: {ip: a}\n",
       "r.yml:3:3",
       "the host \"den\" is there twice"},
      {"duplicate_top_key",
       "hosts: {}\nservices: {}\nhosts: {}\n",
       "r.yml:3:1",
       "\"hosts\" is there twice; first in line 1"},
      {"hosts_as_a_list", "hosts:\n  - den\nservices: {}\n", "r.yml:1:1", "\"hosts\" is a list"},
      {"services_as_text", "hosts: {}\nservices: none\n", "r.yml:2:1", "\"services\" is text"},
      {"unknown_alias", "hosts:\n  den: *nobody\n", "r.yml:2:8", "not valid YAML"},
      {"alias_inside_itself", "hosts: &h\n  den: *h\n", "r.yml:2:8", "inside its own anchor"},
      {"second_document", "hosts: {}\n---\nservices: {}\n", "r.yml:2:1", "second YAML document"},
      {"key_as_a_list", "hosts: {}\n? [a]\n: b\n", "r.yml:2:3", "a key is a list here"},
      {"not_utf8", "hosts:\n  d\xFFn: {}\n", "r.yml:2:4", "not UTF-8"},
      {"overlong_utf8", "a: \xC0\xAF\n", "r.yml:1:4", "not UTF-8"},
      {"half_a_character", "hosts: {}\nnotes: \xC3", "r.yml:2:8", "not UTF-8"},
      {"control_character",
       "hosts: {}\nnotes: a\x04"
       "b\nservices: {}\n",
       "r.yml:2:9",
       "control character (byte 0x04)"},
      {"too_large", "hosts: {}\n#" + std::string(4U << 20U, 'x'), "r.yml:1:1", "4 MiB"},
  };
}

struct RegistryRefusal : testing::TestWithParam<Refusal> {};

TEST_P(RegistryRefusal, NamesTheReasonAndThePlace) {
  const auto& expected = GetParam();
  try {
    parse_registry(expected.text, "r.yml");
    FAIL() << "was read";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::invalid);
    EXPECT_EQ(error.where(), expected.where);
    EXPECT_NE((error.message() + " / " + error.hint()).find(expected.message), std::string::npos)
        << error.message() << " / " << error.hint();
    EXPECT_FALSE(error.hint().empty());
    EXPECT_FALSE(error.details().empty());
  }
}

INSTANTIATE_TEST_SUITE_P(RegistryRefusal,
                         RegistryRefusal,
                         testing::ValuesIn(refusals()),
                         [](const auto& test) { return std::string{test.param.name}; });

TEST(RegistryRefusals, DetailsListTheReasonFirstAndThenEverythingElse) {
  try {
    parse_registry(
        "hosts:\n  den: {ip: a, colour: red}\n  den: {ip: b}\nservices:\n  wiki: {port: 0}\n",
        "r.yml");
    FAIL() << "was read";
  } catch (const Error& error) {
    std::vector<std::string> places;
    for (const auto& detail : error.details()) {
      places.push_back(detail.where);
    }
    EXPECT_THAT(places, testing::ElementsAre("r.yml:3:3", "r.yml:2:16", "r.yml:5:3", "r.yml:5:16"));
  }
}

TEST(RegistryRefusals, AliasesThatMultiplyAreRefused) {
  std::string text = "x0: &x0 [a, a, a, a, a, a, a, a, a, a]\n";
  for (int i = 1; i < 9; ++i) {
    const auto name = "x" + std::to_string(i);
    text += name + ": &" + name + " [";
    for (int j = 0; j < 10; ++j) {
      text += (j > 0 ? ", *x" : "*x") + std::to_string(i - 1);
    }
    text += "]\n";
  }
  try {
    parse_registry(text + "services: {}\n", "r.yml");
    FAIL() << "was read";
  } catch (const Error& error) {
    EXPECT_NE(error.message().find("too many values"), std::string::npos) << error.message();
  }
}

TEST(RegistryRefusals, NestingDeeperThanTheLimitIsSaidSo) {
  try {
    parse_registry("hosts: " + std::string(20'000, '['), "r.yml");
    FAIL() << "was read";
  } catch (const Error& error) {
    EXPECT_NE(error.message().find("nested too deeply"), std::string::npos) << error.message();
  }
}

TEST(RegistryRefusals, TabsThatYamlAllowsAreAllowed) {
  const auto registry = parse_registry(
      "hosts: {\n\tden: {ip: h} }\nservices:\t# none yet\n  wiki:\n    docker_compose: /c\t\n"
      "    notes: |\n      a\tb\n      \tc\n",
      "r.yml");
  EXPECT_TRUE(registry.findings.empty());
  EXPECT_EQ(registry.services()[0].docker_compose, "/c");
}

TEST(RegistryRefusals, AFileWithoutAFinalNewLineIsRead) {
  EXPECT_NO_THROW(parse_registry("hosts: {}\nservices: {}", "r.yml"));
  EXPECT_NO_THROW(parse_registry("hosts: {}\nservices: {}\n# as follows:", "r.yml"));
}

}  // namespace
}  // namespace portoser::registry
