// A large fleet on one controller: what it costs while all is well, and how soon all are back after
// a restart. `bench_fleet [hosts] [services of each] [seconds between samples] [minutes of rest]`

#include "tests/bench/process_cost.h"
#include "tests/bench/simulated_fleet.h"
#include "tests/support/await.h"

#include <fmt/format.h>

#include <cstdio>
#include <string>
#include <thread>

using namespace portoser::test;
using namespace portoser::bench;
using namespace std::chrono_literals;
using Seconds = std::chrono::duration<double>;
using std::chrono::steady_clock;

namespace {

constexpr auto measured = 60s;
/// As agents: a random time up to this after a connection broke.
constexpr auto spread = 3000ms;

std::size_t argument(int argc, char** argv, int index, std::size_t otherwise) {
  return argc > index ? std::stoul(argv[index]) : otherwise;
}

/// A host is online once it was welcomed; the page of a large fleet is too long to ask for often.
void await_all_online(const ControllerProcess& controller,
                      const SimulatedFleet& fleet,
                      std::size_t hosts) {
  await_until(
      "all are welcomed",
      300s,
      [&] { return fleet.welcomed() == hosts; },
      [&] { return fmt::format("{} of {} are", fleet.welcomed(), hosts); });
  const auto online = controller.metric(R"(devices_online{status="online",role=""})").value_or(0);
  if (online < static_cast<double>(hosts)) fmt::print("only {} are shown as online\n", online);
}

}  // namespace

int main(int argc, char** argv) {
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  const FleetSize size{argument(argc, argv, 1, 5000), argument(argc, argv, 2, 4)};
  const std::chrono::seconds interval{argument(argc, argv, 3, 10)};
  const TempFolder folder{"bench"};
  SimulatedFleet fleet{size, interval};
  ControllerProcess controller{folder.path()};
  controller.set_environment(
      {{"PORTOSER_SAMPLE_INTERVAL_MS", std::to_string(interval.count() * 1000)}});
  controller.write_registry(fleet.registry());
  controller.start();

  auto begin = steady_clock::now();
  auto used = cpu_seconds(controller.pid());
  fleet.join(controller.create_token({"--uses", std::to_string(size.hosts)}));
  fmt::print("{} hosts with {} services each have joined in {:.1f} s ({:.1f} CPU s)\n",
             size.hosts,
             size.services,
             Seconds{steady_clock::now() - begin}.count(),
             cpu_seconds(controller.pid()) - used);
  begin = steady_clock::now();
  fleet.connect(spread);
  await_all_online(controller, fleet, size.hosts);
  fmt::print("all are online after {:.1f} s\n", Seconds{steady_clock::now() - begin}.count());

  std::this_thread::sleep_for(interval + std::chrono::minutes{argument(argc, argv, 4, 0)});
  begin = steady_clock::now();
  used = cpu_seconds(controller.pid());
  const auto sent = fleet.samples_sent();
  std::this_thread::sleep_for(measured);
  const Seconds passed = steady_clock::now() - begin;
  used = cpu_seconds(controller.pid()) - used;
  const auto samples = static_cast<double>(fleet.samples_sent() - sent);
  fmt::print(
      "a sample of {} values every {} s: {:.0f} samples a second, {:.3f} cores, {:.0f} MiB "
      "resident, {:.0f} values a CPU second; {} not sent\n",
      fleet.values_a_sample(),
      interval.count(),
      samples / passed.count(),
      used / passed.count(),
      resident_mib(controller.pid()),
      samples * static_cast<double>(fleet.values_a_sample()) / used,
      fleet.samples_dropped());

  const auto logged = controller.log().size();
  controller.kill();
  begin = steady_clock::now();
  fleet.connect(spread);
  controller.start();
  const Seconds answered = steady_clock::now() - begin;
  await_all_online(controller, fleet, size.hosts);
  fmt::print(
      "killed and started: it answers after {:.2f} s, all are online after {:.1f} s "
      "({:.1f} CPU s)\n",
      answered.count(),
      Seconds{steady_clock::now() - begin}.count(),
      cpu_seconds(controller.pid()));
  const bool mistaken = controller.log().substr(logged).find("after=offline") != std::string::npos;
  fmt::print("declared offline meanwhile: {}\n", mistaken ? "SOME" : "none");
}
