// How soon a controller answers after a start when its history is long, and how long the answers on
// the history take then. `bench_history_rows [rows]`
#include "common/clock.h"
#include "controller/storage/deployment_store.h"
#include "tests/integration/portoser.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

using namespace portoser;
using namespace portoser::test;

namespace {

constexpr std::size_t services = 200;
constexpr std::size_t hosts = 20;

/// A minute between two of them, the newest now.
void fill(const std::filesystem::path& database, std::size_t count) {
  const SystemClock clock;
  storage::DeploymentFile file{database, clock};
  const auto now = clock.now();
  const std::string state =
      R"({"compose_file":{"path":"/srv/notes/compose.yml","text":"services:\n  web: {image: notes}\n"}})";
  std::vector<storage::DeploymentRecord> some;
  for (std::size_t i = 0; i < count; ++i) {
    storage::DeploymentRecord record;
    record.id = fmt::format("deploy-20260101-000000-{:08x}", i);
    record.started_at = now - std::chrono::minutes{count - i};
    record.finished_at = record.started_at + std::chrono::seconds{5};
    record.service = fmt::format("service-{}", i % services);
    record.machine = fmt::format("host-{}", i % hosts);
    record.action = "restart";
    record.status = i % 50 == 0 ? "failure" : "success";
    record.outcome = i % 50 == 0 ? "failed" : "succeeded";
    record.actor = "ada";
    record.source = "api";
    record.duration_ms = 5000;
    record.state_before = state;
    record.state_after = state;
    some.push_back(std::move(record));
    if (some.size() < 10'000 && i + 1 < count) continue;
    file.insert_all(some);
    some.clear();
  }
}

double ask(HttpClient& client, const std::string& path) {
  const auto begin = std::chrono::steady_clock::now();
  const auto answer = client.get(path);
  const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - begin;
  if (answer.status != 200) fmt::print("{}: {}\n", answer.status, answer.body);
  return took.count();
}

}  // namespace

int main(int argc, char** argv) {
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  const std::size_t rows = argc > 1 ? std::stoul(argv[1]) : 1'000'000;
  const TempFolder folder{"bench"};
  ControllerProcess controller{folder.path()};
  controller.write_registry("hosts:\n  brick: {ip: 127.0.0.1}\n");
  controller.set_environment({{"PORTOSER_RETENTION_DEPLOYMENTS_DAYS", "36500"}});
  const auto begin_empty = std::chrono::steady_clock::now();
  controller.start();
  const std::chrono::duration<double, std::milli> empty =
      std::chrono::steady_clock::now() - begin_empty;
  controller.stop();
  fill(controller.data() / "portoser.db", rows);
  fmt::print("{} rows of history, {} MiB:\n",
             rows,
             std::filesystem::file_size(controller.data() / "portoser.db") >> 20U);
  const auto begin = std::chrono::steady_clock::now();
  controller.start();
  HttpClient client{controller.port()};
  ask(client, "/api/services");
  const std::chrono::duration<double, std::milli> full = std::chrono::steady_clock::now() - begin;
  fmt::print("start to first answer: {:.0f} ms; without any rows {:.0f} ms\n",
             full.count(),
             empty.count());
  for (const auto* path : {"/api/history/deployments?limit=50",
                           "/api/history/deployments?limit=50&offset=500000",
                           "/api/history/deployments?service=service-7&limit=50",
                           "/api/history/deployments?machine=host-3&status=failure&limit=50",
                           "/api/history/stats"}) {
    const auto first = ask(client, path);
    std::vector<double> later;
    for (int i = 0; i < 15; ++i) later.push_back(ask(client, path));
    std::sort(later.begin(), later.end());
    fmt::print("{:<66} first {:7.1f} ms, then median {:7.1f} ms, at most {:7.1f} ms\n",
               path,
               first,
               later[later.size() / 2],
               later.back());
  }
  controller.stop();
}
