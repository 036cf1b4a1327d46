// Bytes on disk of a value: two hours of made-up hosts as the raw tier keeps them, the same values
// in a block of Prometheus and in VictoriaMetrics. And a chart of a year.
// `bench_series_disk [hosts] [services of each]`

#include "common/clock.h"
#include "common/file.h"
#include "controller/storage/connection.h"
#include "controller/storage/database.h"
#include "controller/telemetry/series.h"
#include "tests/bench/made_up_host.h"
#include "tests/support/await.h"
#include "tests/support/free_port.h"
#include "tests/support/http_client.h"
#include "tests/support/process.h"
#include "tests/support/temp_folder.h"

#include <SQLiteCpp/SQLiteCpp.h>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <fmt/format.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <optional>
#include <regex>
#include <string>
#include <vector>

using namespace portoser;
using namespace portoser::test;
using namespace portoser::bench;
using namespace std::chrono_literals;
using telemetry::Metric;

namespace {

constexpr auto interval = 5s;
constexpr auto span = 2h;
const Time begin_of_all = std::chrono::floor<std::chrono::hours>(SystemClock{}.now()) - 4h;

/// Series over a database of their own, without a controller around.
class Store {
 public:
  explicit Store(const std::filesystem::path& file) {
    clock_.set_wall(begin_of_all);
    database_.emplace(file, clock_);
    series_.emplace(*database_, clock_);
    run(series_->start());
    run(series_->restore());
  }

  template <class T>
  T run(asio::awaitable<T> work) {
    auto result = asio::co_spawn(io_, std::move(work), asio::use_future);
    io_.restart();
    while (result.wait_for(0s) != std::future_status::ready) io_.run_one();
    return result.get();
  }

  void measured(MadeUpHost& host, Time when, std::chrono::seconds since_last) {
    clock_.set_wall(when);
    const auto uptime = when - begin_of_all + 1h;
    const protocol::Moment moment{
        host.boot_id(), std::chrono::nanoseconds{uptime}.count(), to_unix_us(when)};
    series_->measured(host.name(),
                      when,
                      std::make_shared<protocol::Sample>(
                          host.next(moment, static_cast<double>(since_last.count()))));
  }
  void seal() {
    run(series_->write_log());
    while (run(series_->seal_some(true))) {
    }
  }
  telemetry::Series& series() { return *series_; }

 private:
  asio::io_context io_;
  ManualClock clock_;
  std::optional<storage::Database> database_;
  std::optional<telemetry::Series> series_;
};

std::int64_t number_of(const std::filesystem::path& database, const std::string& query) {
  SQLite::Database file{database, SQLite::OPEN_READONLY};
  return file.execAndGet(query).getInt64();
}

std::uintmax_t bytes_in(const std::filesystem::path& folder) {
  std::uintmax_t bytes = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator{folder}) {
    if (entry.is_regular_file()) bytes += entry.file_size();
  }
  return bytes;
}

void show(const std::string& what, double bytes, double values) {
  fmt::print("{}: {:.2f} bytes a value ({:.1f} MiB, {:.0f} values)\n",
             what,
             bytes / values,
             bytes / 1024 / 1024,
             values);
}

std::vector<MadeUpHost> made_up(std::size_t hosts, std::size_t services) {
  std::vector<MadeUpHost> all;
  for (std::size_t i = 0; i < hosts; ++i) {
    all.emplace_back(fmt::format("host-{:04}", i), services, i);
  }
  return all;
}

void measure_ours(const std::filesystem::path& folder, std::size_t hosts, std::size_t services) {
  const auto file = folder / "portoser.db";
  double values = 0;
  {
    Store store{file};
    auto all = made_up(hosts, services);
    for (auto when = begin_of_all; when < begin_of_all + span; when += interval) {
      for (auto& host : all) store.measured(host, when, interval);
      if ((when - begin_of_all) % 15min == 0s) store.run(store.series().write_log());
    }
    store.seal();
    values = static_cast<double>(store.series().stats().values);
  }
  const auto tier = [&](int number) {
    return static_cast<double>(number_of(
        file, fmt::format("SELECT sum(length(data)) FROM series_blocks WHERE tier = {}", number)));
  };
  show("portoser, the raw tier", tier(0), values);
  fmt::print("  beside it {:.2f} for the minutes and {:.2f} for the quarters of an hour\n",
             tier(1) / values,
             tier(2) / values);
}

