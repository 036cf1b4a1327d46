/// What is asked of devices, by whom, and what comes of it.
#pragma once

#include "common/clock.h"
#include "common/describe.h"
#include "controller/fleet/device.h"
#include "controller/fleet/registration.h"

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace portoser::fleet {

/// Who asks for a change. A device may be changed by its owner and by an admin.
struct Actor {
  std::string sub;
  bool is_admin = false;
};

/// What is absent stays.
struct DeviceUpdate {
  std::optional<ResourcesUpdate> resources;
  std::optional<std::vector<std::string>> capabilities;
  std::optional<std::map<std::string, std::string>> labels;
  std::optional<std::string> ssh_user;
  std::optional<std::string> ssh_key_fingerprint;
  std::optional<std::string> description;
  std::optional<std::string> status;  ///< "maintenance", "disabled" or "active"
  /// In the JSON this is `resources` with null: the numbers are as the facts say again.
  bool measured_resources = false;
};
BOOST_DESCRIBE_STRUCT(
    DeviceUpdate,
    (),
    (resources, capabilities, labels, ssh_user, ssh_key_fingerprint, description, status))

/// `Error{invalid}` for what may not be said of a device.
void check_update(const DeviceUpdate& update);
/// `Error{invalid}` for another word than `DeviceUpdate::status` takes.
DeviceMode mode_of(const std::string& word);
/// It says something of the device besides its status.
bool declares(const DeviceUpdate& update);
/// What is said of the device after the update.
DeviceDeclaration merged(DeviceDeclaration declared, DeviceUpdate update);

/// `Error{invalid}` for a number that is no percentage.
void check_reported(const ReportedUse& use);

struct Updated {
  std::shared_ptr<const Device> device;
  Time at;
};

struct Transferred {
  std::optional<std::string> previous_owner;
  Time at;
};

struct RemovalWish {
  bool force = false;
  bool migrate_services = false;
};

struct Removal {
  std::string hostname;
  std::vector<std::string> services_left;  ///< still placed on the host by registry.yml
  Time at;
};

struct Heartbeat {
  std::string hostname;
  Time last_seen_at;
  std::string status;
};

/// What a host has to know before it joins.
struct Discovery {
  std::string domain;
  std::optional<std::string> dns_server;
  std::string ingress_host;
  std::string ingress_ip;
  std::string network_cidr;
  std::string cluster_version;
  std::vector<std::string> required_capabilities;
  std::string registration_endpoint;
};
BOOST_DESCRIBE_STRUCT(Discovery,
                      (),
                      (domain,
                       dns_server,
                       ingress_host,
                       ingress_ip,
                       network_cidr,
                       cluster_version,
                       required_capabilities,
                       registration_endpoint))

}  // namespace portoser::fleet
