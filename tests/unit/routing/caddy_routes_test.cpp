#include "agent/routing/caddy_routes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace portoser::agent::routing {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

protocol::RoutingCaddy command() {
  protocol::RoutingCaddy out;
  out.hostname = "notes.attic.lan";
  out.old_upstream = "192.0.2.21:8090";
  out.new_upstream = "192.0.2.22:8090";
  return out;
}

/// A route for these names (none: for all) that does this.
std::string route(const std::string& names, const std::string& handlers) {
  const auto match = names.empty() ? std::string{} : R"("match":[{"host":[)" + names + "]}],";
  return "{" + match + R"("handle":[)" + handlers + "]}";
}
std::string proxy(const std::string& dial) {
  return R"({"handler":"reverse_proxy","upstreams":[{"dial":")" + dial + R"("}]})";
}
std::string subroute(const std::string& routes) {
  return R"({"handler":"subroute","routes":[)" + routes + "]}";
}
Json config(const std::string& routes) {
  return Json::parse(R"({"admin":{"listen":"localhost:2019"},"apps":{"http":{"servers":{"srv0":)"
                     R"({"listen":[":443"],"routes":[)" +
                     routes + "]}}}}}");
}
/// What every upstream dials, in order.
std::vector<std::string> dials(const Json& node) {
  std::vector<std::string> all;
  if (node.is_object() && node.contains("dial")) all.push_back(node["dial"].get<std::string>());
  if (node.is_structured()) {
    for (const auto& element : node) {
      for (auto& dial : dials(element)) all.push_back(dial);
    }
  }
  return all;
}

TEST(CaddyRoutes, TheRouteOfTheNameDialsTheNewUpstreamHoweverDeepItIs) {
  auto all = config(route(R"("notes.attic.lan")",
                          subroute(route("", subroute(route("", proxy("192.0.2.21:8090")))))));
  const auto changes = change_routes(all, command());
  EXPECT_EQ(changes.changed, 1U);
  EXPECT_THAT(dials(all), ElementsAre("192.0.2.22:8090"));
}

TEST(CaddyRoutes, NothingElseOfTheConfigurationChanges) {
  auto all = config(route(R"("notes.attic.lan")", proxy("192.0.2.21:8090")) + "," +
                    route(R"("wiki.attic.lan")", proxy("192.0.2.21:8091")));
  auto expected = all.dump();
  expected.replace(expected.find("192.0.2.21:8090"), 15, "192.0.2.22:8090");
  change_routes(all, command());
  EXPECT_EQ(all.dump(), expected);
}

TEST(CaddyRoutes, ARouteForOtherNamesIsLeftAloneAndTold) {
  auto all =
      config(route(R"("a.example","b.example")", subroute(route("", proxy("192.0.2.21:8090")))));
  const auto changes = change_routes(all, command());
  EXPECT_EQ(changes.changed, 0U);
  EXPECT_THAT(dials(all), ElementsAre("192.0.2.21:8090"));
  EXPECT_THAT(changes.names, ElementsAre("a.example", "b.example"));
}

TEST(CaddyRoutes, ARouteInsideOneForOtherNamesNeverGetsOurs) {
  auto all = config(
      route(R"("a.example")", subroute(route(R"("notes.attic.lan")", proxy("192.0.2.21:8090")))));
  EXPECT_EQ(change_routes(all, command()).changed, 0U);
}

TEST(CaddyRoutes, OneOfSeveralMatchersIsEnough) {
  auto all = config(R"({"match":[{"host":["a.example"]},{"path":["/notes*"]}],"handle":[)" +
                    proxy("192.0.2.21:8090") + "]}");
  EXPECT_EQ(change_routes(all, command()).changed, 1U);
}

TEST(CaddyRoutes, ARouteWithoutNamesCountsByWhatItDials) {
  auto all = config(route("", proxy("192.0.2.21:8090")) + "," + route("", proxy("192.0.2.21:80")));
  EXPECT_EQ(change_routes(all, command()).changed, 1U);
  EXPECT_THAT(dials(all), ElementsAre("192.0.2.22:8090", "192.0.2.21:80"));
}

TEST(CaddyRoutes, OtherSpellingsOfTheOldUpstreamCount) {
  auto wanted = command();
  wanted.old_spellings = {"localhost:8090", "[::1]:8090"};
  auto all = config(
      route(R"("notes.attic.lan")", proxy("Localhost:8090") + "," + proxy("tcp/[::1]:8090")));
  EXPECT_EQ(change_routes(all, wanted).changed, 2U);
  EXPECT_THAT(dials(all), ElementsAre("192.0.2.22:8090", "tcp/192.0.2.22:8090"));
}

TEST(CaddyRoutes, WhatDialsTheNewUpstreamAlreadyIsCounted) {
  auto all = config(route(R"("notes.attic.lan")", proxy("192.0.2.22:8090")));
  const auto changes = change_routes(all, command());
  EXPECT_EQ(changes.changed, 0U);
  EXPECT_EQ(changes.already, 1U);
  EXPECT_THAT(changes.dialled, IsEmpty());
}

TEST(CaddyRoutes, WhatTheNameDialsInsteadIsTold) {
  auto all = config(route(R"("notes.attic.lan")", proxy("192.0.2.30:80")) + "," +
                    route(R"("wiki.attic.lan")", proxy("192.0.2.31:80")));
  EXPECT_THAT(change_routes(all, command()).dialled, ElementsAre("192.0.2.30:80"));
}

TEST(CaddyRoutes, OddConfigurationsAreNoTrouble) {
  for (const auto* text :
       {"null",
        "[]",
        "{}",
        R"({"apps":[]})",
        R"({"apps":{"http":null}})",
        R"({"apps":{"http":{"handle":[{"handler":"reverse_proxy","upstreams":7}],)"
        R"("match":{"host":"x"}}}})",
        R"({"apps":{"http":{"match":[7,{"host":[3]}],"handle":[null]}}})"}) {
    auto all = Json::parse(text);
    EXPECT_EQ(change_routes(all, command()).changed, 0U) << text;
    EXPECT_EQ(all, Json::parse(text));
  }
}

TEST(CaddyRoutes, HostPatternsAreReadAsCaddyDoes) {
  EXPECT_TRUE(host_matches("notes.attic.lan", "NOTES.attic.lan"));
  EXPECT_TRUE(host_matches("*.attic.lan", "notes.attic.lan"));
  EXPECT_TRUE(host_matches("notes.*.lan", "notes.attic.lan"));
  EXPECT_FALSE(host_matches("*.lan", "notes.attic.lan"));
  EXPECT_FALSE(host_matches("*.notes.attic.lan", "notes.attic.lan"));
  EXPECT_FALSE(host_matches("otes.attic.lan", "notes.attic.lan"));
  EXPECT_FALSE(host_matches("", "notes.attic.lan"));
}

TEST(CaddyRoutes, ACaddyfileThatNamesTheOldUpstreamIsFound) {
  const std::string file =
      "notes.attic.lan {\n"
      "  # reverse_proxy 192.0.2.21:8090\n"
      "  reverse_proxy http://192.0.2.21:8090\n"
      "  reverse_proxy 192.0.2.21:80901 1192.0.2.21:8090\n"
      "}\n"
      "respond / 192.0.2.21:8090";
  EXPECT_THAT(lines_with_upstream(file, command()), ElementsAre(3U, 6U));
}

}  // namespace
}  // namespace portoser::agent::routing
