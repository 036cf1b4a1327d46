#include "controller/deployment/preflight.h"

#include "controller/deployment/compose_target.h"
#include "controller/deployment/dependencies.h"
#include "controller/deployment/native_target.h"
#include "controller/deployment/usable_service.h"
#include "controller/telemetry/service_view.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

namespace portoser::deployment {
namespace {

/// docker-compose 1.29 takes seconds on a busy host, and an image's registry may be slow.
constexpr std::chrono::seconds preflight_limit{45};

void add(protocol::PreflightReport& report, protocol::Finding finding) {
  report.findings.push_back(std::move(finding));
}

protocol::Finding finding_of(const std::string& check, const Error& error, std::string subject) {
  return {check, "error", error.reason(), std::move(subject), error.message(), error.hint()};
}

/// The host could not look in time, and says nothing against the change.
bool is_late(const protocol::Finding& finding) {
  return finding.reason == "QUESTION_DEADLINE" || finding.reason == "BUSY";
}

/// A word for people.
std::string status_of(const registry::Service& service, const telemetry::Live& live) {
  if (!service.current_host) return "on no host";
  return telemetry::status_of(service, live.host(*service.current_host).get()).status;
}

std::set<int> ports_of(const registry::Service& service) {
  std::set<int> ports(service.ports.begin(), service.ports.end());
  if (service.port) ports.insert(*service.port);
  return ports;
}

/// Two entries of one host that name one port. A warning: the port of an entry may be that of a
/// container, which nobody publishes.
void check_named_ports(const registry::Registry& registry,
                       const registry::Service& service,
                       protocol::PreflightReport& report) {
  const auto own = ports_of(service);
  for (const auto* other : registry.services_on(*service.current_host)) {
    if (other->name == service.name) continue;
    for (const int port : ports_of(*other)) {
      if (own.count(port) == 0) continue;
      add(report,
          {"registry",
           "warning",
           "PORT_NAMED_TWICE",
           std::to_string(port),
           fmt::format("\"{}\" and \"{}\" on \"{}\" both name port {} in registry.yml",
                       service.name,
                       other->name,
                       *service.current_host,
                       port),
           "give one of them another port"});
    }
  }
}

}  // namespace

bool is_of_absence(std::string_view reason) {
  return reason.starts_with("AGENT_") || reason.starts_with("ENGINE_") ||
         reason.starts_with("DEVICE_") || reason.starts_with("SYSTEMD_") ||
         reason == "QUESTION_DEADLINE" || reason == "BUSY" || reason == "COMPOSE_MISSING";
}

bool is_error(const protocol::Finding& finding) {
  return finding.severity == "error";
}

void require_good(const protocol::PreflightReport& report, const std::string& what) {
  std::vector<NamedFinding> findings;
  for (const auto& finding : report.findings) findings.push_back({finding.check, &finding});
  require_no_error(findings, what, "preflight");
}

void require_no_error(const std::vector<NamedFinding>& findings,
                      const std::string& what,
                      const std::string& where) {
  std::vector<ErrorDetail> details;
  const NamedFinding* first = nullptr;
  for (const auto& one : findings) {
    if (!is_error(*one.finding)) continue;
    if (first == nullptr) first = &one;
    details.push_back({one.name, one.finding->message});
  }
  if (first == nullptr) return;
  const auto& found = *first->finding;
  auto message = fmt::format("{}: {}", what, found.message);
  if (details.size() > 1) message += fmt::format(" (and {} more)", details.size() - 1);
  throw Error{is_of_absence(found.reason) ? Code::unavailable : Code::invalid, message, where}
      .reason(found.reason)
      .hint(found.hint)
      .details(std::move(details));
}

asio::awaitable<protocol::PreflightReport> Preflight::look(PreflightWish wish) {
  protocol::PreflightReport report;
  const auto registry = registry_.snapshot()->registry;
  report.checks.emplace_back("registry");
  const registry::Service* service = nullptr;
  try {
    service = &require_usable(*registry, wish.service);
  } catch (const Error& error) {
    add(report, finding_of("registry", error, wish.service));
  }
  if (service == nullptr) co_return report;
  look_at_cluster(*registry, *service, report);
  report.checks.emplace_back("host");
  std::optional<Error> away;
  try {
    fleet_.require_online(*service->current_host);
  } catch (const Error& error) {
    away = error;
  }
  if (away) {
    add(report, finding_of("host", *away, *service->current_host));
    co_return report;
  }
  const bool is_restart = wish.action == "restart";
  auto asking = ask_about(*registry, *service, std::move(wish), report);
  co_await std::move(asking);
  // A restart may be the cure of what makes the host slow.
  for (auto& finding : report.findings) {
    if (is_restart && is_late(finding)) finding.severity = "warning";
  }
  co_return report;
}

void Preflight::look_at_cluster(const registry::Registry& registry,
                                const registry::Service& service,
                                protocol::PreflightReport& report) const {
  check_named_ports(registry, service, report);
  report.checks.emplace_back("dependencies");
  const auto graph = files_.graph(registry);
  for (const auto& unread : files_.unread(registry)) {
    if (unread.service != service.name) continue;
    add(report,
        {"dependencies",
         "warning",
         "DEPENDENCIES_UNREAD",
         service.name,
         fmt::format("what its own file says that \"{}\" needs is not known: {}",
                     service.name,
                     unread.reason),
         ""});
  }
  for (const auto& name : graph.needed_by(service.name)) {
    const auto* needed = registry.find_service(name);
    if (needed == nullptr) {
      add(report,
          {"dependencies",
           "warning",
           "DEPENDENCY_MISSING",
           name,
           fmt::format("\"{}\" needs \"{}\", which the registry does not have", service.name, name),
           "add it, or take it out of the dependencies"});
      continue;
    }
    // One that may be away, or has to end before, is looked for by compose itself.
    if (graph.need_of(service.name, name).type != "required") continue;
    const auto status = status_of(*needed, live_);
    if (status == "running") continue;
    add(report,
        {"dependencies",
         "warning",
         "DEPENDENCY_DOWN",
         name,
         fmt::format("\"{}\" needs \"{}\", which is {}", service.name, name, status),
         "start it first"});
  }
  for (const auto& cycle : graph.cycles()) {
    if (std::find(cycle.begin(), cycle.end(), service.name) == cycle.end()) continue;
    add(report,
        {"dependencies",
         "warning",
         "DEPENDENCY_CYCLE",
         service.name,
         fmt::format("services need each other: {}", cycle_text(cycle)),
         "take one of these dependencies out"});
  }
}

asio::awaitable<void> Preflight::ask_about(const registry::Registry& registry,
                                           const registry::Service& service,
                                           PreflightWish wish,
                                           protocol::PreflightReport& report) {
  if (service.deployment_type == registry::DeploymentType::docker) {
    protocol::PreflightCompose question;
    question.target = compose_target(registry, service);
    question.action = std::move(wish.action);
    question.replaces_text = wish.text.has_value();
    question.text = wish.text.value_or("");
    question.restore = std::move(wish.restore);
    return ask_host(*service.current_host, std::move(question), report);
  }
  protocol::PreflightNative question;
  question.target = native_target_of(registry, service);
  question.action = wish.action == "up" ? "start" : "restart";
  const auto ports = ports_of(service);
  question.ports.assign(ports.begin(), ports.end());
  return ask_host(*service.current_host, std::move(question), report);
}

template <class Question>
asio::awaitable<void> Preflight::ask_host(std::string host,
                                          Question question,
                                          protocol::PreflightReport& report) {
  if (!fleet_.knows(host, Question::name)) {
    add(report,
        {"host",
         "warning",
         "AGENT_TOO_OLD",
         host,
         fmt::format(
             "the agent of \"{}\" cannot look before it acts: it is too old, or its program "
             "portoser-inspect is missing",
             host),
         "upgrade it; its log names a program that is missing"});
    co_return;
  }
  std::optional<Error> failed;
  try {
    auto asking = fleet_.ask(host, std::move(question), preflight_limit);
    auto found = co_await std::move(asking);
    std::move(found.findings.begin(), found.findings.end(), std::back_inserter(report.findings));
    std::move(found.checks.begin(), found.checks.end(), std::back_inserter(report.checks));
    report.volumes = std::move(found.volumes);
  } catch (const Error& error) {
    failed = error;
  }
  if (failed) add(report, finding_of("host", *failed, host));
}

}  // namespace portoser::deployment
