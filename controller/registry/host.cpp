#include "controller/registry/content_revision.h"
#include "controller/registry/entries.h"
#include "controller/registry/fields.h"
#include "controller/registry/names.h"

#include <fmt/format.h>

#include <utility>

namespace portoser::registry {
namespace {

std::string_view normal_cpu(std::string_view written) {
  if (written == "x86_64" || written == "amd64") return "amd64";
  if (written == "aarch64" || written == "arm64") return "arm64";
  return {};
}

std::string_view normal_system(std::string_view written) {
  if (written == "linux") return "linux";
  if (written == "darwin" || written == "apple" || written == "macos") return "darwin";
  return {};
}

/// "arm64-apple", "linux-x86_64", "linux/amd64" and the like in one form, "os/arch"; what is
/// unknown stays as written. `system` is the host's own `os`, for a file that has the two apart.
std::string normal_arch(const std::string& written, const std::string& system) {
  const auto divider = written.find_first_of("/-");
  const auto first = std::string_view{written}.substr(0, divider);
  const auto second = divider == std::string::npos ? std::string_view{system}
                                                   : std::string_view{written}.substr(divider + 1);
  for (const auto& [os, cpu] : {std::pair{normal_system(first), normal_cpu(second)},
                                std::pair{normal_system(second), normal_cpu(first)}}) {
    if (!os.empty() && !cpu.empty()) {
      return fmt::format("{}/{}", os, cpu);
    }
  }
  return written;
}

std::string word(Fields& fields, Names names, std::string_view wanted) {
  auto text = fields.text(names);
  if (!text.empty() && !is_plain_word(text)) {
    fields.wrong_type(*fields.find(names), wanted, Severity::error);
    text.clear();
  }
  return text;
}

Resources read_resources(const Node& node, const std::string& path, Notes& notes) {
  Fields fields{node, path, notes};
  Resources resources;
  resources.cpu_cores = fields.number({"cpu_cores"}, 0, 100'000, Severity::warning);
  resources.cpu_threads = fields.number({"cpu_threads"}, 0, 100'000, Severity::warning);
  resources.memory_gb = fields.amount({"memory_gb"});
  resources.disk_gb = fields.amount({"disk_gb"});
  if (auto gpu = fields.text({"gpu"}, Severity::warning); !gpu.empty()) {
    resources.gpu = std::move(gpu);
  }
  resources.mlx_capable = fields.flag({"mlx_capable"});
  fields.report_unknown();
  return resources;
}

void read_into(Host& host, Fields& fields) {
  host.ip = word(fields, {"ip", "host"}, "an address or a name");
  host.ssh_hostname = word(fields, {"ssh_hostname"}, "a name or an address");
  host.ssh_user = word(fields, {"ssh_user", "user"}, "the name of a user");
  host.ssh_port = fields.number({"ssh_port"}, 1, 65535).value_or(host.ssh_port);
  host.path = fields.text({"path"});
  if (!host.path.empty() && (host.path.front() != '/' || has_control_character(host.path))) {
    fields.wrong_type(*fields.find({"path"}), "an absolute path on the host", Severity::warning);
  }
  host.arch = normal_arch(fields.text({"arch", "platform"}, Severity::warning),
                          fields.text({"os"}, Severity::warning));
  host.roles = fields.texts({"roles", "tags"}, Severity::warning);
  host.description = fields.text({"description"}, Severity::warning);
  if (auto status = fields.text({"status"}, Severity::warning); !status.empty()) {
    host.status = std::move(status);
  }
  if (const auto* resources = fields.map({"resources"})) {
    host.resources =
        read_resources(*resources->value, fields.place(*resources).path, fields.notes());
  }
  // Read by other programs, or written by the old backend for its devices.
  fields.known({"context",
                "ssh_key",
                "ssh_key_fingerprint",
                "vault_role",
                "notes",
                "last_updated",
                "os_version",
                "capabilities",
                "labels",
                "registered_at",
                "owner_user_id",
                "approval_status",
                "approved_at",
                "last_seen_at",
                "last_metrics",
                "assigned_roles"});
  fields.report_unknown();
}

}  // namespace

void check_name(const std::string& name, std::string_view what, const Place& place, Notes& notes) {
  if (breaks_paths(name)) {
    notes.error(place,
                fmt::format("\"{}\" cannot be the name of a {}", name, what),
                "a name has no slash and no control character, and is not empty, \".\" or \"..\"");
  } else if (!is_good_name(name)) {
    notes.warning(
        place,
        fmt::format("the name \"{}\" is read, but new ones may not look so", name),
        "lower-case letters, digits, \".\", \"_\" and \"-\", at most 63, beginning with a "
        "letter or a digit");
  }
}

HostDraft read_host(const Member& entry, const std::string& section) {
  HostDraft draft;
  draft.host.name = entry.key;
  draft.host.line = entry.mark.line;
  draft.host.revision = content_revision(*entry.value);
  draft.place = Place{section + "." + entry.key, entry.mark};
  check_name(entry.key, "host", draft.place, draft.notes);
  if (!entry.value->is_map()) {
    draft.notes.error(draft.place,
                      fmt::format("the host \"{}\" is {}", entry.key, kind_name(*entry.value)),
                      "it must be a map with at least \"ip\"");
    return draft;
  }
  Fields fields{*entry.value, draft.place.path, draft.notes};
  read_into(draft.host, fields);
  if (draft.host.ip.empty() && fields.find({"ip", "host"}) == nullptr) {
    draft.notes.warning(draft.place,
                        fmt::format("the host \"{}\" has no \"ip\"", entry.key),
                        "links to its services and its health checks need one");
  }
  return draft;
}

}  // namespace portoser::registry
