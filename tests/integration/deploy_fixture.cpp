#include "tests/integration/deploy_fixture.h"

#include "agent/identity/identity.h"
#include "common/clock.h"
#include "common/crypto.h"
#include "common/file.h"
#include "common/ids.h"
#include "protocol/codec.h"
#include "tests/support/await.h"
#include "tests/support/images.h"

#include <fmt/format.h>

#include <algorithm>
#include <csignal>
#include <fstream>
#include <ranges>

namespace portoser::test {
namespace {

using namespace std::chrono_literals;

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (const auto& line : text | std::views::split('\n')) {
    std::string one{line.begin(), line.end()};
    if (!one.empty()) lines.push_back(std::move(one));
  }
  return lines;
}

}  // namespace

DeployTest::DeployTest()
    : project_(folder_ / "notes",
               {{.name = "web",
                 .image = busybox_image,
                 .command = {"sleep", "100000"},
                 .environment = {"V=0"}}}),
      store_(folder_ / "brick"),
      agent_(folder_.path(), "brick", engine_.socket()) {
  load_images(engine_);
  for (const auto& id : lines_of(engine_.docker({"ps", "-aq"}))) engine_.docker({"rm", "-f", id});
  const auto keys = protocol::make_key_pair();
  const auto port = free_port();
  agent::identity::Identity who;
  who.keys = agent::identity::make_or_find_keys(folder_ / "brick");
  who.device_id = "device";
  who.name = "brick";
  who.controller_endpoint = "tcp://127.0.0.1:" + std::to_string(port);
  who.controller_key = keys.public_key;
  who.controller_url = "http://127.0.0.1:1";
  agent::identity::save_identity(folder_ / "brick", who);
  controller_ =
      std::make_unique<ControllerDouble>(keys, memory_, ControllerDouble::Behaviour{}, int{port});
  controller_->admit(who.keys.public_key);
  start_agent();
}

DeployTest::~DeployTest() {
  if (agent_.running()) agent_.terminate();
}

void DeployTest::start_agent() {
  const auto before = memory_->seen().all<protocol::State>().size();
  agent_.start();
  await_until(
      "the agent is online",
      60s,
      [&] { return memory_->seen().all<protocol::State>().size() > before; },
      [&] { return agent_.log_tail(); });
  protocol::Assign assign;
  assign.services.push_back({"notes", "docker", {project_.file().string()}, "", ""});
  controller_->send(assign);
}

void DeployTest::restart_agent() {
  agent_.kill();
  start_agent();
}

std::string DeployTest::send(const Change& change) {
  protocol::ComposeDeploy arguments;
  arguments.target.service = "notes";
  arguments.target.files = {project_.file().string()};
  arguments.action = "up";
  arguments.health_ms = health_ms_;
  change(arguments);
  protocol::Command command;
  command.id = make_ulid(SystemClock{}.now());
  command.name = protocol::ComposeDeploy::name;
  command.duration_ms = 600'000;
  command.arguments = protocol::encode_arguments(arguments);
  controller_->send(command);
  return command.id;
}

protocol::CommandResult DeployTest::deploy_text(const std::string& wanted, const std::string& id) {
  return deploy([&](auto& arguments) {
    arguments.replaces_text = true;
    arguments.text = wanted;
    arguments.revision = to_hex(sha256(text()));
    arguments.deployment = id;
  });
}

void DeployTest::cancel(const std::string& id) {
  protocol::Cancel message;
  message.id = id;
  controller_->send(message);
}

std::optional<protocol::CommandResult> DeployTest::result_of(const std::string& id) const {
  for (const auto& result : memory_->seen().all<protocol::CommandResult>()) {
    if (result.command_id == id) return result;
  }
  return std::nullopt;
}

protocol::CommandResult DeployTest::await_result(const std::string& id) {
  await_until(
      "the command has its result",
      180s,
      [&] { return result_of(id).has_value(); },
      [&] { return log_of(id) + agent_.log_tail(); });
  return result_of(id).value();
}

bool DeployTest::await_step(const std::string& id, const std::string& step) {
  bool has_begun = false;
  await_until(
      "it comes to " + step,
      120s,
      [&] {
        for (const auto& progress : memory_->seen().all<protocol::Progress>()) {
          has_begun = has_begun || (progress.command_id == id && progress.step == step);
        }
        return has_begun || result_of(id).has_value();
      },
      [&] { return log_of(id) + agent_.log_tail(); });
  return has_begun;
}

void DeployTest::kill_runner(const std::string& id) {
  pid_t pid = 0;
  std::ifstream{folder_ / "brick/journal" / id / "runner.lock"} >> pid;
  // One that is through with its work is nobody's fault.
  if (pid > 1 && std::filesystem::exists(fmt::format("/proc/{}", pid))) ::kill(pid, SIGKILL);
}

std::vector<std::string> DeployTest::what_runs() const {
  std::vector<std::string> found;
  for (const auto& id : lines_of(
           engine_.docker({"ps", "-aq", "--filter", "label=com.docker.compose.project=notes"}))) {
    auto line = engine_.docker(
        {"inspect",
         "--format",
         R"({{index .Config.Labels "com.docker.compose.service"}} {{.Image}} {{.Config.Image}} )"
         R"({{json .Config.Env}} {{.State.Running}})",
         id});
    while (!line.empty() && line.back() == '\n') line.pop_back();
    found.push_back(std::move(line));
  }
  std::sort(found.begin(), found.end());
  return found;
}

std::string DeployTest::container_id(const std::string& compose_service) const {
  const auto ids =
      lines_of(engine_.docker({"ps",
                               "-q",
                               "--no-trunc",
                               "--filter",
                               "label=com.docker.compose.service=" + compose_service}));
  return ids.empty() ? std::string{} : ids.front();
}

std::string DeployTest::image_id(const std::string& reference) const {
  auto id = engine_.docker({"image", "inspect", "--format", "{{.Id}}", reference});
  while (!id.empty() && id.back() == '\n') id.pop_back();
  return id;
}

std::string DeployTest::text() const {
  return read_file(project_.file());
}

std::vector<std::string> DeployTest::files() const {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator{project_.folder()}) {
    names.push_back(entry.path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

void DeployTest::make_image(const std::string& name, const std::string& line) const {
  if (engine_.try_docker({"image", "inspect", name}).exit_status == 0) return;
  const auto context = folder_ / "image";
  make_folder(context);
  write_file_atomic(
      context / "Dockerfile",
      fmt::format(
          "FROM {}\nHEALTHCHECK --interval=1s --timeout=5s --retries=2 CMD cat /ok || (echo "
          "no /ok here; exit 1)\nSTOPSIGNAL SIGKILL\nCMD [\"sleep\", \"100000\"]\n{}\n",
          busybox_image,
          line));
  engine_.docker({"build", "-q", "-t", name, context.string()});
}

std::string DeployTest::deployment_id(int number) {
  return fmt::format("deploy-20261130-120000-{:08x}", number);
}

std::vector<std::string> DeployTest::events() const {
  std::vector<std::string> types;
  for (const auto& event : memory_->seen().all<protocol::Event>()) {
    if (event.service == "notes") types.push_back(event.event_type);
  }
  return types;
}

std::string DeployTest::log_of(const std::string& id) const {
  const auto file = folder_ / "brick/journal" / id / "output.log";
  return std::filesystem::exists(file) ? read_file(file) : std::string{};
}

}  // namespace portoser::test
