#include "agent/link/fit.h"

#include "protocol/codec.h"
#include "tests/unit/link/link_fixture.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

namespace portoser::agent::link {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Not;

std::string id_of(int number) {
  auto id = std::to_string(number);
  return std::string(64 - id.size(), 'c') + id;
}

protocol::ContainerSample container(int number, std::vector<std::string> services = {}) {
  protocol::ContainerSample one;
  one.id = id_of(number);
  one.cpu_percent = 0.1;
  one.memory_bytes = 64LL << 20U;
  one.memory_limit_bytes = 128LL << 20U;
  one.receive_bytes = 1LL << 40U;
  one.transmit_bytes = 1LL << 40U;
  one.block_read_bytes = 1LL << 40U;
  one.block_write_bytes = 1LL << 40U;
  one.per_second = protocol::ContainerRates{1000, 1000, 0, 0};
  one.services = std::move(services);
  return one;
}

protocol::Sample full_host(int containers) {
  protocol::Sample sample;
  sample.when = {"boot", 5, 6};
  sample.cpu.percent = 12.5;
  sample.memory = protocol::MemorySample{4000, 1000, 0, 0};
  sample.disks = {{"/", "/dev/vda1", "ext4", 1000, 250, 700, 11.0, 22.0}};
  for (int number = 0; number < containers; ++number) {
    sample.containers.push_back(container(number));
  }
  return sample;
}

/// The last hundred of them belong to ten services.
void give_to_services(protocol::Sample& sample) {
  const auto first = static_cast<int>(sample.containers.size()) - 100;
  for (int i = 0; i < 100; ++i) {
    auto& container = sample.containers.at(static_cast<std::size_t>(first + i));
    container.services = {"service-" + std::to_string(i % 10)};
  }
}

bool has_service(const protocol::ContainerSample& container) {
  return !container.services.empty();
}

TEST(Fitted, ASampleOfTenThousandContainersKeepsItsHostAndServices) {
  auto sample = full_host(10'000);
  give_to_services(sample);
  const auto shorter = fitted(sample);
  const auto size = protocol::encode(shorter, 1'000'000).size();
  EXPECT_LE(size, protocol::message_limit);
  EXPECT_GT(size, protocol::message_limit - 500) << "there was room for another";
  EXPECT_EQ(shorter.cpu, sample.cpu);
  EXPECT_EQ(shorter.memory, sample.memory);
  EXPECT_EQ(shorter.disks, sample.disks);
  const auto& kept = shorter.containers;
  EXPECT_EQ(static_cast<std::int64_t>(kept.size()) + shorter.containers_left_out, 10'000);
  EXPECT_EQ(std::count_if(kept.begin(), kept.end(), has_service), 100);
  EXPECT_EQ(kept.front(), sample.containers.front()) << "in their order";
  EXPECT_EQ(kept.back(), sample.containers.back());
}

TEST(Fitted, AServiceHasAllOfItsContainersOrNone) {
  auto sample = full_host(6000);
  for (int number = 0; number < 6000; ++number) {
    sample.containers.at(static_cast<std::size_t>(number)).services = {"service-" +
                                                                       std::to_string(number % 60)};
  }
  // One that two share, of which the later in the alphabet finds no room.
  sample.containers.at(0).services = {"service-0", "service-9"};
  const auto shorter = fitted(sample);
  std::map<std::string, int> counts;
  for (const auto& container : shorter.containers) {
    for (const auto& service : container.services) ++counts[service];
  }
  EXPECT_GT(counts.size(), 10U);
  EXPECT_LT(counts.size(), 60U);
  for (const auto& [service, count] : counts) EXPECT_EQ(count, 100) << service;
  EXPECT_EQ(counts.count("service-9"), 0U);
  EXPECT_THAT(shorter.containers.front().services, ElementsAre("service-0"));
  EXPECT_EQ(fitted(sample), shorter) << "the same ones in each sample";
}

TEST(Fitted, AStateKeepsTheContainersOfServicesFirst) {
  protocol::State state;
  state.engine_available = true;
  for (int number = 0; number < 10'000; ++number) {
    protocol::Container one;
    one.id = id_of(number);
    one.name = "container-" + std::to_string(number);
    one.image = "registry.test/some/image:1";
    one.state = "running";
    one.restart_policy = "unless-stopped";
    one.working_dir = "/srv/some/where";
    state.containers.push_back(std::move(one));
  }
  state.services = {{"notes", "running", "healthy", "", "", {id_of(9999), id_of(5000)}}};
  const auto shorter = fitted(state);
  EXPECT_LE(protocol::encode(shorter, 1'000'000).size(), protocol::message_limit);
  EXPECT_EQ(shorter.services, state.services);
  EXPECT_EQ(static_cast<std::int64_t>(shorter.containers.size()) + shorter.containers_left_out,
            10'000);
  EXPECT_GT(shorter.containers.size(), 1000U);
  std::set<std::string> ids;
  for (const auto& one : shorter.containers) ids.insert(one.id);
  EXPECT_THAT(ids, Contains(id_of(9999)));
  EXPECT_THAT(ids, Contains(id_of(5000)));
  EXPECT_THAT(ids, Contains(id_of(0)));
  EXPECT_THAT(ids, Not(Contains(id_of(9998))));
}

TEST(Fitted, WhatIsTooLargeWithoutContainersHasNone) {
  auto sample = full_host(5);
  sample.problems = {{"disk", std::string(protocol::message_limit, 'x')}};
  const auto shorter = fitted(sample);
  EXPECT_THAT(shorter.containers, IsEmpty());
  EXPECT_EQ(shorter.containers_left_out, 5);
}

using FittedLink = test::LinkTest;

TEST_F(FittedLink, AHostWithTenThousandContainersArrives) {
  start_controller();
  start_link();
  ASSERT_TRUE(await_online());
  auto sample = full_host(10'000);
  give_to_services(sample);
  protocol::State state;
  state.services = {{"service-0", "running", "healthy", "", "", {id_of(9900)}}};
  for (const auto& one : sample.containers) {
    protocol::Container container;
    container.id = one.id;
    state.containers.push_back(std::move(container));
  }
  link_->send(std::move(state));
  link_->send(std::move(sample));
  ASSERT_TRUE(await_seen([](const auto& seen) {
    return !seen.template all<protocol::Sample>().empty() &&
           !seen.template all<protocol::State>().empty();
  }));
  const auto seen = memory_->seen();
  const auto arrived = seen.all<protocol::Sample>().front();
  EXPECT_EQ(arrived.cpu.percent, 12.5);
  EXPECT_EQ(arrived.memory->total_bytes, 4000);
  EXPECT_GT(arrived.containers.size(), 3000U);
  EXPECT_GT(arrived.containers_left_out, 0);
  EXPECT_EQ(std::count_if(arrived.containers.begin(), arrived.containers.end(), has_service), 100);
  EXPECT_GT(seen.all<protocol::State>().front().containers_left_out, 0);
}

}  // namespace
}  // namespace portoser::agent::link
