/// A controller, a host with a service that runs, and Debian's Prometheus, which scrapes the
/// controller every second and evaluates the rules of packaging/monitoring.
#pragma once

#include "tests/integration/portoser.h"
#include "tests/support/compose_project.h"
#include "tests/support/engine.h"

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace portoser::test {

/// One series of an answer to a PromQL question.
struct PromSeries {
  Json labels;
  double value = 0;
};

class ScrapedFleet {
 public:
  /// Back when Prometheus has scraped a sample of the service. `monitoring`: the folder with the
  /// rules.
  explicit ScrapedFleet(const std::filesystem::path& monitoring);

  [[nodiscard]] const TempFolder& folder() const { return folder_; }
  [[nodiscard]] ControllerProcess& controller() { return controller_; }
  [[nodiscard]] AgentProcess& agent() { return agent_; }
  [[nodiscard]] std::string prometheus_log() const { return prometheus_->log(); }

  /// The answer of Prometheus' own API. Not a success: `std::runtime_error` with what it says.
  [[nodiscard]] Json prometheus(const std::string& target) const;
  /// An instant query.
  [[nodiscard]] std::vector<PromSeries> ask(const std::string& query) const;
  /// The value when the answer is one series.
  [[nodiscard]] std::optional<double> value(const std::string& query) const;
  /// Waits until there is an answer with a number in it (a quantile of nothing is none), and throws
  /// with the query when none comes.
  std::vector<PromSeries> await_answer(const std::string& query) const;

  /// The service's container is killed; nobody asked the engine.
  void crash_service() const;

 private:
  PrivateEngine& engine_ = PrivateEngine::shared();
  TempFolder folder_{"scrape"};
  ComposeProject project_;
  ControllerProcess controller_;
  AgentProcess agent_;
  std::uint16_t port_;
  std::optional<Process> prometheus_;
};

/// As Grafana sends a panel's question, with all hosts and services chosen.
std::string with_variables(std::string expression);

/// The names of the families that a PromQL expression asks for, with their matchers:
/// `up{job="portoser"}`.
std::vector<std::string> selectors_of(const std::string& expression);

}  // namespace portoser::test
