/// What a host says when it joins, in each of the forms that are understood, and what it is told.
#pragma once

#include "common/clock.h"
#include "common/describe.h"
#include "controller/registry/model.h"
#include "protocol/messages.h"

#include <nlohmann/json_fwd.hpp>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace portoser::fleet {

struct DeviceResources;
struct ResourcesUpdate;
/// Whole numbers may also come as 8.0 and "8", as scripts send them.
void read_resources(const nlohmann::ordered_json& json,
                    DeviceResources& out,
                    const std::string& where);
void read_resources(const nlohmann::ordered_json& json,
                    ResourcesUpdate& out,
                    const std::string& where);

struct DeviceResources {
  std::int64_t cpu_cores = 0;
  std::int64_t cpu_threads = 0;
  std::int64_t memory_gb = 0;
  std::int64_t disk_gb = 0;
  bool gpu = false;
  bool mlx_capable = false;
  /// The template of describe_json.h finds this one instead of itself.
  friend void from_json(const nlohmann::ordered_json& json,
                        DeviceResources& out,
                        const std::string& where) {
    read_resources(json, out, where);
  }
};
BOOST_DESCRIBE_STRUCT(DeviceResources,
                      (),
                      (cpu_cores, cpu_threads, memory_gb, disk_gb, gpu, mlx_capable))

/// What a person says of a device's resources; the rest stays as it is.
struct ResourcesUpdate {
  std::optional<std::int64_t> cpu_cores;
  std::optional<std::int64_t> cpu_threads;
  std::optional<std::int64_t> memory_gb;
  std::optional<std::int64_t> disk_gb;
  std::optional<bool> gpu;
  std::optional<bool> mlx_capable;
  friend void from_json(const nlohmann::ordered_json& json,
                        ResourcesUpdate& out,
                        const std::string& where) {
    read_resources(json, out, where);
  }
};
BOOST_DESCRIBE_STRUCT(ResourcesUpdate,
                      (),
                      (cpu_cores, cpu_threads, memory_gb, disk_gb, gpu, mlx_capable))

/// What is said of a device that no agent measures: by its registration, later by people.
struct DeviceDeclaration {
  std::vector<std::string> capabilities;
  std::map<std::string, std::string> labels;
  bool gpu = false;
  bool mlx_capable = false;
  std::string description;
  std::string ssh_user;             ///< empty: as the facts say
  std::string ssh_key_fingerprint;  ///< empty: not known
  /// Numbers that a person set; one that is missing: as the facts say. Its flags are above.
  std::optional<ResourcesUpdate> resources;
};
BOOST_DESCRIBE_STRUCT(
    DeviceDeclaration,
    (),
    (capabilities, labels, gpu, mlx_capable, description, ssh_user, ssh_key_fingerprint, resources))

/// The body of a registration. The agent proves that it holds the token's secret (`token_id`,
/// `proof`); a script may send the whole token as `registration_token` instead. Without
/// `public_key` the host has no agent: it gets a credential for its heartbeats.
struct RegistrationRequest {
  std::string hostname;
  std::string public_key;  ///< CURVE, Z85
  std::string token_id;
  std::string proof;
  std::string registration_token;
  std::string device_credential;  ///< of a host without an agent that asks again
  std::string ip;
  std::string arch;
  std::string os;
  std::string os_version;
  DeviceResources resources;
  std::string ssh_user;
  std::string ssh_key_fingerprint;
  std::vector<std::string> capabilities;
  std::map<std::string, std::string> labels;
  std::optional<protocol::HostFacts> facts;
  // The words of the old bootstrap.sh, where `os` is what we call `os_version`.
  std::string ip_address;
  std::string os_id;
  std::string architecture;
  std::string kernel;
  std::int64_t ram_mb = 0;
  std::int64_t cpu_cores = 0;
  std::string ssh_public_key;
  std::string user;
  std::string docker_version;
};
BOOST_DESCRIBE_STRUCT(RegistrationRequest,
                      (),
                      (hostname,
                       public_key,
                       token_id,
                       proof,
                       registration_token,
                       device_credential,
                       ip,
                       arch,
                       os,
                       os_version,
                       resources,
                       ssh_user,
                       ssh_key_fingerprint,
                       capabilities,
                       labels,
                       facts,
                       ip_address,
                       os_id,
                       architecture,
                       kernel,
                       ram_mb,
                       cpu_cores,
                       ssh_public_key,
                       user,
                       docker_version))

struct RegistrationAnswer {
  std::string status = "registered";  ///< or "pending"
  std::string hostname;
  std::string device_id;
  std::string controller_key;
  std::string controller_endpoint;
  std::vector<std::string> assigned_roles;
  std::string registry_version;
  std::vector<std::string> next_steps;
  bool approval_required = false;
  Time registered_at;
  std::optional<std::string> approval_url;
  std::optional<std::string> message;
  /// Of a host without an agent, in the answer that made it and never again.
  std::optional<std::string> device_credential;
  bool known_before = false;  ///< not in the JSON: the same host under the same name, asked again
};
BOOST_DESCRIBE_STRUCT(RegistrationAnswer,
                      (),
                      (status,
                       hostname,
                       device_id,
                       controller_key,
                       controller_endpoint,
                       assigned_roles,
                       registry_version,
                       next_steps,
                       approval_required,
                       registered_at,
                       approval_url,
                       message,
                       device_credential))

/// The payload of the old bootstrap.sh, which knows neither keys nor tokens.
bool is_old_form(const RegistrationRequest& request);
/// Its words put into ours. Another form stays as it is, but for `facts` that no agent measured:
/// they are dropped.
void translate_old_form(RegistrationRequest& request);
/// The fingerprint as `ssh-keygen -l` shows it ("SHA256:..."), of a line of id_rsa.pub; empty when
/// it is no such line.
std::string ssh_fingerprint(std::string_view public_key_line);

/// An IPv4 or IPv6 address, the latter also with a zone ("fe80::1%eth0"), and nothing else.
bool is_address(const std::string& text);

/// What is wrong in the request, one `ErrorDetail` a field: `Error{invalid}`. A name that the
/// registry has may look as it likes; a new one may not.
void check_form(const RegistrationRequest& request, const registry::Registry& registry);
/// The same for what may be set later.
void check_labels(const std::map<std::string, std::string>& labels);
void check_capabilities(const std::vector<std::string>& capabilities);
void check_resources(const ResourcesUpdate& resources);
/// Up to 255 bytes in one line; `where`: "body.description".
void check_line(const std::string& text, const std::string& where);

protocol::HostFacts facts_of(const RegistrationRequest& request);
/// JSON of a `DeviceDeclaration`, with nothing that the request leaves out: of a known device that
/// stays as it is.
std::string declared_by(const RegistrationRequest& request);

}  // namespace portoser::fleet
