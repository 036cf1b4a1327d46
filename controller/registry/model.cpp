#include "controller/registry/model.h"

#include "common/error.h"
#include "controller/registry/names.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace portoser::registry {
namespace {

template <class Item, class Index>
const Item* find_in(const std::vector<Item>& items, const Index& index, std::string_view name) {
  const auto found = index.find(name);
  return found == index.end() ? nullptr : &items[found->second];
}

template <class Item, class Index>
bool add_to(std::vector<Item>& items, Index& index, Item item) {
  if (!index.emplace(item.name, items.size()).second) {
    return false;
  }
  items.push_back(std::move(item));
  return true;
}

/// `kind` is "host" or "service".
template <class Item>
Error unknown_name(std::string_view kind,
                   std::string_view name,
                   const std::vector<Item>& items,
                   std::string_view where) {
  std::vector<std::string_view> names;
  for (const auto& item : items) names.push_back(item.name);
  std::string hint;
  constexpr std::size_t most = 10;
  if (const auto close = nearest(name, names); !close.empty()) {
    hint = fmt::format("did you mean \"{}\"?", close);
  } else if (names.empty()) {
    hint = fmt::format("there is no {} at all", kind);
  } else {
    const auto rest = names.size() - std::min(names.size(), most);
    names.resize(names.size() - rest);
    hint = fmt::format("there are: {}", fmt::join(names, ", "));
    if (rest > 0) hint += fmt::format(" and {} more", rest);
  }
  return Error{Code::not_found,
               fmt::format("there is no {} \"{}\" in registry.yml", kind, name),
               std::string{where}}
      .hint(hint);
}

}  // namespace

bool Service::quarantined() const {
  return std::any_of(config_errors.begin(), config_errors.end(), [](const Finding& finding) {
    return finding.severity == Severity::error;
  });
}

const Host* Registry::find_host(std::string_view name) const {
  return find_in(hosts_, host_index_, name);
}

const Service* Registry::find_service(std::string_view name) const {
  return find_in(services_, service_index_, name);
}

std::vector<const Service*> Registry::services_on(std::string_view host) const {
  std::vector<const Service*> found;
  if (const auto placed = services_by_host_.find(host); placed != services_by_host_.end()) {
    for (const auto index : placed->second) found.push_back(&services_[index]);
  }
  return found;
}

const Host& Registry::require_host(std::string_view name, std::string_view where) const {
  if (const auto* host = find_host(name)) return *host;
  throw unknown_name("host", name, hosts_, where).reason("MACHINE_UNKNOWN");
}

const Service& Registry::require_service(std::string_view name, std::string_view where) const {
  if (const auto* service = find_service(name)) return *service;
  throw unknown_name("service", name, services_, where).reason("SERVICE_UNKNOWN");
}

std::vector<std::string> Registry::compose_candidates(const Service& service) const {
  return candidates(service, service.docker_compose);
}

std::vector<std::string> Registry::service_file_candidates(const Service& service) const {
  if (service.service_file.empty() && !service.working_dir.empty()) {
    return candidates(service, service.working_dir + "/service.yml");
  }
  return candidates(service, service.service_file);
}

std::string Registry::user_of(const Service& service) const {
  const auto* host = service.current_host ? find_host(*service.current_host) : nullptr;
  return host == nullptr ? std::string{} : host->ssh_user;
}

std::vector<std::string> Registry::candidates(const Service& service,
                                              const std::string& path) const {
  std::vector<std::string> found;
  if (path.empty()) {
    return found;
  }
  if (path.front() == '/') {
    found.push_back(path);
  }
  const auto* host = service.current_host ? find_host(*service.current_host) : nullptr;
  if (host != nullptr && !host->path.empty()) {
    auto base = host->path;
    while (!base.empty() && base.back() == '/') {
      base.pop_back();
    }
    auto joined = base + (path.front() == '/' ? "" : "/") + path;
    if (std::find(found.begin(), found.end(), joined) == found.end()) {
      found.push_back(std::move(joined));
    }
  }
  return found;
}

bool Registry::add(Host host) {
  return add_to(hosts_, host_index_, std::move(host));
}

bool Registry::add(Service service) {
  if (!add_to(services_, service_index_, std::move(service))) return false;
  const auto& added = services_.back();
  if (added.current_host) services_by_host_[*added.current_host].push_back(services_.size() - 1);
  return true;
}

}  // namespace portoser::registry
