#include "agent/engine/answers.h"

#include "common/error.h"

#include <gtest/gtest.h>

namespace portoser::agent::engine {
namespace {

constexpr const char* inspected = R"({
  "Id": "6f2a", "Name": "/shop_web_1", "Created": "2026-03-04T08:15:00.1Z",
  "State": {"Status": "running", "Running": true, "OOMKilled": true, "Pid": 4711, "ExitCode": 137,
            "StartedAt": "2026-03-04T08:15:42.123456789Z", "FinishedAt": "0001-01-01T00:00:00Z",
            "Health": {"Status": "starting", "FailingStreak": 0, "Log": []}},
  "HostConfig": {"RestartPolicy": {"Name": "unless-stopped", "MaximumRetryCount": 0}},
  "Config": {"Image": "shop:1.2", "StopSignal": "SIGINT",
             "Labels": {"com.docker.compose.project": "shop", "odd": 3}}})";

TEST(EngineAnswers, ReadsAnInspectedContainer) {
  const auto container = container_from(inspected);
  EXPECT_EQ(container.id, "6f2a");
  EXPECT_EQ(container.name, "shop_web_1");
  EXPECT_EQ(container.image, "shop:1.2");
  EXPECT_EQ(container.label("com.docker.compose.project"), "shop");
  EXPECT_EQ(container.labels.size(), 1U);
  EXPECT_EQ(container.state, "running");
  EXPECT_EQ(container.health, "starting");
  EXPECT_EQ(container.pid, 4711);
  EXPECT_EQ(container.exit_code, 137);
  EXPECT_TRUE(container.oom_killed);
  EXPECT_EQ(container.restart_policy, "unless-stopped");
  EXPECT_EQ(container.started_us, 1772612142123456);
  EXPECT_EQ(container.finished_us, 0);
  EXPECT_EQ(container.stop_signal, 2);
}

TEST(EngineAnswers, TakesMissingPartsOfAContainerAsAbsent) {
  const auto container =
      container_from(R"({"Id":"6f2a","Name":null,"State":{"Health":{"Status":"none"},"Pid":"x"},
                         "Config":{"Labels":null},"HostConfig":{"RestartPolicy":{"Name":""}}})");
  EXPECT_EQ(container.name, "");
  EXPECT_TRUE(container.labels.empty());
  EXPECT_EQ(container.health, "");
  EXPECT_EQ(container.pid, 0);
  EXPECT_EQ(container.restart_policy, "no");
  EXPECT_EQ(container.stop_signal, 15);
  EXPECT_EQ(container.restart_limit, 0);
}

TEST(EngineAnswers, ReadsWhichImageAContainerIsMadeOf) {
  EXPECT_EQ(container_from(R"({"Id":"6f2a","Image":"sha256:11"})").image_id, "sha256:11");
  EXPECT_EQ(container_from(R"({"Id":"6f2a","Image":7})").image_id, "");
  const auto image = image_from(R"({"Id":"sha256:11","Os":"linux","Architecture":"arm64"})");
  EXPECT_EQ(image.id, "sha256:11");
  EXPECT_EQ(image.platform.architecture, "arm64");
  EXPECT_THROW(image_from("{}"), Error);
}

TEST(EngineAnswers, ReadsWhatTheNewestHealthCheckWrote) {
  EXPECT_EQ(health_output_from(R"({"State":{"Health":{"Log":[{"ExitCode":0,"Output":"old"},
                                  {"ExitCode":1,"Output":"refused\n"}]}}})"),
            "refused\n");
  EXPECT_EQ(health_output_from(R"({"State":{"Health":{"Log":[{"ExitCode":7}]}}})"), "exit 7");
  EXPECT_EQ(health_output_from(R"({"State":{"Health":{"Log":[]}}})"), "");
  EXPECT_EQ(health_output_from(R"({"State":{"Health":{"Log":"x"}}})"), "");
  EXPECT_EQ(health_output_from("{}"), "");
  EXPECT_THROW(health_output_from("<html>"), Error);
}

