// What follows a move: the plan by itself, and Routing with hosts that the test plays.
#include "controller/deployment/routing.h"

#include "common/derived_ulid.h"
#include "controller/registry/load.h"
#include "tests/unit/fleet/fleet_fixture.h"

#include <gmock/gmock.h>

namespace portoser::deployment {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;
using testing::IsEmpty;

const std::string hosts_and_services =
    "domain: attic.lan\n"
    "hosts:\n  brick: {ip: 192.0.2.21, ssh_hostname: brick.ssh}\n  pebble: {ip: 192.0.2.22}\n"
    "  edge: {ip: 192.0.2.2}\n  six: {ip: 'fd00::6'}\n  named: {ip: pebble.lan}\n  bare: {}\n"
    "services:\n"
    "  notes: {current_host: pebble, docker_compose: /srv/notes/compose.yml, port: 8090}\n"
    "  jobs: {current_host: pebble, docker_compose: /srv/jobs/compose.yml}\n";

RoutingPlan plan(const std::string& more,
                 const std::string& service = "notes",
                 const std::string& from = "brick",
                 const std::string& to = "pebble") {
  const auto registry = registry::parse_registry(hosts_and_services + more, "registry.yml");
  return plan_routing(registry, service, from, to);
}

/// "kind state" of each.
std::vector<std::string> kinds(const std::vector<RoutingResult>& results) {
  std::vector<std::string> out;
  for (const auto& result : results) out.push_back(result.kind + " " + result.state);
  return out;
}

TEST(RoutingPlan, CaddyIsToldWhatItDialled) {
  const auto made = plan("caddy: {host: edge, admin_api: 'http://localhost:2020'}\n");
  ASSERT_TRUE(made.caddy);
  EXPECT_EQ(made.caddy->host, "edge");
  const auto& command = made.caddy->command;
  EXPECT_EQ(command.service, "notes");
  EXPECT_EQ(command.hostname, "notes.attic.lan");
  EXPECT_EQ(command.admin_api, "http://localhost:2020");
  EXPECT_EQ(command.old_upstream, "192.0.2.21:8090");
  EXPECT_EQ(command.new_upstream, "192.0.2.22:8090");
  EXPECT_THAT(command.old_spellings,
              ElementsAre("brick:8090", "brick.attic.lan:8090", "brick.ssh:8090"));
  EXPECT_THAT(made.known, IsEmpty());
  EXPECT_FALSE(made.dns);
}

TEST(RoutingPlan, CaddyBesideTheServiceMayHaveCalledItLocalhost) {
  const auto made = plan("caddy: {host: brick}\n");
  ASSERT_TRUE(made.caddy);
  EXPECT_THAT(made.caddy->command.old_spellings,
              AllOf(Contains("localhost:8090"),
                    Contains("127.0.0.1:8090"),
                    Contains(":8090"),
                    Contains("[::1]:8090")));
}

TEST(RoutingPlan, CaddysHostMayBeNamedInOtherWays) {
  EXPECT_EQ(plan("caddy: {ingress_host: edge}\n").caddy->host, "edge");
  EXPECT_EQ(plan("caddy: {host: 192.0.2.2}\n").caddy->host, "edge");
}

TEST(RoutingPlan, WhatCaddyCannotBeToldIsLeft) {
  const auto forbidden = plan("caddy: {host: edge, use_admin_api: false}\n");
  EXPECT_FALSE(forbidden.caddy);
  EXPECT_THAT(kinds(forbidden.known), ElementsAre("caddy left"));
  EXPECT_THAT(forbidden.known[0].message, HasSubstr("let Caddy on edge dial 192.0.2.22:8090"));
  EXPECT_THAT(kinds(plan("caddy: {config_path: /etc/caddy/Caddyfile}\n").known),
              ElementsAre("caddy left"));
  EXPECT_THAT(plan("caddy: {host: edge}\n", "jobs").known,
              ElementsAre(Field(&RoutingResult::message, HasSubstr("no port of jobs"))));
}

TEST(RoutingPlan, Ipv6UpstreamsHaveBrackets) {
  const auto made = plan("caddy: {host: edge}\n", "notes", "six", "pebble");
  EXPECT_EQ(made.caddy->command.old_upstream, "[fd00::6]:8090");
}

TEST(RoutingPlan, TheHostsFileIsTold) {
  const auto made = plan("dns: {host: edge, config_path: /etc/hosts.attic}\n");
  ASSERT_TRUE(made.dns);
  EXPECT_EQ(made.dns->host, "edge");
  const auto& command = made.dns->command;
  EXPECT_EQ(command.path, "/etc/hosts.attic");
  EXPECT_EQ(command.hostname, "notes.attic.lan");
  EXPECT_EQ(command.old_address, "192.0.2.21");
  EXPECT_EQ(command.address, "192.0.2.22");
  EXPECT_EQ(command.ingress, "");
  EXPECT_THAT(made.known, IsEmpty());
}

TEST(RoutingPlan, BehindAnIngressOnlyNamesAtTheOldHostFollow) {
  const auto behind = plan("dns: {host: edge, config_path: /etc/h}\ncaddy: {host: edge}\n");
  ASSERT_TRUE(behind.dns);
  EXPECT_EQ(behind.dns->command.ingress, "192.0.2.2");
  // Where the ingress is the old host itself, nobody could tell the two apart.
  const auto same = plan("dns: {host: edge, config_path: /etc/h}\ncaddy: {host: brick}\n");
  EXPECT_FALSE(same.dns);
  EXPECT_THAT(kinds(same.known), ElementsAre("dns nothing_to_do"));
}

TEST(RoutingPlan, AnIngressThatIsNoCaddyOfOursIsNotForgotten) {
  const auto made = plan("dns: {host: edge, config_path: /etc/h, ingress_ip: 192.0.2.9}\n");
  EXPECT_EQ(made.dns->command.ingress, "192.0.2.9");
  EXPECT_THAT(kinds(made.known), ElementsAre("none left"));
  EXPECT_THAT(made.known[0].message, HasSubstr("ingress at 192.0.2.9"));
}

TEST(RoutingPlan, WhatTheHostsFileCannotHoldIsLeft) {
  EXPECT_THAT(kinds(plan("dns: {host: edge}\n").known), ElementsAre("dns left"));
  EXPECT_THAT(kinds(plan("dns: {config_path: /etc/h}\n").known), ElementsAre("dns left"));
  EXPECT_THAT(plan("dns: {host: edge, config_path: /etc/h}\n", "notes", "brick", "named").known,
              ElementsAre(Field(&RoutingResult::message, HasSubstr("as the ip of named"))));
}

TEST(RoutingPlan, TheNameOfAHostIsNotMoved) {
  const auto made = plan(
      "  brick: {current_host: pebble, docker_compose: /srv/b/compose.yml, port: 1}\n"
      "dns: {host: edge, config_path: /etc/h}\n",
      "brick");
  EXPECT_FALSE(made.dns);
  EXPECT_THAT(made.known,
              ElementsAre(Field(&RoutingResult::message, HasSubstr("the name of a host too"))));
}

TEST(RoutingPlan, HostsWithoutAddressesSayNothing) {
  const auto made = plan("caddy: {host: edge}\n", "notes", "bare", "pebble");
  EXPECT_FALSE(made.caddy);
  EXPECT_THAT(kinds(made.known), ElementsAre("none left"));
  EXPECT_THAT(made.known[0].message, HasSubstr("no ip of \"bare\""));
}

TEST(RoutingPlan, AnAddressInRegistryYmlIsTold) {
  const auto made = plan(
      "  wiki: {current_host: edge, docker_compose: /srv/w/compose.yml, "
      "env: {NOTES: '192.0.2.21:8090'}}\n"
      "  near: {current_host: edge, docker_compose: /srv/x/compose.yml, "
      "env: {OTHER: '192.0.2.21:80901', MORE: '1192.0.2.21:8090'}}\n");
  ASSERT_TRUE(made.in_registry);
  EXPECT_EQ(made.in_registry->message,
            "192.0.2.21:8090 still stands in registry.yml, in the entries of: wiki");
  EXPECT_FALSE(plan("").in_registry);
}

/// brick is the host of Caddy and dnsmasq here; the service moved from chalk to slate.
class RoutingTest : public fleet::FleetTest {
 protected:
  RoutingTest() { join_brick(); }

