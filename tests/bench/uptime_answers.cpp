// How long the answers on a service's uptime take when it has a hundred thousand events: the first
// after a start, which reads them all, and the later ones. `bench_uptime_answers [events]`

#include "common/clock.h"
#include "controller/storage/connection.h"
#include "controller/storage/database.h"
#include "controller/storage/event_store.h"
#include "tests/integration/portoser.h"

#include <SQLiteCpp/SQLiteCpp.h>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

using namespace portoser;
using namespace portoser::test;
using namespace std::chrono_literals;

namespace {

constexpr auto year = 24h * 365;

/// Failures and recoveries over the last year, in equal distances.
void fill(const std::filesystem::path& database, std::size_t count) {
  const SystemClock clock;
  asio::io_context io;  // the writer lets go of it after it has answered
  storage::Database file{database, clock};
  storage::EventStore store{file};
  const auto begin = clock.now() - year;
  std::vector<storage::EventRecord> some;
  const auto keep = [&] {
    auto result = asio::co_spawn(io, store.append(std::move(some)), asio::use_future);
    io.restart();
    while (result.wait_for(0s) != std::future_status::ready) io.run_one();
    result.get();
    some.clear();
  };
  for (std::size_t i = 0; i < count; ++i) {
    storage::EventRecord event;
    event.device_id = "device";
    event.spool_epoch = "epoch";
    event.sequence = static_cast<std::int64_t>(i) + 1;
    event.scope = "service";
    event.event_type = i % 2 == 0 ? "failure" : "recovery";
    event.service = "notes";
    event.machine = "brick";
    event.time = begin + std::chrono::duration_cast<std::chrono::microseconds>(year) / count * i;
    event.details = "exit 137";
    some.push_back(std::move(event));
    if (some.size() == 5000) keep();
  }
  if (!some.empty()) keep();
}

void watch_all_year(const std::filesystem::path& database) {
  const auto now =
      std::chrono::duration_cast<std::chrono::milliseconds>(SystemClock{}.now().time_since_epoch());
  SQLite::Database file{database, SQLite::OPEN_READWRITE};
  SQLite::Statement insert{file,
                           "INSERT INTO service_watches (host, service, start, \"end\", found) "
                           "VALUES ('brick', 'notes', ?, ?, 1)"};
  insert.bind(1, (now - std::chrono::milliseconds{year}).count());
  insert.bind(2, now.count());
  insert.exec();
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
  const std::size_t events = argc > 1 ? std::stoul(argv[1]) : 100'000;
  const TempFolder folder{"bench"};
  ControllerProcess controller{folder.path()};
  controller.write_registry(
      "hosts:\n  brick: {ip: 127.0.0.1}\nservices:\n  notes: {current_host: brick, docker_compose: "
      "/srv/notes/compose.yml}\n");
  controller.start();
  controller.stop();
  fill(controller.data() / "portoser.db", events);
  watch_all_year(controller.data() / "portoser.db");
  fmt::print("{} events of one service:\n", events);
  for (const auto* path : {"/api/uptime/notes/brick?days=365",
                           "/api/uptime/notes/brick?timeRange=30d",
                           "/api/uptime/notes/brick/history?days=365",
                           "/api/uptime/notes/brick/events?limit=50",
                           "/api/uptime/notes/brick/events?limit=50&offset=90000",
                           "/api/uptime/all?days=365"}) {
    controller.start();
    HttpClient client{controller.port()};
    ask(client, "/api/services");
    const auto first = ask(client, path);
    std::vector<double> later;
    for (int i = 0; i < 30; ++i) later.push_back(ask(client, path));
    std::sort(later.begin(), later.end());
    fmt::print("{:<55} first {:6.1f} ms, then median {:5.1f} ms, at most {:5.1f} ms\n",
               path,
               first,
               later[later.size() / 2],
               later.back());
    controller.stop();
  }
}
