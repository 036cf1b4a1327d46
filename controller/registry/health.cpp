#include "controller/registry/health.h"

#include <fmt/format.h>

#include <utility>

namespace portoser::registry {
namespace {

constexpr int longest_seconds = 86'400;

/// "30", "30s" or "2m".
std::optional<int> to_seconds(std::string_view text) {
  int unit = 1;
  if (text.ends_with('s') || text.ends_with('m')) {
    unit = text.ends_with('m') ? 60 : 1;
    text.remove_suffix(1);
  }
  const auto number = to_number(text);
  if (!number || *number < 1 || *number > longest_seconds / unit) {
    return std::nullopt;
  }
  return static_cast<int>(*number) * unit;
}

void read_seconds(Fields& fields, Names names, int& seconds) {
  const auto* member = fields.find(names);
  if (member == nullptr) {
    return;
  }
  const auto value = member->value->is_scalar() ? to_seconds(member->value->text) : std::nullopt;
  if (value) {
    seconds = *value;
  } else {
    fields.wrong_type(*member, "seconds, such as 30, from 1 to 86400", Severity::warning);
  }
}

/// Empty when absent or no URL.
std::string read_url(Fields& fields, Names names) {
  auto url = fields.text(names, Severity::warning);
  const bool is_http = url.starts_with("http://") || url.starts_with("https://");
  if (!url.empty() && (!is_http || url.find_first_of(" \t\r\n") != std::string::npos)) {
    fields.wrong_type(*fields.find(names), "a URL with http:// or https://", Severity::warning);
    url.clear();
  }
  return url;
}

void read_times(Fields& fields, HealthCheck& check, Names interval, Names timeout, Names retries) {
  read_seconds(fields, interval, check.interval_seconds);
  read_seconds(fields, timeout, check.timeout_seconds);
  check.retries = fields.number(retries, 1, 1000, Severity::warning).value_or(check.retries);
}

/// The type that the given keys mean when none is named.
HealthType implied_type(const HealthCheck& check) {
  if (!check.command.empty()) return HealthType::command;
  if (!check.url.empty() || !check.endpoint.empty()) return HealthType::http;
  return check.port ? HealthType::tcp : HealthType::none;
}

/// What a check of this type lacks; empty when it can be made.
std::string_view lacking(const HealthCheck& check) {
  switch (check.type) {
    case HealthType::http:
      return check.url.empty() && !check.port ? "\"url\", or \"endpoint\" and \"port\"" : "";
    case HealthType::tcp:
      return check.port ? "" : "\"port\"";
    case HealthType::command:
      return check.command.empty() ? "\"command\"" : "";
    case HealthType::docker:
    case HealthType::none:
      return "";
  }
  return "";
}

std::optional<HealthCheck> read_full_form(Fields& fields,
                                          HealthCheck check,
                                          std::optional<int> port,
                                          const Place& place) {
  if (auto url = read_url(fields, {"url"}); !url.empty()) {
    check.url = std::move(url);
  }
  check.endpoint = fields.text({"endpoint"}, Severity::warning);
  if (check.endpoint.starts_with("http://") || check.endpoint.starts_with("https://")) {
    check.url = std::exchange(check.endpoint, {});
  } else if (!check.endpoint.empty() && check.endpoint.front() != '/') {
    check.endpoint.insert(0, 1, '/');
  }
  if (auto command = fields.text({"command"}, Severity::warning); !command.empty()) {
    check.command = std::move(command);
  }
  check.port = fields.number({"port"}, 1, 65535, Severity::warning);
  read_times(
      fields, check, {"interval", "interval_seconds"}, {"timeout", "timeout_seconds"}, {"retries"});
  check.expected_status = fields.number({"expected_status"}, 100, 599, Severity::warning)
                              .value_or(check.expected_status);
  const auto type = fields.text({"type"}, Severity::warning);
  fields.report_unknown();
  if (type.empty()) {
    check.type = implied_type(check);
  } else if (!enum_from_name(type.c_str(), check.type)) {
    fields.wrong_type(
        *fields.find({"type"}), "http, tcp, command, docker or none", Severity::warning);
    return std::nullopt;
  }
  if (!check.port) {
    check.port = port;
  }
  if (check.type == HealthType::http && check.url.empty() && check.endpoint.empty()) {
    check.endpoint = "/health";
  }
  if (const auto missing = lacking(check); !missing.empty()) {
    fields.notes().warning(place,
                           fmt::format("the {} check cannot be made", enum_name(check.type)),
                           fmt::format("it needs {}", missing));
    return std::nullopt;
  }
  return check;
}

}  // namespace

std::optional<HealthCheck> read_health(Fields& service, std::optional<int> port) {
  HealthCheck check;
  check.url = read_url(service, {"healthcheck_url"});
  check.command = service.text({"healthcheck_command"}, Severity::warning);
  read_times(
      service, check, {"healthcheck_interval"}, {"healthcheck_timeout"}, {"healthcheck_retries"});
  if (const auto* full = service.map({"health"})) {
    const auto place = service.place(*full);
    Fields fields{*full->value, place.path, service.notes()};
    return read_full_form(fields, std::move(check), port, place);
  }
  if (check.url.empty() && check.command.empty()) {
    return std::nullopt;
  }
  // The older keys name no type; a URL, which works for every kind of service, comes first.
  check.type = check.url.empty() ? HealthType::command : HealthType::http;
  return check;
}

}  // namespace portoser::registry
