#include "agent/actions/failure_text.h"

#include "agent/actions/compose_tool.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <optional>
#include <string_view>

namespace portoser::agent::actions {
namespace {

using Lines = std::vector<std::string>;

std::string lower(std::string_view text) {
  std::string out{text};
  std::transform(out.begin(), out.end(), out.begin(), [](char letter) {
    return static_cast<char>(std::tolower(static_cast<unsigned char>(letter)));
  });
  return out;
}

/// The last line that holds one of these, small letters; empty: none does.
template <std::size_t Count>
std::string line_with(const Lines& lines, const std::array<std::string_view, Count>& parts) {
  for (auto line = lines.rbegin(); line != lines.rend(); ++line) {
    const auto text = lower(*line);
    const auto holds = [&](std::string_view part) { return text.find(part) != std::string::npos; };
    if (std::any_of(parts.begin(), parts.end(), holds)) return *line;
  }
  return {};
}

std::string without_prefix(std::string line) {
  for (const std::string_view prefix :
       {"ERROR: ", "Error: ", "error: ", "Error response from daemon: "}) {
    if (line.starts_with(prefix)) line.erase(0, prefix.size());
  }
  return line;
}

/// What the tool says about its end: its last line that begins with "error", else one that speaks
/// of a failure, else its last line.
std::string own_words(const Lines& lines) {
  std::string failure;
  std::string last;
  for (auto line = lines.rbegin(); line != lines.rend(); ++line) {
    const auto text = lower(*line);
    if (text.starts_with("error")) return without_prefix(*line);
    if (text.starts_with("encountered errors")) continue;  // 1.29's last line tells nothing
    if (last.empty()) last = *line;
    const bool tells = text.find("error") != std::string::npos ||
                       text.find("failed") != std::string::npos ||
                       text.find("cannot") != std::string::npos;
    if (tells && failure.empty()) failure = *line;
  }
  return without_prefix(failure.empty() ? last : failure);
}

/// "Bind for 0.0.0.0:8080 failed", "listen tcp4 127.0.0.1:53: bind": the digits behind a colon.
std::string port_in(const std::string& line) {
  const auto is_digit = [](char letter) { return letter >= '0' && letter <= '9'; };
  for (std::size_t at = line.find(':'); at != std::string::npos; at = line.find(':', at + 1)) {
    std::size_t end = at + 1;
    while (end < line.size() && is_digit(line[end])) ++end;
    const auto behind = std::string_view{line}.substr(end);
    if (end > at + 1 && (behind.empty() || behind.front() == ' ' || behind.starts_with(": bind"))) {
      return line.substr(at + 1, end - at - 1);
    }
  }
  return {};
}

std::string what_failed(std::string_view step) {
  if (step == "config" || step == "check") return "the compose file is not valid";
  if (step == "images") return "an image that the text needs could not be had";
  if (step == "build") return "the image could not be built";
  if (step == "pull") return "the image could not be pulled";
  if (step == "create") return "the containers could not be made";
  if (step == "up") return "the containers could not be started";
  if (step == "stop") return "the containers could not be stopped";
  if (step == "down") return "the containers could not be removed";
  return fmt::format("the step \"{}\" failed", step);
}

std::optional<Error> engine_away(const Lines& lines) {
  constexpr std::array<std::string_view, 5> parts{"cannot connect to the docker daemon",
                                                  "couldn't connect to docker daemon",
                                                  "is the docker daemon running",
                                                  "error while fetching server api version",
                                                  "permission denied while trying to connect"};
  const auto line = line_with(lines, parts);
  if (line.empty()) return std::nullopt;
  return Error{Code::unavailable, "the Docker engine does not answer: " + without_prefix(line)}
      .reason("ENGINE_UNAVAILABLE")
      .hint("look at: systemctl status docker");
}

std::optional<Error> disk_full(const StepFailure& failure) {
  constexpr std::array<std::string_view, 2> parts{"no space left on device", "disk quota exceeded"};
  const auto line = line_with(failure.lines, parts);
  if (line.empty()) return std::nullopt;
  return Error{
      Code::unavailable,
      fmt::format(
          "{}: no space is left on the disk ({})", what_failed(failure.step), without_prefix(line))}
      .reason("ACTION_FAILED")
      .hint("docker system df shows what takes the space; docker image prune frees old images");
}

std::optional<Error> port_taken(const Lines& lines) {
  constexpr std::array<std::string_view, 3> parts{
      "port is already allocated", "address already in use", "ports are not available"};
  const auto line = line_with(lines, parts);
  if (line.empty()) return std::nullopt;
  const auto port = port_in(line);
  if (port.empty()) {
    return Error{Code::conflict, "a port is taken: " + without_prefix(line)}
        .reason("PORT_TAKEN")
        .hint("ss -ltnp shows who listens");
  }
  return Error{Code::conflict,
               fmt::format("port {} of this host is taken: {}", port, without_prefix(line))}
      .reason("PORT_TAKEN")
      .hint(fmt::format("see who has it: ss -ltnp 'sport = :{0}', or docker ps --filter "
                        "publish={0}",
                        port));
}

std::optional<Error> image_missing(const StepFailure& failure) {
  // The last two: no registry can be reached; it is asked under /v2/.
  constexpr std::array<std::string_view, 11> parts{"pull access denied",
                                                   "manifest unknown",
                                                   "no such image",
                                                   "repository does not exist",
                                                   "requested access to the resource is denied",
                                                   "failed to resolve reference",
                                                   "invalid reference format",
                                                   "unauthorized: ",
                                                   "manifest for ",
                                                   "get \"https://",
                                                   "get \"http://"};
  auto line = line_with(failure.lines, parts);
  if (line.empty() && failure.step != "pull") return std::nullopt;
  if (line.empty()) line = own_words(failure.lines);
  return Error{Code::invalid, "the image could not be pulled: " + without_prefix(line)}
      .reason("IMAGE_MISSING")
      .hint(
          "check its name, and that this host reaches and may read the registry (docker login); "
          "for an image that is only on this host set pull_policy: never");
}

std::optional<Error> file_invalid(const StepFailure& failure) {
  // Small letters. docker-compose 1.29 has a sentence of its own for each mistake; tried with the
  // tool itself, `up` says the same as `config -q` (docs/decisions/0011).
  constexpr auto parts = std::to_array<std::string_view>({
      "no such service",
      "invalid interpolation format",
      "undefined network",
      "undefined secret",
      // 1.29
      "yaml.scanner.",
      "yaml.parser.",
      "yaml.composer.",
      "yaml.constructor.",
      "yaml.reader.",
      "unicodedecodeerror: ",
      ".filenotfounderror: ",
      "is invalid because",
      "\" is invalid",
      "\" is unsupported",
      "in file '",
      "top level object in",
      "couldn't find env file",
      "which is undefined",
      "but no declaration was found in the",
      "circular dependency between",
      "a service can not depend on itself",
      "missing mandatory value for",
      "either does not exist, is not accessible",
      "cannot extend service",
      "duplicate mount points",
      "cannot be combined",
      "has incorrect format, should be",
      "invalid restart policy",
      // v2
      "yaml: ",
      "additional propert",
      "invalid compose project",
      "validating /",
      "undefined service",
      "undefined volume",
      "env file ",
      "top-level object must be a mapping",
      "empty compose file",
      "is missing a value",
  });
  // What is built may speak of YAML too; by then the file has passed its check.
  if (failure.step == "build" || failure.step == "pull" || failure.step == "images") {
    return std::nullopt;
  }
  const bool is_check = failure.step == "config" || failure.step == "check";
  if (!is_check && line_with(failure.lines, parts).empty()) return std::nullopt;
  // The whole of what compose says, which is often more than one line, but no Python traceback.
  std::string text;
  for (const auto& line : failure.lines) {
    if (line.starts_with("  File \"/usr") || line.starts_with("Traceback")) continue;
    if (text.size() + line.size() > 800) break;
    text += (text.empty() ? "" : "\n") + line;
  }
  return Error{Code::invalid, "the compose file is not valid: " + without_prefix(std::move(text))}
      .reason("COMPOSE_INVALID")
      .hint("nothing was stopped; mend the file and try again");
}

/// The text behind the prefix, of the last line that has it among the last few.
std::optional<std::string> told(const Lines& lines, std::string_view prefix) {
  constexpr std::size_t few = 4;
  const auto from = lines.size() > few ? lines.size() - few : 0;
  for (auto i = lines.size(); i > from; --i) {
    if (lines[i - 1].starts_with(prefix)) return lines[i - 1].substr(prefix.size());
  }
  return std::nullopt;
}

struct Known {
  std::string_view reason;
  Code code;
};

/// "REASON: a sentence" in the last line: a program of ours knows what is wrong.
template <std::size_t Count>
std::optional<Error> told_reason(const Lines& lines, const std::array<Known, Count>& known) {
  if (lines.empty()) return std::nullopt;
  for (const auto& [reason, code] : known) {
    const auto prefix = std::string{reason} + ": ";
    if (!lines.back().starts_with(prefix)) continue;
    // What has no reason of its own failed, and the sentence says how.
    const bool is_general = reason == "INTERNAL" || reason == "NOT_FOUND" || reason == "INVALID" ||
                            reason == "UNAVAILABLE" || reason == "CONFLICT";
    return Error{is_general ? Code::internal : code, lines.back().substr(prefix.size())}
        .reason(is_general ? "ACTION_FAILED" : reason)
        .hint(told(lines, "hint: ").value_or("its log has the whole output"));
  }
  return std::nullopt;
}

/// What portoser-deployment says.
std::optional<Error> told_reason(const Lines& lines) {
  constexpr std::array<Known, 14> known{{{"STALE_REVISION", Code::conflict},
                                         {"NOT_CONFIRMED", Code::conflict},
                                         {"CONTAINER_EXISTS", Code::conflict},
                                         {"DEPLOYMENT_NOT_KEPT", Code::not_found},
                                         {"DEPLOYMENT_ELSEWHERE", Code::conflict},
                                         {"IMAGE_GONE", Code::not_found},
                                         {"HEALTH_NOT_BACK", Code::internal},
                                         {"CONTAINER_EXITED", Code::internal},
                                         {"ENGINE_UNAVAILABLE", Code::unavailable},
                                         {"ENGINE_TIMEOUT", Code::deadline},
                                         {"ENGINE_ERROR", Code::unavailable},
                                         {"DISK_FULL", Code::unavailable},
                                         {"NOT_FOUND", Code::not_found},
                                         {"INTERNAL", Code::internal}}};
  return told_reason(lines, known);
}

/// What portoser-transfer says.
std::optional<Error> told_transfer_reason(const Lines& lines) {
  constexpr std::array<Known, 17> known{{{"SERVICE_RUNS", Code::conflict},
                                         {"TRANSFER_CUT", Code::unavailable},
                                         {"DISK_FULL", Code::unavailable},
                                         {"MOVE_DATA_DIFFERS", Code::internal},
                                         {"FOLDER_EXISTS", Code::conflict},
                                         {"VOLUME_EXISTS", Code::conflict},
                                         {"VOLUME_IN_USE", Code::conflict},
                                         {"IMAGE_DIFFERS", Code::conflict},
                                         {"FOLDER_REFUSED", Code::invalid},
                                         {"RSYNC_MISSING", Code::unavailable},
                                         {"ENGINE_UNAVAILABLE", Code::unavailable},
                                         {"ENGINE_ERROR", Code::unavailable},
                                         {"UNAVAILABLE", Code::unavailable},
                                         {"CONFLICT", Code::conflict},
                                         {"INVALID", Code::invalid},
                                         {"NOT_FOUND", Code::not_found},
                                         {"INTERNAL", Code::internal}}};
  return told_reason(lines, known);
}

}  // namespace

std::optional<std::int64_t> told_exit_code(const Lines& lines) {
  const auto text = told(lines, "exit: ");
  std::int64_t code = 0;
  if (!text || std::from_chars(text->data(), text->data() + text->size(), code).ec != std::errc{}) {
    return std::nullopt;
  }
  return code;
}

Error explain_compose_failure(const StepFailure& failure) {
  if (!failure.problem.empty()) {
    const bool is_ours = failure.problem.find("portoser-deployment") != std::string::npos;
    if (failure.exit_code == 127 && !is_ours) return compose_missing(failure.problem);
    return Error{Code::internal, failure.problem}.reason("ACTION_FAILED");
  }
  if (auto error = told_reason(failure.lines)) return *error;
  if (auto error = engine_away(failure.lines)) return *error;
  if (auto error = disk_full(failure)) return *error;
  if (auto error = port_taken(failure.lines)) return *error;
  if (auto error = file_invalid(failure)) return *error;
  if (auto error = image_missing(failure)) return *error;
  auto message = fmt::format("{} (exit {})", what_failed(failure.step), failure.exit_code);
  if (const auto words = own_words(failure.lines); !words.empty()) message += ": " + words;
  return Error{Code::internal, message}
      .reason("ACTION_FAILED")
      .hint("its log has the whole output");
}

Error explain_transfer_failure(const StepFailure& failure) {
  if (!failure.problem.empty()) {
    return Error{Code::internal, failure.problem}.reason("ACTION_FAILED");
  }
  if (auto error = told_transfer_reason(failure.lines)) return *error;
  auto message = fmt::format("the step \"{}\" failed (exit {})", failure.step, failure.exit_code);
  if (const auto words = own_words(failure.lines); !words.empty()) message += ": " + words;
  return Error{Code::internal, message}
      .reason("ACTION_FAILED")
      .hint("its log has the whole output");
}

}  // namespace portoser::agent::actions
