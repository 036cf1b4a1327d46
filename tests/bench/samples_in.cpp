// Values for each CPU second of the server: the controller takes them from hosts on the wire, and
// Prometheus and VictoriaMetrics scrape as many of the same kind.
// `bench_samples_in [hosts] [services of each]`

#include "common/file.h"
#include "tests/bench/exporter.h"
#include "tests/bench/process_cost.h"
#include "tests/bench/simulated_fleet.h"
#include "tests/support/await.h"

#include <fmt/format.h>

#include <cstdio>
#include <functional>
#include <regex>
#include <string>
#include <thread>

using namespace portoser::test;
using namespace portoser::bench;
using namespace std::chrono_literals;

namespace {

constexpr auto interval = 1s;
constexpr auto warm_up = 15s;
constexpr auto measured = 40s;

/// Of a page in Prometheus' text.
double value_on(const std::string& page, const std::string& name) {
  std::smatch match;
  if (!std::regex_search(page, match, std::regex{"(?:^|\n)" + name + " (\\S+)"})) return 0;
  return std::stod(match[1]);
}

double measure(const std::string& who, pid_t pid, const std::function<double()>& values) {
  std::this_thread::sleep_for(warm_up);
  const auto before = values();
  const auto used_before = cpu_seconds(pid);
  std::this_thread::sleep_for(measured);
  const auto used = cpu_seconds(pid) - used_before;
  const auto taken = values() - before;
  const std::chrono::duration<double> seconds = measured;
  fmt::print("{}: {:.0f} values a CPU second ({:.0f} a second, {:.2f} cores, {:.0f} MiB)\n",
             who,
             taken / used,
             taken / seconds.count(),
             used / seconds.count(),
             resident_mib(pid));
  return taken / used;
}

double measure_ours(FleetSize size) {
  const TempFolder folder{"bench"};
  SimulatedFleet fleet{size, interval};
  ControllerProcess controller{folder.path()};
  controller.set_environment({{"PORTOSER_SAMPLE_INTERVAL_MS", "1000"}});
  controller.write_registry(fleet.registry());
  controller.start();
  fleet.join(controller.create_token({"--uses", std::to_string(size.hosts)}));
  fleet.connect(1s);
  await_until("all are welcomed", 120s, [&] { return fleet.welcomed() == size.hosts; });
  return measure("portoser-controller", controller.pid(), [&] {
    return controller.metric(R"(portoser_series_values_total{result="kept"})").value();
  });
}

double measure_scraper(FleetSize size,
                       const std::string& program,
                       const std::vector<std::string>& options,
                       const std::string& config_option,
                       const std::string& folder_option,
                       const std::string& address_option,
                       const std::string& counter) {
  const TempFolder folder{"bench"};
  const Exporter exporter{size.hosts, size.services, interval};
  portoser::write_file_atomic(folder / "scrape.yml", exporter.scrape_config());
  const auto port = free_port();
  ProcessRequest request;
  request.argv = {program};
  request.argv.insert(request.argv.end(), options.begin(), options.end());
  request.argv.push_back(config_option + "=" + (folder / "scrape.yml").string());
  request.argv.push_back(folder_option + "=" + (folder / "data").string());
  request.argv.push_back(fmt::format("{}=127.0.0.1:{}", address_option, port));
  request.log_file = folder / "log";
  const Process process{std::move(request)};
  const auto count = [&] { return value_on(HttpClient{port}.get("/metrics").body, counter); };
  await_until(
      program + " scrapes",
      60s,
      [&] {
        try {
          return count() > 0;
        } catch (const std::exception&) {
          return false;
        }
      },
      [&] { return process.log_tail(); });
  return measure(program, process.pid(), count);
}

}  // namespace

int main(int argc, char** argv) {
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  const FleetSize size{argc > 1 ? std::stoul(argv[1]) : 200, argc > 2 ? std::stoul(argv[2]) : 20};
  const auto ours = measure_ours(size);
  const auto prometheus =
      measure_scraper(size,
                      "prometheus",
                      {},
                      "--config.file",
                      "--storage.tsdb.path",
                      "--web.listen-address",
                      R"(prometheus_tsdb_head_samples_appended_total(?:\{type="float"\})?)");
  const auto victoria = measure_scraper(size,
                                        "victoria-metrics",
                                        {},
                                        "-promscrape.config",
                                        "-storageDataPath",
                                        "-httpListenAddr",
                                        R"(vm_rows_inserted_total\{type="promscrape"\})");
  fmt::print("ratio: {:.2f} beside Prometheus, {:.2f} beside VictoriaMetrics\n",
             ours / prometheus,
             ours / victoria);
}
