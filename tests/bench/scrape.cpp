// How long a scrape of a large fleet takes, and what it costs the others: 1,000 hosts with 20
// services each, in the controller's own rooms and behind its own HTTP server, in this process.

#include "common/file.h"
#include "controller/api/prometheus.h"
#include "controller/api/system.h"
#include "controller/http/router.h"
#include "controller/http/server.h"
#include "protocol/curve.h"
#include "tests/support/http_client.h"
#include "tests/support/temp_folder.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <ctime>
#include <future>
#include <thread>

using namespace portoser;
using namespace std::chrono_literals;
using Milliseconds = std::chrono::duration<double, std::milli>;
using Steady = std::chrono::steady_clock;

namespace {

constexpr int hosts = 1000;
constexpr int services = 20;  ///< of each host
constexpr int scrapes = 30;

std::string host_name(int host) {
  return fmt::format("host-{:04}.rack.example", host);
}
std::string service_name(int host, int service) {
  return fmt::format("service-{:02}-of-{:04}", service, host);
}
std::string container_id(int host, int service) {
  return fmt::format("{:032x}{:032x}", host, service);
}

std::string registry_text() {
  std::string text = "domain: attic.test\nhosts:\n";
  for (int host = 0; host < hosts; ++host) {
    text += fmt::format("  {}: {{ip: 10.0.{}.{}}}\n", host_name(host), host / 250, host % 250);
  }
  text += "services:\n";
  for (int host = 0; host < hosts; ++host) {
    for (int service = 0; service < services; ++service) {
      text += fmt::format("  {0}: {{current_host: {1}, docker_compose: /srv/{0}/compose.yml}}\n",
                          service_name(host, service),
                          host_name(host));
    }
  }
  return text;
}

protocol::Sample sample_of(int host, std::int64_t number, std::int64_t wall_us) {
  protocol::Sample sample;
  sample.when = {"boot", number * 5'000'000'000, wall_us};
  sample.boot_time_us = 1'700'000'000'000'000;
  sample.number = number;
  sample.cpu.percent = 12.5 + host % 50;
  sample.cpu.load_1 = 0.37;
  sample.memory = protocol::MemorySample{16'000'000'000, 9'000'123'456, 8'000'000'000, 12'345'678};
  for (const auto* mount : {"/", "/srv", "/var/lib/docker"}) {
    sample.disks.push_back({mount,
                            "/dev/nvme0n1p1",
                            "ext4",
                            500'000'000'000,
                            123'456'789'012,
                            9'876'543'210,
                            1e5,
                            2e6});
  }
  for (const auto* interface : {"eth0", "eth1"}) {
    sample.networks.push_back({interface, 123'456'789 * number, 98'765'432 * number, 1e4, 2e4});
  }
  for (int service = 0; service < services; ++service) {
    auto& container = sample.containers.emplace_back();
    container.id = container_id(host, service);
    container.cpu_percent = 0.123 * service;
    container.memory_bytes = 123'456'789 + service;
    container.receive_bytes = 1'000'000 * number;
    container.transmit_bytes = 2'000'000 * number;
    container.block_read_bytes = 3'000'000;
    container.block_write_bytes = 4'000'000;
    container.services = {service_name(host, service)};
    sample.services.push_back({service_name(host, service), true});
  }
  return sample;
}

protocol::State state_of(int host) {
  protocol::State state;
  state.engine_available = true;
  for (int service = 0; service < services; ++service) {
    auto& one = state.services.emplace_back();
    one.name = service_name(host, service);
    one.status = "running";
    one.health = "healthy";
    one.container_ids = {container_id(host, service)};
  }
  return state;
}

class NoAudit : public http::AuditSink {
  void record(const http::AuditEntry& /*entry*/) override {}
};

/// The rooms behind the page, with a core that one thread runs.
struct Rooms {
  explicit Rooms(const std::filesystem::path& folder)
      : registry_file(folder / "registry.yml"), database(folder / "portoser.db", clock) {
    write_file_atomic(registry_file, registry_text());
    registry.emplace(core.get_executor(), registry_file, clock);
    const auto keys = protocol::make_key_pair();
    fleet::FleetSettings settings;
    settings.gateway.address = "127.0.0.1";
    settings.gateway.port = 0;
    settings.gateway.secret_key = keys.secret_key;
    settings.public_key = keys.public_key;
    fleet.emplace(settings, database, *registry, clock, core.get_executor(), live);
    jobs.emplace(database, *fleet, clock, core.get_executor());
    availability.emplace(*registry, history, clock);
    collection.emplace(
        database, *fleet, live, series, remote_write, clock, telemetry::CollectionSettings{});
    metrics.emplace(*registry, live, clock);
    const api::PrometheusSources sources{*registry,
                                         live,
                                         series,
                                         remote_write,
                                         *availability,
                                         *collection,
                                         *fleet,
                                         *jobs,
                                         database,
                                         retention,
                                         requests,
                                         job_counters,
                                         clock};
    prometheus.emplace(sources, *metrics);
    system.emplace(*registry, database, clock);
    prometheus->add_to(web);
    metrics->add_to(web);
    system->add_to(web);
    live.add_listener(series);
    thread = std::thread{[this] { core.run(); }};
    run(series.start());
    run(series.restore());
    run(fleet->start());
  }
  ~Rooms() {
    run(fleet->stop());
    guard.reset();
    core.stop();
    thread.join();
  }
  void run(asio::awaitable<void> work) {
    asio::co_spawn(core, std::move(work), asio::use_future).get();
  }

  std::filesystem::path registry_file;
  SystemClock clock;
  asio::io_context core{1};
  asio::executor_work_guard<asio::io_context::executor_type> guard{core.get_executor()};
  storage::Database database;
  storage::Retention retention{database, clock, {}};
  telemetry::Live live;
  telemetry::Series series{database, clock};
  telemetry::RemoteWrite remote_write{database, series, live, clock, {}};
  telemetry::UptimeHistory history{database, series, clock};
  std::optional<registry::RegistryWatch> registry;
  std::optional<fleet::Fleet> fleet;
  std::optional<jobs::Jobs> jobs;
  api::RequestCounters requests;
  api::JobCounters job_counters;
  std::optional<telemetry::Availability> availability;
  std::optional<telemetry::Collection> collection;
  std::optional<api::MetricsApi> metrics;
  std::optional<api::PrometheusApi> prometheus;
  std::optional<api::SystemApi> system;
  http::Router web;
  std::thread thread;
};

struct Spread {
  std::vector<double> all;
  void add(Steady::duration took) { all.push_back(Milliseconds{took}.count()); }
  std::string text() {
    std::sort(all.begin(), all.end());
    if (all.empty()) return "none";
    return fmt::format("p50 {:.2f} ms, p99 {:.2f} ms, most {:.2f} ms of {}",
                       all[all.size() / 2],
                       all[all.size() * 99 / 100],
                       all.back(),
                       all.size());
  }
};

/// Of this thread, in milliseconds.
double cpu_time() {
  timespec time{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return 1e3 * static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_nsec);
}

/// Reads the answer as it comes, as a client does that keeps up. Returns its size.
std::size_t scrape(std::uint16_t port) {
  test::HttpClient client{port};
  client.send_raw(
      "GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: application/openmetrics-text\r\n"
      "Connection: close\r\n\r\n");
  std::size_t size = 0;
  for (auto bytes = client.read_raw(); !bytes.empty(); bytes = client.read_raw()) {
    size += bytes.size();
  }
  return size;
}

/// Asks for a small answer every millisecond or two, on a connection of its own.
Spread ask_until(const std::atomic<bool>& over, std::uint16_t port) {
  Spread spread;
  test::HttpClient client{port};
  while (!over) {
    const auto begun = Steady::now();
    client.get("/ping");
    spread.add(Steady::now() - begun);
    std::this_thread::sleep_for(1ms);
  }
  return spread;
}

/// Hosts go on sending, 200 samples a second; how long the core needs for each.
Spread feed_until(const std::atomic<bool>& over, Rooms& rooms) {
  Spread spread;
  for (std::int64_t i = 0; !over; ++i) {
    const auto host = static_cast<int>(i % hosts);
    auto sample = sample_of(host, 3 + i / hosts, to_unix_us(rooms.clock.now()));
    const auto begun = Steady::now();
    rooms.live.on_sample(host_name(host), rooms.clock.now(), std::move(sample));
    spread.add(Steady::now() - begun);
    std::this_thread::sleep_for(5ms);
  }
  return spread;
}

void fill(Rooms& rooms) {
  for (int host = 0; host < hosts; ++host) {
    const auto now = rooms.clock.now();
    rooms.live.on_liveness(host_name(host), fleet::Liveness::unknown, fleet::Liveness::online, now);
    rooms.live.on_state(host_name(host), now, state_of(host));
    for (const std::int64_t number : {1, 2}) {
      rooms.live.on_sample(
          host_name(host), now - 5s * (2 - number), sample_of(host, number, to_unix_us(now)));
    }
    for (int service = 0; service < services; ++service) {
      storage::EventRecord event;
      event.scope = "service";
      event.device_id = "device";
      event.service = service_name(host, service);
      event.machine = host_name(host);
      event.event_type = "start";
      rooms.live.on_event(event);
    }
  }
  const auto begun = Steady::now();
  asio::co_spawn(rooms.prometheus->executor(), rooms.availability->compute(), asio::use_future)
      .get();
  fmt::print("availability of {} services over three windows, beside the page: {:.0f} ms\n",
             rooms.availability->newest()->size(),
             Milliseconds{Steady::now() - begun}.count());
}

}  // namespace

int main() {
  const test::TempFolder folder{"bench"};
  Rooms rooms{folder.path()};
  fill(rooms);

  for (const auto format : {telemetry::Format::text, telemetry::Format::openmetrics}) {
    Spread made;
    std::size_t size = 0;
    std::size_t series = 0;
    const auto begun_cpu = cpu_time();
    for (int i = 0; i < scrapes; ++i) {
      const auto begun = Steady::now();
      const auto page = rooms.prometheus->page(format);
      made.add(Steady::now() - begun);
      size = page->size();
      series = static_cast<std::size_t>(std::count(page->begin(), page->end(), '\n'));
    }
    fmt::print("{:.1f} ms of processor each; ", (cpu_time() - begun_cpu) / scrapes);
    fmt::print("{}: {:.1f} MB, {} lines, made in {}\n",
               format == telemetry::Format::text ? "text" : "OpenMetrics",
               static_cast<double>(size) / 1e6,
               series,
               made.text());
  }

  asio::io_context connections{1};
  auto keep = asio::make_work_guard(connections);
  std::thread connection_thread{[&] { connections.run(); }};
  http::OpenAccess authenticator;
  NoAudit audit;
  http::Server server{[&] { return connections.get_executor(); },
                      {},
                      authenticator,
                      audit,
                      rooms.requests,
                      rooms.clock};
  const auto port = server.listen({}, rooms.web);

  for (const bool with_scrapes : {false, true}) {
    std::atomic<bool> over{false};
    auto asked = std::async(std::launch::async, [&] { return ask_until(over, port); });
    auto fed = std::async(std::launch::async, [&] { return feed_until(over, rooms); });
    Spread scraped;
    if (with_scrapes) {
      for (int i = 0; i < scrapes; ++i) {
        const auto begun = Steady::now();
        if (scrape(port) < 1'000'000) fmt::print("a scrape without its page\n");
        scraped.add(Steady::now() - begun);
      }
      fmt::print("one scrape after the other over HTTP: {}\n", scraped.text());
    } else {
      std::this_thread::sleep_for(5s);
    }
    over = true;
    const auto* when = with_scrapes ? "meanwhile" : "without a scrape";
    fmt::print("GET /ping {}: {}\n", when, asked.get().text());
    fmt::print("a sample taken in {}: {}\n", when, fed.get().text());
  }

  asio::co_spawn(connections, server.stop(), asio::use_future).get();
  keep.reset();
  connections.stop();
  connection_thread.join();
}
