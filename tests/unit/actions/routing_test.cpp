// The routing commands as the agent sees them, with portoser-routing played by a script.
#include "agent/routing/parameters.h"
#include "common/describe_json.h"
#include "tests/unit/actions/fixture.h"

namespace portoser::agent::actions {
namespace {

using testing::HasSubstr;

class RoutingCommands : public ActionsTest {
 protected:
  RoutingCommands() {
    play("exit 0");
    settings.routing_program = (folder / "tool/routing").string();
    end(actions);
    actions = make_actions();
  }

  /// What the program does: lines of sh, with the command's folder in $2.
  void play(const std::string& lines) const {
    write_file_atomic(folder / "tool/routing", "#!/bin/sh\n" + lines + "\n", 0755);
  }
  static protocol::RoutingCaddy caddy() {
    protocol::RoutingCaddy out;
    out.service = "notes";
    out.hostname = "notes.attic.lan";
    out.old_upstream = "192.0.2.21:8090";
    out.new_upstream = "192.0.2.22:8090";
    return out;
  }
  static protocol::RoutingHosts hosts() {
    protocol::RoutingHosts out;
    out.service = "notes";
    out.path = "/etc/dnsmasq.hosts";
    out.hostname = "notes.attic.lan";
    out.address = "192.0.2.22";
    return out;
  }
  template <class Arguments>
  protocol::CommandResult handle(const Arguments& arguments) {
    protocol::Command command;
    command.id = new_id();
    command.name = Arguments::name;
    command.duration_ms = 60'000;
    command.arguments = protocol::encode_arguments(arguments);
    actions->handle(std::move(command));
    const auto count = results.size() + 1;
    await_result(count);
    return results.back();
  }
};

TEST_F(RoutingCommands, TheProgramGetsTheArgumentsInItsFolder) {
  play("cp \"$2/parameters.json\" \"$(dirname \"$0\")/$1.json\"");
  EXPECT_TRUE(handle(caddy()).succeeded);
  EXPECT_TRUE(handle(hosts()).succeeded);
  routing::Parameters read;
  from_json(Json::parse(read_file(folder / "tool/caddy.json")), read, "parameters");
  EXPECT_EQ(read.caddy, caddy());
  EXPECT_EQ(read.command, results[0].command_id);
  EXPECT_EQ(read.data, settings.data_folder.string());
  from_json(Json::parse(read_file(folder / "tool/hosts.json")), read, "parameters");
  EXPECT_EQ(read.hosts, hosts());
}

TEST_F(RoutingCommands, WhatItWritesIsPassedOn) {
  play("echo 'done: Caddy dials it'");
  EXPECT_TRUE(handle(caddy()).succeeded);
  EXPECT_THAT(lines(), testing::Contains("done: Caddy dials it"));
}

/// A step that failed, in the words of the program.
struct Ending {
  std::string words;
  std::string reason;
  std::string code;
};
void PrintTo(const Ending& one, std::ostream* out) {
  *out << one.reason;
}

class RoutingFailure : public RoutingCommands, public testing::WithParamInterface<Ending> {};

TEST_P(RoutingFailure, HasItsReason) {
  play("echo 'hint: look there'; echo '" + GetParam().words + "'; exit 1");
  const auto result = handle(caddy());
  EXPECT_FALSE(result.succeeded);
  EXPECT_EQ(result.reason, GetParam().reason);
  EXPECT_EQ(result.code, GetParam().code);
  EXPECT_THAT(result.message, HasSubstr("it is so"));
  EXPECT_EQ(result.hint, "look there");
}

INSTANTIATE_TEST_SUITE_P(
    Routing,
    RoutingFailure,
    testing::Values(Ending{"ROUTE_NOT_FOUND: it is so", "ROUTE_NOT_FOUND", "not_found"},
                    Ending{"CADDY_UNAVAILABLE: it is so", "CADDY_UNAVAILABLE", "unavailable"},
                    Ending{"CADDY_REFUSED: it is so", "CADDY_REFUSED", "conflict"},
                    Ending{"DISK_FULL: it is so", "DISK_FULL", "unavailable"},
                    Ending{"INTERNAL: it is so", "ACTION_FAILED", "internal"}));

TEST_F(RoutingCommands, ArgumentsThatWouldBreakAFileAreRefused) {
  auto wrong = hosts();
  wrong.hostname = "notes\n192.0.2.9 bank.example";
  EXPECT_EQ(handle(wrong).code, "invalid");
  wrong = hosts();
  wrong.address = "brick";
  EXPECT_EQ(handle(wrong).code, "invalid");
  wrong = hosts();
  wrong.path = "hosts";
  EXPECT_EQ(handle(wrong).code, "invalid");
  auto nameless = caddy();
  nameless.old_upstream.clear();
  EXPECT_EQ(handle(nameless).code, "invalid");
}

TEST_F(RoutingCommands, AProgramThatIsNotThereIsSaid) {
  std::filesystem::remove(folder / "tool/routing");
  EXPECT_THAT(handle(caddy()).message, HasSubstr("tool/routing is not there"));
}

}  // namespace
}  // namespace portoser::agent::actions
