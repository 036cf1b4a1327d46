#include "controller/telemetry/controller_families.h"

#include "common/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace portoser::telemetry {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::Not;

TEST(ControllerFamilies, DatabaseTimesAreHistogramsByKindOfWork) {
  storage::DatabaseStats stats;
  stats.commits = 3;
  stats.connections = 3;
  stats.busy_connections = 1;
  Histogram reads{{0.01, 0.1}};
  reads.add(5ms);
  reads.add(50ms);
  reads.add(2s);
  stats.reads = reads.read();
  Exposition out;
  write_database_families(out, stats);
  const auto text = out.take();
  EXPECT_THAT(text, HasSubstr("portoser_database_commits_total 3\n"));
  EXPECT_THAT(text, HasSubstr("db_connections{state=\"busy\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("db_connections{state=\"idle\"} 2\n"));
  EXPECT_THAT(text,
              HasSubstr("db_query_duration_seconds_bucket{query_type=\"read\",le=\"0.01\"} 1\n"
                        "db_query_duration_seconds_bucket{query_type=\"read\",le=\"0.1\"} 2\n"
                        "db_query_duration_seconds_bucket{query_type=\"read\",le=\"+Inf\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("db_query_duration_seconds_count{query_type=\"read\"} 3\n"));
}

TEST(ControllerFamilies, ADatabaseThatTakesNothingIsNotWritable) {
  storage::DatabaseStats stats;
  Exposition well;
  write_database_families(well, stats);
  EXPECT_THAT(well.take(), HasSubstr("portoser_database_writable 1\n"));
  stats.problem = std::make_shared<const storage::DatabaseProblem>();
  Exposition ill;
  write_database_families(ill, stats);
  EXPECT_THAT(ill.take(), HasSubstr("portoser_database_writable 0\n"));
}

TEST(ControllerFamilies, SizeOfARegistryThatIsNotThereIsNotZero) {
  registry::RegistryStats stats;
  stats.refused = 2;
  stats.mistakes["file"] = 2;
  Exposition without;
  write_registry_families(without, stats, false);
  const auto text = without.take();
  EXPECT_THAT(text, Not(HasSubstr("\nregistry_size_bytes ")));
  EXPECT_THAT(text,
              HasSubstr("registry_operations_total{operation=\"read\",result=\"error\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("registry_validation_errors_total{error_type=\"file\"} 2\n"));

  stats.size_bytes = 120;
  Exposition with;
  write_registry_families(with, stats, true);
  const auto again = with.take();
  EXPECT_THAT(again, HasSubstr("\nregistry_size_bytes 120\n"));
  EXPECT_THAT(text, HasSubstr("\nportoser_registry_in_force 0\n"));
  EXPECT_THAT(again, HasSubstr("\nportoser_registry_in_force 1\n"));
}

TEST(ControllerFamilies, WhatRetentionDeletedIsCountedByKind) {
  storage::RetentionStats stats;
  stats.jobs = 3;
  stats.events = 700;
  stats.failures = 1;
  Exposition before;
  write_retention_families(before, stats);
  const auto text = before.take();
  EXPECT_THAT(text, HasSubstr("portoser_retention_deleted_total{kind=\"job\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("portoser_retention_deleted_total{kind=\"event\"} 700\n"));
  EXPECT_THAT(text, HasSubstr("portoser_retention_failures_total 1\n"));
  EXPECT_THAT(text, Not(HasSubstr("\nportoser_retention_last_success_timestamp_seconds ")));

  stats.succeeded_at = from_unix_us(1'700'000'000'000'000);
  Exposition after;
  write_retention_families(after, stats);
  EXPECT_THAT(after.take(),
              HasSubstr("\nportoser_retention_last_success_timestamp_seconds 1700000000\n"));
}

TEST(ControllerFamilies, SamplesOfSeriesAreCountedByWhatBecameOfThem) {
  SeriesStats stats;
  stats.samples = 5;
  stats.repeated = 2;
  stats.values = 70;
  stats.dropped_values = 1;
  stats.open_bytes = 60;
  Exposition out;
  write_series_families(out, stats);
  const auto text = out.take();
  EXPECT_THAT(text, HasSubstr("portoser_series_samples_total{result=\"new\"} 5\n"));
  EXPECT_THAT(text, HasSubstr("portoser_series_samples_total{result=\"repeated\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("portoser_series_values_total{result=\"dropped\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("\nportoser_series_open_bytes 60\n"));
}

TEST(ControllerFamilies, RegistrationsAreCountedByHowTheyEnded) {
  fleet::RegistrationCounts counts;
  counts.registered("x86_64", "linux", 20ms);
  counts.registered("x86_64", "linux", 20ms);
  counts.registered("a label\nof somebody's own", "", 20ms);
  counts.pending("arm64", "linux", 20ms);
  counts.refused(1ms);
  counts.updated("facts");
  Exposition out;
  write_registration_families(out, counts.read());
  const auto text = out.take();
  EXPECT_THAT(text,
              HasSubstr("devices_registered_total{status=\"registered\",arch=\"x86_64\","
                        "os=\"linux\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("arch=\"other\",os=\"unknown\"} 1\n"));
  EXPECT_THAT(text,
              HasSubstr("devices_registered_total{status=\"pending\",arch=\"arm64\","
                        "os=\"linux\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("status=\"refused\""));
  EXPECT_THAT(text, HasSubstr("registration_duration_seconds_count{status=\"registered\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("device_deregistrations_total{reason=\"replaced\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("device_updates_total{update_type=\"facts\"} 1\n"));
}

TEST(ControllerFamilies, WhatIsLoggedAsAnErrorIsCounted) {
  const auto errors = [] {
    Exposition out;
    write_process_families(out, 90s);
    const auto text = out.take();
    EXPECT_THAT(text, HasSubstr("uptime_seconds 90\n"));
    EXPECT_THAT(text, HasSubstr("portoser_build_info{version=\""));
    EXPECT_THAT(text, HasSubstr("system_info{hostname=\""));
    const std::string family = "errors_total{type=\"error\",severity=\"medium\"} ";
    const auto at = text.find(family);
    return at == std::string::npos ? -1 : std::stoi(text.substr(at + family.size()));
  };
  const auto before = errors();
  ASSERT_GE(before, 0);
  log::error("telemetry", "an error of this test", {});
  EXPECT_EQ(errors(), before + 1);
}

TEST(ControllerFamilies, WhatTheWireRefusedIsCountedByReason) {
  fleet::GatewayStats stats;
  stats.dropped_own_route = 2;
  stats.door_shut = 3;
  stats.strangers = 4;
  Exposition out;
  write_wire_families(
      out, stats, {.hellos_other_version = 5, .hellos_two_machines = 6, .dropped_not_welcomed = 7});
  const auto text = out.take();
  EXPECT_THAT(text, HasSubstr("portoser_wire_dropped_total{reason=\"routing_id\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("portoser_wire_shut_total 3\n"));
  EXPECT_THAT(text, HasSubstr("portoser_wire_handshakes 4\n"));
  EXPECT_THAT(text, HasSubstr("portoser_wire_hellos_refused_total{reason=\"version\"} 5\n"));
  EXPECT_THAT(text, HasSubstr("portoser_wire_hellos_refused_total{reason=\"cloned\"} 6\n"));
  EXPECT_THAT(text, HasSubstr("portoser_wire_dropped_total{reason=\"not_welcomed\"} 7\n"));
}

}  // namespace
}  // namespace portoser::telemetry
