// What /metrics says of the controller itself: its registry.yml and what it deleted for its age.

#include "tests/integration/portoser.h"
#include "tests/support/await.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace portoser::test {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

class ControllerMetrics : public testing::Test {
 protected:
  ControllerMetrics() : folder_("controller-metrics"), controller_(folder_.path()) {
    controller_.write_registry(registry);
    controller_.start();
  }
  /// The value of a sample, by its name with labels; none: it is not there.
  std::optional<double> value(const std::string& name) const {
    const auto text = "\n" + controller_.get("/metrics").text;
    const auto at = text.find("\n" + name + " ");
    if (at == std::string::npos) return std::nullopt;
    return std::stod(text.substr(at + name.size() + 2));
  }

  static constexpr const char* registry = "hosts:\n  brick: {ip: 127.0.0.1}\n";
  TempFolder folder_;
  ControllerProcess controller_;
};

TEST_F(ControllerMetrics, CountReadsAndMistakesOfTheRegistry) {
  constexpr auto* good = "registry_operations_total{operation=\"read\",result=\"success\"}";
  constexpr auto* bad = "registry_operations_total{operation=\"read\",result=\"error\"}";
  EXPECT_EQ(value("registry_size_bytes"), std::string{registry}.size());
  EXPECT_EQ(value(good), 1);
  EXPECT_EQ(value(bad), 0);
  controller_.write_registry("hosts: {brick: {ip: 127.0.0.1}\n");
  await_until("the broken file is counted", 30s, [&] { return value(bad) >= 1; });
  EXPECT_THAT(controller_.get("/metrics").text,
              HasSubstr("registry_validation_errors_total{error_type=\""));
  EXPECT_EQ(value(good), 1);
  controller_.write_registry(std::string{registry} + "services: {}\n");
  await_until("the mended file is counted", 30s, [&] { return value(good) == 2; });
}

TEST_F(ControllerMetrics, SayWhatRetentionDidAndWhen) {
  await_until("the first round is over", 30s, [&] {
    return value("portoser_retention_last_success_timestamp_seconds").has_value();
  });
  EXPECT_GT(value("portoser_retention_last_success_timestamp_seconds"), 1.7e9);
  EXPECT_EQ(value("portoser_retention_deleted_total{kind=\"job\"}"), 0);
  EXPECT_EQ(value("portoser_retention_deleted_total{kind=\"event\"}"), 0);
  EXPECT_EQ(value("portoser_retention_failures_total"), 0);
}

}  // namespace
}  // namespace portoser::test
