#include "controller/history/old_records.h"

#include "common/error.h"
#include "common/file.h"
#include "common/json_members.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <utility>

namespace portoser::history {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t longest_record = std::size_t{16} << 20U;
constexpr std::size_t longest_id = 128;

/// Whether this may follow a backslash in a text.
bool may_be_escaped(char letter) {
  return std::string_view{"\"\\/bfnrtu"}.find(letter) != std::string_view::npos;
}

/// One text of the JSON, from behind its first quote to its last; `at` is moved behind that.
void copy_text(std::string_view text, std::size_t& at, std::string& out) {
  for (; at < text.size(); ++at) {
    const char letter = text[at];
    if (letter == '"') {
      out += letter;
      ++at;
      return;
    }
    if (letter == '\\') {
      const bool is_escape = at + 1 < text.size() && may_be_escaped(text[at + 1]);
      out += is_escape ? "\\" : "\\\\";
      if (is_escape) out += text[++at];
    } else if (static_cast<unsigned char>(letter) < 0x20) {
      out += fmt::format("\\u{:04x}", static_cast<unsigned>(letter));
    } else {
      out += letter;
    }
  }
}

std::optional<std::int64_t> number_in(const Json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end() || !found->is_number()) return std::nullopt;
  const auto number = found->get<double>();
  constexpr double most = 1e15;
  if (!std::isfinite(number) || std::abs(number) > most) return std::nullopt;
  return static_cast<std::int64_t>(number);
}

/// The old words are ours too; anything else is a failure, as the old readers took it.
std::string status_of(const std::string& word) {
  if (word == "success" || word == "rolled_back") return word;
  return "failure";
}

Json parse(std::string_view text) {
  auto value = Json::parse(text, nullptr, false);
  if (value.is_discarded()) value = Json::parse(mended_json(text), nullptr, false);
  return value;
}

}  // namespace

std::string mended_json(std::string_view text) {
  if (Json::accept(text)) return std::string{text};
  std::string out;
  std::vector<char> open;  // what would close each bracket
  for (std::size_t at = 0; at < text.size();) {
    const char letter = text[at++];
    switch (letter) {
      case '"':
        out += letter;
        copy_text(text, at, out);
        break;
      case '{':
      case '[':
        open.push_back(letter == '{' ? '}' : ']');
        out += letter;
        break;
      case '}':
      case ']':
        if (open.empty() || open.back() != letter) break;
        open.pop_back();
        out += letter;
        break;
      default:
        out += letter;
    }
  }
  return out;
}

storage::DeploymentRecord old_record(std::string_view text, const std::string& name) {
  const auto value = parse(text);
  if (!value.is_object()) {
    throw Error{Code::invalid, "it is no JSON object, not even a broken one of the old CLI"};
  }
  storage::DeploymentRecord record;
  record.id = text_member(value, "id");
  if (record.id.empty()) record.id = name;
  record.service = text_member(value, "service");
  if (record.service.empty()) throw Error{Code::invalid, "it names no service"};
  if (record.id.size() > longest_id) throw Error{Code::invalid, "its id is too long"};
  const auto ended = time_from_rfc3339(text_member(value, "timestamp"));
  if (!ended) throw Error{Code::invalid, "it has no time (\"timestamp\")"};
  record.finished_at = ended;
  record.duration_ms = number_in(value, "duration_ms");
  record.started_at =
      *ended - std::chrono::milliseconds{std::max<std::int64_t>(record.duration_ms.value_or(0), 0)};
  record.machine = text_member(value, "machine");
  record.action = text_member(value, "action");
  record.status = status_of(text_member(value, "status"));
  record.outcome = record.status == "failure" ? "failed" : "succeeded";
  record.source = "cli";
  record.why = "imported";
  record.exit_code = number_in(value, "exit_code");
  record.phases = dump(list_member(value, "phases"));
  Json extra = Json::object();
  for (const auto* key : {"observations", "problems", "solutions_applied"}) {
    extra[key] = list_member(value, key);
  }
  record.extra = dump(extra);
  // The old snapshot was taken before the action.
  const auto snapshot = value.find("config_snapshot");
  if (snapshot != value.end() && snapshot->is_object()) record.config_before = dump(*snapshot);
  return record;
}

OldRecords read_old_records(const fs::path& folder) {
  std::error_code failure;
  if (!fs::is_directory(folder, failure)) {
    throw Error{Code::not_found, "there is no folder " + folder.string(), "folder"}.hint(
        "the old CLI keeps its records in ~/.portoser/deployments");
  }
  OldRecords found;
  for (const auto& entry :
       fs::recursive_directory_iterator{folder, fs::directory_options::skip_permission_denied}) {
    const auto& path = entry.path();
    if (entry.is_symlink(failure) || !entry.is_regular_file(failure)) continue;
    if (path.extension() != ".json") continue;
    try {
      found.records.push_back(old_record(read_file(path, longest_record), path.stem().string()));
    } catch (const Error& error) {
      found.refused.push_back({path.string(), error.message()});
    }
  }
  return found;
}

}  // namespace portoser::history
