#include "controller/telemetry/outgoing_sample.h"

#include "common/error.h"
#include "controller/telemetry/fleet_families.h"
#include "tests/unit/telemetry/played_host.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <set>
#include <sstream>

namespace portoser::telemetry {
namespace {

using testing::Contains;
using testing::IsEmpty;

protocol::Sample sample_of_brick() {
  auto sample = full_sample(1);
  sample.boot_time_us = 1'700'000'000'500'000;
  sample.cpu.load_5 = 0.25;
  sample.cpu.load_15 = 0.125;
  sample.temperatures = {{"coretemp Package id 0", 41.5}};
  sample.containers = {container("a", 7), container("b", 8)};
  for (auto& one : sample.containers) one.services = {"notes"};
  sample.containers[1].block_write_bytes = 9;
  sample.services = {{"notes", true}};
  return sample;
}

/// As /metrics writes it.
std::string line_of(const OutgoingValue& value) {
  const auto& info = *info_of(value.family);
  const bool is_service = info.labels[0] == "service";
  Exposition out;
  out.family(info.name, "gauge", "");
  if (is_service) {
    out.sample({{"service", value.labels[0]}, {"machine", "brick"}}, value.value);
  } else if (info.labels[0].empty()) {
    out.sample({{"machine", "brick"}}, value.value);
  } else if (info.labels[1].empty()) {
    out.sample({{"machine", "brick"}, {info.labels[0], value.labels[0]}}, value.value);
  } else {
    out.sample({{"machine", "brick"},
                {info.labels[0], value.labels[0]},
                {info.labels[1], value.labels[1]},
                {info.labels[2], value.labels[2]}},
               value.value);
  }
  const auto text = out.take();
  return text.substr(text.find('\n', text.find("# TYPE")) + 1);
}

std::set<std::string> samples_of(const std::string& page) {
  std::set<std::string> lines;
  std::istringstream in{page};
  for (std::string line; std::getline(in, line);) {
    if (!line.starts_with('#')) lines.insert(line + "\n");
  }
  return lines;
}

TEST(OutgoingSample, HasTheSeriesOfTheMetricsPage) {
  Live live;
  live.on_liveness("brick", fleet::Liveness::unknown, fleet::Liveness::online, noon);
  live.on_state("brick", noon, state_of_notes("running", {"a", "b"}));
  live.on_sample("brick", noon, sample_of_brick());
  Exposition out;
  const auto registry = small_registry();
  const FleetReading fleet{registry, live, live.hosts(), noon};
  write_host_families(out, fleet, {});
  write_service_families(out, fleet, {});
  auto page = samples_of(out.take());
  const auto sample = sample_of_brick();
  auto values = outgoing_values(sample);
  values.push_back({OutgoingFamily::host_up, {}, 1, false});
  for (const auto& value : values) {
    const auto line = line_of(value);
    const auto name = line.substr(0, line.find('{'));
    if (page.erase(line) > 0) continue;
    // The page's sums of counters begin at 0, so that they never go back; these are as measured.
    const auto series = line.substr(0, line.find('}') + 1);
    const auto same_series = [&](const auto& other) { return other.starts_with(series); };
    if (name.ends_with("_total") && std::erase_if(page, same_series) > 0) continue;
    // What the page does not have.
    EXPECT_THAT((std::set<std::string>{"portoser_host_load5", "portoser_host_load15"}),
                Contains(name))
        << line;
  }
  // What the page counts itself, and what is in no sample.
  for (const auto* name : {"metrics_ingested_total",
                           "portoser_agent_last_sample_age_seconds",
                           "portoser_host_clock_offset_seconds",
                           "portoser_host_engine_available",
                           "portoser_service_healthy",
                           "portoser_uptime_events_total"}) {
    std::erase_if(page, [name](const auto& line) { return line.starts_with(name); });
  }
  EXPECT_THAT(page, IsEmpty());
}

TEST(OutgoingSample, ATimeOfTheBootThatIsUnknownIsNotSent) {
  auto sample = sample_of_brick();
  const auto all = outgoing_values(sample).size();
  sample.boot_time_us = 0;
  const auto values = outgoing_values(sample);
  EXPECT_EQ(values.size(), all - 1);
  for (const auto& value : values) EXPECT_NE(value.family, OutgoingFamily::host_boot_time_seconds);
}

TEST(OutgoingSample, WhatAHostReportsTwiceHasItsFirstValue) {
  const auto sample = sample_of_brick();
  const auto once = outgoing_values(sample);
  auto doubled = sample;  // labels are views of the sample that they come from
  auto disk = sample.disks[0];
  disk.used_bytes += 1;
  doubled.disks.push_back(disk);
  doubled.temperatures.push_back({"coretemp Package id 0", 99});
  const auto twice = outgoing_values(doubled);
  ASSERT_EQ(twice.size(), once.size());
  for (std::size_t i = 0; i < once.size(); ++i) {
    EXPECT_TRUE(twice[i].is_of(once[i])) << i;
    EXPECT_EQ(twice[i].value, once[i].value) << i;
  }
}

TEST(OutgoingSample, IsReadAsItWasWritten) {
  const auto sample = sample_of_brick();
  OutgoingRecord record;
  record.time_ms = 1'767'225'600'123;
  record.values = outgoing_values(sample);
  for (const auto odd : {-1.0, -0.0, 0.1, 1e300, -9007199254740992.0, 9007199254740993.0}) {
    record.values.push_back({OutgoingFamily::service_memory_bytes, {"odd"}, odd, false});
  }
  record.values.push_back({OutgoingFamily::service_up, {"gone"}, 0, true});
  const auto bytes = encode(record);
  const auto again = decode_outgoing(bytes);
  EXPECT_EQ(again.time_ms, record.time_ms);
  ASSERT_EQ(again.values.size(), record.values.size());
  for (std::size_t i = 0; i < record.values.size(); ++i) {
    EXPECT_TRUE(again.values[i].is_of(record.values[i])) << i;
    EXPECT_EQ(again.values[i].is_stale, record.values[i].is_stale) << i;
    EXPECT_EQ(fmt::format("{}", again.values[i].value), fmt::format("{}", record.values[i].value));
  }
  EXPECT_LT(bytes.size(), 500U);
}

TEST(OutgoingSample, WhatIsDamagedIsNotReadAsSomethingElse) {
  const auto sample = sample_of_brick();
  const auto bytes = encode({.time_ms = 5, .values = outgoing_values(sample)});
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_THROW(decode_outgoing(bytes.substr(0, size)), Error) << size;
  }
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    for (const int bit : {1, 4, 64, 128}) {
      auto odd = bytes;
      odd[at] = static_cast<char>(odd[at] ^ bit);
      try {
        for (const auto& value : decode_outgoing(odd).values) {
          EXPECT_NE(info_of(value.family), nullptr);
        }
      } catch (const Error& error) {
        EXPECT_EQ(error.code(), Code::internal);
      }
    }
  }
}

