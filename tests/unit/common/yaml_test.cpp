#include "common/yaml.h"

#include "common/error.h"

#include <gtest/gtest.h>

namespace portoser {
namespace {

TEST(FlatYaml, JoinsNestedKeysAndKeepsPlaces) {
  const auto entries = read_flat_yaml("http:\n  port: 80\norigins: [a, b]\nempty:\n", "c.yml");
  ASSERT_EQ(entries.size(), 3U);
  EXPECT_EQ(entries[0].key, "http.port");
  EXPECT_EQ(entries[0].values, std::vector<std::string>{"80"});
  EXPECT_EQ(entries[0].line, 2);
  EXPECT_EQ(entries[1].values, (std::vector<std::string>{"a", "b"}));
  EXPECT_TRUE(entries[2].values.empty());
}

TEST(FlatYaml, OfAnEmptyFileIsEmpty) {
  EXPECT_TRUE(read_flat_yaml("", "c.yml").empty());
}

struct Broken {
  const char* name;
  const char* text;
  const char* where;
};

class BrokenYaml : public testing::TestWithParam<Broken> {};

TEST_P(BrokenYaml, IsRefusedWithLineAndColumn) {
  try {
    read_flat_yaml(GetParam().text, "c.yml");
    FAIL() << "accepted";
  } catch (const Error& error) {
    EXPECT_EQ(error.where(), GetParam().where);
  }
}

INSTANTIATE_TEST_SUITE_P(FlatYaml,
                         BrokenYaml,
                         testing::Values(Broken{"duplicate", "a: 1\nb: 2\na: 3\n", "c.yml:3:1"},
                                         Broken{"a_word", "hello\n", "c.yml:1:1"},
                                         Broken{"list_of_maps", "a:\n  - b: 1\n", "c.yml:2:5"},
                                         Broken{"unfinished", "a: [1\n", "c.yml:2:1"}),
                         [](const auto& one) { return one.param.name; });

}  // namespace
}  // namespace portoser