  void write_registry(const std::string& more) {
    write_file_atomic(folder_ / "registry.yml",
                      "domain: attic.lan\nhosts:\n  brick: {ip: 192.0.2.2}\n"
                      "  chalk: {ip: 192.0.2.21}\n  slate: {ip: 192.0.2.22}\nservices:\n"
                      "  notes: {current_host: slate, docker_compose: /srv/c.yml, port: 8090}\n" +
                          more);
    run(registry_->reload());
  }
  std::string script(const std::string& lines) {
    const auto path = folder_ / "hook";
    write_file_atomic(path, "#!/bin/sh\n" + lines + "\n", 0755);
    return path.string();
  }
  asio::awaitable<std::vector<RoutingResult>> following() {
    routing_ = std::make_unique<Routing>(*registry_, *fleet_, settings_);
    return routing_->follow("notes", "chalk", "slate", move_, [this](const std::string& line) {
      log_.push_back(line);
    });
  }
  std::vector<RoutingResult> follow() { return run(following()); }
  /// With the host that answers its one command so; `lines` is what it wrote before.
  std::vector<RoutingResult> follow(fleet::DeviceDouble& device,
                                    const std::vector<std::string>& lines,
                                    const std::string& reason = {}) {
    std::optional<std::vector<RoutingResult>> results;
    asio::co_spawn(
        context_, following(), [&](const std::exception_ptr&, std::vector<RoutingResult> ended) {
          results = std::move(ended);
        });
    command_ = await<protocol::Command>(device);
    if (!lines.empty()) device.send(protocol::Progress{command_.id, "step", 0, lines, {}});
    protocol::CommandResult result;
    result.sequence = ++sequence_;
    result.command_id = command_.id;
    result.succeeded = reason.empty();
    result.reason = reason;
    result.message = reason.empty() ? "" : "it could not be done";
    device.send(result);
    step_until([&] { return results.has_value(); });
    return results.value_or(std::vector<RoutingResult>{});
  }

