#include "controller/settings.h"

#include "common/error.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <net/if.h>

#include <array>
#include <ifaddrs.h>
#include <memory>
#include <unistd.h>

namespace portoser {
namespace {

constexpr int most_days = 36'500;

bool is_loopback(const std::string& address) {
  return address.starts_with("127.") || address == "::1" || address == "localhost";
}

/// A setting that names a program.
void executable(const std::string& path) {
  if (path.empty()) return;
  if (!path.starts_with('/')) {
    throw Error{Code::invalid, fmt::format("\"{}\" is not an absolute path", path)};
  }
  if (::access(path.c_str(), X_OK) != 0) {
    throw Error{Code::invalid, fmt::format("\"{}\" is not there or cannot be run", path)};
  }
}

}  // namespace

ControllerSettings load_controller_settings(const std::vector<std::string>& arguments,
                                            std::string_view usage) {
  ControllerSettings settings;
  SettingTable table;
  table
      .add(settings.http_address,
           {.key = "http.address", .env = "BIND_HOST", .help = "address of the web surface"})
      .add(settings.http_port,
           {.key = "http.port", .env = "BACKEND_PORT", .help = "TCP port of the web surface"})
      .add(settings.wire_address,
           {.key = "wire.address",
            .env = "PORTOSER_WIRE_ADDRESS",
            .help = "address that agents connect to"})
      .add(settings.wire_port,
           {.key = "wire.port",
            .env = "PORTOSER_WIRE_PORT",
            .help = "TCP port that agents connect to"})
      .add(settings.wire_heartbeat_ms,
           {.key = "wire.heartbeat_ms",
            .env = "PORTOSER_HEARTBEAT_MS",
            .help = "a connection to an agent whose host is gone is ended after six times that",
            .check = between(100, 60'000)})
      .add(settings.join_address,
           {.key = "join.address",
            .env = "PORTOSER_JOIN_ADDRESS",
            .help = "address that new hosts register at"})
      .add(settings.join_port,
           {.key = "join.port",
            .env = "PORTOSER_JOIN_PORT",
            .help = "TCP port that new hosts register at"})
      .add(settings.advertise_address,
           {.key = "advertise.address",
            .env = "PORTOSER_ADVERTISE_ADDRESS",
            .help = "address of this machine as hosts reach it; empty: its first one"})
      .add(settings.registry_path,
           {.key = "registry.path",
            .env = "CADDY_REGISTRY_PATH",
            .help = "registry.yml: hosts and services"})
      .add(settings.data,
           {.key = "data",
            .env = "PORTOSER_DATA",
            .help = "folder of the database and of the controller's key"})
      .add(settings.allowed_origins,
           {.key = "http.allowed_origins",
            .env = "CORS_ALLOWED_ORIGINS",
            .help = "pages of other hosts that may use the API, such as https://portoser.example"})
      .add(settings.insecure_no_auth,
           {.key = "http.insecure_no_auth",
            .env = "PORTOSER_INSECURE_NO_AUTH",
            .help = "allow a web surface beyond loopback although nobody has to sign in"})
      .add(settings.environment,
           {.key = "environment",
            .env = "ENVIRONMENT",
            .help = "production or development: development allows the UI's "
                    "own development servers as origins",
            .check = one_of({"production", "development", "test"})})
      .add(settings.threads,
           {.key = "http.threads",
            .env = "PORTOSER_HTTP_THREADS",
            .help = "threads that serve requests",
            .check = between(1, 64)})
      .add(settings.http_header_seconds,
           {.key = "http.header_seconds",
            .env = "PORTOSER_HTTP_HEADER_SECONDS",
            .help = "how long a client may take for the header of a request",
            .check = between(1, 3600)})
      .add(settings.http_body_seconds,
           {.key = "http.body_seconds",
            .env = "PORTOSER_HTTP_BODY_SECONDS",
            .help = "how long a client may take for the body of a request",
            .check = between(1, 3600)})
      .add(settings.http_idle_seconds,
           {.key = "http.idle_seconds",
            .env = "PORTOSER_HTTP_IDLE_SECONDS",
            .help = "how long a connection may wait between two requests",
            .check = between(1, 3600)})
      .add(settings.http_socket_silence_seconds,
           {.key = "http.socket_silence_seconds",
            .env = "PORTOSER_HTTP_SOCKET_SILENCE_SECONDS",
            .help = "a WebSocket whose client gives no sign for so long is ended; it is asked "
                    "at least twice meanwhile",
            .check = between(3, 3600)})
      .add(settings.http_socket_ping_seconds,
           {.key = "http.socket_ping_seconds",
            .env = "PORTOSER_HTTP_SOCKET_PING_SECONDS",
            .help = "how often the client of a WebSocket is asked whether it is there, at least; "
                    "proxies end sockets that are silent for a minute",
            .check = between(1, 1800)})
      .add(settings.http_sockets,
           {.key = "http.sockets",
            .env = "PORTOSER_HTTP_SOCKETS",
            .help = "how many WebSockets may be open at a time; a page of the UI opens up to five",
            .check = between(1, 100'000)})
      .add(settings.agents_sample_interval_ms,
           {.key = "agents.sample_interval_ms",
            .env = "PORTOSER_SAMPLE_INTERVAL_MS",
            .help = "how often agents measure their hosts, until an admin chooses otherwise "
                    "(POST /api/metrics/collector/interval); values older than three times that "
                    "are stale",
            .check = between(100, 60'000)})
      .add(settings.agents_offline_after_ms,
           {.key = "agents.offline_after_ms",
            .env = "PORTOSER_OFFLINE_AFTER_MS",
            .help = "a host that was silent for so long is offline",
            .check = between(500, 86'400'000)})
      .add(settings.agents_grace_ms,
           {.key = "agents.grace_ms",
            .env = "PORTOSER_GRACE_MS",
            .help = "for so long after its own start the controller declares no host offline",
            .check = between(0, 3'600'000)})
      .add(settings.devices_approval_required,
           {.key = "devices.approval_required",
            .env = "DEVICE_APPROVAL_REQUIRED",
            .help = "an admin has to approve each host that joins, although it has a token"})
      .add(settings.devices_heartbeat_timeout_seconds,
           {.key = "devices.heartbeat_timeout_seconds",
            .env = "DEVICE_HEARTBEAT_TIMEOUT_SECONDS",
            .help = "a host without an agent that sent no heartbeat for so long is offline",
            .check = between(5, 86'400)})
      .add(settings.devices_network,
           {.key = "devices.network",
            .env = "PORTOSER_DEFAULT_NETWORK_CIDR",
            .help = "network that discovery names when the ingress host's address says nothing"})
      .add(settings.public_url,
           {.key = "public_url",
            .env = "PORTOSER_PUBLIC_URL",
            .help = "URL of the web surface as people and hosts reach it"})
      .add(settings.actions_start_seconds,
           {.key = "actions.start_seconds",
            .env = "PORTOSER_START_SECONDS",
            .help = "how long the start of a service may take before its host ends it",
            .check = between(1, 86'400)})
      .add(settings.actions_stop_seconds,
           {.key = "actions.stop_seconds",
            .env = "PORTOSER_STOP_SECONDS",
            .help = "how long the stop of a service may take before its host ends it",
            .check = between(1, 86'400)})
      .add(settings.actions_restart_seconds,
           {.key = "actions.restart_seconds",
            .env = "PORTOSER_RESTART_SECONDS",
            .help = "how long the restart of a service may take before its host ends it",
            .check = between(1, 86'400)})
      .add(settings.actions_rebuild_seconds,
           {.key = "actions.rebuild_seconds",
            .env = "PORTOSER_REBUILD_SECONDS",
            .help = "how long the rebuild of a service may take before its host ends it",
            .check = between(1, 86'400)})
      .add(settings.actions_health_seconds,
           {.key = "actions.health_seconds",
            .env = "PORTOSER_HEALTH_SECONDS",
            .help =
                "how long the health of a service may take to come after a rebuild, an update or a "
                "rollback before its host goes back to what ran",
            .check = between(1, 3600)})
      .add(settings.moves_keep_hours,
           {.key = "moves.keep_hours",
            .env = "PORTOSER_MOVES_KEEP_HOURS",
            .help = "hours that the data of a service is kept where it was before a move",
            .check = between(0, 8760)})
      .add(settings.moves_rate_limit_kib,
           {.key = "moves.rate_limit_kib",
            .env = "PORTOSER_MOVES_RATE_LIMIT_KIB",
            .help = "KiB a second that a move may send; 0: as fast as it goes",
            .check = between(0, 1'048'576)})
      .add(settings.routing_hook,
           {.key = "routing.hook",
            .env = "PORTOSER_ROUTING_HOOK",
            .help = "program of this machine that is run after a move when nobody else lets what "
                    "points at the old host follow",
            .check = executable})
      .add(settings.retention_jobs_days,
           {.key = "retention.jobs_days",
            .env = "PORTOSER_RETENTION_JOBS_DAYS",
            .help = "days that finished jobs and their logs are kept",
            .check = between(1, most_days)})
      .add(settings.retention_jobs_at_least,
           {.key = "retention.jobs_at_least",
            .env = "PORTOSER_RETENTION_JOBS_AT_LEAST",
            .help = "finished jobs that are kept whatever their age, the newest",
            .check = between(0, 1'000'000)})
      .add(settings.retention_events_days,
           {.key = "retention.events_days",
            .env = "PORTOSER_RETENTION_EVENTS_DAYS",
            .help = "days that events of services, containers and hosts are kept",
            .check = between(1, most_days)})
      .add(settings.retention_deployments_days,
           {.key = "retention.deployments_days",
            .env = "PORTOSER_RETENTION_DEPLOYMENTS_DAYS",
            .help = "days that the history of deployments is kept",
            .check = between(1, most_days)})
      .add(settings.retention_deployments_at_least,
           {.key = "retention.deployments_at_least",
            .env = "PORTOSER_RETENTION_DEPLOYMENTS_AT_LEAST",
            .help = "how many of the newest deployments are kept whatever their age",
            .check = between(0, 1'000'000)})
      .add(settings.retention_audit_days,
           {.key = "retention.audit_days",
            .env = "PORTOSER_RETENTION_AUDIT_DAYS",
            .help = "days that the audit trail is kept",
            .check = between(1, most_days)})
      .add(settings.series_raw_hours,
           {.key = "series.raw_hours",
            .env = "PORTOSER_SERIES_RAW_HOURS",
            .help = "hours that samples of hosts and services are kept as they came",
            .check = between(1, 24)})
      .add(settings.series_minute_hours,
           {.key = "series.minute_hours",
            .env = "PORTOSER_SERIES_MINUTE_HOURS",
            .help = "hours that their minutes (mean, least, most) are kept; at least a day, for "
                    "samples that come late",
            .check = between(24, 24 * 60)})
      .add(settings.series_quarter_days,
           {.key = "series.quarter_days",
            .env = "PORTOSER_SERIES_QUARTER_DAYS",
            .help = "days that their quarters of an hour are kept",
            .check = between(2, most_days)});
  add_remote_write(table, settings.remote_write);
  table
      .add(
          settings.log_level,
          {.key = "log.level",
           .env = "LOG_LEVEL",
           .help = "debug, info, warn or error",
           .check = one_of(
               {"debug", "info", "warn", "warning", "error", "DEBUG", "INFO", "WARNING", "ERROR"})})
      .add(settings.log_format,
           {.key = "log.format",
            .env = "PORTOSER_LOG_FORMAT",
            .help = "text or json",
            .check = one_of({"text", "json"})});
  const auto line = table.load(usage, arguments, "/etc/portoser/controller.yml");
  settings.check_config = line.check_config;
  settings.words = line.words;
  settings.described = table.describe();
  while (settings.public_url.ends_with('/')) settings.public_url.pop_back();
  for (auto& letter : settings.log_level) letter = static_cast<char>(std::tolower(letter));
  if (settings.agents_offline_after_ms < 4 * settings.agents_sample_interval_ms) {
    throw Error{Code::invalid,
                fmt::format("a host would be offline after {} ms, and is only measured every {} ms",
                            settings.agents_offline_after_ms,
                            settings.agents_sample_interval_ms),
                "agents.offline_after_ms"}
        .hint("make it at least four times agents.sample_interval_ms");
  }
  check_remote_write(settings.remote_write);
  if (!is_loopback(settings.http_address) && !settings.insecure_no_auth) {
    throw Error{Code::invalid,
                fmt::format("the web surface would listen on {}, and nobody has to sign in",
                            settings.http_address),
                "http.address"}
        .hint(
            "use 127.0.0.1 behind a proxy that asks for a password, or set "
            "http.insecure_no_auth (--http-insecure-no-auth true)");
  }
  if (settings.environment != "production") {
    for (const auto* origin :
         {"http://localhost:8989", "http://localhost:5173", "https://localhost:8989"}) {
      settings.allowed_origins.emplace_back(origin);
    }
  }
  return settings;
}

std::string join_url(const ControllerSettings& settings) {
  return fmt::format("http://{}:{}", advertised_address(settings), settings.join_port);
}

std::string advertised_address(const ControllerSettings& settings) {
  if (!settings.advertise_address.empty()) return settings.advertise_address;
  if (settings.wire_address != "0.0.0.0" && settings.wire_address != "*") {
    return settings.wire_address;
  }
  ifaddrs* first = nullptr;
  if (::getifaddrs(&first) != 0) return "127.0.0.1";
  const std::unique_ptr<ifaddrs, decltype(&::freeifaddrs)> all{first, &::freeifaddrs};
  for (const auto* one = first; one != nullptr; one = one->ifa_next) {
    const std::string_view name{one->ifa_name};
    if (one->ifa_addr == nullptr || one->ifa_addr->sa_family != AF_INET ||
        (one->ifa_flags & IFF_LOOPBACK) != 0 || name.starts_with("docker") ||
        name.starts_with("br-") || name.starts_with("veth")) {
      continue;
    }
    std::array<char, INET_ADDRSTRLEN> text{};
    const auto* address = reinterpret_cast<const sockaddr_in*>(one->ifa_addr);
    ::inet_ntop(AF_INET, &address->sin_addr, text.data(), text.size());
    return text.data();
  }
  return "127.0.0.1";
}

}  // namespace portoser
