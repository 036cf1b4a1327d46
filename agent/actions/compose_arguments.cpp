#include "agent/actions/compose_arguments.h"

#include <charconv>
#include <filesystem>
#include <utility>

namespace portoser::agent::actions {
namespace {

using Words = std::vector<std::string>;

/// `--ansi` came with 1.28.
bool knows_ansi(const ComposeTool& tool) {
  if (tool.is_v2()) return true;
  int minor = 0;
  const auto* end = tool.version.data() + tool.version.size();
  if (tool.version.size() > 2) std::from_chars(tool.version.data() + 2, end, minor);
  return minor >= 28;
}

Words service_of(const ComposeCall& call) {
  return call.compose_service.empty() ? Words{} : Words{call.compose_service};
}

/// `up` reads the file whole before it touches anything, and says the same about it: the check is
/// for what builds or pulls for minutes first, or would speak of the wrong thing.
runner::Step check(const ComposeTool& tool, const ComposeCall& call) {
  return compose_step(tool, call, "config", {"config", "-q"}, {});
}

runner::Step recreate(const ComposeTool& tool, const ComposeCall& call) {
  Words words{"up", "-d", "--force-recreate"};
  // Of the whole project nothing is a dependency that could be left alone.
  if (!call.compose_service.empty()) words.emplace_back("--no-deps");
  return compose_step(tool, call, "up", words, service_of(call));
}

}  // namespace

std::vector<std::string> tool_words(const ComposeTool& tool) {
  auto words = tool.argv;
  if (knows_ansi(tool)) {
    words.insert(words.end(), {"--ansi", "never"});
  } else {
    words.emplace_back("--no-ansi");
  }
  return words;
}

runner::Step compose_step(const ComposeTool& tool,
                          const ComposeCall& call,
                          std::string name,
                          const std::vector<std::string>& words,
                          const std::vector<std::string>& services) {
  runner::Step out;
  out.name = std::move(name);
  out.folder = std::filesystem::path{call.file}.parent_path().string();
  out.argv = tool_words(tool);
  out.argv.insert(out.argv.end(), {"-f", call.file});
  if (!call.project.empty()) out.argv.insert(out.argv.end(), {"-p", call.project});
  out.argv.insert(out.argv.end(), words.begin(), words.end());
  out.argv.insert(out.argv.end(), services.begin(), services.end());
  return out;
}

std::vector<runner::Step> up_steps(const ComposeTool& tool, const ComposeCall& call) {
  return {compose_step(tool, call, "up", {"up", "-d"}, service_of(call))};
}

std::vector<runner::Step> stop_steps(const ComposeTool& tool, const ComposeCall& call) {
  return {compose_step(tool, call, "stop", {"stop"}, service_of(call))};
}

std::vector<runner::Step> restart_steps(const ComposeTool& tool, const ComposeCall& call) {
  return {recreate(tool, call)};
}

std::vector<runner::Step> rebuild_steps(const ComposeTool& tool,
                                        const ComposeCall& call,
                                        const RebuildNeeds& needs) {
  std::vector<runner::Step> steps{check(tool, call)};
  if (!needs.build.empty())
    steps.push_back(compose_step(tool, call, "build", {"build"}, needs.build));
  if (!needs.pull.empty()) steps.push_back(compose_step(tool, call, "pull", {"pull"}, needs.pull));
  steps.push_back(recreate(tool, call));
  return steps;
}

std::vector<runner::Step> down_steps(const ComposeTool& tool, const ComposeCall& call) {
  if (call.compose_service.empty()) return {compose_step(tool, call, "down", {"down"}, {})};
  // `down` is about whole projects: 1.29 takes no service. Volumes stay with `rm` too.
  return {compose_step(tool, call, "stop", {"stop"}, service_of(call)),
          compose_step(tool, call, "down", {"rm", "-f"}, service_of(call))};
}

std::map<std::string, std::string> compose_environment(const std::string& engine_socket) {
  return {
      {"DOCKER_HOST", "unix://" + engine_socket},
      // A slow disk answers late; the command's own deadline ends what hangs.
      {"COMPOSE_HTTP_TIMEOUT", "300"},
      // 1.29 is a Python program: without this its output comes in blocks, long after it happened.
      {"PYTHONUNBUFFERED", "1"},
  };
}

std::vector<std::string> compose_unset() {
  return {"DOCKER_CONTEXT",
          "DOCKER_TLS",
          "DOCKER_TLS_VERIFY",
          "DOCKER_CERT_PATH",
          "COMPOSE_FILE",
          "COMPOSE_PROJECT_NAME",
          "COMPOSE_PROFILES",
          "COMPOSE_ENV_FILES",
          "COMPOSE_REMOVE_ORPHANS"};
}

}  // namespace portoser::agent::actions
