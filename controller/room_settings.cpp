#include "controller/room_settings.h"

#include <algorithm>

namespace portoser {

http::ListenerSettings listener_settings(const ControllerSettings& limits,
                                         const std::string& address,
                                         std::uint16_t port,
                                         std::string port_setting,
                                         std::size_t connections) {
  using std::chrono::seconds;
  http::ListenerSettings settings;
  settings.header_timeout = seconds{limits.http_header_seconds};
  settings.body_timeout = seconds{limits.http_body_seconds};
  settings.idle_timeout = seconds{limits.http_idle_seconds};
  settings.max_connections = connections;
  settings.address = address;
  settings.port = port;
  settings.port_setting = std::move(port_setting);
  return settings;
}

http::ServerSettings server_settings(const ControllerSettings& settings) {
  http::ServerSettings server;
  server.allowed_origins = settings.allowed_origins;
  server.lanes = static_cast<std::size_t>(settings.threads);
  server.sockets.idle_timeout = std::chrono::seconds{settings.http_socket_silence_seconds};
  server.sockets.ping_period = std::min(std::chrono::seconds{settings.http_socket_ping_seconds},
                                        server.sockets.idle_timeout / 3);
  server.sockets.max_open = static_cast<std::size_t>(settings.http_sockets);
  // Without accounts everybody is the same user.
  server.sockets.max_open_per_user = 0;
  return server;
}

fleet::FleetSettings fleet_settings(const ControllerSettings& settings,
                                    const protocol::KeyPair& keys,
                                    const DescriptorShares& shares) {
  fleet::FleetSettings fleet;
  fleet.gateway.address = settings.wire_address;
  fleet.gateway.port = settings.wire_port;
  fleet.gateway.secret_key = keys.secret_key;
  fleet.gateway.backlog = shares.wire_backlog;
  fleet.gateway.crowd.descriptors = shares.wire_up_to;
  fleet.gateway.heartbeat = std::chrono::milliseconds{settings.wire_heartbeat_ms};
  fleet.public_key = keys.public_key;
  fleet.advertised_address = advertised_address(settings);
  fleet.sample_interval = std::chrono::milliseconds{settings.agents_sample_interval_ms};
  fleet::PresenceLimits limits;
  limits.offline_after = std::chrono::milliseconds{settings.agents_offline_after_ms};
  limits.grace = std::chrono::milliseconds{settings.agents_grace_ms};
  fleet.limits = fleet::presence_limits(fleet.sample_interval, fleet.gateway.heartbeat, limits);
  const std::chrono::seconds timeout{settings.devices_heartbeat_timeout_seconds};
  fleet.heartbeat_patience = {.stale_after = timeout * 3 / 5, .offline_after = timeout};
  fleet.approval_required = settings.devices_approval_required;
  fleet.join_url = join_url(settings);
  fleet.public_url = settings.public_url;
  fleet.network = settings.devices_network;
  return fleet;
}

storage::RetentionSettings retention_settings(const ControllerSettings& settings) {
  constexpr std::chrono::hours day{24};
  storage::RetentionSettings retention;
  retention.jobs = settings.retention_jobs_days * day;
  retention.jobs_at_least = settings.retention_jobs_at_least;
  retention.events = settings.retention_events_days * day;
  retention.audit = settings.retention_audit_days * day;
  retention.deployments = settings.retention_deployments_days * day;
  retention.deployments_at_least = settings.retention_deployments_at_least;
  return retention;
}

telemetry::SeriesSettings series_settings(const ControllerSettings& settings) {
  telemetry::SeriesSettings series;
  series.raw = std::chrono::hours{settings.series_raw_hours};
  series.minute = std::chrono::hours{settings.series_minute_hours};
  series.quarter = std::chrono::hours{24 * settings.series_quarter_days};
  series.join_ms = std::int64_t{3} * settings.agents_sample_interval_ms;
  return series;
}

telemetry::RemoteWriteSettings remote_write_settings(const ControllerSettings& settings) {
  const auto& options = settings.remote_write;
  telemetry::RemoteWriteSettings remote_write;
  remote_write.target.url = options.url;
  remote_write.target.headers = options.headers.values;
  remote_write.target.bearer_token_file = options.bearer_token_file;
  remote_write.target.user = options.basic_auth_username;
  remote_write.target.password_file = options.basic_auth_password_file;
  remote_write.target.ca_file = options.ca_file;
  remote_write.target.timeout = options.timeout;
  remote_write.external_labels = options.external_labels;
  remote_write.max_samples_per_send = static_cast<std::size_t>(options.max_samples_per_send);
  remote_write.queue_bytes = std::int64_t{options.queue_mib} << 20U;
  remote_write.heard_within = std::chrono::milliseconds{settings.agents_offline_after_ms};
  return remote_write;
}

deployment::ActionLimits action_limits(const ControllerSettings& settings) {
  using std::chrono::seconds;
  return {.start = seconds{settings.actions_start_seconds},
          .stop = seconds{settings.actions_stop_seconds},
          .restart = seconds{settings.actions_restart_seconds},
          .rebuild = seconds{settings.actions_rebuild_seconds},
          .health = seconds{settings.actions_health_seconds}};
}

deployment::DeployLimits deploy_limits(const ControllerSettings& settings) {
  using std::chrono::seconds;
  return {.change = seconds{settings.actions_rebuild_seconds},
          .health = seconds{settings.actions_health_seconds}};
}

deployment::MoveLimits move_limits(const ControllerSettings& settings) {
  deployment::MoveLimits limits;
  limits.start = std::chrono::seconds{settings.actions_restart_seconds};
  limits.health = std::chrono::seconds{settings.actions_health_seconds};
  limits.stop = std::chrono::seconds{settings.actions_stop_seconds};
  limits.keep = std::chrono::hours{settings.moves_keep_hours};
  limits.rate_limit_kib = settings.moves_rate_limit_kib;
  return limits;
}

deployment::RoutingSettings routing_settings(const ControllerSettings& settings) {
  deployment::RoutingSettings routing;
  routing.hook = settings.routing_hook;
  return routing;
}

telemetry::CollectionSettings collection_settings(const ControllerSettings& settings) {
  telemetry::CollectionSettings collection;
  collection.interval = std::chrono::milliseconds{settings.agents_sample_interval_ms};
  collection.heard_within = std::chrono::milliseconds{settings.agents_offline_after_ms};
  return collection;
}

}  // namespace portoser
