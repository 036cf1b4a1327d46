// Devices that wait, are let in, set aside, removed, or have no agent.
#include "common/describe_json.h"
#include "tests/unit/fleet/fleet_fixture.h"

#include <algorithm>

namespace portoser::fleet {
namespace {

class FleetDevices : public FleetTest {
 protected:
  static inline const Actor admin{"ada", true};
  static inline const Actor somebody{"eve", false};

  void reopen() {
    close();
    open();
  }
  template <class T>
  Error refused(asio::awaitable<T> work) {
    try {
      run(std::move(work));
    } catch (const Error& error) {
      return error;
    }
    ADD_FAILURE() << "it was not refused";
    return Error{Code::internal, ""};
  }
  /// Why nothing may be run there.
  std::string action_refusal() {
    try {
      fleet_->require_online("brick");
    } catch (const Error& error) {
      return error.reason();
    }
    return "none";
  }
  const Device& device(const std::string& name = "brick") {
    shown_ = fleet_->devices();
    return *shown_->at(name);
  }
  RegistrationRequest request_without_agent(const std::string& token) {
    RegistrationRequest made;
    made.hostname = "brick";
    made.token_id = token;
    made.proof = protocol::join_proof(sha256("secret"), "brick", "");
    made.ip = "192.0.2.7";
    made.arch = "arm64";
    made.os = "linux";
    made.os_version = "Debian 12";
    return made;
  }
  static RegistrationRequest old_request(const std::string& name = "brick") {
    RegistrationRequest made;
    made.hostname = name;
    made.ip_address = "192.0.2.31";
    made.os = "Debian GNU/Linux 12";
    made.architecture = "x86_64";
    made.ram_mb = 15872;
    made.ssh_public_key = "ssh-rsa AAAA user@" + name;
    return made;
  }
  /// It knocks and is turned away.
  void expect_shut_out() {
    const auto before = fleet_->gateway_stats().handshakes_refused;
    auto double_ = connect();
    double_.send(hello());
    step_until([&] { return fleet_->gateway_stats().handshakes_refused > before; });
  }
  asio::awaitable<Removal> remove(bool force = true, Actor actor = admin) {
    return fleet_->remove("brick", {force, false}, actor);
  }
  DeviceUpdate status(const std::string& word) {
    DeviceUpdate update;
    update.status = word;
    return update;
  }

