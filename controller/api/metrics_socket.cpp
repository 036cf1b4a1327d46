#include "controller/api/metrics_socket.h"

#include "controller/api/client_message.h"
#include "controller/api/metrics_rows.h"
#include "controller/http/router.h"

namespace portoser::api {
namespace {

bool wants_host(const std::set<std::string>& wanted, const std::string& host) {
  return wanted.contains("*@" + host) || wanted.contains("*@*");
}

bool wants_service(const std::set<std::string>& wanted,
                   const std::string& service,
                   const std::string& host) {
  return wants_host(wanted, host) || wanted.contains(service + "@" + host) ||
         wanted.contains(service + "@*");
}

/// The list of a message in either dialect: "subscriptions", or "device_id" and "device_ids".
std::vector<std::string> devices_of(const Json& message) {
  std::vector<std::string> devices;
  if (const auto one = text_of(message, "device_id"); !one.empty()) devices.push_back(one);
  if (const auto list = message.find("device_ids"); list != message.end() && list->is_array()) {
    for (const auto& one : *list) {
      if (one.is_string()) devices.push_back(one.get<std::string>());
    }
  }
  return devices;
}

}  // namespace

void MetricsSocket::add_to(http::Router& router) {
  for (const auto* path : {"/api/metrics/ws", "/api/ws/metrics"}) {
    router.add_socket({.path = path, .summary = "Samples of hosts and services, by subscription"},
                      *this,
                      &MetricsSocket::run);
  }
}

Json MetricsSocket::stamped(std::string_view type) const {
  return Json{{"type", type}, {"timestamp", to_rfc3339(clock_.now())}};
}

void MetricsSocket::error(const SocketPtr& socket, const std::string& message) const {
  auto frame = stamped("error");
  frame["message"] = message;
  socket->send(dump(frame));
}

asio::awaitable<void> MetricsSocket::run(SocketPtr socket) {
  auto greeting = stamped("connected");
  greeting["message"] = "Connected to metrics stream";
  greeting["server"] = "portoser-metrics-ws";
  socket->send(dump(greeting));
  {
    const std::lock_guard lock{mutex_};
    clients_[socket];
  }
  while (const auto text = co_await socket->receive()) answer(socket, *text);
  const std::lock_guard lock{mutex_};
  clients_.erase(socket);
}

void MetricsSocket::answer(const SocketPtr& socket, const std::string& text) {
  if (text == "ping") {
    socket->send(dump(stamped("pong")));
    return;
  }
  const auto message = client_message(text);
  if (!message.is_object()) {
    error(socket, "Invalid JSON");
    return;
  }
  auto action = text_of(message, "action");
  if (action.empty()) action = text_of(message, "type");
  if (action == "ping") {
    socket->send(dump(stamped("pong")));
  } else if (action == "subscribe") {
    subscribe(socket, message);
  } else if (action == "unsubscribe") {
    unsubscribe(socket, message);
  } else if (action == "get_current") {
    send_current(socket, message);
  } else if (action == "list_subscriptions") {
    list_subscriptions(socket);
  } else if (!action.empty()) {
    error(socket, "Unknown action: " + action);
  }
}

void MetricsSocket::subscribe(const SocketPtr& socket, const Json& message) {
  Subscriptions accepted;
  for (const auto& device : devices_of(message)) accepted.insert("*@" + device);
  if (const auto list = message.find("subscriptions"); list != message.end()) {
    if (!list->is_array()) {
      error(socket, "subscriptions must be a list");
      return;
    }
    for (const auto& entry : *list) {
      const auto one = entry.is_string() ? entry.get<std::string>() : dump(entry);
      const auto at = one.find('@');
      if (!entry.is_string() || at == std::string::npos || at == 0 || at + 1 == one.size()) {
        error(socket, "Invalid subscription format: " + one + ". Use 'service@machine'");
      } else {
        accepted.insert(one);
      }
    }
  }
  {
    constexpr std::size_t most_subscriptions = 1000;
    const std::lock_guard lock{mutex_};
    auto& subscriptions = clients_[socket];
    if (subscriptions.size() + accepted.size() > most_subscriptions) {
      error(socket, "too many subscriptions; use *@machine or *@*");
      return;
    }
    subscriptions.insert(accepted.begin(), accepted.end());
  }
  auto reply = stamped("subscribed");
  reply["subscriptions"] = accepted;
  socket->send(dump(reply));
  send_known(socket, accepted);
}

void MetricsSocket::unsubscribe(const SocketPtr& socket, const Json& message) {
  auto reply = stamped("unsubscribed");
  const auto list = message.find("subscriptions");
  const auto devices = devices_of(message);
  if (list != message.end() && !list->is_array()) {
    error(socket, "subscriptions must be a list");
    return;
  }
  const std::lock_guard lock{mutex_};
  auto& subscriptions = clients_[socket];
  if (list == message.end() && devices.empty()) {
    subscriptions.clear();
    reply["subscriptions"] = "all";
  } else {
    Json removed = Json::array();
    const auto remove = [&](const std::string& one) {
      if (subscriptions.erase(one) > 0) removed.push_back(one);
    };
    for (const auto& device : devices) remove("*@" + device);
    if (list != message.end()) {
      for (const auto& entry : *list) {
        if (entry.is_string()) remove(entry.get<std::string>());
      }
    }
    reply["subscriptions"] = std::move(removed);
  }
  socket->send(dump(reply));
}

void MetricsSocket::send_current(const SocketPtr& socket, const Json& message) const {
  const auto service = text_of(message, "service");
  const auto machine = text_of(message, "machine");
  if (service.empty() || machine.empty()) {
    error(socket, "service and machine required for get_current");
    return;
  }
  const auto registry = registry_.snapshot()->registry;
  const auto* entry = registry->find_service(service);
  auto metrics = service_metrics(service, machine, live_, clock_.now(), "1h");
  if (entry == nullptr || entry->current_host != machine || !metrics.current) {
    error(socket, "No metrics found for " + service + "@" + machine);
    return;
  }
  auto frame = stamped("metrics_current");
  frame["service"] = service;
  frame["machine"] = machine;
  frame["data"] = to_json(metrics);
  socket->send(dump(frame));
}

void MetricsSocket::list_subscriptions(const SocketPtr& socket) {
  std::map<std::string, int> counts;
  {
    const std::lock_guard lock{mutex_};
    for (const auto& [client, subscriptions] : clients_) {
      for (const auto& one : subscriptions) ++counts[one];
    }
  }
  auto frame = stamped("subscriptions_list");
  frame["subscriptions"] = counts;
  socket->send(dump(frame));
}

void MetricsSocket::send_known(const SocketPtr& socket, const Subscriptions& wanted) const {
  for (const auto& [host, live] : live_.hosts()) {
    if (live->sample) send_host(socket, wanted, host);
  }
}

void MetricsSocket::send_host(const SocketPtr& socket,
                              const Subscriptions& wanted,
                              const std::string& host) const {
  const auto registry = registry_.snapshot()->registry;
  const auto now = clock_.now();
  if (wants_host(wanted, host)) {
    const auto row = to_json(machine_metrics(*registry, host, live_, now));
    auto frame = stamped("machine_metrics_update");
    frame["machine"] = host;
    frame["data"] = row;
    frame["metrics"] = row;
    socket->send_latest("machine " + host, std::make_shared<const std::string>(dump(frame)));
  }
  for (const auto& service : registry->services()) {
    if (service.current_host != host || !wants_service(wanted, service.name, host)) continue;
    const auto metrics = service_metrics(service.name, host, live_, now, "1h");
    if (!metrics.current) continue;
    auto frame = stamped("metrics_update");
    frame["service"] = service.name;
    frame["machine"] = host;
    frame["data"] = to_json(metrics);
    frame["metrics"] = to_json(*metrics.current);
    socket->send_latest("service " + service.name + "@" + host,
                        std::make_shared<const std::string>(dump(frame)));
  }
}

void MetricsSocket::sample_arrived(const std::string& host) {
  std::map<SocketPtr, Subscriptions> clients;
  {
    const std::lock_guard lock{mutex_};
    clients = clients_;
  }
  for (const auto& [socket, wanted] : clients) {
    if (!wanted.empty()) send_host(socket, wanted, host);
  }
}

}  // namespace portoser::api
