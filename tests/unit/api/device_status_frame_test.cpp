#include "common/describe_json.h"
#include "controller/api/device_frames.h"

#include <gtest/gtest.h>

namespace portoser::api {
namespace {

using fleet::Liveness;

Json data_of(Liveness before, Liveness after, std::optional<Time> last_seen) {
  return Json::parse(device_status_frame("brick", before, after, last_seen, Time{}))["data"];
}

TEST(DeviceStatusFrame, SaysWhenTheDeviceWasLastHeardInTheWordsOfDevices) {
  const auto heard = from_unix_us(1'700'000'000'000'000);
  const auto silent = data_of(Liveness::online, Liveness::stale, heard);
  EXPECT_EQ(silent["hostname"], "brick");
  EXPECT_EQ(silent["old_status"], "online");
  EXPECT_EQ(silent["new_status"], "warning");
  EXPECT_EQ(silent["reason"], "heartbeat_timeout");
  EXPECT_EQ(silent["last_seen"], to_rfc3339(heard));
  const auto back = data_of(Liveness::offline, Liveness::online, heard);
  EXPECT_EQ(back["old_status"], "offline");
  EXPECT_EQ(back["reason"], "heartbeat_recovered");
}

TEST(DeviceStatusFrame, OfADeviceThatWasNeverHeardSaysSo) {
  const auto never = data_of(Liveness::unknown, Liveness::offline, std::nullopt);
  EXPECT_EQ(never["reason"], "no_heartbeat_data");
  EXPECT_TRUE(never["last_seen"].is_null());
}

}  // namespace
}  // namespace portoser::api
