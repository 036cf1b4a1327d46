#include "controller/registry/entries.h"
#include "controller/registry/fields.h"

#include <utility>

namespace portoser::registry {

Dns read_dns(const Member& section, Notes& notes) {
  Fields fields{*section.value, section.key, notes};
  Dns dns;
  dns.host = fields.text({"host"}, Severity::warning);
  dns.ingress_ip = fields.text({"ingress_ip"}, Severity::warning);
  dns.config_path = fields.text({"config_path"}, Severity::warning);
  dns.resolver_path = fields.text({"resolver_path"}, Severity::warning);
  return dns;
}

Caddy read_caddy(const Member& section, Notes& notes) {
  Fields fields{*section.value, section.key, notes};
  Caddy caddy;
  // The two are not the same thing to every file that has both: no word about a difference.
  caddy.host = fields.text({"host"}, Severity::warning);
  if (caddy.host.empty()) caddy.host = fields.text({"ingress_host"}, Severity::warning);
  caddy.config_path = fields.text({"config_path"}, Severity::warning);
  const auto folder = fields.text({"config_dir"}, Severity::warning);
  if (caddy.config_path.empty() && !folder.empty()) caddy.config_path = folder + "/Caddyfile";
  caddy.admin_api = fields.text({"admin_api"}, Severity::warning);
  if (caddy.admin_api.empty()) caddy.admin_api = fields.text({"admin_endpoint"}, Severity::warning);
  caddy.use_admin_api = fields.flag({"use_admin_api"}).value_or(caddy.use_admin_api);
  return caddy;
}

}  // namespace portoser::registry
