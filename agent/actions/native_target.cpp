#include "agent/actions/native_target.h"

#include "common/error.h"

#include <fmt/format.h>

#include <pwd.h>
#include <string>
#include <vector>

namespace portoser::agent::actions {
namespace {

bool user_exists(const std::string& user) {
  passwd entry{};
  passwd* found = nullptr;
  std::vector<char> buffer(16384);
  return ::getpwnam_r(user.c_str(), &entry, buffer.data(), buffer.size(), &found) == 0 &&
         found != nullptr;
}

}  // namespace

void require_user(const protocol::NativeTarget& target) {
  if (!target.user.empty() && user_exists(target.user)) return;
  const auto text =
      target.user.empty()
          ? fmt::format("nobody is named who runs the commands of {}", target.service)
          : fmt::format(
                "this host has no user \"{}\" who could run {}", target.user, target.service);
  throw Error{Code::invalid, text, "target.user"}
      .reason("SERVICE_USER_MISSING")
      .hint("set ssh_user of its host in registry.yml");
}

void require_there(const protocol::NativeTarget& target, const systemd::Unit& unit) {
  if (target.unit.empty() || unit.load_state != "not-found") return;
  throw Error{Code::not_found, fmt::format("this host has no unit {}", unit.name), "target.unit"}
      .reason("UNIT_MISSING")
      .hint("systemctl list-unit-files shows what it has; correct \"unit\" in registry.yml");
}

}  // namespace portoser::agent::actions
