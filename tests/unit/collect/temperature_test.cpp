#include "agent/collect/temperature.h"

#include "common/file.h"
#include "tests/unit/collect/fixture_tree.h"

#include <gmock/gmock.h>

#include <filesystem>

namespace portoser::agent::collect {
namespace {

using protocol::TemperatureSample;
using testing::ElementsAre;
using testing::IsEmpty;

class TemperatureTest : public testing::Test {
 protected:
  void add(const std::string& chip, const std::string& file, const std::string& content) {
    const auto folder = tree_ / ("sys/class/hwmon/" + chip);
    std::filesystem::create_directories(folder);
    write_file_atomic(folder / file, content);
  }
  std::vector<TemperatureSample> next(double seconds = 5) {
    return collector_.collect(seconds, buffer_);
  }

  FixtureTree tree_{"v1"};
  ReadBuffer buffer_;
  TemperatureCollector collector_{tree_.paths().root};
};

TEST_F(TemperatureTest, AMachineWithoutSensorsHasNone) {
  EXPECT_THAT(next(), IsEmpty());
}

TEST_F(TemperatureTest, SensorsAreNamedByDriverAndLabel) {
  add("hwmon0", "name", "coretemp\n");
  add("hwmon0", "temp1_input", "48500\n");
  add("hwmon0", "temp1_label", "Package id 0\n");
  add("hwmon0", "temp2_input", "-3000\n");
  add("hwmon0", "temp1_max", "100000\n");
  EXPECT_THAT(next(),
              ElementsAre(TemperatureSample{"coretemp Package id 0", 48.5},
                          TemperatureSample{"coretemp temp2", -3.0}));
}

TEST_F(TemperatureTest, DisksAreLeftToSleep) {
  add("hwmon1", "name", "drivetemp\n");
  add("hwmon1", "temp1_input", "31000\n");
  EXPECT_THAT(next(), IsEmpty());
}

TEST_F(TemperatureTest, TwoDisksOfOneDriverHaveTwoNames) {
  for (const auto* chip : {"hwmon1", "hwmon2"}) {
    add(chip, "name", "nvme\n");
    add(chip, "temp1_input", "31000\n");
  }
  EXPECT_THAT(
      next(),
      ElementsAre(TemperatureSample{"nvme temp1", 31.0}, TemperatureSample{"nvme temp1 #2", 31.0}));
}

TEST_F(TemperatureTest, WhatIsNoTemperatureIsLeftOut) {
  add("hwmon0", "name", "odd\n");
  add("hwmon0", "temp1_input", "\n");
  add("hwmon0", "temp2_input", "-128000\n");
  add("hwmon0", "temp3_input", "warm\n");
  add("hwmon0", "temp_input", "1\n");
  EXPECT_THAT(next(), IsEmpty());
}

TEST_F(TemperatureTest, ANewSensorIsFoundWithinAMinute) {
  EXPECT_THAT(next(), IsEmpty());
  add("hwmon3", "name", "nvme\n");
  add("hwmon3", "temp1_input", "40000\n");
  EXPECT_THAT(next(), IsEmpty());
  EXPECT_THAT(next(60), ElementsAre(TemperatureSample{"nvme temp1", 40.0}));
  std::filesystem::remove_all(tree_ / "sys/class/hwmon/hwmon3");
  EXPECT_THAT(next(60), IsEmpty());
}

}  // namespace
}  // namespace portoser::agent::collect
