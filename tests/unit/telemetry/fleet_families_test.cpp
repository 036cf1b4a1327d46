#include "controller/telemetry/fleet_families.h"

#include "controller/telemetry/service_view.h"
#include "tests/support/exposition_parser.h"
#include "tests/unit/telemetry/played_host.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>

namespace portoser::telemetry {
namespace {

using testing::HasSubstr;
using testing::Not;

class FleetFamilies : public testing::Test {
 protected:
  FleetFamilies() {
    live_.on_liveness("brick", fleet::Liveness::unknown, fleet::Liveness::online, noon);
  }
  [[nodiscard]] std::string text() const {
    const auto registry = small_registry();
    const FleetReading fleet{registry, live_, live_.hosts(), noon};
    Exposition out;
    write_host_families(out, fleet, round_trips_);
    write_service_families(out, fleet, availability_);
    auto page = out.take();
    EXPECT_NO_THROW(test::parse_exposition(page, test::ExpositionFormat::text)) << page;
    return page;
  }
  Live live_;
  fleet::RoundTrips::Reading round_trips_;
  AvailabilityTable availability_;
};

TEST_F(FleetFamilies, HaveASeriesForEachFileSystem) {
  live_.on_sample("brick", noon, full_sample(1));
  const auto page = text();
  EXPECT_THAT(page,
              HasSubstr("portoser_filesystem_size_bytes{machine=\"brick\",device=\"/dev/vda1\","
                        "mountpoint=\"/\",fstype=\"ext4\"} 1000\n"));
  EXPECT_THAT(page, HasSubstr("mountpoint=\"/srv \\\"big\\\"\",fstype=\"xfs\"} 9000\n"));
  EXPECT_THAT(page, HasSubstr("portoser_filesystem_avail_bytes{machine=\"brick\","));
  EXPECT_THAT(page,
              HasSubstr("portoser_filesystem_device_written_bytes_per_second{machine=\"brick\","
                        "device=\"/dev/vda1\",mountpoint=\"/\",fstype=\"ext4\"} 22\n"));
  EXPECT_THAT(page,
              Not(HasSubstr("portoser_filesystem_device_written_bytes_per_second{machine="
                            "\"brick\",device=\"/dev/vdb\"")));
}

TEST_F(FleetFamilies, HaveASeriesForEachInterface) {
  live_.on_sample("brick", noon, full_sample(1));
  const auto page = text();
  EXPECT_THAT(
      page,
      HasSubstr("portoser_network_receive_bytes_total{machine=\"brick\",device=\"eth0\"} 100\n"));
  EXPECT_THAT(
      page,
      HasSubstr("portoser_network_transmit_bytes_total{machine=\"brick\",device=\"wlan0\"} 40\n"));
}

TEST_F(FleetFamilies, HaveTheTrafficOfAHostSinceItIsKnown) {
  const std::string name = "portoser_host_network_receive_bytes_total{machine=\"brick\"} ";
  auto sample = full_sample(1);
  live_.on_sample("brick", noon, sample);
  EXPECT_THAT(text(), HasSubstr(name + "0\n"));
  sample.networks[0].receive_bytes += 7;
  live_.on_sample("brick", noon, sample);
  EXPECT_THAT(text(), HasSubstr(name + "7\n"));
  sample.networks.pop_back();
  live_.on_sample("brick", noon, std::move(sample));
  EXPECT_THAT(text(), HasSubstr(name + "7\n")) << "an interface that goes takes nothing away";
}

TEST_F(FleetFamilies, KnowSwap) {
  live_.on_sample("brick", noon, full_sample(1));
  EXPECT_THAT(text(), HasSubstr("portoser_host_swap_used_bytes{machine=\"brick\"} 200\n"));
  EXPECT_THAT(text(), HasSubstr("portoser_host_swap_total_bytes{machine=\"brick\"} 800\n"));
}

TEST_F(FleetFamilies, SayNothingOfWhatIsUnknown) {
  auto bare = full_sample(1);
  bare.memory.reset();
  bare.disks.clear();
  bare.networks.clear();
  live_.on_sample("brick", noon, std::move(bare));
  for (const auto* name : {"portoser_host_swap_used_bytes{",
                           "portoser_host_network_receive_bytes_total{",
                           "portoser_filesystem_size_bytes{",
                           "portoser_network_receive_bytes_total{"}) {
    EXPECT_THAT(text(), Not(HasSubstr(name)));
  }
}

/// The API calls what it has of it `stale`; a page has no such word.
TEST_F(FleetFamilies, SayNothingOfTheUseOfAHostThatIsHeardAndSendsNoSamples) {
  live_.on_state("brick", noon, state_of_notes("running", {"a"}));
  auto sample = full_sample(1);
  sample.temperatures = {{"nvme Composite", 38.5}};
  sample.containers = {container("a", 7000)};
  round_trips_ = {{"brick", std::chrono::microseconds{1500}}};
  const std::array old_names{"portoser_host_cpu_percent{",
                             "portoser_host_memory_used_bytes{",
                             "portoser_host_temperature_celsius{",
                             "portoser_filesystem_size_bytes{",
                             "portoser_network_receive_bytes_total{",
                             "portoser_agent_rtt_seconds{",
                             "portoser_service_cpu_percent{",
                             "portoser_service_block_read_bytes_total{"};
  live_.on_sample("brick", noon - std::chrono::seconds{15}, sample);
  for (const auto* name : old_names) EXPECT_THAT(text(), HasSubstr(name));
  live_.on_sample("brick", noon - std::chrono::seconds{16}, std::move(sample));
  EXPECT_TRUE(metrics_status_of(live_.host("brick").get(), noon).stale);
  for (const auto* name : old_names) EXPECT_THAT(text(), Not(HasSubstr(name)));
  EXPECT_THAT(text(), HasSubstr("portoser_host_up{machine=\"brick\"} 1\n"));
  EXPECT_THAT(text(), HasSubstr("portoser_agent_last_sample_age_seconds{machine=\"brick\"} 16\n"));
}

TEST_F(FleetFamilies, HaveTheTrafficOfAServiceOnlyWhileItRuns) {
  live_.on_state("brick", noon, state_of_notes("running", {"a"}));
  auto sample = full_sample(1);
  sample.containers = {container("a", 7000)};
  live_.on_sample("brick", noon, sample);
  sample.containers[0].block_read_bytes = 7007;
  live_.on_sample("brick", noon, std::move(sample));
  EXPECT_THAT(text(),
              HasSubstr("portoser_service_block_read_bytes_total{service=\"notes\","
                        "machine=\"brick\"} 7\n"));
  EXPECT_THAT(text(), Not(HasSubstr("portoser_service_block_written_bytes_total{")));
  live_.on_sample("brick", noon + std::chrono::seconds{5}, full_sample(2));
  EXPECT_THAT(text(), Not(HasSubstr("portoser_service_block_read_bytes_total{")));
}

TEST_F(FleetFamilies, OfDevicesCountAllAndTellOfThoseThatWereLetIn) {
  using fleet::Approval;
  fleet::Devices devices;
  const auto add = [&](const std::string& name, Approval approval, fleet::Liveness liveness) {
    auto device = std::make_shared<fleet::Device>();
    device->name = name;
    device->approval = approval;
    device->liveness = liveness;
    device->facts.cpu_cores = 4;
    device->last_seen = noon;
    devices[name] = std::move(device);
  };
  const fleet::HeartbeatReading by_http{{"attic", {2, 1}}, {"knocking", {0, 9}}};
  const auto page = [&] {
    const auto registry = small_registry();
    Exposition out;
    write_device_families(out, devices, by_http, {registry, live_, live_.hosts(), noon});
    return out.take();
  };
  const std::string online = "devices_online{status=\"online\",role=\"\"} ";
  EXPECT_THAT(page(), HasSubstr(online + "0\n")) << "sum(devices_online) == 0 has to hold";
  add("brick", Approval::approved, fleet::Liveness::online);
  add("attic", Approval::approved, fleet::Liveness::offline);
  add("knocking", Approval::pending, fleet::Liveness::unknown);
  add("stranger", Approval::rejected, fleet::Liveness::unknown);
  const auto text = page();
  EXPECT_THAT(text, HasSubstr(online + "1\n"));
  EXPECT_THAT(text, Not(HasSubstr("devices_online{status=\"offline\"")));
  for (const auto* status : {"online", "offline", "pending", "rejected"}) {
    EXPECT_THAT(text, HasSubstr(fmt::format("portoser_devices{{status=\"{}\"}} 1\n", status)));
  }
  EXPECT_THAT(text, HasSubstr("portoser_devices{status=\"unknown\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("device_last_seen_seconds{hostname=\"attic\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("device_resources{hostname=\"attic\""));
  EXPECT_THAT(text, HasSubstr("device_heartbeats_total{hostname=\"attic\",status=\"ok\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("device_heartbeats_total{hostname=\"attic\",status=\"error\"} 1\n"));
  EXPECT_THAT(text, Not(HasSubstr("knocking")));
  EXPECT_THAT(text, Not(HasSubstr("stranger")));
}

TEST_F(FleetFamilies, WhatAHostReportsTwiceIsOneSeries) {
  auto sample = full_sample(1);
  sample.disks.push_back(sample.disks[0]);
  sample.disks.back().used_bytes = 999;
  sample.networks.push_back(sample.networks[0]);
  sample.temperatures = {{"coretemp Core 0", 40}, {"coretemp Core 0", 50}};
  live_.on_sample("brick", noon, std::move(sample));
  EXPECT_THAT(text(),
              HasSubstr("portoser_host_temperature_celsius{machine=\"brick\","
                        "sensor=\"coretemp Core 0\"} 40\n"));
}

TEST_F(FleetFamilies, TellHowFarTheClockOfAHostIsOff) {
  EXPECT_THAT(text(), Not(HasSubstr("portoser_host_clock_offset_seconds{")));
  auto sample = full_sample(1);
  sample.when.wall_us = to_unix_us(noon) - 2'500'000;
  live_.on_sample("brick", noon, sample);
  EXPECT_THAT(text(), HasSubstr("portoser_host_clock_offset_seconds{machine=\"brick\"} -2.5\n"));
  sample.when.wall_us = to_unix_us(noon);
  live_.on_sample("brick", noon, std::move(sample));
  EXPECT_THAT(text(), HasSubstr("portoser_host_clock_offset_seconds{machine=\"brick\"} 0\n"));
}

TEST_F(FleetFamilies, TellWhetherTheEngineAnswersAndServicesAreWell) {
  live_.on_sample("brick", noon, full_sample(1));
  EXPECT_THAT(text(), Not(HasSubstr("portoser_host_engine_available{")));
  auto state = state_of_notes("running", {"a"});
  state.services[0].health = "starting";
  live_.on_state("brick", noon, state);
  EXPECT_THAT(text(), HasSubstr("portoser_host_engine_available{machine=\"brick\"} 1\n"));
  EXPECT_THAT(text(), Not(HasSubstr("portoser_service_healthy{")));
  state.services[0].health = "unhealthy";
  live_.on_state("brick", noon, std::move(state));
  EXPECT_THAT(text(),
              HasSubstr("portoser_service_healthy{service=\"notes\",machine=\"brick\"} 0\n"));
}

TEST_F(FleetFamilies, KnowTheRoundTripOnlyOfHostsThatAreHeard) {
  round_trips_ = {{"brick", std::chrono::microseconds{1500}},
                  {"gone", std::chrono::microseconds{1}}};
  EXPECT_THAT(text(), Not(HasSubstr("portoser_agent_rtt_seconds{")));
  live_.on_sample("brick", noon, full_sample(1));
  EXPECT_THAT(text(), HasSubstr("portoser_agent_rtt_seconds{machine=\"brick\"} 0.0015\n"));
  EXPECT_THAT(text(), Not(HasSubstr("gone")));
}

TEST_F(FleetFamilies, HaveAFailureCountOfZeroUntilTheFirst) {
  const std::string name = "portoser_uptime_events_total{service=\"notes\",machine=\"brick\",";
  EXPECT_THAT(text(), HasSubstr(name + "event_type=\"failure\"} 0\n"));
  storage::EventRecord event;
  event.scope = "service";
  event.device_id = "device";
  event.service = "notes";
  event.machine = "brick";
  event.event_type = "failure";
  live_.on_event(event);
  EXPECT_THAT(text(), HasSubstr(name + "event_type=\"failure\"} 1\n"));
  EXPECT_THAT(text(), Not(HasSubstr(name + "event_type=\"failure\"} 0\n")));
  event.service = "a service that is not in the registry";
  live_.on_event(event);
  EXPECT_THAT(text(), Not(HasSubstr("not in the registry")));
}

TEST_F(FleetFamilies, KnowNoFailuresOfAHostThatWasNeverHeard) {
  live_.on_liveness("brick", fleet::Liveness::online, fleet::Liveness::unknown, noon);
  EXPECT_THAT(text(), Not(HasSubstr("portoser_uptime_events_total{")));
}

TEST_F(FleetFamilies, HaveTheAvailabilityOfEachWindowThatIsKnown) {
  availability_[{"notes", "brick"}] = {0.5, std::nullopt, 0.75};
  availability_[{"notes", "elsewhere"}] = {1, 1, 1};
  const auto page = text();
  const std::string name =
      "portoser_service_availability_ratio{service=\"notes\",machine=\"brick\",";
  EXPECT_THAT(page, HasSubstr(name + "window=\"24h\"} 0.5\n"));
  EXPECT_THAT(page, HasSubstr(name + "window=\"30d\"} 0.75\n"));
  EXPECT_THAT(page, Not(HasSubstr("window=\"7d\"")));
  EXPECT_THAT(page, Not(HasSubstr("elsewhere")));
}

}  // namespace
}  // namespace portoser::telemetry
