#include "tests/cluster/cluster_test.h"

#include <sstream>

namespace portoser::test {

Cluster& ClusterTest::cluster() {
  static Cluster cluster{3};
  return cluster;
}

ClusterTest::ClusterTest() {
  cluster().make_whole();
  for (const auto& host : cluster().hosts()) {
    since_[host->name()] = cluster().newest_event(host->service());
  }
}

std::optional<double> ClusterTest::metric(const std::string& series) const {
  std::istringstream lines{controller_.get("/metrics").text};
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with(series + " ")) return std::stod(line.substr(series.size() + 1));
  }
  return std::nullopt;
}

}  // namespace portoser::test
