#include "controller/telemetry/fleet_families.h"

#include "tests/unit/telemetry/played_host.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

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
    Exposition out;
    write_fleet_families(out, small_registry(), live_, noon);
    return out.take();
  }
  Live live_;
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
  EXPECT_THAT(page, HasSubstr("portoser_host_network_receive_bytes_total{machine=\"brick\"} 130"));
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

TEST_F(FleetFamilies, HaveTheTrafficOfAServiceOnlyWhileItRuns) {
  live_.on_state("brick", noon, state_of_notes("running", {"a"}));
  auto sample = full_sample(1);
  sample.containers = {container("a", 7)};
  live_.on_sample("brick", noon, std::move(sample));
  EXPECT_THAT(text(),
              HasSubstr("portoser_service_block_read_bytes_total{service=\"notes\","
                        "machine=\"brick\"} 7\n"));
  EXPECT_THAT(text(), Not(HasSubstr("portoser_service_block_written_bytes_total{")));
  live_.on_sample("brick", noon, full_sample(2));
  EXPECT_THAT(text(), Not(HasSubstr("portoser_service_block_read_bytes_total{")));
}

}  // namespace
}  // namespace portoser::telemetry