/// All values in the text that both peers take, with their times.
std::filesystem::path write_openmetrics(const std::filesystem::path& folder,
                                        std::size_t hosts,
                                        std::size_t services) {
  // A family's lines must stand together, so each has a file first.
  std::map<std::string, std::ofstream> files;
  auto all = made_up(hosts, services);
  for (auto& host : all) {
    for (auto when = begin_of_all; when < begin_of_all + span; when += interval) {
      const auto seconds = to_unix_us(when) / 1'000'000;
      for_each_value(host.next({host.boot_id(), 0, 0}, 5),
                     [&](std::string_view family,
                         std::string_view label,
                         std::string_view subject,
                         double value) {
                       auto& file = files[std::string{family}];
                       if (!file.is_open()) file.open(folder / family);
                       file << fmt::format("{}{{host=\"{}\"", family, host.name());
                       if (!label.empty()) file << fmt::format(",{}=\"{}\"", label, subject);
                       file << fmt::format("}} {} {}\n", value, seconds);
                     });
    }
  }
  const auto whole = folder / "all.txt";
  std::ofstream out{whole};
  for (auto& [family, file] : files) {
    file.close();
    out << std::ifstream{folder / family}.rdbuf();
    std::filesystem::remove(folder / family);
  }
  out << "# EOF\n";
  return whole;
}

void measure_prometheus(const std::filesystem::path& folder,
                        const std::filesystem::path& text,
                        double values) {
  must_run({"promtool",
            "tsdb",
            "create-blocks-from",
            "openmetrics",
            text.string(),
            (folder / "blocks").string()});
  show("prometheus, blocks with their index",
       static_cast<double>(bytes_in(folder / "blocks")),
       values);
}

void measure_victoria(const std::filesystem::path& folder,
                      const std::filesystem::path& text,
                      double values) {
  const auto port = free_port();
  ProcessRequest request;
  request.argv = {"victoria-metrics",
                  "-storageDataPath=" + (folder / "victoria").string(),
                  fmt::format("-httpListenAddr=127.0.0.1:{}", port)};
  request.log_file = folder / "victoria.log";
  const Process process{std::move(request)};
  const auto ask = [&](const std::string& path) {
    try {
      return HttpClient{port}.get(path).body;
    } catch (const std::exception&) {
      return std::string{};
    }
  };
  await_until("victoria-metrics answers", 60s, [&] { return ask("/health") == "OK"; });
  // The import takes milliseconds where the text has seconds.
  must_run({"bash",
            "-c",
            fmt::format("sed '/^#/d; s/$/000/' '{}' | curl -sf -T - -X POST "
                        "http://127.0.0.1:{}/api/v1/import/prometheus",
                        text.string(),
                        port)});
  const auto sum_of = [&](const std::string& family) {
    const auto page = ask("/metrics");
    const std::regex line{family + R"(\{type="(?:storage|indexdb)[^"]*"\} (\S+))"};
    double sum = 0;
    for (std::sregex_iterator one{page.begin(), page.end(), line}, end; one != end; ++one) {
      sum += std::stod((*one)[1]);
    }
    return sum;
  };
  ask("/internal/force_flush");
  ask("/internal/force_merge");
  await_until(
      "victoria-metrics has stored all",
      120s,
      [&] {
        ask("/internal/force_flush");
        return sum_of("vm_rows") >= values;
      },
      [&] { return std::to_string(sum_of("vm_rows")); });
  show("victoria-metrics, data and index", sum_of("vm_data_size_bytes"), values);
}

/// A host that measured once a quarter of an hour for a year: what a chart reads is not finer.
void measure_chart(const std::filesystem::path& folder) {
  Store store{folder / "year.db"};
  MadeUpHost host{"host-0000", 3, 1};
  const auto year = 24h * 365;
  const auto end = begin_of_all + year;
  for (auto when = begin_of_all; when < end; when += 15min) {
    store.measured(host, when, 900s);
    if ((when - begin_of_all) % 6h == 0s) {
      store.seal();
      store.run(store.series().delete_old());
    }
  }
  store.seal();
  telemetry::SeriesQuery query;
  query.host = host.name();
  query.keys = {{"", Metric::cpu_percent, ""},
                {"", Metric::memory_used_bytes, ""},
                {"", Metric::receive_bytes_per_second, ""}};
  query.from = end - year;
  query.to = end;
  query.step = 24h;
  std::vector<double> took_ms;
  constexpr int times = 20;
  std::size_t filled = 0;
  for (int i = 0; i < times; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    const auto window = store.run(store.series().read(query));
    const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - begin;
    took_ms.push_back(took.count());
    filled = 0;
    for (const auto& point : window.points.at(0)) filled += point ? 1 : 0;
  }
  std::sort(took_ms.begin(), took_ms.end());
  fmt::print(
      "a chart of a year, 3 series, {} days with values: median {:.1f} ms, at most {:.1f} ms\n",
      filled,
      took_ms[took_ms.size() / 2],
      took_ms.back());
}

}  // namespace

int main(int argc, char** argv) {
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  const std::size_t hosts = argc > 1 ? std::stoul(argv[1]) : 10;
  const std::size_t services = argc > 2 ? std::stoul(argv[2]) : 20;
  const TempFolder folder{"bench"};
  measure_ours(folder.path(), hosts, services);
  const auto values = static_cast<double>(hosts) *
                      static_cast<double>(values_of_host + services * values_of_service) *
                      static_cast<double>(span / interval);
  const auto text = write_openmetrics(folder.path(), hosts, services);
  measure_prometheus(folder.path(), text, values);
  measure_victoria(folder.path(), text, values);
  measure_chart(folder.path());
}
