/// The rows of GET /api/devices.
#pragma once

#include "common/clock.h"
#include "common/describe.h"
#include "controller/api/service_rows.h"
#include "controller/fleet/fleet.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace portoser::api {

struct DeviceService {
  std::string name;
  std::optional<double> cpu_percent;
  std::string status;
};
BOOST_DESCRIBE_STRUCT(DeviceService, (), (name, cpu_percent, status))

struct DeviceUse {
  std::optional<double> cpu_percent;
  std::optional<double> memory_percent;
  std::optional<double> disk_percent;
};
BOOST_DESCRIBE_STRUCT(DeviceUse, (), (cpu_percent, memory_percent, disk_percent))

struct DeviceRow : DeviceUse {
  std::string id;  ///< stable: the host's name
  std::string device_id;
  std::string name;
  std::string hostname;
  std::string ip;
  std::string ip_address;
  std::string arch;
  std::string os;
  std::string os_version;
  std::string device_type = "host";
  std::string status;
  std::string liveness;  ///< online, stale, offline or unknown, whatever `status` says
  std::string mode;      ///< normal, maintenance or disabled
  std::string approval_status;
  std::optional<Time> approved_at;
  std::optional<std::string> owner_user_id;
  std::string description;
  bool has_agent = true;
  fleet::DeviceResources resources;
  std::vector<std::string> capabilities;
  std::map<std::string, std::string> labels;
  std::string ssh_user;
  std::string ssh_key_fingerprint;
  std::vector<std::string> assigned_roles;
  Time registered_at;
  std::optional<Time> last_seen_at;
  Time last_seen;  ///< never null: the old UI would show 1970
  std::string agent_version;
  DeviceUse metrics;
  std::int64_t service_count = 0;
  std::vector<DeviceService> services;
};
BOOST_DESCRIBE_STRUCT(DeviceRow,
                      (DeviceUse),
                      (id,
                       device_id,
                       name,
                       hostname,
                       ip,
                       ip_address,
                       arch,
                       os,
                       os_version,
                       device_type,
                       status,
                       liveness,
                       mode,
                       approval_status,
                       approved_at,
                       owner_user_id,
                       description,
                       has_agent,
                       resources,
                       capabilities,
                       labels,
                       ssh_user,
                       ssh_key_fingerprint,
                       assigned_roles,
                       registered_at,
                       last_seen_at,
                       last_seen,
                       agent_version,
                       metrics,
                       service_count,
                       services))

/// The one word for people: what somebody decided of it, else how it stands.
std::string device_status(const fleet::Device& device, const telemetry::HostLive* live, Time now);

/// `live`: null when nothing is known of it.
DeviceRow device_row(const fleet::Device& device,
                     const registry::Registry& registry,
                     const telemetry::HostLive* live,
                     const ServiceRows& services,
                     Time now);

}  // namespace portoser::api
