#include "controller/deployment/health_probe.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace portoser::deployment {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

std::string lower(std::string_view text) {
  std::string out{text};
  std::transform(out.begin(), out.end(), out.begin(), [](unsigned char letter) {
    return static_cast<char>(std::tolower(letter));
  });
  return out;
}

/// What no URL may have gets its number.
std::string encoded(std::string_view path) {
  std::string out;
  for (const char letter : path) {
    const auto byte = static_cast<unsigned char>(letter);
    if (byte <= ' ' || byte == 0x7f) {
      out += fmt::format("%{:02X}", byte);
    } else {
      out += letter;
    }
  }
  return out;
}

struct Url {
  bool is_tls = false;
  std::string name;         ///< in small letters; of IPv6 without brackets
  std::optional<int> port;  ///< none: none is written, or the one that is meant anyway
  std::string path;         ///< with its query; begins with a slash
};

/// Nullopt: it is none, or it has a password, which nobody could send.
std::optional<Url> read_url(std::string_view text) {
  constexpr std::string_view http = "http://";
  constexpr std::string_view https = "https://";
  Url url;
  url.is_tls = text.starts_with(https);
  if (!url.is_tls && !text.starts_with(http)) return std::nullopt;
  text.remove_prefix(url.is_tls ? https.size() : http.size());
  text = text.substr(0, text.find('#'));
  const auto end = std::min(text.find_first_of("/?"), text.size());
  auto authority = text.substr(0, end);
  url.path = encoded(text.substr(end));
  if (!url.path.starts_with('/')) url.path.insert(0, 1, '/');
  if (authority.find('@') != std::string_view::npos) return std::nullopt;
  const bool is_v6 = authority.starts_with('[');
  const auto name_end =
      is_v6 ? authority.find(']') : std::min(authority.find(':'), authority.size());
  if (name_end == std::string_view::npos) return std::nullopt;
  url.name = lower(is_v6 ? authority.substr(1, name_end - 1) : authority.substr(0, name_end));
  if (url.name.empty()) return std::nullopt;
  authority.remove_prefix(name_end + (is_v6 ? 1 : 0));
  if (authority.empty() || authority == ":") return url;
  if (authority.front() != ':') return std::nullopt;
  int port = 0;
  const auto* last = authority.data() + authority.size();
  const auto [stopped, failure] = std::from_chars(authority.data() + 1, last, port);
  if (failure != std::errc{} || stopped != last || port < 1 || port > 65'535) return std::nullopt;
  if (port != (url.is_tls ? 443 : 80)) url.port = port;
  return url;
}

bool is_loopback(std::string_view name) {
  return name == "localhost" || name == "::1" ||
         (name.starts_with("127.") &&
          name.find_first_not_of("0123456789.") == std::string_view::npos);
}

class ProbeMaker {
 public:
  ProbeMaker(const registry::Registry& registry,
             const registry::Service& service,
             const registry::Host& host,
             registry::HealthCheck check)
      : registry_(registry), service_(service), host_(host), check_(std::move(check)) {
    probe_.address = host.ip;
    probe_.timeout_ms = milliseconds{seconds{check_.timeout_seconds}}.count();
  }

  protocol::HealthProbe make() {
    bool is_made = false;
    if (check_.type == registry::HealthType::tcp) is_made = make_tcp();
    if (check_.type == registry::HealthType::http) {
      is_made = check_.url.empty() ? make_endpoint() : make_url();
    }
    return is_made ? probe_ : protocol::HealthProbe{};
  }

 private:
  [[nodiscard]] std::optional<int> own_port() const {
    if (check_.port) return check_.port;
    if (service_.port) return service_.port;
    if (!service_.ports.empty()) return service_.ports.front();
    return std::nullopt;
  }

  bool make_tcp() {
    const auto port = own_port();
    if (!port) return false;
    probe_.type = "tcp";
    probe_.port = *port;
    return true;
  }

  bool make_endpoint() {
    const auto port = own_port();
    if (!port) return false;
    probe_.type = "http";
    probe_.port = *port;
    probe_.path = encoded(check_.endpoint);
    probe_.status = check_.expected_status;
    return true;
  }

  bool make_url() {
    const auto url = read_url(check_.url);
    if (!url) return false;
    const auto* host = host_named(url->name);
    const bool is_hostname = url->name == lower(service_.hostname);
    const bool is_local = host == nullptr && is_loopback(url->name);
    if (!is_hostname && !is_local && (host == nullptr || !is_of_service(*host, *url))) return false;
    const auto own = own_port();
    const int usual = url->is_tls ? 443 : 80;
    probe_.type = "http";
    probe_.port = url->port.value_or(has_port(usual) ? usual : own.value_or(usual));
    // Behind the usual port may be a proxy that has the certificate, before a service without one.
    probe_.is_tls = url->is_tls && (url->port || probe_.port == usual || service_.tls_enabled);
    probe_.path = url->path;
    probe_.status = check_.expected_status;
    if (is_local) probe_.address.clear();
    if (is_hostname) {
      probe_.host = url->port ? fmt::format("{}:{}", url->name, *url->port) : url->name;
    }
    return true;
  }

  /// By any of the ways to write it.
  [[nodiscard]] const registry::Host* host_named(const std::string& name) const {
    for (const auto& host : registry_.hosts()) {
      const auto has = [&](const std::string& word) {
        return !word.empty() && lower(word) == name;
      };
      if (has(host.ip) || has(host.name) || has(host.ssh_hostname)) return &host;
      if (!registry_.domain.empty() && has(host.name + "." + registry_.domain)) return &host;
    }
    return nullptr;
  }

  /// Where it is, or goes to; of a host where it was once, or of a proxy's, only a port can tell.
  [[nodiscard]] bool is_of_service(const registry::Host& host, const Url& url) const {
    if (host.name == service_.current_host || host.name == host_.name) return true;
    return url.port && has_port(*url.port);
  }

  [[nodiscard]] bool has_port(int port) const {
    const auto& ports = service_.ports;
    return check_.port == port || service_.port == port ||
           std::find(ports.begin(), ports.end(), port) != ports.end();
  }

  const registry::Registry& registry_;
  const registry::Service& service_;
  const registry::Host& host_;
  const registry::HealthCheck check_;
  protocol::HealthProbe probe_;
};

}  // namespace

protocol::HealthProbe probe_of(const registry::Registry& registry,
                               const registry::Service& service,
                               const registry::Host& host) {
  registry::HealthCheck check;
  if (service.health) {
    check = *service.health;
  } else if (service.healthcheck_url) {
    check.type = registry::HealthType::http;
    check.url = *service.healthcheck_url;
  }
  return ProbeMaker{registry, service, host, std::move(check)}.make();
}

}  // namespace portoser::deployment