  const std::string move_ = "01J9Z3NDEKTSV4RRFFQ69G5FAV";
  RoutingSettings settings_{{}, 60s, 0s};
  std::unique_ptr<Routing> routing_;
  std::vector<std::string> log_;
  protocol::Command command_;
  std::int64_t sequence_ = 0;
};

TEST_F(RoutingTest, WithNobodyNamedItSaysWhatStillPointsAtTheOldHost) {
  write_registry("");
  const auto results = follow();
  EXPECT_THAT(kinds(results), ElementsAre("none left"));
  EXPECT_EQ(results[0].message,
            "notes.attic.lan and whoever uses 192.0.2.21:8090 still point at chalk");
  EXPECT_THAT(log_, ElementsAre(HasSubstr("still point at chalk")));
}

TEST_F(RoutingTest, CaddysHostGetsTheCommandUnderAnIdOfTheMove) {
  write_registry("caddy: {host: brick}\n");
  auto device = welcomed();
  const auto results = follow(device, {"done: Caddy dials it", "left: the file does not"});
  EXPECT_EQ(command_.name, "routing.caddy");
  EXPECT_EQ(command_.id, derived_ulid(move_, "routing.caddy"));
  const auto arguments = protocol::decode_arguments<protocol::RoutingCaddy>(command_.arguments);
  EXPECT_EQ(arguments.new_upstream, "192.0.2.22:8090");
  EXPECT_THAT(results,
              ElementsAre(RoutingResult{"caddy", "done", "Caddy dials it"},
                          RoutingResult{"caddy", "left", "the file does not"}));
  EXPECT_THAT(log_, Contains("brick: done: Caddy dials it"));
}

TEST_F(RoutingTest, WhatWasRightAlreadyIsNothingToDo) {
  write_registry("dns: {host: brick, config_path: /etc/h}\n");
  auto device = welcomed();
  const auto results = follow(device, {"nothing to do: it is there already"});
  EXPECT_EQ(command_.name, "routing.hosts");
  EXPECT_THAT(results, ElementsAre(RoutingResult{"dns", "nothing_to_do", "it is there already"}));
}

TEST_F(RoutingTest, WhatTheHostCouldNotDoIsAResult) {
  write_registry("caddy: {host: brick}\n");
  auto device = welcomed();
  const auto refused = follow(device, {}, "CADDY_REFUSED");
  EXPECT_THAT(kinds(refused), ElementsAre("caddy failed"));
  EXPECT_THAT(refused[0].message, HasSubstr("it could not be done; let Caddy on brick dial"));
}

TEST_F(RoutingTest, WhatWasNotFoundIsLeft) {
  write_registry("caddy: {host: brick}\n");
  auto device = welcomed();
  EXPECT_THAT(kinds(follow(device, {}, "ROUTE_NOT_FOUND")), ElementsAre("caddy left"));
}

TEST_F(RoutingTest, AHostThatIsAwayOrHasNoAgentEndsNothing) {
  write_registry("caddy: {host: brick}\ndns: {host: slate, config_path: /etc/h}\n");
  const auto results = follow();
  EXPECT_THAT(kinds(results), ElementsAre("caddy failed", "dns left"));
  EXPECT_THAT(results[1].message, HasSubstr("give it the address 192.0.2.22 in /etc/h on slate"));
}

TEST_F(RoutingTest, TheHookIsRunWithoutAShellWhereNobodyIsNamed) {
  write_registry("");
  settings_.hook = script("printf '<%s>' \"$@\"");
  EXPECT_THAT(follow(),
              ElementsAre(RoutingResult{
                  "hook",
                  "done",
                  settings_.hook + " was run: <notes><notes.attic.lan><chalk><192.0.2.21><slate>"
                                   "<192.0.2.22><8090>"}));
}

TEST_F(RoutingTest, AHookThatFailsSaysWhatStillPointsAtTheOldHost) {
  write_registry("");
  settings_.hook = script("echo first; echo no such zone; exit 3");
  const auto results = follow();
  EXPECT_THAT(kinds(results), ElementsAre("hook failed"));
  EXPECT_THAT(results[0].message,
              AllOf(HasSubstr("(exit 3): no such zone"), HasSubstr("still point at chalk")));
  settings_.hook = "/no/such/hook";
  EXPECT_THAT(kinds(follow()), ElementsAre("hook failed"));
}

TEST_F(RoutingTest, AHookThatHangsIsEnded) {
  write_registry("");
  settings_.hook = script("exec sleep 1000");
  settings_.hook_limit = 1s;
  EXPECT_THAT(follow()[0].message, HasSubstr("longer than 1 s"));
}

TEST_F(RoutingTest, TheHookStepsInWhereCaddyCouldNotFollowAndNotWhereItDid) {
  write_registry("caddy: {host: brick}\n");
  settings_.hook = script("exit 0");
  auto device = welcomed();
  EXPECT_THAT(kinds(follow(device, {"done: yes"})), ElementsAre("caddy done"));
  EXPECT_THAT(kinds(follow(device, {}, "CADDY_UNAVAILABLE")),
              ElementsAre("caddy failed", "hook done"));
}

}  // namespace
}  // namespace portoser::deployment