TEST(EngineAnswers, ReadsTheLimitOfRestarts) {
  const auto container = container_from(
      R"({"Id":"6f2a","HostConfig":{"RestartPolicy":{"Name":"on-failure","MaximumRetryCount":5}}})");
  EXPECT_EQ(container.restart_policy, "on-failure");
  EXPECT_EQ(container.restart_limit, 5);
}

TEST(EngineAnswers, RefusesWhatIsNotTheExpectedAnswer) {
  EXPECT_THROW(container_from("<html>"), Error);
  EXPECT_THROW(container_from("[]"), Error);
  EXPECT_THROW(container_from("{}"), Error);
  EXPECT_THROW(container_ids_from(R"({"message":"no"})"), Error);
  EXPECT_THROW(engine_info_from(R"({"Version":"20.10.24"})"), Error);
  EXPECT_THROW(engine_info_from(R"({"ApiVersion":"1.41/../.."})"), Error);
}

TEST(EngineAnswers, ReadsIdsAndVersion) {
  const std::vector<std::string> wanted{"a1", "b2"};
  EXPECT_EQ(container_ids_from(R"([{"Id":"a1","Names":["/x"]},{"Names":[]},7,{"Id":"b2"}])"),
            wanted);
  const auto info = engine_info_from(R"({"Version":"20.10.24+dfsg1","ApiVersion":"1.41"})");
  EXPECT_EQ(info.version, "20.10.24+dfsg1");
  EXPECT_EQ(info.api_version, "1.41");
}

TEST(EngineAnswers, ReadsTheEndOfAContainer) {
  const auto event = event_from(R"({"status":"die","id":"6f2a","Type":"container","Action":"die",
      "Actor":{"ID":"6f2a","Attributes":{"exitCode":"137","image":"shop","name":"shop_web_1"}},
      "scope":"local","time":1772612142,"timeNano":1772612142123456789})");
  ASSERT_TRUE(event);
  EXPECT_EQ(event->action, "die");
  EXPECT_EQ(event->id, "6f2a");
  EXPECT_EQ(event->name, "shop_web_1");
  EXPECT_EQ(event->exit_code, 137);
  EXPECT_FALSE(event->signal);
  EXPECT_EQ(event->time_ns, 1772612142123456789);
}

TEST(EngineAnswers, SplitsActionsThatCarryMore) {
  const auto health = event_from(
      R"({"Type":"container","Action":"health_status: unhealthy","Actor":{"ID":"6f2a"}})");
  ASSERT_TRUE(health);
  EXPECT_EQ(health->action, "health_status");
  EXPECT_EQ(health->health, "unhealthy");
  const auto check = event_from(
      R"({"Type":"container","Action":"exec_start: /bin/sh -c true","Actor":{"ID":"6f2a"}})");
  ASSERT_TRUE(check);
  EXPECT_EQ(check->action, "exec_start");
  EXPECT_EQ(check->health, "");
}

TEST(EngineAnswers, ReadsSignalsOfKills) {
  const auto event = event_from(
      R"({"Type":"container","Action":"kill","Actor":{"ID":"6f2a","Attributes":{"signal":"9"}}})");
  ASSERT_TRUE(event);
  EXPECT_EQ(event->signal, 9);
}

TEST(EngineAnswers, PassesOverWhatIsNoContainerEvent) {
  EXPECT_FALSE(event_from(""));
  EXPECT_FALSE(event_from("{\"Type\":\"container\""));
  EXPECT_FALSE(event_from("[]"));
  EXPECT_FALSE(event_from(R"({"Type":"network","Action":"connect","Actor":{"ID":"6f2a"}})"));
  EXPECT_FALSE(event_from(R"({"Type":"container","Action":"start"})"));
}

