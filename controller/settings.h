/// The settings of the controller, declared once. See docs/operations.md for what they mean.
#pragma once

#include "common/settings.h"
#include "controller/remote_write_settings.h"

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace portoser {

struct ControllerSettings {
  std::string http_address = "127.0.0.1";
  std::uint16_t http_port = 8988;
  std::string wire_address = "0.0.0.0";
  std::uint16_t wire_port = 8990;
  std::string join_address = "0.0.0.0";
  std::uint16_t join_port = 8991;
  int wire_heartbeat_ms = 5000;
  std::string advertise_address;  ///< empty: this machine's first address
  std::filesystem::path registry_path = "/etc/portoser/registry.yml";
  std::filesystem::path data = "/var/lib/portoser";
  std::vector<std::string> allowed_origins;
  bool insecure_no_auth = false;
  std::string environment = "production";
  std::string log_level = "info";
  std::string log_format = "text";
  int threads = 2;
  int http_header_seconds = 15;
  int http_body_seconds = 60;
  int http_idle_seconds = 75;
  int http_socket_silence_seconds = 60;
  int http_socket_ping_seconds = 20;
  int http_sockets = 1000;
  int agents_sample_interval_ms = 5000;
  int agents_offline_after_ms = 60'000;
  int agents_grace_ms = 30'000;
  bool devices_approval_required = false;
  int devices_heartbeat_timeout_seconds = 300;
  std::string devices_network = "192.0.2.0/24";
  std::string public_url;  ///< without a slash at its end; may be empty
  int actions_start_seconds = 120;
  int actions_stop_seconds = 120;
  int actions_restart_seconds = 300;
  int actions_rebuild_seconds = 1800;
  int actions_health_seconds = 120;
  int moves_keep_hours = 24 * 7;
  int moves_rate_limit_kib = 0;
  std::string routing_hook;  ///< absolute; empty: none
  int retention_jobs_days = 90;
  int retention_jobs_at_least = 1000;
  int retention_events_days = 400;
  int retention_deployments_days = 400;
  int retention_deployments_at_least = 1000;
  int retention_audit_days = 400;
  int series_raw_hours = 2;
  int series_minute_hours = 48;
  int series_quarter_days = 400;
  RemoteWriteOptions remote_write;

  bool check_config = false;
  std::string described;           ///< what `--check-config` prints
  std::vector<std::string> words;  ///< what the command line held beside settings
};

/// Reads file, environment and command line and checks them together. See `SettingTable::load`.
ControllerSettings load_controller_settings(const std::vector<std::string>& arguments,
                                            std::string_view usage);

/// The address that agents and join tokens are given.
std::string advertised_address(const ControllerSettings& settings);

/// The joining listener's URL, as join tokens carry it.
std::string join_url(const ControllerSettings& settings);

}  // namespace portoser
