#include "agent/inspection/compose_config.h"

#include "agent/actions/failure_text.h"
#include "agent/actions/masked_output.h"
#include "common/child.h"
#include "common/error.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <regex>
#include <sstream>
#include <utility>
#include <vector>

namespace portoser::agent::inspection {
namespace {

constexpr std::chrono::seconds config_limit{30};
constexpr std::size_t longest_config = std::size_t{4} << 20U;

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream{text};
  for (std::string line; std::getline(stream, line);) {
    if (!line.empty()) lines.push_back(actions::masked_line(line));
  }
  return lines;
}

/// "The FOO variable is not set", as 1.29 and v2 say it.
std::vector<std::string> unset_variables(const std::string& errors) {
  static const std::regex said{
      R"rx([Tt]he \\?"?([A-Za-z_][A-Za-z0-9_]*)\\?"? variable is not set)rx"};
  std::vector<std::string> names;
  for (std::sregex_iterator one{errors.begin(), errors.end(), said}, end; one != end; ++one) {
    auto name = (*one)[1].str();
    if (std::find(names.begin(), names.end(), name) == names.end()) {
      names.push_back(std::move(name));
    }
  }
  return names;
}

bool speaks_of_a_missing_value(const std::string& text) {
  return text.find("required variable") != std::string::npos ||
         text.find("Missing mandatory value") != std::string::npos ||
         text.find("Couldn't find env file") != std::string::npos ||
         text.find("env file") != std::string::npos;
}

/// As `checked_config`; that there is no compose is an `Error`.
asio::awaitable<std::optional<std::string>> run_config(ConfigCall call,
                                                       actions::ComposeFinder finder,
                                                       Findings& findings) {
  const auto tool = co_await finder.find();
  ChildRequest request;
  request.argv = tool.argv;
  request.argv.insert(request.argv.end(), {"-f", call.file, "--project-directory", call.folder});
  if (!call.project.empty()) {
    request.argv.insert(request.argv.end(), {"-p", call.project});
  }
  request.argv.emplace_back("config");
  request.folder = call.folder;
  request.limit = config_limit;
  request.output_limit = longest_config;
  request.errors_apart = true;
  auto running = run_child(std::move(request));
  auto ended = co_await std::move(running);
  if (call.is_restore && (ended.exit_code != 0 || ended.timed_out)) {
    // It was valid with the environment files that come back with it, which are not there now.
    findings.warning("COMPOSE_INVALID",
                     call.folder,
                     "the kept file could not be checked with the environment of now",
                     "");
    co_return std::nullopt;
  }
  for (const auto& name : unset_variables(ended.errors)) {
    findings.warning(
        "ENV_MISSING",
        name,
        fmt::format("the variable {} is not set: the compose file gets an empty text", name),
        "set it in .env beside the compose file");
  }
  if (ended.exit_code == 0 && !ended.timed_out) co_return std::move(ended.output);
  if (ended.timed_out) {
    findings.error("QUESTION_DEADLINE",
                   call.folder,
                   fmt::format("compose did not check the file in {} s", config_limit.count()),
                   "the host is overloaded, or its disk hangs");
    co_return std::nullopt;
  }
  actions::StepFailure failure;
  failure.step = "config";
  failure.exit_code = ended.exit_code;
  failure.lines = lines_of(ended.errors);
  const auto error = actions::explain_compose_failure(failure);
  findings.error(speaks_of_a_missing_value(ended.errors) ? "ENV_MISSING" : "COMPOSE_INVALID",
                 call.folder,
                 error.message(),
                 error.hint());
  co_return std::nullopt;
}

}  // namespace

asio::awaitable<std::optional<std::string>> checked_config(ConfigCall call,
                                                           actions::ComposeFinder finder,
                                                           Findings& findings) {
  const auto service = call.service;
  std::optional<Error> failed;
  std::optional<std::string> config;
  try {
    auto running = run_config(std::move(call), std::move(finder), findings);
    config = co_await std::move(running);
  } catch (const Error& error) {
    failed = error;
  }
  if (failed) findings.error(failed->reason(), service, failed->message(), failed->hint());
  co_return config;
}

void add_file_missing(const protocol::ComposeTarget& target, Findings& findings) {
  findings.error("COMPOSE_FILE_MISSING",
                 target.service,
                 fmt::format("{} has no compose file on this host; looked for {}",
                             target.service,
                             fmt::join(target.files, ", ")),
                 "copy the project's folder to this host, or correct the path in the registry");
}

void add_service_missing(const std::string& compose_service, Findings& findings) {
  findings.error("COMPOSE_SERVICE_MISSING",
                 compose_service,
                 fmt::format("the compose file has no service \"{}\"", compose_service),
                 "correct service_name in the registry, or the compose file");
}

}  // namespace portoser::agent::inspection
