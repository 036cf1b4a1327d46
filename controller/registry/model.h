/// The registry as the rest of the controller sees it: hosts and services read from `registry.yml`,
/// whichever dialect the file speaks, with everything that is wrong in it. A `Registry` does not
/// change after it was loaded; it is handed around as `std::shared_ptr<const Registry>` and may be
/// read from any thread. load.h makes one, watch.h keeps it in step with the file.
#pragma once

#include "common/describe.h"

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace portoser::registry {

enum class Severity { error, warning };
BOOST_DESCRIBE_ENUM(Severity, error, warning)

/// One thing that is wrong in the file.
struct Finding {
  Severity severity = Severity::error;
  std::string path;     ///< "services.notes.port", with the key as the file spells it
  std::string message;  ///< what is wrong
  std::string hint;     ///< what would be right; may be empty
  int line = 1;         ///< from 1
  int column = 1;       ///< from 1, in bytes
};
BOOST_DESCRIBE_STRUCT(Finding, (), (severity, path, message, hint, line, column))

/// What the file says about a host's equipment. For display only.
struct Resources {
  std::optional<int> cpu_cores;
  std::optional<int> cpu_threads;
  std::optional<double> memory_gb;
  std::optional<double> disk_gb;
  std::optional<std::string> gpu;
  std::optional<bool> mlx_capable;
};
BOOST_DESCRIBE_STRUCT(Resources, (), (cpu_cores, cpu_threads, memory_gb, disk_gb, gpu, mlx_capable))

struct Host {
  std::string name;
  std::string ip;            ///< an address or a name; empty when the file has none
  std::string ssh_hostname;  ///< empty: not given
  std::string ssh_user;      ///< empty: not given
  int ssh_port = 22;
  std::string path;  ///< base folder on the host; empty: not given
  std::string
      arch;  ///< "linux/amd64", "linux/arm64", "darwin/arm64", else as written; may be empty
  std::vector<std::string> roles;
  std::string description;
  std::optional<Resources> resources;
  std::string status = "unknown";  ///< the word in the file, never a measurement
  /// Of what the entry says, merged keys too: 16 hex digits that are the same as long as it says
  /// the same and this process runs.
  std::string revision;
  int line = 1;
  std::vector<Finding> config_errors;  ///< the findings of this entry, warnings too
};

enum class DeploymentType { docker, native, local };
BOOST_DESCRIBE_ENUM(DeploymentType, docker, native, local)

enum class HealthType { http, tcp, command, docker, none };
BOOST_DESCRIBE_ENUM(HealthType, http, tcp, command, docker, none)

struct HealthCheck {
  HealthType type = HealthType::none;
  std::string url;          ///< http: the whole URL; empty: `endpoint` on `port`
  std::string endpoint;     ///< http without `url`: "/health"
  std::optional<int> port;  ///< tcp, and http without `url`; the service's own when not given
  std::string command;      ///< command: a shell command line
  int interval_seconds = 30;
  int timeout_seconds = 5;
  int retries = 3;
  int expected_status = 200;
};
BOOST_DESCRIBE_STRUCT(HealthCheck,
                      (),
                      (type,
                       url,
                       endpoint,
                       port,
                       command,
                       interval_seconds,
                       timeout_seconds,
                       retries,
                       expected_status))

struct Service {
  std::string name;
  std::string hostname;                     ///< never empty
  std::optional<std::string> current_host;  ///< none: unassigned
  DeploymentType deployment_type = DeploymentType::docker;
  std::string docker_compose;  ///< as written, joined with the service's own folder; may be empty
  std::string service_file;    ///< likewise
  std::string service_name;    ///< key inside the compose file; empty: the whole project
  std::string project;         ///< compose project; empty: what compose makes of the folder
  std::string unit;            ///< systemd unit of a native service; empty: none
  std::optional<int> port;
  std::vector<int> ports;
  std::optional<std::string> healthcheck_url;
  std::optional<HealthCheck> health;  ///< none: the file says nothing about it
  std::vector<std::string> dependencies;
  std::string working_dir;
  std::string description;
  bool tls_enabled = false;
  bool requires_auth = false;
  std::string last_updated;  ///< as written
  /// The entry as the file has it, as JSON text; values that look like secrets are "***".
  std::string config = "{}";
  std::string revision;  ///< as `Host::revision`
  int line = 1;
  std::vector<Finding> config_errors;  ///< the findings of this entry, warnings too

  /// True when the entry has an error: it is listed, and nothing may act on it.
  [[nodiscard]] bool quarantined() const;
};

/// Where the names of services are served: dnsmasq on a host. What is empty is not given.
struct Dns {
  std::string host;
  std::string ingress_ip;   ///< where the names of services point, if not at their own hosts
  std::string config_path;  ///< the hosts file that dnsmasq reads
  std::string resolver_path;
};

/// The proxy before services that speak HTTP. What is empty is not given.
struct Caddy {
  std::string host;         ///< also read from `ingress_host`
  std::string config_path;  ///< what Caddy reads at its start, also below `config_dir`
  std::string admin_api;    ///< also read from `admin_endpoint`
  bool use_admin_api = true;
};

class Registry {
 public:
  std::string domain;             ///< empty: not given
  std::optional<Dns> dns;         ///< none: the file has no such section
  std::optional<Caddy> caddy;     ///< likewise
  std::vector<Finding> findings;  ///< of the whole file, in the order of their lines
  std::string revision;           ///< 16 hex digits of the text's SHA-256; empty: nothing was read
  std::string file;
  std::string text;  ///< what was read, byte for byte

  /// In the order of the file.
  [[nodiscard]] const std::vector<Host>& hosts() const { return hosts_; }
  [[nodiscard]] const std::vector<Service>& services() const { return services_; }
  /// Null when there is none of that name.
  [[nodiscard]] const Host* find_host(std::string_view name) const;
  [[nodiscard]] const Service* find_service(std::string_view name) const;
  /// Those that the file places on the host, in its order; also on one that the file does not have.
  [[nodiscard]] std::vector<const Service*> services_on(std::string_view host) const;
  /// The same for a name that somebody asks for; `where` is its place in the request
  /// ("path.service"). None of that name: `Error{not_found}`, MACHINE_UNKNOWN or SERVICE_UNKNOWN,
  /// whose hint tells the name that was probably meant.
  [[nodiscard]] const Host& require_host(std::string_view name, std::string_view where) const;
  [[nodiscard]] const Service& require_service(std::string_view name, std::string_view where) const;

  /// Where the file may be on the service's host, best first. Only the agent can know which one is
  /// there: an absolute path is meant literally or, in older registries, below the host's `path`.
  /// Empty: no such key, or a relative path on a host without `path`.
  [[nodiscard]] std::vector<std::string> compose_candidates(const Service& service) const;
  /// Without a `service_file` the one in the service's `working_dir` is meant.
  [[nodiscard]] std::vector<std::string> service_file_candidates(const Service& service) const;
  /// Who runs the commands of service.yml on the service's host; empty: nobody is named.
  [[nodiscard]] std::string user_of(const Service& service) const;

  /// False, and nothing is added, when the name is taken. For whoever builds a registry.
  bool add(Host host);
  bool add(Service service);

 private:
  [[nodiscard]] std::vector<std::string> candidates(const Service& service,
                                                    const std::string& path) const;

  std::vector<Host> hosts_;
  std::vector<Service> services_;
  std::map<std::string, std::size_t, std::less<>> host_index_;
  std::map<std::string, std::size_t, std::less<>> service_index_;
  std::map<std::string, std::vector<std::size_t>, std::less<>> services_by_host_;
};

}  // namespace portoser::registry
