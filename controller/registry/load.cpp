#include "controller/registry/load.h"

#include "common/error.h"
#include "controller/registry/checks.h"
#include "controller/registry/entries.h"
#include "controller/registry/fields.h"
#include "controller/registry/names.h"
#include "controller/registry/text.h"
#include "controller/registry/tree.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

namespace portoser::registry {
namespace {

class Loader {
 public:
  Loader(const Node& root, std::string_view file) : root_(root), file_(file) {}

  Registry load() {
    check_top_keys();
    Fields fields{root_, "", notes_};
    // Fields has said of every duplicate what check_top_keys refuses; keep only the refusal.
    notes_ = Notes{};
    read_top(fields);
    const auto* hosts = section(fields, "hosts");
    const auto* machines = section(fields, "machines");
    const auto* services = section(fields, "services");
    fields.report_unknown();
    if (!has_section_) {
      refuse(Place{"", root_.mark},
             "there is neither \"hosts\" nor \"services\" in the file",
             "a registry has both, each a map of names");
    }
    read_hosts(hosts, machines);
    if (services != nullptr) {
      read_services(*services);
    }
    check_references(hosts_, services_);
    check_paths(hosts_, services_);
    complete_urls(hosts_, services_);
    return finish();
  }

 private:
  void refuse(const Place& place, std::string message, std::string hint) {
    fatal_.error(place, std::move(message), std::move(hint));
  }

  void check_top_keys() {
    std::unordered_map<std::string_view, int> lines;
    for (const auto& member : root_.members) {
      const auto [first, is_new] = lines.emplace(member.key, member.mark.line);
      if (!is_new) {
        refuse(Place{member.key, member.mark},
               fmt::format("\"{}\" is there twice; first in line {}", member.key, first->second),
               "put both into one");
      }
    }
  }

  void read_top(Fields& fields) {
    domain_ = fields.text({"domain"}, Severity::warning);
    if (!domain_.empty() && !is_plain_word(domain_)) {
      fields.wrong_type(*fields.find({"domain"}), "a DNS domain", Severity::warning);
      domain_.clear();
    }
    if (const auto* section = fields.map({"dns"})) {
      dns_ = read_dns(*section, notes_);
    }
    if (const auto* section = fields.map({"caddy"})) {
      caddy_ = read_caddy(*section, notes_);
    }
    fields.known({"version", "schema", "last_updated", "notes"});
  }

  /// The map under a key; null when it is absent or empty.
  const Member* section(Fields& fields, std::string_view key) {
    fields.known({key});
    for (const auto& member : root_.members) {
      if (member.key != key) {
        continue;
      }
      has_section_ = true;
      if (member.value->is_map()) {
        return &member;
      }
      const auto place = Place{member.key, member.mark};
      if (member.value->is_null()) {
        notes_.warning(place,
                       fmt::format("\"{}\" is empty", key),
                       fmt::format("write \"{}: {{}}\" if that is meant", key));
      } else {
        refuse(place,
               fmt::format("\"{}\" is {}", key, kind_name(*member.value)),
               fmt::format("it must be a map: \"name:\" and its keys for each of the {}",
                           key == "machines" ? "hosts" : key));
      }
      return nullptr;
    }
    return nullptr;
  }

  void read_hosts(const Member* hosts, const Member* machines) {
    std::unordered_map<std::string_view, const Member*> first;
    for (const auto* from : {hosts, machines}) {
      // The old backend wrote both keys, the second as an alias of the first.
      if (from == nullptr ||
          (from == machines && hosts != nullptr && same_content(*hosts->value, *machines->value))) {
        continue;
      }
      std::unordered_map<std::string_view, const Member*> own;
      for (const auto& entry : from->value->members) {
        const auto place = Place{from->key + "." + entry.key, entry.mark};
        if (const auto [twin, is_new] = own.emplace(entry.key, &entry); !is_new) {
          refuse(place,
                 fmt::format("the host \"{}\" is there twice; first in line {}",
                             entry.key,
                             twin->second->mark.line),
                 "remove one of them, or give it another name");
          continue;
        }
        const auto [other, is_new] = first.emplace(entry.key, &entry);
        if (is_new) {
          hosts_.push_back(read_host(entry, from->key));
        } else if (!same_content(*other->second->value, *entry.value)) {
          notes_.warning(
              place,
              fmt::format("the host \"{}\" is also under \"hosts\", in line {}, and says "
                          "something else; that one is read",
                          entry.key,
                          other->second->mark.line),
              "keep one of them: \"machines\" means the same as \"hosts\"");
        }
      }
    }
  }

