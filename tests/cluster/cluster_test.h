/// What the tests of guarantees share: one cluster of three hosts, whole at the beginning of each.
#pragma once

#include "tests/cluster/cluster.h"
#include "tests/support/await.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

namespace portoser::test {

using namespace std::chrono_literals;

class ClusterTest : public testing::Test {
 protected:
  /// Started at the first call, ended with the program.
  static Cluster& cluster();

  ClusterTest();

  ControllerProcess& controller_ = cluster().controller();
  ClusterHost& h1_ = cluster().host(1);  ///< its container is not restarted by the engine
  ClusterHost& h2_ = cluster().host(2);  ///< unless-stopped
  ClusterHost& h3_ = cluster().host(3);  ///< always

  /// The newest event of each service when the test began.
  std::int64_t since(const ClusterHost& host) const { return since_.at(host.name()); }
  [[nodiscard]] std::vector<std::string> types(const ClusterHost& host) const {
    return cluster().event_types(host.service(), since(host));
  }
  void await_event(const ClusterHost& host, const std::string& type) const {
    cluster().await_event(host.service(), type, since(host));
  }
  [[nodiscard]] Json service_of(const ClusterHost& host) const {
    return controller_.row("/api/services", "services", host.service());
  }
  /// The value of a series of /metrics, without labels or with just these; none: it is not there.
  [[nodiscard]] std::optional<double> metric(const std::string& series) const;

 private:
  std::map<std::string, std::int64_t> since_;
};

}  // namespace portoser::test
