#include "common/describe_json.h"
#include "common/describe_schema.h"

#include <gtest/gtest.h>

namespace portoser {
namespace {

enum class Colour { red, green };
BOOST_DESCRIBE_ENUM(Colour, red, green)

struct Lamp {
  std::string place;
  std::uint16_t watts = 40;
  std::optional<double> age_years;
  Colour colour = Colour::red;
  std::vector<int> hours;
};
BOOST_DESCRIBE_STRUCT(Lamp, (), (place, watts, age_years, colour, hours))

Lamp parse(const char* text) {
  Lamp lamp;
  from_json(Json::parse(text), lamp, "body");
  return lamp;
}

TEST(DescribedJson, KeepsOrderAndWritesAnUnknownAsNull) {
  Lamp lamp;
  lamp.place = "hall";
  EXPECT_EQ(dump(to_json(lamp)),
            R"({"place":"hall","watts":40,"age_years":null,"colour":"red","hours":[]})");
}

TEST(DescribedJson, ReadsWhatItWroteAndIgnoresUnknownKeys) {
  const auto lamp = parse(R"({"place":"hall","watts":60,"age_years":1.5,"colour":"green",
                              "hours":[1,2],"brand":"any"})");
  EXPECT_EQ(lamp.place, "hall");
  EXPECT_EQ(lamp.watts, 60);
  EXPECT_EQ(lamp.age_years, 1.5);
  EXPECT_EQ(lamp.colour, Colour::green);
  EXPECT_EQ(lamp.hours, (std::vector{1, 2}));
}

TEST(DescribedJson, KeepsDefaultsOfWhatIsMissingOrNull) {
  const auto lamp = parse(R"({"watts":null})");
  EXPECT_EQ(lamp.watts, 40);
  EXPECT_FALSE(lamp.age_years);
}

struct Refusal {
  const char* name;
  const char* text;
  const char* where;
};

class WrongJson : public testing::TestWithParam<Refusal> {};

TEST_P(WrongJson, IsRefusedWithThePlace) {
  try {
    parse(GetParam().text);
    FAIL() << "accepted";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::invalid);
    EXPECT_EQ(error.where(), GetParam().where);
  }
}

INSTANTIATE_TEST_SUITE_P(
    DescribedJson,
    WrongJson,
    testing::Values(Refusal{"number_for_string", R"({"place":1})", "body.place"},
                    Refusal{"negative_for_unsigned", R"({"watts":-1})", "body.watts"},
                    Refusal{"too_large", R"({"watts":65536})", "body.watts"},
                    Refusal{"fraction_for_integer", R"({"watts":1.5})", "body.watts"},
                    Refusal{"unknown_word", R"({"colour":"blue"})", "body.colour"},
                    Refusal{"inside_a_list", R"({"hours":[1,"two"]})", "body.hours[1]"},
                    Refusal{"list_for_object", R"([])", "body"}),
    [](const auto& one) { return one.param.name; });

TEST(DescribedJson, ReplacesInvalidUtf8InsteadOfFailing) {
  Lamp lamp;
  lamp.place =
      "h\xff"
      "ll";
  EXPECT_NO_THROW(dump(to_json(lamp)));
}

TEST(DescribedSchema, NamesTypesAndWords) {
  const auto schema = schema_of<Lamp>();
  EXPECT_EQ(schema["properties"]["watts"]["type"], "integer");
  EXPECT_EQ(schema["properties"]["age_years"]["type"], Json::array({"number", "null"}));
  EXPECT_EQ(schema["properties"]["colour"]["enum"], Json::array({"red", "green"}));
}

}  // namespace
}  // namespace portoser
