// Families of the Prometheus page move with what they count.

#include "tests/support/exposition_parser.h"
#include "tests/unit/api/api_fixture.h"
#include "tests/unit/telemetry/played_host.h"

#include <atomic>
#include <map>
#include <thread>

namespace portoser::api {
namespace {

using namespace std::chrono_literals;

using Labels = std::map<std::string, std::string>;

class PrometheusMovement : public ApiTest {
 protected:
  double value(const std::string& name, const Labels& labels = {}) {
    const auto page = test::parse_exposition(ask("/metrics").text(), test::ExpositionFormat::text);
    return test::value_of(page, name, labels);
  }
  double updates(const std::string& type) {
    return value("device_updates_total", {{"update_type", type}});
  }
  /// A host without an agent; its credential.
  std::string join_shelf(const std::string& name = "shelf") {
    write_file_atomic(folder_ / "registry.yml",
                      "hosts:\n  brick: {ip: 127.0.0.1}\n  shelf: {ip: 127.0.0.2}\n"
                      "services:\n"
                      "  notes: {current_host: brick, docker_compose: /srv/notes/compose.yml}\n");
    run(registry_->reload());
    fleet::RegistrationRequest request;
    request.hostname = name;
    request.token_id = make_token();
    request.proof = protocol::join_proof(sha256("secret"), name, "");
    request.ip = "192.0.2.9";
    request.arch = "arm64";
    request.os = "linux";
    request.os_version = "Debian 12";
    return run(fleet_->join(std::move(request))).device_credential.value_or("");
  }
  void ask_to_be_let_in(const std::string& name) {
    fleet::RegistrationRequest request;
    request.hostname = name;
    request.ip_address = "192.0.2.31";
    request.os = "Debian GNU/Linux 12";
    request.architecture = "x86_64";
    request.ram_mb = 15872;
    run(fleet_->join(std::move(request)));
  }
  void beat(const std::string& name, std::string credential) {
    try {
      run(fleet_->heartbeat(name, std::move(credential), {}));
    } catch (const Error&) {
      // It is counted all the same.
    }
  }
  static inline const fleet::Actor admin{"ada", true};
};

TEST_F(PrometheusMovement, HeartbeatsByHttpAreCountedTakenOrRefused) {
  const auto counted = [&](const std::string& status) {
    return value("device_heartbeats_total", {{"hostname", "shelf"}, {"status", status}});
  };
  const auto credential = join_shelf();
  EXPECT_TRUE(std::isnan(counted("ok"))) << "none has come yet";
  beat("shelf", credential);
  EXPECT_EQ(counted("ok"), 1);
  EXPECT_EQ(counted("error"), 0);
  beat("shelf", credential);
  beat("shelf", "another credential");
  beat("shelf", "");
  beat("nobody", credential);
  EXPECT_EQ(counted("ok"), 2);
  EXPECT_EQ(counted("error"), 2);
  EXPECT_TRUE(std::isnan(value("device_heartbeats_total", {{"hostname", "nobody"}})))
      << "an invented name is no label";
  fleet::DeviceUpdate update;
  update.status = "disabled";
  run(fleet_->update("shelf", update, admin));
  beat("shelf", credential);
  EXPECT_EQ(counted("error"), 3) << "it is kept out";
  run(fleet_->remove("shelf", {}, admin));
  EXPECT_TRUE(std::isnan(counted("ok")));
}

TEST_F(PrometheusMovement, SamplesOfAgentsAreHeartbeatsToo) {
  const auto counted = [&](const std::string& status) {
    return value("device_heartbeats_total", {{"hostname", "brick"}, {"status", status}});
  };
  const auto before = counted("ok");
  tell_of_notes(2);
  EXPECT_EQ(counted("ok"), before + 2);
  EXPECT_EQ(counted("error"), 0);
  live_.on_sample("brick", clock_.now(), {});
  EXPECT_EQ(counted("error"), 1) << "its agent could read nothing";
}

TEST_F(PrometheusMovement, WhoWaitsForApprovalIsNotRegistered) {
  const auto counted = [&](const std::string& status) {
    return value("devices_registered_total", {{"status", status}, {"arch", "x86_64"}});
  };
  ask_to_be_let_in("shelf");
  EXPECT_EQ(counted("pending"), 1);
  EXPECT_TRUE(std::isnan(counted("registered")));
  EXPECT_EQ(value("registration_duration_seconds_count", {{"status", "pending"}}), 1);
  EXPECT_EQ(value("registration_duration_seconds_count", {{"status", "registered"}}), 1) << "brick";
}

TEST_F(PrometheusMovement, EveryChangeOfADeviceIsAnUpdate) {
  for (const auto* type : {"declared", "status", "owner", "approved", "rejected"}) {
    EXPECT_EQ(updates(type), 0) << type << ": the first one has to be an increase";
  }
  using http::Method;
  join_shelf();
  send(Method::patch, "/api/devices/shelf", {{"labels", {{"site", "attic"}}}});
  EXPECT_EQ(updates("declared"), 1);
  EXPECT_EQ(updates("status"), 0);
  send(Method::patch, "/api/devices/shelf", {{"status", "maintenance"}});
  EXPECT_EQ(updates("declared"), 1);
  EXPECT_EQ(updates("status"), 1);
  send(Method::patch, "/api/devices/shelf", {{"status", "maintenance"}});
  EXPECT_EQ(updates("status"), 1) << "it was so";
  send(Method::post, "/api/devices/shelf/transfer-ownership", {{"new_owner_user_id", "eve"}});
  EXPECT_EQ(updates("owner"), 1);
  run(fleet_->remove("shelf", {}, admin));
  ask_to_be_let_in("shelf");
  send(Method::post, "/api/devices/shelf/reject");
  EXPECT_EQ(updates("rejected"), 1);
  send(Method::post, "/api/devices/shelf/approve");
  EXPECT_EQ(updates("approved"), 1);
}

TEST_F(PrometheusMovement, ARemovedDeviceIsADeregistration) {
  const auto removed = [&] {
    return value("device_deregistrations_total", {{"reason", "removed"}});
  };
  join_shelf();
  EXPECT_EQ(removed(), 0);
  send(http::Method::delete_, "/api/devices/shelf");
  EXPECT_EQ(removed(), 1);
}

TEST_F(PrometheusMovement, TheNewestSampleGetsOlder) {
  const auto age = [&] {
    return value("portoser_agent_last_sample_age_seconds", {{"machine", "brick"}});
  };
  tell_of_notes(1);
  const auto before = age();
  EXPECT_LT(before, 20);
  clock_.set_by(1000s);
  EXPECT_GE(age(), before + 1000);
  tell_of_notes(1);
  EXPECT_LT(age(), 20);
}

TEST_F(PrometheusMovement, TheUseOfAServiceIsTheNewest) {
  const auto cpu = [&] {
    return value("portoser_service_cpu_percent", {{"service", "notes"}, {"machine", "brick"}});
  };
  EXPECT_EQ(cpu(), 3);
  auto sample = telemetry::full_sample(7);
  sample.containers = {telemetry::container("a", 4096)};
  sample.containers[0].cpu_percent = 42.5;
  live_.on_sample("brick", clock_.now(), std::move(sample));
  EXPECT_EQ(cpu(), 42.5);
}

TEST_F(PrometheusMovement, WhatWaitsForTheDatabaseIsItsQueue) {
  const auto depth = [&] { return value("queue_depth", {{"queue_name", "database"}}); };
  EXPECT_EQ(depth(), 0);
  auto go_on = std::make_shared<std::atomic<bool>>(false);
  auto entered = std::make_shared<std::atomic<bool>>(false);
  int done = 0;
  const auto note = [&](const std::exception_ptr& failure) {
    EXPECT_FALSE(failure);
    ++done;
  };
  asio::co_spawn(context_,
                 database_->write([go_on, entered](storage::Connection& /*on*/) {
                   entered->store(true);
                   while (!go_on->load()) std::this_thread::yield();
                 }),
                 note);
  step_until([&] { return entered->load(); });
  for (int i = 0; i < 3; ++i) {
    asio::co_spawn(context_, database_->write([](storage::Connection& /*on*/) {}), note);
  }
  context_.restart();
  context_.poll();
  EXPECT_EQ(depth(), 3);
  go_on->store(true);
  step_until([&] { return done == 4; });
  EXPECT_EQ(depth(), 0);
}

TEST_F(PrometheusMovement, FramesOfASocketAreMessages) {
  const auto sent = [&](const std::string& endpoint) {
    return value("portoser_ws_messages_total", {{"endpoint", endpoint}, {"type", "sent"}});
  };
  requests_.socket_opened("/ws");
  requests_.socket_opened("/api/uptime/ws");
  EXPECT_EQ(sent("/ws"), 0);
  requests_.frames_sent("/ws", 3);
  EXPECT_EQ(sent("/ws"), 3);
  EXPECT_EQ(sent("/api/uptime/ws"), 0);
  requests_.socket_closed("/ws", 1000);
  EXPECT_EQ(sent("/ws"), 3) << "a counter stays";
}

}  // namespace
}  // namespace portoser::api
