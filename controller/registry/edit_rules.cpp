#include "controller/registry/edit_rules.h"

#include "common/error.h"
#include "controller/registry/dialect.h"
#include "controller/registry/names.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace portoser::registry {
namespace {

/// Warnings about these are about the file as a whole; those about other fields mean that the
/// reader passes a value over.
constexpr std::array<std::string_view, 4> fields_with_advice{
    "port", "ports", "dependencies", "current_host"};

Error in_the_way(std::string message,
                 const std::vector<std::string>& names,
                 std::string_view reason,
                 std::string_view hint) {
  std::vector<ErrorDetail> details;
  for (const auto& name : names) details.push_back(ErrorDetail{"service", name});
  message += ": " + fmt::format("{}", fmt::join(names, ", "));
  return Error{Code::conflict, message}.reason(reason).hint(hint).details(std::move(details));
}

/// The field that a finding is about, by its documented name; empty: the entry as a whole.
std::string field_of(const Finding& finding, const EntryEdit& edit) {
  for (const auto section : section_keys(edit.section)) {
    const auto prefix = fmt::format("{}.{}.", section, edit.name);
    if (!finding.path.starts_with(prefix)) continue;
    const auto rest = std::string_view{finding.path}.substr(prefix.size());
    const auto key = rest.substr(0, rest.find_first_of(".["));
    for (const auto& change : edit.fields) {
      const auto names = spellings_of(edit.section, change.field);
      if (std::find(names.begin(), names.end(), key) != names.end()) return change.field;
      const bool is_of_health =
          change.field == "healthcheck_url"
              ? rest.starts_with("health.url") || rest.starts_with("health.endpoint")
              : change.field == "healthcheck_command" && rest.starts_with("health.command");
      if (is_of_health) return change.field;
    }
    return std::string{key};
  }
  return {};
}

bool is_in(const Finding& finding, const std::vector<Finding>& others) {
  return std::any_of(others.begin(), others.end(), [&](const Finding& other) {
    return other.severity == finding.severity && other.path == finding.path &&
           other.message == finding.message;
  });
}

bool is_refused(const Finding& finding, const std::string& field, const EntryEdit& edit) {
  if (finding.severity == Severity::error) return true;
  const auto is_set = [&](const FieldChange& change) {
    return change.field == field && change.value.kind != FieldValue::Kind::null;
  };
  const bool is_of_edit = std::any_of(edit.fields.begin(), edit.fields.end(), is_set);
  const bool is_advice = std::find(fields_with_advice.begin(), fields_with_advice.end(), field) !=
                         fields_with_advice.end();
  return is_of_edit && !is_advice;
}

}  // namespace

void require_new_name(const EntryEdit& edit) {
  if (is_good_name(edit.name)) return;
  throw Error{
      Code::invalid,
      fmt::format("\"{}\" cannot be the name of a new {}", edit.name, word_for(edit.section)),
      "body.name"}
      .hint(
          "lower-case letters, digits, \".\", \"_\" and \"-\", at most 63, beginning with a "
          "letter or a digit");
}

void require_removable(const Registry& before, const EntryEdit& edit, bool force) {
  std::vector<std::string> names;
  if (edit.section == Section::hosts) {
    for (const auto* service : before.services_on(edit.name)) names.push_back(service->name);
    if (names.empty()) return;
    throw in_the_way(fmt::format("the host \"{}\" still has services", edit.name),
                     names,
                     "MACHINE_IN_USE",
                     "move or remove them first");
  }
  if (force) return;
  for (const auto& other : before.services()) {
    const auto& all = other.dependencies;
    const bool needs_it = std::find(all.begin(), all.end(), edit.name) != all.end();
    if (needs_it && other.name != edit.name) names.push_back(other.name);
  }
  if (names.empty()) return;
  throw in_the_way(fmt::format("other services depend on \"{}\"", edit.name),
                   names,
                   "SERVICE_NEEDED",
                   "take it out of their dependencies first, or ask with force=true");
}

void require_revision(const std::vector<std::string>& revisions, const std::string& revision) {
  const bool fits = std::any_of(revisions.begin(), revisions.end(), [&](const std::string& one) {
    return one == revision || (one == "*" && !revision.empty());
  });
  if (revisions.empty() || fits) return;
  throw Error{Code::conflict,
              revision.empty() ? "it is not there any more"
                               : "it was changed since it was read: it is at revision " + revision,
              "header.If-Match"}
      .reason("PRECONDITION_FAILED")
      .hint("read it again, and make the change in that");
}

void require_no_new_errors(const Registry& before, const Registry& after, const EntryEdit& edit) {
  const auto old = findings_of_entry(before, edit.section, edit.name);
  std::vector<ErrorDetail> details;
  std::string hint;
  for (const auto& finding : findings_of_entry(after, edit.section, edit.name)) {
    const auto field = field_of(finding, edit);
    if (is_in(finding, old) || !is_refused(finding, field, edit)) continue;
    if (details.empty()) hint = finding.hint;
    details.push_back(ErrorDetail{field.empty() ? "body" : "body." + field, finding.message});
  }
  if (details.empty()) return;
  const auto first = details.front();
  throw Error{Code::invalid, first.message, first.where}.hint(hint).details(std::move(details));
}

std::string revision_of_entry(const Registry& registry, Section section, const std::string& name) {
  if (section == Section::hosts) {
    const auto* host = registry.find_host(name);
    return host == nullptr ? "" : host->revision;
  }
  const auto* service = registry.find_service(name);
  return service == nullptr ? "" : service->revision;
}

std::vector<Finding> findings_of_entry(const Registry& registry,
                                       Section section,
                                       const std::string& name) {
  if (section == Section::hosts) {
    const auto* host = registry.find_host(name);
    return host == nullptr ? std::vector<Finding>{} : host->config_errors;
  }
  const auto* service = registry.find_service(name);
  return service == nullptr ? std::vector<Finding>{} : service->config_errors;
}

std::string summary_of(const EntryEdit& edit) {
  const auto entry = fmt::format("{} {}", word_for(edit.section), edit.name);
  switch (edit.kind) {
    case EntryEdit::Kind::add:
      return entry + " added";
    case EntryEdit::Kind::remove:
      return entry + " removed";
    case EntryEdit::Kind::change:
      break;
  }
  std::vector<std::string_view> fields;
  for (const auto& change : edit.fields) fields.push_back(change.field);
  return fmt::format("{} changed: {}", entry, fmt::join(fields, ", "));
}

}  // namespace portoser::registry
