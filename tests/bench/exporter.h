/// Serves made-up hosts as Prometheus' text, `/HOST/metrics` each, with other values at every
/// scrape. On loopback, in a thread of its own.
#pragma once

#include "common/file.h"
#include "tests/bench/made_up_host.h"

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <thread>

namespace portoser::bench {

class Exporter {
 public:
  Exporter(std::size_t hosts, std::size_t services, std::chrono::milliseconds interval);
  Exporter(const Exporter&) = delete;
  Exporter& operator=(const Exporter&) = delete;
  ~Exporter();

  /// What a scraper is told: all hosts, by one job.
  [[nodiscard]] std::string scrape_config() const;

 private:
  struct Connection {
    Descriptor socket;
    std::string received;
  };
  void run();
  /// False: it has ended.
  bool serve(Connection& connection);
  std::string answer(const std::string& request);

  std::chrono::milliseconds interval_;
  std::map<std::string, MadeUpHost> hosts_;  ///< by path
  std::uint16_t port_;
  Descriptor listener_;
  std::atomic<bool> is_over_{false};
  std::thread thread_;
};

}  // namespace portoser::bench
