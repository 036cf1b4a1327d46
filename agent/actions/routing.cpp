#include "agent/actions/routing.h"

#include "common/describe_json.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>
#include <unistd.h>
#include <utility>

namespace portoser::agent::actions {
namespace {

/// One word of a file that others read, too.
void require_word(const std::string& text, const std::string& where) {
  const bool is_word = !text.empty() && std::none_of(text.begin(), text.end(), [](char letter) {
    return static_cast<unsigned char>(letter) <= ' ' || letter == '#' || letter == '\x7f';
  });
  if (!is_word) throw Error{Code::invalid, fmt::format("\"{}\" cannot be {}", text, where), where};
}

void require_address(const std::string& text, const std::string& where) {
  in6_addr binary{};
  if (::inet_pton(AF_INET, text.c_str(), &binary) == 1) return;
  if (::inet_pton(AF_INET6, text.c_str(), &binary) == 1) return;
  throw Error{Code::invalid, fmt::format("\"{}\" is no address", text), where};
}

}  // namespace

void Routing::add_to(Catalogue& catalogue) {
  catalogue.add<protocol::RoutingCaddy>(*this, &Routing::plan_caddy, &Routing::finish_caddy);
  catalogue.add<protocol::RoutingHosts>(*this, &Routing::plan_hosts, &Routing::finish_hosts);
}

asio::awaitable<runner::Spec> Routing::plan_caddy(protocol::RoutingCaddy command, std::string id) {
  require_word(command.hostname, "hostname");
  require_word(command.old_upstream, "old_upstream");
  require_word(command.new_upstream, "new_upstream");
  routing::Parameters parameters;
  parameters.caddy = std::move(command);
  co_return spec_of(routing::caddy_step, std::move(parameters), id);
}

asio::awaitable<runner::Spec> Routing::plan_hosts(protocol::RoutingHosts command, std::string id) {
  require_word(command.hostname, "hostname");
  require_address(command.address, "address");
  if (!command.old_address.empty()) require_address(command.old_address, "old_address");
  if (!command.path.starts_with('/')) {
    throw Error{Code::invalid, "the path of the hosts file must be absolute", "path"};
  }
  routing::Parameters parameters;
  parameters.hosts = std::move(command);
  co_return spec_of(routing::hosts_step, std::move(parameters), id);
}

asio::awaitable<void> Routing::finish_caddy(protocol::RoutingCaddy) {
  co_return;
}

asio::awaitable<void> Routing::finish_hosts(protocol::RoutingHosts) {
  co_return;
}

runner::Spec Routing::spec_of(const std::string& step,
                              routing::Parameters parameters,
                              const std::string& id) const {
  if (::access(settings_.program.c_str(), X_OK) != 0) {
    throw Error{Code::unavailable, "the program " + settings_.program + " is not there"}
        .reason("ACTION_FAILED")
        .hint("the agent's installation is not whole: install it again");
  }
  parameters.command = id;
  parameters.data = settings_.data_folder.string();
  runner::Spec spec;
  // Without the service's name: what happens to it meanwhile is not this command's doing. And
  // without a lock: the program waits for its turn, and Caddy tells who came first.
  runner::Step only;
  only.name = step;
  only.folder = "/";
  only.argv = {settings_.program, step, (settings_.data_folder / "journal" / id).string()};
  spec.steps.push_back(std::move(only));
  spec.unset = {"http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"};
  spec.parameters = dump(to_json(parameters));
  return spec;
}

Error Routing::explain(const StepFailure& failure) {
  struct Known {
    std::string_view reason;
    Code code;
  };
  constexpr std::array<Known, 4> known{{{"ROUTE_NOT_FOUND", Code::not_found},
                                        {"CADDY_UNAVAILABLE", Code::unavailable},
                                        {"CADDY_REFUSED", Code::conflict},
                                        {"DISK_FULL", Code::unavailable}}};
  if (!failure.problem.empty()) {
    return Error{Code::internal, failure.problem}.reason("ACTION_FAILED");
  }
  const auto& lines = failure.lines;
  const std::string last = lines.empty() ? "" : lines.back();
  constexpr std::string_view hint = "hint: ";
  std::string advice = "its log has the whole output";
  if (lines.size() > 1 && lines[lines.size() - 2].starts_with(hint)) {
    advice = lines[lines.size() - 2].substr(hint.size());
  }
  for (const auto& [reason, code] : known) {
    const auto prefix = std::string{reason} + ": ";
    if (!last.starts_with(prefix)) continue;
    return Error{code, last.substr(prefix.size())}.reason(reason).hint(advice);
  }
  return Error{Code::internal,
               fmt::format("the step \"{}\" failed (exit {}){}{}",
                           failure.step,
                           failure.exit_code,
                           last.empty() ? "" : ": ",
                           last)}
      .reason("ACTION_FAILED")
      .hint(advice);
}

}  // namespace portoser::agent::actions
