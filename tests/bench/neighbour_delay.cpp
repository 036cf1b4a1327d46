// How much a host with a frozen engine delays the others: restarts of a service on a healthy host,
// in turns beside a healthy and beside a sick neighbour, so that the machine's moods meet both.
#include "common/program.h"
#include "tests/cluster/cluster.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <iostream>
#include <vector>

namespace {

using namespace portoser;
using Milliseconds = std::chrono::duration<double, std::milli>;

double restart(const test::Cluster& cluster, const test::ClusterHost& host) {
  const auto begin = std::chrono::steady_clock::now();
  const auto answer = cluster.controller().post("/api/services/" + host.service() + "/restart");
  if (answer.status != 200) throw Error{Code::internal, answer.text};
  return Milliseconds{std::chrono::steady_clock::now() - begin}.count();
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values.at(values.size() / 2);
}

int measure() {
  constexpr int rounds = 20;
  test::Cluster cluster{3};
  auto& sick = cluster.host(1);
  const auto& healthy = cluster.host(2);
  restart(cluster, healthy);  // the first finds cold caches
  std::vector<double> before;
  std::vector<double> beside;
  for (int round = 0; round < rounds; ++round) {
    before.push_back(restart(cluster, healthy));
    sick.machine().freeze_engine();
    cluster.controller().await_service(sick.service(), "unknown");
    beside.push_back(restart(cluster, healthy));
    sick.machine().thaw_engine();
    cluster.controller().await_service(sick.service(), "running");
  }
  std::cout << fmt::format(
      "neighbour_delay: restart {:.0f} ms beside a healthy host, {:.0f} ms beside one with a "
      "frozen "
      "engine (medians of {}): {:.3f}\n",
      median(before),
      median(beside),
      rounds,
      median(beside) / median(before));
  return 0;
}

}  // namespace

int main() {
  return run_program("neighbour_delay", measure);
}
