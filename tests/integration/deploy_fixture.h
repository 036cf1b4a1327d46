/// A real agent on a real engine, and a controller that the test plays: compose.deploy end to end.
#pragma once

#include "agent/deployments/kept_deployments.h"
#include "protocol/commands.h"
#include "protocol/curve.h"
#include "tests/integration/portoser.h"
#include "tests/support/compose_project.h"
#include "tests/support/engine.h"
#include "tests/unit/link/controller_double.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace portoser::test {

class DeployTest : public testing::Test {
 protected:
  DeployTest();
  ~DeployTest() override;

  using Change = std::function<void(protocol::ComposeDeploy&)>;

  /// Sends it; returns the command's id.
  std::string send(const Change& change);
  protocol::CommandResult await_result(const std::string& id);
  protocol::CommandResult deploy(const Change& change) { return await_result(send(change)); }
  protocol::CommandResult deploy_text(const std::string& text, const std::string& id = {});
  void cancel(const std::string& id);
  /// Until the command has begun that step; false: it is over without it.
  bool await_step(const std::string& id, const std::string& step);
  void kill_runner(const std::string& id);
  void restart_agent();
  void start_agent();

  /// Of the project's containers: service, image id, environment, whether it runs, one line each.
  [[nodiscard]] std::vector<std::string> what_runs() const;
  [[nodiscard]] std::string container_id(const std::string& compose_service) const;
  [[nodiscard]] std::string image_id(const std::string& reference) const;
  [[nodiscard]] std::string text() const;
  [[nodiscard]] std::vector<std::string> files() const;
  /// An image with that line at its end, unless there is one of that name. Its check asks every
  /// second whether /ok is there.
  void make_image(const std::string& name, const std::string& line = "RUN touch /ok") const;
  static std::string deployment_id(int number);
  /// Types of the service's events, in their order.
  [[nodiscard]] std::vector<std::string> events() const;
  [[nodiscard]] std::string log_of(const std::string& id) const;

  TempFolder folder_{"deploy"};
  PrivateEngine& engine_ = PrivateEngine::shared();
  ComposeProject project_;
  agent::deployments::KeptDeployments store_;
  std::shared_ptr<ControllerMemory> memory_ = std::make_shared<ControllerMemory>();
  std::unique_ptr<ControllerDouble> controller_;
  AgentProcess agent_;
  std::int64_t health_ms_ = 60'000;

 private:
  [[nodiscard]] std::optional<protocol::CommandResult> result_of(const std::string& id) const;
};

}  // namespace portoser::test
