#include "agent/routing/follow_hosts.h"

#include "agent/deployments/program/whole_file.h"
#include "agent/routing/hosts_text.h"
#include "common/error.h"
#include "common/file.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/file.h>

#include <cerrno>
#include <fcntl.h>
#include <optional>
#include <unistd.h>

namespace portoser::agent::routing {
namespace {

/// Held by one command of this host at a time; the command's own deadline ends the wait.
Descriptor wait_for_turn(const std::string& data) {
  const auto path = data + "/routing.lock";
  Descriptor file{::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)};
  if (!file.is_open()) throw Error{Code::internal, system_error_text("cannot open", path), path};
  while (::flock(file.get(), LOCK_EX) != 0) {
    if (errno != EINTR) throw Error{Code::internal, system_error_text("cannot lock", path), path};
  }
  return file;
}

Error not_found(const std::string& what, const std::string& hint) {
  return Error{Code::not_found, what}.reason("ROUTE_NOT_FOUND").hint(hint);
}

deployments::WholeFile read_hosts(const protocol::RoutingHosts& command) {
  std::optional<deployments::WholeFile> file;
  try {
    file = deployments::read_whole(command.path);
  } catch (const Error& error) {
    if (error.code() != Code::invalid && error.code() != Code::too_large) throw;
    throw not_found(error.message(), "let dns.config_path in registry.yml name one hosts file");
  }
  if (!file) {
    throw not_found(fmt::format("there is no {} on this host", command.path),
                    "let dns.config_path in registry.yml name the hosts file that dnsmasq reads");
  }
  return *file;
}

/// Throws for an outcome that nothing could be done for.
void require_possible(const HostsEdit& edit, const protocol::RoutingHosts& command) {
  if (edit.outcome == HostsEdit::Outcome::no_hosts) {
    throw not_found(
        fmt::format("line {} of {} is none of a hosts file", edit.bad_line, command.path),
        "let dns.config_path in registry.yml name a hosts file (dnsmasq's addn-hosts), not its "
        "settings");
  }
  if (edit.outcome == HostsEdit::Outcome::elsewhere) {
    throw not_found(fmt::format("{} is at {} in {}, which is neither the old nor the new host",
                                command.hostname,
                                fmt::join(edit.elsewhere, ", "),
                                command.path),
                    fmt::format("if it shall follow, give it the address {}", command.address));
  }
}

std::string sentence(const HostsEdit& edit, const protocol::RoutingHosts& command) {
  switch (edit.outcome) {
    case HostsEdit::Outcome::changed:
      return fmt::format("{}{} is at {} in {} now",
                         protocol::routing_done,
                         command.hostname,
                         command.address,
                         command.path);
    case HostsEdit::Outcome::added:
      return fmt::format("{}{} has a line of {} now: {}",
                         protocol::routing_done,
                         command.path,
                         command.hostname,
                         command.address);
    case HostsEdit::Outcome::unchanged:
      return fmt::format("{}{} is at {} in {} already",
                         protocol::routing_nothing,
                         command.hostname,
                         command.address,
                         command.path);
    default:
      return fmt::format("{}in {} {} does not point at the old host, names point at {}",
                         protocol::routing_nothing,
                         command.path,
                         command.hostname,
                         command.ingress);
  }
}

}  // namespace

std::vector<std::string> follow_in_hosts(const Parameters& parameters,
                                         const std::function<std::size_t()>& reload) {
  const auto& command = parameters.hosts;
  const auto turn = wait_for_turn(parameters.data);
  auto file = read_hosts(command);
  auto edit = edit_hosts(file.text, command);
  require_possible(edit, command);
  std::vector<std::string> lines{sentence(edit, command)};
  if (edit.outcome == HostsEdit::Outcome::at_ingress) return lines;
  file.text = std::move(edit.text);
  deployments::put_whole(command.path, file, parameters.command);
  if (reload() == 0) {
    lines.push_back(
        fmt::format("{}no dnsmasq runs on this host: whoever serves {} has to read it "
                    "anew",
                    protocol::routing_left,
                    command.path));
  }
  if (!edit.elsewhere.empty()) {
    lines.push_back(fmt::format("{}{} is also at {} in {}",
                                protocol::routing_left,
                                command.hostname,
                                fmt::join(edit.elsewhere, ", "),
                                command.path));
  }
  return lines;
}

}  // namespace portoser::agent::routing
