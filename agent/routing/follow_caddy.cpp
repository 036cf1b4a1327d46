#include "agent/routing/follow_caddy.h"

#include "agent/routing/caddy_routes.h"
#include "common/error.h"
#include "common/file.h"
#include "common/json_members.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <optional>
#include <string_view>

namespace portoser::agent::routing {
namespace {

constexpr int attempts = 5;
constexpr std::chrono::milliseconds first_pause{200};
constexpr std::chrono::seconds call_limit{10};

/// `address` as registry.yml writes it: a URL, "host:port", or a unix socket in Caddy's spelling.
FetchRequest request_to(const std::string& address, std::string method) {
  constexpr std::string_view unix_network = "unix/";
  FetchRequest request;
  request.method = std::move(method);
  request.limit = call_limit;
  std::string base = address.empty() ? "http://localhost:2019" : address;
  if (base.starts_with(unix_network)) {
    request.unix_socket = base.substr(unix_network.size());
    request.headers.emplace_back("Host;");  // an empty one: Caddy allows no other there
    base = "http://localhost";
  } else if (base.find("://") == std::string::npos) {
    base = "http://" + base;
  }
  while (base.ends_with('/')) base.pop_back();
  request.url = base + "/config/";
  return request;
}

/// What Caddy says is wrong, on one line.
std::string own_words(const FetchResponse& response) {
  constexpr std::size_t most = 500;
  auto words = text_member(parsed_or_null(response.body), "error");
  if (words.empty()) words = fmt::format("status {}", response.status);
  return words.substr(0, most);
}

Error unavailable(const std::string& what) {
  return Error{Code::unavailable, "Caddy's admin API cannot be used: " + what}
      .reason("CADDY_UNAVAILABLE")
      .hint(
          "look whether Caddy runs on this host and where its admin API listens (caddy.admin_api "
          "in registry.yml)");
}

Error refused(const std::string& what) {
  return Error{Code::conflict, "Caddy did not take its new configuration: " + what}
      .reason("CADDY_REFUSED")
      .hint("Caddy goes on with the configuration that it had");
}

Error not_found(const protocol::RoutingCaddy& command, const RouteChanges& changes) {
  auto text =
      fmt::format("no route of Caddy for {} dials {}", command.hostname, command.old_upstream);
  if (!changes.dialled.empty()) {
    text += fmt::format("; it dials {}", fmt::join(changes.dialled, ", "));
  }
  if (!changes.names.empty()) {
    text += fmt::format("; routes for {} do, and were left alone", fmt::join(changes.names, ", "));
  }
  return Error{Code::not_found, text}
      .reason("ROUTE_NOT_FOUND")
      .hint(fmt::format("if Caddy serves it, let its route dial {}", command.new_upstream));
}

class Follower {
 public:
  Follower(const protocol::RoutingCaddy& command, const CaddyCalls& calls)
      : command_(command), calls_(calls) {}

  std::vector<std::string> follow() {
    auto pause = first_pause;
    for (int attempt = 0; attempt < attempts; ++attempt, pause *= 2) {
      if (attempt > 0) calls_.pause(pause);
      if (auto lines = try_once()) return *lines;
    }
    throw *problem_;
  }

 private:
  /// None: it is worth another try, and `problem_` says why.
  std::optional<std::vector<std::string>> try_once() {
    const auto before = ask(request_to(command_.admin_api, "GET"));
    if (!before) return std::nullopt;
    if (before->status != 200) throw unavailable(own_words(*before));
    auto config = Json::parse(before->body, nullptr, false);
    if (config.is_discarded()) throw unavailable("what answers there is not Caddy");
    const auto changes = change_routes(config, command_);
    if (changes.changed == 0) {
      if (changes.already == 0) throw not_found(command_, changes);
      return told(changes, was_sent_);
    }
    auto request = request_to(command_.admin_api, "POST");
    request.headers.emplace_back("Content-Type: application/json");
    if (!before->etag.empty()) request.headers.push_back("If-Match: " + before->etag);
    request.body = config.dump();
    was_sent_ = true;
    const auto after = ask(request);
    if (!after) return std::nullopt;
    if (after->status == 200) return told(changes, true);
    problem_ = refused(own_words(*after));
    if (after->status != 412) throw *problem_;
    was_sent_ = false;
    return std::nullopt;
  }

  std::optional<FetchResponse> ask(const FetchRequest& request) {
    try {
      return calls_.ask(request);
    } catch (const Error& error) {
      problem_ = unavailable(error.message());
      return std::nullopt;
    }
  }

  [[nodiscard]] std::vector<std::string> told(const RouteChanges& changes, bool by_us) const {
    std::vector<std::string> lines;
    if (by_us) {
      lines.push_back(fmt::format("{}Caddy dials {} for {} now, no longer {}",
                                  protocol::routing_done,
                                  command_.new_upstream,
                                  command_.hostname,
                                  command_.old_upstream));
    } else {
      lines.push_back(fmt::format("{}Caddy dials {} for {} already",
                                  protocol::routing_nothing,
                                  command_.new_upstream,
                                  command_.hostname));
    }
    if (!changes.names.empty()) {
      lines.push_back(fmt::format("{}Caddy's routes for {} still dial {}",
                                  protocol::routing_left,
                                  fmt::join(changes.names, ", "),
                                  command_.old_upstream));
    }
    // Other ports of the service, perhaps, which are not there any more either.
    const auto old_host = command_.old_upstream.substr(0, command_.old_upstream.rfind(':') + 1);
    for (const auto& dial : changes.dialled) {
      if (!dial.starts_with(old_host)) continue;
      lines.push_back(fmt::format(
          "{}Caddy's routes for {} also dial {}", protocol::routing_left, command_.hostname, dial));
    }
    return lines;
  }

  const protocol::RoutingCaddy& command_;
  const CaddyCalls& calls_;
  bool was_sent_ = false;  ///< a change that may have been taken: its answer did not come
  std::optional<Error> problem_;
};

}  // namespace

std::vector<std::string> follow_in_caddy(const protocol::RoutingCaddy& command,
                                         const CaddyCalls& calls) {
  return Follower{command, calls}.follow();
}

std::vector<std::string> look_at_config_file(const protocol::RoutingCaddy& command) {
  constexpr auto usual = "/etc/caddy/Caddyfile";
  const auto path = command.config_path.empty() ? std::string{usual} : command.config_path;
  std::string text;
  try {
    text = read_file(path, std::size_t{4} << 20U);
  } catch (const Error&) {
    return {};  // that it cannot be told is no news: Caddy may keep its configuration by itself
  }
  const auto lines = lines_with_upstream(text, command);
  if (lines.empty()) return {};
  return {
      fmt::format("{}{} still has {} in line {}: change it too, or Caddy goes back to it when it "
                  "reads that file again",
                  protocol::routing_left,
                  path,
                  command.old_upstream,
                  fmt::join(lines, ", "))};
}

}  // namespace portoser::agent::routing
