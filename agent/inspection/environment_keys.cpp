#include "agent/inspection/environment_keys.h"

#include "agent/deployments/compose_yaml.h"
#include "common/crypto.h"
#include "common/error.h"
#include "common/file.h"
#include "common/ids.h"

#include <algorithm>
#include <map>

namespace portoser::agent::inspection {
namespace {

constexpr std::size_t file_limit = std::size_t{1} << 20U;
constexpr std::size_t fingerprint_digits = 16;

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view blank = " \t\r";
  const auto first = text.find_first_not_of(blank);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(blank) - first + 1);
}

std::string_view without_quotes(std::string_view value) {
  const bool is_quoted = value.size() >= 2 && value.front() == value.back() &&
                         (value.front() == '"' || value.front() == '\'');
  return is_quoted ? value.substr(1, value.size() - 2) : value;
}

void add_files_of(const YAML::Node& service, std::vector<std::string>& files) {
  const auto named = deployments::member(service, "env_file");
  const auto add = [&files](const YAML::Node& one) {
    const auto path = one.IsMap() ? one["path"] : one;
    if (path && path.IsScalar() &&
        std::find(files.begin(), files.end(), path.Scalar()) == files.end()) {
      files.push_back(path.Scalar());
    }
  };
  if (!named) return;
  if (named.IsSequence()) {
    for (const auto& one : named) add(one);
  } else {
    add(named);
  }
}

}  // namespace

std::vector<std::string> environment_files(std::string_view compose_text,
                                           const std::string& compose_service) {
  std::vector<std::string> files{".env"};
  const auto root = deployments::parse_compose(std::string{compose_text});
  deployments::each_service(root, [&](const std::string& name, const YAML::Node& service) {
    if (compose_service.empty() || name == compose_service) add_files_of(service, files);
  });
  return files;
}

std::vector<EnvironmentLine> parse_environment(std::string_view text) {
  std::vector<EnvironmentLine> lines;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    auto line = trimmed(text.substr(0, end));
    text.remove_prefix(std::min(text.size(), end + 1));
    if (line.empty() || line.front() == '#') continue;
    constexpr std::string_view exported = "export ";
    if (line.starts_with(exported)) line = trimmed(line.substr(exported.size()));
    const auto equals = line.find('=');
    const auto name = trimmed(line.substr(0, equals));
    if (name.empty()) continue;
    EnvironmentLine out;
    out.name = name;
    if (equals != std::string_view::npos) {
      out.value = without_quotes(trimmed(line.substr(equals + 1)));
    }
    lines.push_back(std::move(out));
  }
  return lines;
}

std::vector<protocol::EnvironmentKey> environment_keys(const std::filesystem::path& compose_file,
                                                       std::string_view compose_text,
                                                       const std::string& compose_service,
                                                       std::string_view key) {
  std::vector<protocol::EnvironmentKey> keys;
  for (const auto& file : environment_files(compose_text, compose_service)) {
    std::string text;
    try {
      text = read_file(compose_file.parent_path() / file, file_limit);
    } catch (const Error&) {
      continue;
    }
    std::map<std::string, std::string> values;  // of two lines the later counts
    for (auto& line : parse_environment(text)) values[line.name] = std::move(line.value);
    for (const auto& [name, value] : values) {
      auto fingerprint = to_hex(hmac_sha256(key, name + '\n' + value));
      fingerprint.resize(fingerprint_digits);
      keys.push_back({name, file, std::move(fingerprint)});
    }
  }
  return keys;
}

}  // namespace portoser::agent::inspection