TEST(EngineAnswers, KeepsTheEnginesMessage) {
  EXPECT_EQ(error_message_from("{\"message\":\"No such container: 6f2a\"}\n"),
            "No such container: 6f2a");
  EXPECT_EQ(error_message_from("upstream is down\n"), "upstream is down");
  EXPECT_EQ(error_message_from(std::string(2000, 'x')).size(), 500U);
}

struct SignalName {
  const char* text;
  std::int64_t number;

  friend std::ostream& operator<<(std::ostream& out, const SignalName& name) {
    return out << '"' << name.text << '"';
  }
};

class EngineSignal : public testing::TestWithParam<SignalName> {};

TEST_P(EngineSignal, HasItsNumber) {
  EXPECT_EQ(signal_number(GetParam().text), GetParam().number);
}

INSTANTIATE_TEST_SUITE_P(Names,
                         EngineSignal,
                         testing::Values(SignalName{"", 15},
                                         SignalName{"SIGTERM", 15},
                                         SignalName{"quit", 3},
                                         SignalName{"sigusr1", 10},
                                         SignalName{"9", 9},
                                         SignalName{"0", 15},
                                         SignalName{"99", 15},
                                         SignalName{"SIGRTMIN", 34},
                                         SignalName{"SIGRTMIN+3", 37},
                                         SignalName{"RTMAX-1", 63},
                                         SignalName{"RTMIN+99", 15},
                                         SignalName{"RTMIN+9223372036854775807", 15},
                                         SignalName{"SIGNONSENSE", 15}),
                         [](const auto& one) { return "Case" + std::to_string(one.index); });

TEST(EngineAnswers, AVolumeHasItsPlaceLabelsAndOptions) {
  const auto volumes = volumes_from(R"({"Volumes":[
    {"Name":"notes_data","Driver":"local","Mountpoint":"/var/lib/docker/volumes/notes_data/_data",
     "Labels":{"com.docker.compose.project":"notes"},"Options":null,"Scope":"local"},
    {"Name":"share","Driver":"local","Mountpoint":"/m","Labels":null,
     "Options":{"type":"nfs","device":":/exports"}}],"Warnings":null})");
  ASSERT_EQ(volumes.size(), 2U);
  EXPECT_EQ(volumes[0].name, "notes_data");
  EXPECT_EQ(volumes[0].driver, "local");
  EXPECT_EQ(volumes[0].mount_point, "/var/lib/docker/volumes/notes_data/_data");
  EXPECT_EQ(volumes[0].labels.at("com.docker.compose.project"), "notes");
  EXPECT_TRUE(volumes[0].options.empty());
  EXPECT_EQ(volumes[1].options.at("device"), ":/exports");
  EXPECT_TRUE(volumes_from(R"({"Volumes":null})").empty());
}

TEST(EngineAnswers, MountsAreThoseOfEveryContainerInTheList) {
  const auto all = mounts_from(R"([
    {"Id":"a","Names":["/web_1"],"Mounts":[
      {"Type":"bind","Source":"/srv/notes","Destination":"/app","Mode":"ro","RW":false},
      {"Type":"volume","Name":"notes_data","Source":"/v/notes_data/_data","Destination":"/data",
       "Driver":"local","RW":true}]},
    {"Id":"b","Names":["/db_1","/web_1/db"]}])");
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[0].name, "web_1");
  ASSERT_EQ(all[0].mounts.size(), 2U);
  const auto& bind = all[0].mounts[0];
  EXPECT_EQ(bind.type + bind.source + bind.destination + bind.volume, "bind/srv/notes/app");
  EXPECT_TRUE(bind.is_read_only);
  const auto& volume = all[0].mounts[1];
  EXPECT_EQ(volume.volume, "notes_data");
  EXPECT_EQ(volume.source, "/v/notes_data/_data");
  EXPECT_FALSE(volume.is_read_only);
  EXPECT_TRUE(all[1].mounts.empty());
  EXPECT_THROW(mounts_from("{}"), Error);
}

}  // namespace
}  // namespace portoser::agent::engine
