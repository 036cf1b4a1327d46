#include "agent/actions/deploy_steps.h"

#include "agent/deployments/parameters.h"
#include "common/describe_json.h"
#include "common/ids.h"

#include <algorithm>
#include <filesystem>
#include <utility>

namespace portoser::agent::actions {
namespace {

using Words = std::vector<std::string>;

/// As agent/deployments/program/verdict.h calls it.
constexpr auto verdict_file = "verdict";

class DeploySteps {
 public:
  DeploySteps(const ComposeTool& tool, const ComposeCall& call, const DeployRequest& request)
      : tool_(tool), call_(call), request_(request), candidate_(call) {
    if (request.command.replaces_text) {
      candidate_.file = deployments::candidate_of(call.file, request.id);
    }
  }

  runner::Spec spec() {
    return request_.command.action == "activate" ? activation() : deployment();
  }

 private:
  [[nodiscard]] runner::Spec deployment() const;
  [[nodiscard]] runner::Spec activation() const;
  [[nodiscard]] runner::Step create() const;
  [[nodiscard]] runner::Step own(const std::string& name) const;
  [[nodiscard]] runner::Step up() const;
  [[nodiscard]] Words services() const {
    return call_.compose_service.empty() ? Words{} : Words{call_.compose_service};
  }
  void prepare(std::vector<runner::Step>& steps) const;
  [[nodiscard]] std::string parameters() const;

