#include "common/version.h"
#include "tests/unit/fleet/fleet_fixture.h"

namespace portoser::fleet {
namespace {

TEST_F(FleetTest, JoinedDeviceIsWelcomedAndAssignedItsServices) {
  const auto answer = run(fleet_->join(request(make_token(), device_keys_)));
  EXPECT_EQ(answer.controller_key, keys_.public_key);
  auto device = connect();
  device.send(hello());
  const auto welcome = await<protocol::Welcome>(device);
  EXPECT_EQ(welcome.device_id, answer.device_id);
  EXPECT_EQ(welcome.controller_version, version);
  const auto assign = await<protocol::Assign>(device);
  ASSERT_EQ(assign.services.size(), 1U);
  EXPECT_EQ(assign.services[0].name, "notes");
  EXPECT_EQ(assign.services[0].files, std::vector<std::string>{"/srv/notes/compose.yml"});
  step_until([&] { return fleet_->devices()->at("brick")->liveness == Liveness::online; });
}

TEST_F(FleetTest, JoiningAgainWithTheSameKeyTakesNoUse) {
  const auto token = make_token();
  const auto first = run(fleet_->join(request(token, device_keys_)));
  const auto again = run(fleet_->join(request(token, device_keys_)));
  EXPECT_EQ(again.device_id, first.device_id);
  EXPECT_FALSE(first.known_before);
  EXPECT_TRUE(again.known_before);
}

TEST_F(FleetTest, WhatARegistrationDeclaresIsKeptOverARestart) {
  auto made = request(make_token(), device_keys_);
  made.capabilities = {"docker", "mlx"};
  made.labels = {{"site", "lab"}};
  made.resources.gpu = true;
  run(fleet_->join(std::move(made)));
  for (int restarts = 0; restarts < 2; ++restarts) {
    const auto declared = fleet_->devices()->at("brick")->declared;
    EXPECT_EQ(declared.capabilities, (std::vector<std::string>{"docker", "mlx"}));
    EXPECT_EQ(declared.labels.at("site"), "lab");
    EXPECT_TRUE(declared.gpu);
    EXPECT_FALSE(declared.mlx_capable);
    close();
    open();
  }
}

TEST_F(FleetTest, RegistrationsThatMustNotPassAreRefused) {
  const auto other = protocol::make_key_pair();
  EXPECT_EQ(refusal(request("nobody", device_keys_)).reason(), "TOKEN_UNKNOWN");
  auto forged = request(make_token(), device_keys_);
  forged.public_key = other.public_key;  // somebody on the way put in his own key
  EXPECT_EQ(refusal(forged).reason(), "PROOF_WRONG");
  const auto unknown = refusal(request(make_token(), device_keys_, "pebble"));
  EXPECT_EQ(unknown.reason(), "HOST_NOT_IN_REGISTRY");
  EXPECT_NE(unknown.hint().find("pebble:\n    ip: 192.0.2.7"), std::string::npos) << unknown.hint();
  EXPECT_EQ(refusal(request(make_token("pebble"), device_keys_)).reason(), "TOKEN_FOR_OTHER_HOST");
  const auto misnamed = refusal(request(make_token("brick"), device_keys_, "pebble"));
  EXPECT_EQ(misnamed.reason(), "TOKEN_FOR_OTHER_HOST")
      << "though registry.yml has no pebble either";
  EXPECT_NE(misnamed.hint().find("--name brick"), std::string::npos) << misnamed.hint();
  auto bad_key = request(make_token(), device_keys_);
  bad_key.public_key = "short";
  EXPECT_EQ(refusal(bad_key).where(), "body.public_key");
  join_brick();
  EXPECT_EQ(refusal(request(make_token(), other)).reason(), "NAME_TAKEN");
}

TEST_F(FleetTest, KeyThatBelongsToNoDeviceIsNotHeard) {
  auto device = connect();
  device.send(hello());
  step_until([&] { return fleet_->gateway_stats().handshakes_refused > 0; });
  EXPECT_EQ(fleet_->gateway_stats().received, 0U);
}

TEST_F(FleetTest, EventIsToldOnceAndAcknowledgedAfterItIsStored) {
  join_brick();
  auto device = welcomed();
  protocol::Event event;
  event.sequence = 1;
  event.scope = "service";
  event.event_type = "failure";
  event.service = "notes";
  event.when = {"boot-1", 2000, 0};
  device.send(event);
  EXPECT_EQ(await<protocol::Ack>(device).sequence, 1);
  storage::EventStore store{*database_};
  EXPECT_EQ(run(store.list({})).size(), 1U);
  device.send(event);
  EXPECT_EQ(await<protocol::Ack>(device).sequence, 1) << "a repeat is acknowledged again";
  EXPECT_EQ(told_.events.size(), 1U);
  EXPECT_EQ(told_.events[0].machine, "brick");
}

TEST_F(FleetTest, AnEventThatTheNextAgentMakesAgainIsNotToldAgain) {
  join_brick();
  auto device = welcomed();
  protocol::Event event;
  event.scope = "service";
  event.event_type = "failure";
  event.service = "notes";
  event.when = {"boot-1", 2000, 0};
  event.origin = "failure:notes:a1:1000";
  event.sequence = 1;
  device.send(event);
  EXPECT_EQ(await<protocol::Ack>(device).sequence, 1);
  event.sequence = 2;
  device.send(event);
  EXPECT_EQ(await<protocol::Ack>(device).sequence, 2) << "or the agent would send it for ever";
  EXPECT_EQ(told_.events.size(), 1U);
  storage::EventStore store{*database_};
  EXPECT_EQ(run(store.list({})).size(), 1U);
}

TEST_F(FleetTest, AfterARestartOfBothAnEventMadeAgainIsNotToldAgain) {
  join_brick();
  protocol::Event event;
  event.scope = "service";
  event.event_type = "failure";
  event.service = "notes";
  event.origin = "failure:notes:a1:1000";
  event.sequence = 1;
  std::int64_t first_id = 0;
  {
    auto device = welcomed();
    device.send(event);
    await<protocol::Ack>(device);
    first_id = told_.events.at(0).id;
  }
  close();
  open();
  told_.events.clear();
  auto device = welcomed();
  event.sequence = 2;
  device.send(event);
  EXPECT_EQ(await<protocol::Ack>(device).sequence, 2);
  EXPECT_TRUE(told_.events.empty());
  event.sequence = 3;
  event.origin = "failure:notes:a1:2000";
  device.send(event);
  EXPECT_EQ(await<protocol::Ack>(device).sequence, 3);
  ASSERT_EQ(told_.events.size(), 1U);
  EXPECT_GT(told_.events[0].id, first_id);
}

TEST_F(FleetTest, AfterARestartStoredEventsAreNotToldAgain) {
  join_brick();
  {
    auto device = welcomed();
    protocol::Event event;
    event.sequence = 1;
    event.scope = "service";
    event.event_type = "stop";
    event.service = "notes";
    device.send(event);
    await<protocol::Ack>(device);
  }
  close();
  open();
  told_.events.clear();
  auto device = connect();
  device.send(hello());
  EXPECT_EQ(await<protocol::Welcome>(device).acked_sequence, 1);
  protocol::Event event;
  event.sequence = 1;
  event.scope = "service";
  event.event_type = "stop";
  device.send(event);
  await<protocol::Ack>(device);
  EXPECT_TRUE(told_.events.empty());
}

TEST_F(FleetTest, CommandReachesTheHostAndItsResultComesBack) {
  join_brick();
  auto device = welcomed();
  protocol::Command command;
  command.id = "c1";
  command.name = "compose.up";
  command.duration_ms = 60000;
  std::vector<std::string> output;
  std::optional<protocol::CommandResult> result;
  asio::co_spawn(
      context_,
      fleet_->run("brick",
                  command,
                  [&](const protocol::Progress& news) {
                    output.insert(output.end(), news.lines.begin(), news.lines.end());
                  }),
      [&](const std::exception_ptr&, protocol::CommandResult ended) { result = std::move(ended); });
  EXPECT_EQ(await<protocol::Command>(device).id, "c1");
  device.send(protocol::Progress{"c1", "up", 0, {"Creating"}, {}});
  protocol::CommandResult done;
  done.sequence = 1;
  done.command_id = "c1";
  done.succeeded = true;
  device.send(done);
  step_until([&] { return result.has_value(); });
  EXPECT_TRUE(result->succeeded);
  EXPECT_EQ(output, std::vector<std::string>{"Creating"});
  EXPECT_EQ(await<protocol::Ack>(device).sequence, 1) << "a result is durable too";

  // Asked once more, the agent answers the same with another number: told, and stored once.
  result.reset();
  command.adopt_only = true;
  asio::co_spawn(
      context_,
      fleet_->run("brick", command, [](const protocol::Progress&) {}),
      [&](const std::exception_ptr&, protocol::CommandResult ended) { result = std::move(ended); });
  await<protocol::Command>(device);
  done.sequence = 2;
  device.send(done);
  step_until([&] { return result.has_value(); });
  EXPECT_EQ(await<protocol::Ack>(device).sequence, 2);
  EXPECT_TRUE(told_.late_results.empty());
  storage::EventStore events{*database_};
  storage::EventFilter results;
  results.scope = "command";
  EXPECT_EQ(run(events.list(results)).size(), 1U);
}

TEST_F(FleetTest, CommandForAHostThatIsAwayIsRefusedAtOnce) {
  EXPECT_THROW(fleet_->require_online("brick"), Error);
  join_brick();
  try {
    fleet_->require_online("brick");
    FAIL() << "accepted";
  } catch (const Error& error) {
    EXPECT_EQ(error.reason(), "AGENT_OFFLINE");
    EXPECT_FALSE(error.hint().empty());
  }
}

TEST_F(FleetTest, CopyOfAMachineIsKeptOutWhileTheFirstAnswers) {
  join_brick();
  auto first = welcomed();
  auto copy = connect();
  const auto received = fleet_->gateway_stats().received;
  copy.send(hello("boot-of-the-copy", "epoch-1"));
  step_until([&] { return fleet_->gateway_stats().received > received; });
  first.send(sample());
  step_until([&] { return !told_.samples.empty(); });
  copy.send(hello("boot-of-the-copy", "epoch-1"));
  EXPECT_EQ(await<protocol::Goodbye>(copy).reason, "cloned");
  step_until([&] { return fleet_->devices()->at("brick")->cloned; });
  EXPECT_EQ(fleet_->refusals().hellos_two_machines, 1U);
  copy.send(protocol::State{});
  step_until([&] { return fleet_->refusals().dropped_not_welcomed == 1; });
  first.send(sample(3000));
  step_until([&] { return told_.samples.size() == 2; });
}

TEST_F(FleetTest, CopiesThatTakeTurnsAreAllKeptOutAndTold) {
  join_brick();
  auto first = welcomed();
  auto one = connect();
  auto other = connect();
  const auto say_hello = [&](DeviceDouble& copy, const std::string& boot) {
    const auto received = fleet_->gateway_stats().received;
    copy.send(hello(boot, "epoch-1"));
    step_until([&] { return fleet_->gateway_stats().received > received; });
  };
  say_hello(one, "boot-of-one");
  say_hello(other, "boot-of-the-other");
  first.send(sample());
  step_until([&] { return !told_.samples.empty(); });
  say_hello(one, "boot-of-one");
  say_hello(other, "boot-of-the-other");
  EXPECT_EQ(await<protocol::Goodbye>(one).reason, "cloned");
  EXPECT_EQ(await<protocol::Goodbye>(other).reason, "cloned");
  EXPECT_EQ(fleet_->refusals().hellos_two_machines, 2U);
}

TEST_F(FleetTest, CopyThatWasTakenAwayIsForgotten) {
  close();
  copies_told_ = 100ms;
  open();
  join_brick();
  auto first = welcomed();
  {
    auto copy = connect();
    std::int64_t uptime_ns = 2000;
    step_until([&] {
      copy.send(hello("boot-of-the-copy", "epoch-1"));
      first.send(sample(++uptime_ns));
      return fleet_->devices()->at("brick")->cloned;
    });
  }
  step_until([&] { return !fleet_->devices()->at("brick")->cloned; });
}

TEST_F(FleetTest, AQuickRebootIsNoCopy) {
  close();
  limits_.answers_within = 200ms;
  open();
  join_brick();
  auto before = welcomed();
  before.send(sample());
  step_until([&] { return !told_.samples.empty(); });
  auto after = connect();
  // The older one is never heard again; the newcomer repeats its hello, as agents do.
  std::optional<protocol::AnyMessage> answer;
  step_until([&] {
    after.send(hello("boot-2", "epoch-1"));
    answer = after.receive();
    return answer.has_value();
  });
  EXPECT_TRUE(std::holds_alternative<protocol::Welcome>(*answer));
  // Should it be another machine after all, the older one comes again and challenges it.
  EXPECT_EQ(await<protocol::Goodbye>(before).reason, "stopping");
  EXPECT_FALSE(fleet_->devices()->at("brick")->cloned);
  after.send(sample(2000, "boot-2"));
  step_until([&] { return told_.samples.size() == 2; });
}

/// Whoever measures every few minutes says nothing by itself that would decide it.
TEST_F(FleetTest, WhoWasThereIsAskedWhenAnotherMachineComes) {
  close();
  limits_.answers_within = 10min;
  limits_.asked_for = 300ms;
  open();
  join_brick();
  auto before = welcomed();
  before.send(sample());
  step_until([&] { return !told_.samples.empty(); });
  auto copy = connect();
  copy.send(hello("boot-of-the-copy", "epoch-1"));
  await<protocol::Welcome>(before);
  before.send(sample(3000));
  step_until([&] { return told_.samples.size() == 2; });
  copy.send(hello("boot-of-the-copy", "epoch-1"));
  EXPECT_EQ(await<protocol::Goodbye>(copy).reason, "cloned");
  // One that came back from a quick reboot is let in once the older has not answered.
  auto after = connect();
  std::optional<protocol::AnyMessage> answer;
  step_until([&] {
    after.send(hello("boot-3", "epoch-1"));
    answer = after.receive();
    return answer.has_value();
  });
  EXPECT_TRUE(std::holds_alternative<protocol::Welcome>(*answer));
}

TEST_F(FleetTest, HelloThatComesAgainIsWelcomedAgainAndAnotherMachinesIsNot) {
  join_brick();
  auto device = welcomed();
  step_until([&] { return fleet_->devices()->at("brick")->connected_since.has_value(); });
  const auto since = fleet_->devices()->at("brick")->connected_since;
  device.send(hello());
  await<protocol::Welcome>(device);
  await<protocol::Assign>(device);
  EXPECT_EQ(fleet_->devices()->at("brick")->connected_since, since);
  device.send(hello("another-boot"));
  step_until([&] { return fleet_->refusals().dropped_not_welcomed == 1; });
}

TEST_F(FleetTest, ConnectionThatSaidGoodbyeIsOver) {
  join_brick();
  auto device = welcomed();
  device.send(protocol::Goodbye{"stopping", ""});
  device.send(hello());
  step_until([&] { return fleet_->refusals().dropped_not_welcomed == 1; });
  EXPECT_EQ(told_.liveness.back(), "brick offline");
  welcomed();
}

TEST_F(FleetTest, SameAgentConnectingAnewIsHeardOnItsNewConnection) {
  join_brick();
  auto old = welcomed();
  auto fresh = welcomed();
  old.send(protocol::State{});
  fresh.send(sample());
  step_until([&] { return !told_.samples.empty(); });
  EXPECT_TRUE(told_.states.empty()) << "the old connection is not listened to any more";
}

TEST_F(FleetTest, AStateThatWasOnItsWayForLongIsOfWhenItWasSent) {
  join_brick();
  auto device = welcomed();
  protocol::State state;
  state.when = {"boot-1", std::chrono::nanoseconds{10s}.count(), 0};
  device.send(state);
  step_until([&] { return told_.states.size() == 1; });
  state.when.uptime_ns = std::chrono::nanoseconds{7s}.count();
  device.send(state);
  step_until([&] { return told_.states.size() == 2; });
  EXPECT_LT(std::chrono::abs(told_.state_times[0] - told_.state_times[1] - 3s), 100ms);
}

TEST_F(FleetTest, SamplesOfThePastAreNotHowTheHostIsNow) {
  join_brick();
  auto device = welcomed();
  device.send(sample(500));  // measured before the hello
  device.send(sample(9000));
  device.send(sample(8000));
  device.send(sample(50'000, "boot-0"));  // of before the reboot, from the backlog
  device.send(sample(10'000));
  step_until([&] { return told_.samples.size() == 2; });
  EXPECT_EQ(told_.late_samples.size(), 3U);
}

TEST_F(FleetTest, TheRoundTripToADeviceIsKnownOnceItSendsSamples) {
  join_brick();
  auto device = welcomed();
  EXPECT_TRUE(fleet_->round_trips().empty());
  device.send(sample(9000));
  step_until([&] { return !fleet_->round_trips().empty(); });
  const auto round_trips = fleet_->round_trips();
  ASSERT_TRUE(round_trips.contains("brick"));
  EXPECT_GT(round_trips.at("brick"), 0us);
  EXPECT_LT(round_trips.at("brick"), 1s);
}

TEST_F(FleetTest, WhatWasInstalledSinceTheHelloIsShownAndKept) {
  join_brick();
  {
    auto device = welcomed();
    protocol::State state;
    state.compose_version = "2.24.5";
    state.engine_version = "25.0.1";
    device.send(state);
    step_until([&] {
      const auto devices = fleet_->devices();
      return devices->at("brick")->facts.compose_version == "2.24.5";
    });
    EXPECT_EQ(fleet_->devices()->at("brick")->facts.engine_version, "25.0.1");
    EXPECT_GE(fleet_->registrations().updated.at("facts"), 1U);
    device.send(protocol::State{});
    step_until([&] { return told_.states.size() == 2; });
    EXPECT_EQ(fleet_->devices()->at("brick")->facts.engine_version, "25.0.1")
        << "one that does not say it takes nothing back";
  }
  close();
  open();
  EXPECT_EQ(fleet_->devices()->at("brick")->facts.compose_version, "2.24.5");
}

TEST_F(FleetTest, FactsThatCannotBeTrueAreUnknown) {
  join_brick();
  const auto say = [this](const protocol::HostFacts& facts) {
    auto device = connect();
    auto message = hello();
    message.facts = facts;
    device.send(message);
    await<protocol::Welcome>(device);
  };
  const auto facts = [this] { return fleet_->devices()->at("brick")->facts; };
  protocol::HostFacts large;  // and only unusual
  large.cpu_cores = 512;
  large.cpu_threads = 1024;
  large.memory_bytes = std::int64_t{64} << 40U;
  large.disk_bytes = std::int64_t{100} << 50U;
  say(large);
  step_until([&] { return facts() == large; });
  protocol::HostFacts mad;
  mad.kernel = "6.1";
  mad.cpu_cores = -1;
  mad.cpu_threads = INT64_MAX;
  mad.memory_bytes = INT64_MIN;
  mad.disk_bytes = INT64_MAX;
  protocol::HostFacts unknown;
  unknown.kernel = "6.1";
  say(mad);
  step_until([&] { return facts().kernel == "6.1"; });
  EXPECT_EQ(facts(), unknown);
  close();
  open();
  EXPECT_EQ(fleet_->devices()->at("brick")->facts, unknown);
}

TEST_F(FleetTest, WhatAnEarlierControllerKeptOfFactsIsCheckedToo) {
  join_brick();
  const auto id = fleet_->devices()->at("brick")->id;
  run(storage::DeviceStore{*database_}.update_facts(
      id, R"({"cpu_cores":8,"memory_bytes":-5,"disk_bytes":9223372036854775807})", "1"));
  close();
  open();
  const auto facts = fleet_->devices()->at("brick")->facts;
  EXPECT_EQ(facts.cpu_cores, 8);
  EXPECT_EQ(facts.memory_bytes, 0);
  EXPECT_EQ(facts.disk_bytes, 0);
}

TEST_F(FleetTest, AgentOfAnotherProtocolIsToldWhichSideToUpgrade) {
  join_brick();
  auto device = connect();
  auto message = hello();
  message.protocol_low = protocol::version_high + 1;
  message.protocol_high = protocol::version_high + 2;
  device.send(message);
  const auto goodbye = await<protocol::Goodbye>(device);
  EXPECT_EQ(goodbye.reason, "version");
  EXPECT_NE(goodbye.message.find("upgrade the controller"), std::string::npos) << goodbye.message;
}

TEST_F(FleetTest, GarbageIsCountedAndHarmsNobody) {
  join_brick();
  auto device = welcomed();
  device.send_raw("no msgpack");
  device.send_raw(std::string(protocol::message_limit + 1, 'x'));
  device.send(sample());
  step_until([&] { return !told_.samples.empty(); });
  EXPECT_EQ(fleet_->gateway_stats().dropped_malformed, 1U);
  EXPECT_EQ(fleet_->gateway_stats().dropped_too_large, 1U);
}

TEST_F(FleetTest, GoodbyeIsOfflineAtOnce) {
  join_brick();
  auto device = welcomed();
  device.send(protocol::Goodbye{"stopping", ""});
  step_until([&] { return fleet_->devices()->at("brick")->liveness == Liveness::offline; });
  EXPECT_EQ(told_.liveness.back(), "brick offline");
  EXPECT_EQ(told_.last_seens.back(), fleet_->devices()->at("brick")->last_seen);
  EXPECT_TRUE(told_.last_seens.back());
}

TEST_F(FleetTest, AStepOfTheControllersClockTakesTheTimesOfQuietHostsAlong) {
  join_brick();
  auto device = welcomed();
  device.send(protocol::Goodbye{"stopping", ""});
  step_until([&] { return fleet_->devices()->at("brick")->liveness == Liveness::offline; });
  const auto heard = fleet_->devices()->at("brick")->last_seen;
  ASSERT_TRUE(heard);
  // A setting is measured between two readings of two clocks, so not to the microsecond.
  const auto lies_at = [&](std::chrono::hours by) {
    const auto off = *fleet_->devices()->at("brick")->last_seen - *heard - by;
    return std::chrono::abs(off) < 1s;
  };
  clock_.set_by(1h);
  step_until([&] { return lies_at(1h); });
  clock_.set_by(-2h);
  step_until([&] { return lies_at(-1h); });
  EXPECT_EQ(told_.clock_sets.size(), 2U);
  EXPECT_EQ(fleet_->devices()->at("brick")->liveness, Liveness::offline);
}

TEST_F(FleetTest, ASampleOfTheFutureKeepsNoTrueOneFromBeingLive) {
  join_brick();
  auto device = welcomed();
  constexpr std::int64_t hour_ns = 3'600'000'000'000;
  device.send(sample(hour_ns));
  step_until([&] { return told_.late_samples.size() == 1; });
  device.send(sample(2000));
  step_until([&] { return told_.samples.size() == 1; });
}

TEST_F(FleetTest, AMachineThatWasSetBackToASnapshotIsLiveAgain) {
  join_brick();
  {
    auto before = welcomed();
    before.send(sample(5000));
    step_until([&] { return told_.samples.size() == 1; });
  }
  auto after = welcomed();
  after.send(sample(2000));
  step_until([&] { return told_.samples.size() == 2; });
}

TEST_F(FleetTest, WhatDidNotChangeIsOneObjectInAllPublications) {
  write_file_atomic(folder_ / "registry.yml", "hosts:\n  brick: {}\n  pebble: {}\n");
  close();
  open();
  join_brick();
  const auto first = fleet_->devices();
  run(fleet_->join(request(make_token(), protocol::make_key_pair(), "pebble")));
  const auto second = fleet_->devices();
  ASSERT_EQ(second->size(), 2U);
  EXPECT_NE(first, second);
  EXPECT_EQ(first->at("brick"), second->at("brick"));
  auto device = welcomed();
  step_until([&] { return fleet_->devices()->at("brick")->liveness == Liveness::online; });
  const auto third = fleet_->devices();
  EXPECT_EQ(first->at("brick")->liveness, Liveness::unknown) << "what was given away is immutable";
  EXPECT_EQ(second->at("pebble"), third->at("pebble"));
}

TEST_F(FleetTest, TellsTheUptimeOfAHostThatIsThere) {
  const auto refused = [&](const std::string& host) {
    try {
      static_cast<void>(fleet_->uptime_of(host));
    } catch (const Error& error) {
      return error.reason();
    }
    return std::string{"none"};
  };
  EXPECT_EQ(refused("brick"), "AGENT_MISSING");
  join_brick();
  EXPECT_EQ(refused("brick"), "AGENT_OFFLINE");
  const auto before = clock_.uptime();
  auto device = welcomed();
  const auto there = fleet_->uptime_of("brick");
  EXPECT_EQ(there.boot_id, "boot-1");
  EXPECT_GE(there.uptime_ns, 1000) << "as its hello says";
  EXPECT_LE(there.uptime_ns, 1000 + (clock_.uptime() - before).count());
  device.send(protocol::Goodbye{"stopping", "the agent stops"});
  step_until([&] { return refused("brick") != "none"; });
  EXPECT_EQ(refused("brick"), "AGENT_OFFLINE");
}

TEST_F(FleetTest, PortThatIsTakenIsNamed) {
  GatewaySettings settings;
  settings.address = "127.0.0.1";
  settings.port = fleet_->wire_port();
  settings.secret_key = keys_.secret_key;
  try {
    const Gateway second{
        settings, {}, clock_, context_.get_executor(), [](auto) {}, [](const auto&) {}};
    FAIL() << "bound twice";
  } catch (const Error& error) {
    EXPECT_EQ(error.reason(), "PORT_TAKEN");
    EXPECT_NE(error.message().find(std::to_string(settings.port)), std::string::npos);
  }
}

}  // namespace
}  // namespace portoser::fleet