  void read_services(const Member& section) {
    std::unordered_map<std::string_view, std::size_t> index;
    for (const auto& entry : section.value->members) {
      const auto [first, is_new] = index.emplace(entry.key, services_.size());
      if (is_new) {
        services_.push_back(read_service(entry, section.key, domain_));
        continue;
      }
      auto& original = services_[first->second];
      original.notes.error(Place{section.key + "." + entry.key, entry.mark},
                           fmt::format("the service \"{}\" is there twice; the one in line {} is "
                                       "read",
                                       entry.key,
                                       original.service.line),
                           "remove one of them, or give it another name");
    }
  }

  Registry finish() {
    Registry registry;
    registry.domain = domain_;
    registry.dns = dns_;
    registry.caddy = caddy_;
    auto& all = registry.findings;
    all = notes_.take();
    for (auto& draft : hosts_) {
      draft.host.config_errors = draft.notes.take();
      all.insert(all.end(), draft.host.config_errors.begin(), draft.host.config_errors.end());
      registry.add(std::move(draft.host));
    }
    for (auto& draft : services_) {
      draft.service.config_errors = draft.notes.take();
      all.insert(all.end(), draft.service.config_errors.begin(), draft.service.config_errors.end());
      registry.add(std::move(draft.service));
    }
    std::stable_sort(all.begin(), all.end(), [](const Finding& a, const Finding& b) {
      return std::pair{a.line, a.column} < std::pair{b.line, b.column};
    });
    if (!fatal_.empty()) {
      throw_refusal(all);
    }
    return registry;
  }

  [[noreturn]] void throw_refusal(const std::vector<Finding>& others) {
    const auto reasons = fatal_.take();
    std::vector<ErrorDetail> details;
    for (const auto* list : {&reasons, &others}) {
      for (const auto& finding : *list) {
        details.push_back(
            ErrorDetail{where(file_, Mark{finding.line, finding.column}), finding.message});
      }
    }
    throw Error{Code::invalid, reasons.front().message, details.front().where}
        .hint(reasons.front().hint)
        .details(std::move(details));
  }

  const Node& root_;
  std::string_view file_;
  std::string domain_;
  std::optional<Dns> dns_;
  std::optional<Caddy> caddy_;
  bool has_section_ = false;
  std::vector<HostDraft> hosts_;
  std::vector<ServiceDraft> services_;
  Notes notes_;  ///< of what is in no host and no service
  Notes fatal_;
};

}  // namespace

Registry parse_registry(std::string_view text, std::string_view file_name) {
  const auto content = without_bom(text);
  check_characters(content, file_name);
  const auto root = parse_tree(content, file_name);
  if (!root) {
    throw refusal(file_name,
                  Mark{},
                  "the registry is empty",
                  "a registry without entries is \"hosts: {}\" and \"services: {}\"");
  }
  if (!root->is_map()) {
    throw refusal(file_name,
                  root->mark,
                  fmt::format("the registry is {}, not a map", kind_name(*root)),
                  "it begins with keys such as \"hosts:\" and \"services:\"");
  }
  if (ends_mid_entry(content)) {
    const auto line = static_cast<int>(std::count(content.begin(), content.end(), '\n')) + 1;
    throw refusal(file_name,
                  Mark{line, 1},
                  "the file ends in the middle of this line",
                  "was it saved only in part? If not, end it with a new line");
  }
  Loader loader{*root, file_name};
  auto registry = loader.load();
  registry.file = file_name;
  registry.text = text;
  registry.revision = revision_of(text);
  return registry;
}

}  // namespace portoser::registry