  std::shared_ptr<const Devices> shown_;
};

TEST_F(FleetDevices, AWaitingDeviceIsAdmittedOnceItIsApproved) {
  approval_required_ = true;
  reopen();
  const auto answer = run(fleet_->join(request(make_token(), device_keys_)));
  EXPECT_EQ(answer.status, "pending");
  EXPECT_TRUE(answer.approval_required);
  EXPECT_EQ(answer.approval_url, "/devices/pending/brick");
  EXPECT_EQ(status_over_liveness(device()), "pending");
  EXPECT_EQ(told_.devices, std::vector<std::string>{"device_registered brick pending"});
  expect_shut_out();
  EXPECT_EQ(refused(fleet_->approve("brick", somebody)).code(), Code::forbidden);
  EXPECT_EQ(action_refusal(), "DEVICE_PENDING");
  reopen();
  expect_shut_out();
  run(fleet_->approve("brick", admin));
  EXPECT_EQ(device().approval, Approval::approved);
  EXPECT_TRUE(device().approved_at);
  welcomed();
  // Shown together with what else changes within a moment.
  step_until([&] { return device().liveness == Liveness::online; });
  EXPECT_EQ(told_.devices.back(), "device_approved brick active");
  EXPECT_EQ(refused(fleet_->reject("brick", admin)).reason(), "DEVICE_APPROVED");
  reopen();
  welcomed();
}

TEST_F(FleetDevices, ARejectedDeviceStaysOutAndItsNameIsFree) {
  approval_required_ = true;
  reopen();
  const auto token = make_token();
  run(fleet_->join(request(token, device_keys_)));
  run(fleet_->reject("brick", admin));
  EXPECT_EQ(status_over_liveness(device()), "rejected");
  expect_shut_out();
  EXPECT_EQ(refusal(request(token, device_keys_)).reason(), "DEVICE_REJECTED");
  const auto other = protocol::make_key_pair();
  EXPECT_EQ(run(fleet_->join(request(make_token(), other))).status, "pending");
  EXPECT_EQ(device().approval, Approval::pending);
  EXPECT_EQ(fleet_->devices()->size(), 1U);
  expect_shut_out();
}

TEST_F(FleetDevices, OfARemovedDeviceNoRoundTripIsKept) {
  join_brick();
  auto double_ = welcomed();
  double_.send(sample());
  step_until([&] { return fleet_->round_trips().contains("brick"); });
  run(remove());
  EXPECT_TRUE(fleet_->round_trips().empty());
}

TEST_F(FleetDevices, ARemovedDeviceIsToldAndNotHeardAnyMore) {
  join_brick();
  auto double_ = welcomed();
  const auto in_use = refused(remove(false));
  EXPECT_EQ(in_use.reason(), "DEVICE_IN_USE");
  ASSERT_EQ(in_use.details().size(), 1U);
  EXPECT_EQ(in_use.details()[0].message, "notes");
  EXPECT_EQ(refused(fleet_->remove("brick", {true, true}, admin)).reason(), "NOT_SUPPORTED");
  EXPECT_EQ(run(remove()).services_left, std::vector<std::string>{"notes"});
  EXPECT_EQ(await<protocol::Goodbye>(double_).reason, "removed");
  const auto dropped = fleet_->gateway_stats().dropped_not_admitted;
  double_.send(sample());
  step_until([&] { return fleet_->gateway_stats().dropped_not_admitted > dropped; });
  EXPECT_TRUE(told_.samples.empty());
  EXPECT_TRUE(fleet_->devices()->empty());
  EXPECT_EQ(told_.devices.back(), "device_deregistered brick online");
  EXPECT_EQ(told_.liveness.back(), "brick offline");
  expect_shut_out();
  EXPECT_EQ(action_refusal(), "AGENT_MISSING");
  EXPECT_EQ(refused(remove()).code(), Code::not_found);
  EXPECT_EQ(refusal(request(make_token(), device_keys_)).reason(), "KEY_TAKEN");
  reopen();
  EXPECT_TRUE(fleet_->devices()->empty());
  expect_shut_out();
  device_keys_ = protocol::make_key_pair();
  join_brick();
  welcomed();
}

TEST_F(FleetDevices, WhatIsUnderWayOnAHostEndsWithItsRemoval) {
  join_brick();
  auto double_ = welcomed();
  protocol::Command command;
  command.id = "c1";
  command.duration_ms = 3'600'000;
  std::optional<std::string> reason;
  asio::co_spawn(context_,
                 fleet_->run("brick", command, [](const auto&) {}),
                 [&](const std::exception_ptr& failure, const protocol::CommandResult&) {
                   try {
                     if (failure) std::rethrow_exception(failure);
                   } catch (const Error& error) {
                     reason = error.reason();
                   }
                 });
  await<protocol::Command>(double_);
  run(remove());
  step_until([&] { return reason.has_value(); });
  EXPECT_EQ(reason, "DEVICE_REMOVED");
}

TEST_F(FleetDevices, ADisabledDeviceIsKeptOutUntilItIsNot) {
  join_brick();
  auto double_ = welcomed();
  run(fleet_->update("brick", status("disabled"), admin));
  EXPECT_EQ(await<protocol::Goodbye>(double_).reason, "stopping") << "it is to come back";
  EXPECT_EQ(status_over_liveness(device()), "disabled");
  EXPECT_EQ(action_refusal(), "DEVICE_DISABLED");
  expect_shut_out();
  reopen();
  expect_shut_out();
  run(fleet_->update("brick", status("active"), admin));
  welcomed();
  // Shown together with what else changes within a moment.
  step_until([&] { return device().liveness == Liveness::online; });
  EXPECT_EQ(status_over_liveness(device()), "");
  EXPECT_EQ(refused(fleet_->update("brick", status("asleep"), admin)).where(), "body.status");
}

TEST_F(FleetDevices, WhoWasJustLetInIsNotDeclaredOffline) {
  approval_required_ = true;
  limits_.grace = 0ms;
  limits_.first_sign = 2500ms;
  reopen();
  run(fleet_->join(request(make_token(), device_keys_)));
  run(fleet_->approve("brick", admin));
  const auto approved = clock_.uptime();
  step_until([&] { return !told_.liveness.empty(); });
  EXPECT_EQ(told_.liveness, std::vector<std::string>{"brick offline"}) << "it never came";
  EXPECT_GE(clock_.uptime() - approved, limits_.first_sign);
}

TEST_F(FleetDevices, MaintenanceIsShownAndHindersNothing) {
  join_brick();
  auto double_ = welcomed();
  run(fleet_->update("brick", status("maintenance"), admin));
  EXPECT_EQ(status_over_liveness(device()), "maintenance");
  double_.send(sample());
  step_until([&] { return !told_.samples.empty(); });
  EXPECT_EQ(device().liveness, Liveness::online);
  EXPECT_EQ(told_.devices.back(), "device_heartbeat brick maintenance");
}

TEST_F(FleetDevices, WhatPeopleSayOfADeviceIsKept) {
  join_brick();
  DeviceUpdate update;
  update.labels.emplace()["site"] = "lab";
  update.description = "under the stairs";
  update.ssh_user = "root";
  update.resources = ResourcesUpdate{4, 8, 16, 480, true, false};
  run(fleet_->update("brick", update, admin));
  DeviceUpdate later;
  later.capabilities = std::vector<std::string>{"mlx"};
  run(fleet_->update("brick", later, admin));
  for (int restarts = 0; restarts < 2; ++restarts) {
    const auto& declared = device().declared;
    EXPECT_EQ(declared.labels.at("site"), "lab");
    EXPECT_EQ(declared.description, "under the stairs");
    EXPECT_EQ(declared.ssh_user, "root");
    EXPECT_EQ(declared.capabilities, std::vector<std::string>{"mlx"});
    ASSERT_TRUE(declared.resources);
    EXPECT_EQ(declared.resources->memory_gb, 16);
    EXPECT_TRUE(declared.gpu);
    reopen();
  }
  update.labels->at("site") = std::string(300, 'a');
  EXPECT_EQ(refused(fleet_->update("brick", update, admin)).where(), "body.labels.site");
}

TEST_F(FleetDevices, WhatPeopleSayOfADeviceOutlivesItsKey) {
  auto first = request_without_agent(make_token());
  first.resources.gpu = true;
  run(fleet_->join(first));
  DeviceUpdate update;
  update.labels.emplace()["site"] = "lab";
  update.description = "under the stairs";
  run(fleet_->update("brick", update, admin));
  const auto again = run(fleet_->join(request_without_agent(make_token("brick", true))));
  ASSERT_TRUE(again.device_credential) << "so a lost one is replaced";
  EXPECT_EQ(run(fleet_->heartbeat("brick", *again.device_credential, {})).status, "online");
  EXPECT_NE(refused(fleet_->heartbeat("brick", "lost", {})).hint().find("allow_key_change"),
            std::string::npos);
  EXPECT_EQ(device().declared.description, "under the stairs");
  EXPECT_EQ(device().declared.labels.at("site"), "lab");
  EXPECT_TRUE(device().declared.gpu) << "this time it said nothing of that";
}

TEST_F(FleetDevices, OnlyItsOwnerOrAnAdminChangesADevice) {
  join_brick();
  EXPECT_EQ(refused(fleet_->update("brick", status("maintenance"), somebody)).reason(),
            "NOT_OWNER");
  EXPECT_EQ(refused(fleet_->update("nobody", {}, somebody)).code(), Code::forbidden)
      << "nobody learns whether there is one";
  EXPECT_EQ(refused(remove(true, somebody)).code(), Code::forbidden);
  EXPECT_EQ(refused(fleet_->transfer("brick", "eve", somebody)).code(), Code::forbidden);
  EXPECT_EQ(refused(fleet_->transfer("nobody", "eve", admin)).reason(), "DEVICE_UNKNOWN");
  EXPECT_EQ(run(fleet_->transfer("brick", "eve", admin)).previous_owner, std::nullopt);
  run(fleet_->update("brick", status("maintenance"), somebody));
  EXPECT_EQ(refused(fleet_->update("brick", status("disabled"), somebody)).reason(), "NOT_ADMIN");
  run(fleet_->update("brick", status("disabled"), admin));
  for (const auto* word : {"active", "maintenance"}) {
    EXPECT_EQ(refused(fleet_->update("brick", status(word), somebody)).reason(), "NOT_ADMIN");
  }
  run(fleet_->update("brick", status("active"), admin));
  EXPECT_EQ(run(fleet_->transfer("brick", "bob", somebody)).previous_owner, "eve");
  EXPECT_EQ(refused(remove(true, somebody)).code(), Code::forbidden) << "it is no longer hers";
  reopen();
  EXPECT_EQ(device().owner, "bob");
}

TEST_F(FleetDevices, ASingleUseOfATokenIsOneHostsAlsoAtOnce) {
  write_file_atomic(folder_ / "registry.yml",
                    "hosts:\n  brick: {ip: 127.0.0.1}\n  chalk: {ip: 127.0.0.2}\n");
  run(registry_->reload());
  const auto token = make_token();
  std::vector<std::string> ends;
  for (const auto* name : {"brick", "chalk"}) {
    auto asked = request(token, protocol::make_key_pair(), name);
    asio::co_spawn(context_,
                   fleet_->join(std::move(asked)),
                   [&](const std::exception_ptr& failure, const RegistrationAnswer&) {
                     try {
                       if (failure) std::rethrow_exception(failure);
                       ends.emplace_back("joined");
                     } catch (const Error& error) {
                       ends.push_back(error.reason());
                     }
                   });
  }
  step_until([&] { return ends.size() == 2; });
  std::sort(ends.begin(), ends.end());
  EXPECT_EQ(ends, (std::vector<std::string>{"TOKEN_USED_UP", "joined"}));
  EXPECT_EQ(fleet_->devices()->size(), 1U);
}

TEST_F(FleetDevices, AHostWithoutAnAgentIsHeardByItsHeartbeats) {
  heartbeat_patience_ = {400ms, 800ms};
  limits_.grace = 0ms;
  reopen();
  const auto token = make_token();
  const auto answer = run(fleet_->join(request_without_agent(token)));
  ASSERT_TRUE(answer.device_credential);
  const auto& credential = *answer.device_credential;
  EXPECT_FALSE(device().has_agent);
  EXPECT_EQ(refused(fleet_->heartbeat("brick", "", {})).reason(), "CREDENTIAL_MISSING");
  EXPECT_EQ(refused(fleet_->heartbeat("brick", "guess", {})).reason(), "CREDENTIAL_WRONG");
  EXPECT_EQ(refused(fleet_->heartbeat("nobody", credential, {})).reason(), "DEVICE_UNKNOWN");
  EXPECT_EQ(action_refusal(), "AGENT_MISSING");
  ReportedUse use;
  use.cpu_percent = 12.5;
  const auto heard = run(fleet_->heartbeat("brick", credential, use));
  EXPECT_EQ(heard.status, "online");
  for (const auto wrong : {-0.1, 100.1, 1e300}) {
    ReportedUse odd;
    odd.disk_percent = wrong;
    EXPECT_EQ(refused(fleet_->heartbeat("brick", credential, odd)).where(),
              "body.metrics.disk_percent");
  }
  step_until([&] { return device().last_seen == heard.last_seen_at; });
  EXPECT_EQ(device().reported.cpu_percent, 12.5);
  step_until([&] { return device().liveness == Liveness::offline; });
  EXPECT_EQ(run(fleet_->heartbeat("brick", credential, use)).status, "online");
  reopen();
  EXPECT_EQ(run(fleet_->heartbeat("brick", credential, use)).status, "online");

  auto again = request_without_agent(token);
  again.device_credential = credential;
  const auto known = run(fleet_->join(again));
  EXPECT_TRUE(known.known_before);
  EXPECT_EQ(known.device_id, answer.device_id);
  EXPECT_FALSE(known.device_credential) << "it is shown once";
  again.device_credential = "guess";
  EXPECT_EQ(refusal(again).reason(), "CREDENTIAL_WRONG");
  EXPECT_EQ(refusal(request_without_agent(make_token())).reason(), "NAME_TAKEN");
}

TEST_F(FleetDevices, AnAgentsKeyIsNoCredential) {
  join_brick();
  EXPECT_EQ(refused(fleet_->heartbeat("brick", device_keys_.public_key, {})).reason(),
            "CREDENTIAL_WRONG");
}

TEST_F(FleetDevices, HeartbeatsStayInMemory) {
  const auto answer = run(fleet_->join(request_without_agent(make_token())));
  run(fleet_->heartbeat("brick", *answer.device_credential, {}));
  const auto registry = read_file(folder_ / "registry.yml", 1 << 20);
  const auto log_size = std::filesystem::file_size(folder_ / "portoser.db-wal");
  int refusals = 0;
  const auto one = [&]() -> asio::awaitable<void> {
    try {
      co_await fleet_->heartbeat("brick", *answer.device_credential, {});
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Code::rate_limited);
      ++refusals;
    }
  };
  constexpr int many = 5000;
  int done = 0;
  for (int i = 0; i < many; ++i) {
    asio::co_spawn(context_, one(), [&](const std::exception_ptr& failure) {
      EXPECT_FALSE(failure);
      ++done;
    });
  }
  step_until([&] { return done == many; });
  EXPECT_GT(refusals, 0) << "no host has to be heard as often as that";
  EXPECT_LE(refusals, many - 1999);
  EXPECT_EQ(read_file(folder_ / "registry.yml", 1 << 20), registry);
  EXPECT_EQ(std::filesystem::file_size(folder_ / "portoser.db-wal"), log_size);
  const auto told = std::count_if(told_.devices.begin(), told_.devices.end(), [](const auto& line) {
    return line.starts_with("device_heartbeat");
  });
  EXPECT_EQ(told, 1);
}

TEST_F(FleetDevices, AnOldBootstrapWaitsForAnAdmin) {
  const auto answer = run(fleet_->join(old_request()));
  EXPECT_EQ(answer.status, "pending");
  EXPECT_FALSE(answer.known_before);
  ASSERT_TRUE(answer.device_credential);
  EXPECT_EQ(answer.controller_endpoint + answer.registry_version, "") << "anybody may ask";
  const auto counted = [&] {
    std::uint64_t sum = 0;
    for (const auto& one : fleet_->registrations().counts) sum += one.second;
    return sum;
  };
  EXPECT_EQ(counted(), 1U);
  EXPECT_EQ(status_over_liveness(device()), "pending");
  EXPECT_EQ(refused(fleet_->heartbeat("brick", *answer.device_credential, {})).reason(),
            "DEVICE_PENDING");
  const auto again = run(fleet_->join(old_request()));
  EXPECT_TRUE(again.known_before);
  EXPECT_EQ(again.device_id, answer.device_id);
  EXPECT_FALSE(again.device_credential);
  EXPECT_EQ(counted(), 1U) << "a repeat is no registration";
  auto rejected = old_request("shelf");
  rejected.device_credential = *run(fleet_->join(rejected)).device_credential;
  EXPECT_EQ(run(fleet_->join(rejected)).status, "pending");
  run(fleet_->reject("shelf", admin));
  EXPECT_EQ(refusal(rejected).reason(), "DEVICE_REJECTED");
  auto rival = old_request();
  rival.ssh_public_key = "ssh-rsa BBBB user@other";
  EXPECT_EQ(refusal(rival).reason(), "NAME_TAKEN");
  run(fleet_->approve("brick", admin));
  EXPECT_EQ(run(fleet_->heartbeat("brick", *answer.device_credential, {})).status, "online");
  EXPECT_EQ(run(fleet_->join(old_request())).status, "registered");
}

TEST_F(FleetDevices, AClaimThatLapsedIsForgotten) {
  run(fleet_->join(old_request("shelf")));
  clock_.set_by(8 * 24h);
  run(fleet_->join(old_request()));
  EXPECT_FALSE(fleet_->devices()->contains("shelf"));
  EXPECT_TRUE(fleet_->devices()->contains("brick"));
  EXPECT_EQ(
      std::count(told_.devices.begin(), told_.devices.end(), "device_deregistered shelf pending"),
      1);
  run(fleet_->join(old_request("shelf")));
  EXPECT_EQ(fleet_->devices()->size(), 2U);
}

TEST_F(FleetDevices, ABareClaimGivesWayToAHostWithAToken) {
  run(fleet_->join(old_request()));
  join_brick();
  EXPECT_EQ(fleet_->devices()->size(), 1U);
  EXPECT_EQ(device().approval, Approval::approved);
  EXPECT_TRUE(device().has_agent);
  welcomed();
  EXPECT_EQ(refusal(old_request()).reason(), "NAME_TAKEN");
}

TEST_F(FleetDevices, WhoWasNeverLetInIsRemovedWithoutAsking) {
  run(fleet_->join(old_request()));
  EXPECT_TRUE(run(remove(false)).services_left.empty());
  EXPECT_TRUE(fleet_->devices()->empty());
}

TEST_F(FleetDevices, ApprovalNeedsTheHostInTheRegistry) {
  run(fleet_->join(old_request("shelf")));
  const auto missing = refused(fleet_->approve("shelf", admin));
  EXPECT_EQ(missing.reason(), "HOST_NOT_IN_REGISTRY");
  EXPECT_NE(missing.hint().find("shelf:\n    ip: 192.0.2.31"), std::string::npos) << missing.hint();
  EXPECT_EQ(device("shelf").approval, Approval::pending);
}

TEST_F(FleetDevices, AfterItsEndNobodyIsLetIn) {
  join_brick();
  run(fleet_->update("brick", status("disabled"), admin));
  run(fleet_->join(old_request("shelf")));
  run(fleet_->stop());
  EXPECT_EQ(refused(fleet_->update("brick", status("active"), admin)).reason(), "STOPPING");
  EXPECT_EQ(refused(remove()).reason(), "STOPPING");
  EXPECT_EQ(refusal(old_request("slate")).reason(), "STOPPING");
  fleet_.reset();
  registry_.reset();
  database_.reset();
  open();
  EXPECT_FALSE(fleet_->devices()->contains("brick")) << "what was stored holds";
}

TEST_F(FleetDevices, DiscoveryNamesTheIngressHost) {
  write_file_atomic(folder_ / "registry.yml",
                    "domain: attic.test\nhosts:\n  brick: {ip: 10.1.2.3}\n"
                    "  chalk: {ip: 10.1.7.4, roles: [caddy_ingress]}\n");
  run(registry_->reload());
  const auto found = fleet_->discovery();
  EXPECT_EQ(found.domain, "attic.test");
  EXPECT_EQ(found.ingress_host, "chalk");
  EXPECT_EQ(found.ingress_ip, "10.1.7.4");
  EXPECT_EQ(found.dns_server, "10.1.7.4");
  EXPECT_EQ(found.network_cidr, "10.1.7.0/24");
  EXPECT_EQ(found.registration_endpoint, "/api/devices/register");
  write_file_atomic(folder_ / "registry.yml", "hosts: {}\n");
  run(registry_->reload());
  const auto empty = fleet_->discovery();
  EXPECT_EQ(empty.ingress_host, "");
  EXPECT_EQ(empty.dns_server, std::nullopt);
  EXPECT_EQ(empty.network_cidr, "192.0.2.0/24");
}

}  // namespace
}  // namespace portoser::fleet
