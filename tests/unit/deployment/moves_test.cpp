#include "controller/deployment/moves.h"

#include "common/error.h"
#include "controller/registry/load.h"

#include <gmock/gmock.h>

namespace portoser::deployment {
namespace {

using testing::ElementsAre;

const registry::Registry known = registry::parse_registry(
    "hosts:\n  brick: {ip: 127.0.0.1}\n  chalk: {ip: 127.0.0.2}\nservices:\n"
    "  notes: {current_host: brick, docker_compose: /srv/notes/compose.yml}\n"
    "  wiki: {docker_compose: /srv/wiki/compose.yml}\n",
    "registry.yml");

Move move(std::string service, std::optional<std::string> from, std::string to) {
  return {std::move(service), std::move(from), std::move(to)};
}

template <class Check>
Error refusal_of(Check check) {
  try {
    check();
  } catch (const Error& error) {
    return error;
  }
  ADD_FAILURE() << "it was accepted";
  return Error{Code::internal, ""};
}

std::vector<std::string> places_of(const Error& error) {
  std::vector<std::string> places;
  for (const auto& detail : error.details()) places.push_back(detail.where);
  return places;
}

TEST(Moves, EveryMistakeIsNamedWithItsPlace) {
  const auto error = refusal_of([] {
    check_moves({move("notes", {}, "brick"),
                 move("notse", {}, "brick"),
                 move("wiki", {}, "slate"),
                 move("notes", {}, "chalk"),
                 move("", {}, "")},
                known);
  });
  EXPECT_EQ(error.code(), Code::invalid);
  EXPECT_EQ(error.reason(), "SERVICE_UNKNOWN");
  EXPECT_EQ(error.hint(), "did you mean \"notes\"?");
  EXPECT_THAT(places_of(error),
              ElementsAre("body.moves[1].service_name",
                          "body.moves[2].to_machine",
                          "body.moves[3].service_name",
                          "body.moves[4].service_name",
                          "body.moves[4].to_machine"));
  EXPECT_NO_THROW(check_moves({move("notes", {}, "brick"), move("wiki", "", "chalk")}, known));
}

TEST(Moves, HostileNamesAreUnknownOnes) {
  for (const auto* name : {"../x", "a;id", "--force", "$(id)", "nötes"}) {
    const auto error = refusal_of([&] { check_moves({move(name, {}, "brick")}, known); });
    EXPECT_EQ(error.code(), Code::invalid) << name;
  }
}

TEST(Moves, TooManyAreRefused) {
  const std::vector<Move> many(most_moves + 1, move("notes", {}, "brick"));
  EXPECT_EQ(refusal_of([&] { check_moves(many, known); }).where(), "body.moves");
}

TEST(Moves, FromNowhereIsSaidInFourWays) {
  EXPECT_FALSE(claimed_host(move("wiki", std::nullopt, "brick")));
  EXPECT_FALSE(claimed_host(move("wiki", "", "brick")));
  EXPECT_FALSE(claimed_host(move("wiki", "unassigned", "brick")));
  EXPECT_EQ(claimed_host(move("wiki", "brick", "brick")), "brick");
}

TEST(Moves, AWrongHostIsAStalePlanThatNamesTheRealOne) {
  EXPECT_NO_THROW(require_fresh(
      {move("notes", "brick", "brick"), move("notes", {}, "brick"), move("wiki", "", "brick")},
      known));
  const auto error = refusal_of([] {
    require_fresh({move("notes", "chalk", "brick"), move("wiki", "chalk", "brick")}, known);
  });
  EXPECT_EQ(error.code(), Code::conflict);
  EXPECT_EQ(error.reason(), "STALE_PLAN");
  EXPECT_EQ(error.message(), "\"notes\" is on \"brick\", not on \"chalk\"");
  ASSERT_EQ(error.details().size(), 2U);
  EXPECT_EQ(error.details()[1].message, "\"wiki\" is on no host, not on \"chalk\"");
  EXPECT_EQ(error.details()[1].where, "body.moves[1].from_machine");
}

}  // namespace
}  // namespace portoser::deployment
