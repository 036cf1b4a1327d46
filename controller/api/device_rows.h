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
  std::string id;                        ///< stable: the host's name
  std::optional<std::string> device_id;  ///< null: it never joined, and registry.yml has it
  std::string name;
  std::string hostname;
  std::string ip;
  std::string ip_address;
  std::string arch;
  std::string os;
  std::string os_version;
  std::string device_type = "host";
  std::string status;
  std::string reason;    ///< why it is not online; empty: it is
  std::string liveness;  ///< online, stale, offline or unknown, whatever `status` says
  std::string mode;      ///< normal, maintenance or disabled
  std::string approval_status;
  std::optional<Time> approved_at;
  std::optional<std::string> owner_user_id;
  std::string description;
  bool has_agent = false;
  fleet::DeviceResources resources;
  std::vector<std::string> capabilities;
  std::map<std::string, std::string> labels;
  std::string ssh_user;
  std::string ssh_key_fingerprint;
  std::vector<std::string> assigned_roles;
  std::string registered_at;  ///< a time; empty: it never joined
  std::optional<Time> last_seen_at;
  /// That, or when it joined. The key is left out where there is neither: the UI shows a null as
  /// 1970.
  std::optional<Time> last_seen;
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
                       reason,
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

/// Of a host of the registry that never joined: unknown, with the reason.
DeviceRow row_of_never_joined(const registry::Host& host,
                              const registry::Registry& registry,
                              const ServiceRows& services);

}  // namespace portoser::api