  const ComposeTool& tool_;
  const ComposeCall& call_;
  const DeployRequest& request_;
  ComposeCall candidate_;  ///< of the text that will be there
};

/// A step of portoser-deployment.
runner::Step DeploySteps::own(const std::string& name) const {
  runner::Step step;
  step.name = name;
  step.folder = std::filesystem::path{call_.file}.parent_path().string();
  step.argv = {request_.program, name, request_.folder};
  return step;
}

/// What can be told to be wrong, and what takes long, before anything is touched.
void DeploySteps::prepare(std::vector<runner::Step>& steps) const {
  const auto& command = request_.command;
  if (command.action == "restore") {
    steps.push_back(own("check-kept"));
    return;
  }
  const bool is_rebuild = command.action == "rebuild";
  if (command.replaces_text) {
    steps.push_back(own("check"));
  } else if (is_rebuild) {
    steps.push_back(compose_step(tool_, call_, "check", {"config", "-q"}, {}));
  }
  if (!is_rebuild) {
    if (command.replaces_text && command.action != "write") steps.push_back(own("images"));
    return;
  }
  const auto& needs = request_.needs;
  if (!needs.build.empty()) {
    steps.push_back(compose_step(tool_, candidate_, "build", {"build"}, needs.build));
  }
  if (!needs.pull.empty()) {
    steps.push_back(compose_step(tool_, candidate_, "pull", {"pull"}, needs.pull));
  }
}

runner::Step DeploySteps::up() const {
  const auto& command = request_.command;
  Words words{"up", "-d"};
  // Without a new text and a rebuild `up` may have to build what is not there yet; it does so
  // before it stops anything.
  if (command.replaces_text || command.action == "rebuild") words.emplace_back("--no-build");
  if (command.action == "up") return compose_step(tool_, call_, "up", words, services());
  words.emplace_back("--force-recreate");
  // Of the whole project nothing is a dependency that could be left alone.
  if (!call_.compose_service.empty()) words.emplace_back("--no-deps");
  return compose_step(tool_, call_, "up", words, services());
}

std::string DeploySteps::parameters() const {
  const auto& command = request_.command;
  deployments::Parameters out;
  out.command = request_.id;
  out.data = request_.data;
  out.engine_socket = request_.engine_socket;
  out.tool = tool_words(tool_);
  out.is_v2 = tool_.is_v2();
  out.service = command.target.service;
  out.file = call_.file;
  out.project = call_.project;
  out.compose_service = call_.compose_service;
  out.action = command.action;
  out.deployment = command.deployment;
  out.restore = command.action == "restore" ? command.restore : std::string{};
  out.replaces_text = command.replaces_text;
  out.text = to_base64url(command.text);
  out.revision = command.revision;
  out.health_ms = command.health_ms;
  out.settles_only = command.settles_only;
  out.settle_ms = request_.settle.count();
  out.folder = request_.folder;
  if (command.action == "activate") {
    out.lease_boot_id = command.lease.boot_id;
    out.lease_ends_at_ns = command.lease.ends_at_ns;
    out.probe = command.probe;
  }
  return dump(to_json(out));
}

/// Makes the containers and starts none. What is not here yet was had by the step before.
runner::Step DeploySteps::create() const {
  Words words{"up", "--no-start", "--no-build"};
  // Unlike 1.29, v2 would go by a `pull_policy: always`.
  if (tool_.is_v2()) words.insert(words.end(), {"--pull", "never"});
  if (!call_.compose_service.empty()) words.emplace_back("--no-deps");
  return compose_step(tool_, call_, "create", words, services());
}

/// What was moved here. It is this host's once a verdict says so (program/verdict.h), and till then
/// the engine starts nothing of it by itself: docs/decisions/0020.
runner::Spec DeploySteps::activation() const {
  // With a frozen engine the undo looks out for what it may yet start, for as long as it can.
  constexpr std::int64_t undo_ms = 60 * 60'000;
  const auto& command = request_.command;
  runner::Spec out;
  out.service = command.target.service;
  out.steps.push_back(own("keep-before"));
  out.steps.push_back(compose_step(tool_, call_, "check", {"config", "-q"}, {}));
  out.steps.push_back(own("images"));
  out.undo_from = static_cast<std::int64_t>(out.steps.size());
  out.steps.push_back(create());
  out.steps.push_back(own("hold"));
  auto start = own("up-held");
  start.name = "up";
  out.steps.push_back(std::move(start));
  out.steps.push_back(own("health"));
  out.steps.push_back(own("confirm"));
  out.settled_from = static_cast<std::int64_t>(out.steps.size());
  out.settled_by = verdict_file;
  out.steps.push_back(own("release"));
  if (!command.deployment.empty()) out.steps.push_back(own("keep"));
  out.undo = {own("withdraw")};
  out.undo_limit_ms = undo_ms;
  out.tidy = {own("tidy")};
  out.parameters = parameters();
  out.acts_as = protocol::ComposeUp::name;
  out.not_after_ns = command.lease.ends_at_ns;
  return out;
}

runner::Spec DeploySteps::deployment() const {
  constexpr std::int64_t least_undo_ms = 15 * 60'000;
  const auto& command = request_.command;
  const bool is_restore = command.action == "restore";
  runner::Spec out;
  out.service = command.target.service;
  out.steps.push_back(own("keep-before"));
  // From here on: building and pulling move the names of images.
  out.undo_from = static_cast<std::int64_t>(out.steps.size());
  prepare(out.steps);
  if (command.action == "write") {
    out.steps.push_back(own("install"));
    out.settled_from = static_cast<std::int64_t>(out.steps.size());
    out.undo = {own("undo")};
    out.undo_limit_ms = least_undo_ms;
    out.tidy = {own("tidy")};
    out.parameters = parameters();
    return out;
  }
  const bool may_drop = call_.compose_service.empty() && (command.replaces_text || is_restore);
  if (command.replaces_text || is_restore) {
    out.steps.push_back(own("install"));
    // Their ports have to be free. They are removed when the new text has held.
    if (may_drop) out.steps.push_back(own("stop-gone"));
  }
  if (is_restore) {
    auto step = own("up-kept");
    step.name = "up";
    out.steps.push_back(std::move(step));
  } else {
    out.steps.push_back(up());
  }
  out.steps.push_back(own("health"));
  out.settled_from = static_cast<std::int64_t>(out.steps.size());
  if (may_drop) out.steps.push_back(own("remove-gone"));
  if (!command.deployment.empty()) out.steps.push_back(own("keep"));
  out.undo = {own("undo"), own("undo-up"), own("undo-health")};
  out.undo_limit_ms = least_undo_ms + std::max<std::int64_t>(0, command.health_ms);
  out.tidy = {own("tidy")};
  out.parameters = parameters();
  if (command.action == "up") {
    out.acts_as = protocol::ComposeUp::name;
  } else if (command.action == "rebuild") {
    out.acts_as = protocol::ComposeRebuild::name;
  } else {
    out.acts_as = protocol::ComposeRestart::name;
  }
  return out;
}

}  // namespace

runner::Spec deploy_spec(const ComposeTool& tool,
                         const ComposeCall& call,
                         const DeployRequest& request) {
  return DeploySteps{tool, call, request}.spec();
}

runner::Spec confirm_spec(const ConfirmRequest& request) {
  constexpr std::int64_t undo_ms = 60'000;
  const auto folder = request.journal + "/" + request.id;
  const auto step = [&](const std::string& name) {
    runner::Step out;
    out.name = name;
    out.folder = request.data;
    out.argv = {request.program, name, folder};
    return out;
  };
  deployments::Parameters parameters;
  parameters.command = request.id;
  parameters.data = request.data;
  parameters.service = request.command.target.service;
  parameters.action = "confirm";
  parameters.folder = folder;
  parameters.activation = request.journal + "/" + request.command.activation;
  runner::Spec out;
  out.service = request.command.target.service;
  out.steps = {step("grant")};
  // Whatever cut it off, its result is what the verdict says; so somebody has to see to it that
  // there is one.
  out.undo = {step("grant-again")};
  out.undo_limit_ms = undo_ms;
  out.settled_from = static_cast<std::int64_t>(out.steps.size());
  out.settled_by = "../" + request.command.activation + "/" + verdict_file;
  out.is_bystander = true;
  out.parameters = dump(to_json(parameters));
  return out;
}

}  // namespace portoser::agent::actions