TEST(OutgoingSample, ASeriesThatIsThereNoMoreEnds) {
  const auto before_sample = sample_of_brick();
  auto sample = sample_of_brick();
  sample.containers.clear();
  sample.services.clear();
  sample.disks.pop_back();
  const auto before = outgoing_values(before_sample);
  auto values = outgoing_values(sample);
  const auto had = values.size();
  add_ends(values, before);
  ASSERT_EQ(values.size(), before.size());
  for (auto i = had; i < values.size(); ++i) {
    EXPECT_TRUE(values[i].is_stale);
    EXPECT_THAT((std::set<std::string_view>{"notes", "/dev/vdb"}), Contains(values[i].labels[0]));
  }
  // It ends once.
  auto next = outgoing_values(sample);
  add_ends(next, values);
  EXPECT_EQ(next.size(), had);
  // In another order it is the same.
  auto turned = outgoing_values(before_sample);
  std::reverse(turned.begin(), turned.end());
  add_ends(turned, before);
  EXPECT_EQ(turned.size(), before.size());
}

TEST(OutgoingSample, EndlessNamesAreLeftOut) {
  protocol::Sample sample;
  sample.services = {{std::string(2000, 'x'), true}, {"notes", true}};
  std::vector<std::string> services;
  for (const auto& value : outgoing_values(sample)) {
    if (value.family == OutgoingFamily::service_up) services.emplace_back(value.labels[0]);
  }
  EXPECT_THAT(services, testing::ElementsAre("notes"));
}

}  // namespace
}  // namespace portoser::telemetry
