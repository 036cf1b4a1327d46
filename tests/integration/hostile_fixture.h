/// A controller under attack: beside it a real agent ("brick") and a well-behaved peer ("pebble"),
/// and what every attack is measured by.
#pragma once

#include "tests/integration/good_peer.h"
#include "tests/integration/portoser.h"
#include "tests/integration/process_usage.h"
#include "tests/support/await.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

namespace portoser::test {

/// What the controller used and counted before an attack.
struct Before {
  std::size_t resident_kib = 0;
  std::size_t descriptors = 0;
};

class Hostile : public testing::Test {
 protected:
  static void SetUpTestSuite();
  static void TearDownTestSuite();
  void SetUp() override;
  /// The controller lives, its agents were not disturbed, nothing was told too often, and all
  /// descriptors are given back.
  void TearDown() override;

  /// A counter of /metrics; it must be there.
  static double count(const std::string& name);
  static void await_count(const std::string& name, double at_least);
  /// Joins and is known from then on, but not connected.
  static Enrolled join(const std::string& name, const std::vector<std::string>& options = {});
  static std::string status_of(const std::string& host);
  /// The lines of the log with this text.
  static std::size_t logged(const std::string& text);
  /// Was told, and not more often than once a minute.
  static void expect_told(const std::string& text);

  static constexpr auto registry =
      "hosts:\n  brick: {ip: 127.0.0.1}\n  pebble: {ip: 127.0.0.2}\n  slate: {ip: 127.0.0.3}\n"
      "  shale: {ip: 127.0.0.4}\n  flint: {ip: 127.0.0.5}\n  marl: {ip: 127.0.0.6}\n"
      "  chalk: {ip: 127.0.0.7}\n  tuff: {ip: 127.0.0.8}\n"
      "services:\n  notes: {current_host: pebble, docker_compose: /srv/notes/compose.yml}\n";

  static std::unique_ptr<TempFolder> folder_;
  static std::unique_ptr<ControllerProcess> controller_;
  static std::unique_ptr<AgentProcess> agent_;
  static std::unique_ptr<GoodPeer> good_;

  Before before_;
  /// How much the attack may make the controller grow. Far above what it does, far below what an
  /// unbounded queue would.
#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
  std::size_t allowed_growth_kib_ = 1U << 20U;  // it keeps what is freed
#else
  std::size_t allowed_growth_kib_ = 64U << 10U;
#endif
};

}  // namespace portoser::test
