#include "controller/api/metrics_socket.h"

#include "controller/api/client_message.h"
#include "controller/api/metrics_rows.h"
#include "controller/api/socket_leave.h"
#include "controller/http/router.h"

#include <vector>

namespace portoser::api {
namespace {

/// The hosts of a message in the other dialect: "device_id" and "device_ids".
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

/// What a message of either dialect names, and what of it is no subscription.
struct Named {
  MetricsSubscriptions::Patterns patterns;
  std::vector<std::string> mistakes;
};

Named named_in(const Json& message) {
  Named named;
  const auto take = [&named](const std::string& one) {
    if (is_subscription(one)) {
      named.patterns.insert(one);
    } else {
      named.mistakes.push_back(one);
    }
  };
  for (const auto& device : devices_of(message)) take("*@" + device);
  if (const auto list = message.find("subscriptions"); list != message.end()) {
    for (const auto& entry : *list) {
      if (entry.is_string()) {
        take(entry.get<std::string>());
      } else {
        named.mistakes.push_back(dump(entry));
      }
    }
  }
  return named;
}

bool has_wrong_list(const Json& message) {
  const auto list = message.find("subscriptions");
  return list != message.end() && !list->is_array();
}

}  // namespace

void MetricsSocket::add_to(http::Router& router) {
  for (const auto* path : {"/api/metrics/ws", "/api/ws/metrics"}) {
    router.add_socket(
        {.path = path,
         .summary = "Samples of hosts and services, by subscription",
         .takes = {"subscribe", "unsubscribe", "get_current", "list_subscriptions", "ping"},
         .sends = {"connected",
                   "subscribed",
                   "unsubscribed",
                   "metrics_update",
                   "machine_metrics_update",
                   "metrics_current",
                   "subscriptions_list",
                   "pong",
                   "error"}},
        *this,
        &MetricsSocket::run);
  }
}

void MetricsSocket::error(const SocketPtr& socket, const std::string& message) const {
  socket->send(error_frame(message, clock_));
}

asio::awaitable<void> MetricsSocket::run(SocketPtr socket) {
  auto greeting = stamped("connected", clock_);
  greeting["message"] = "Connected to metrics stream";
  greeting["server"] = "portoser-metrics-ws";
  socket->send(dump(greeting));
  {
    const std::lock_guard lock{mutex_};
    clients_[socket];
  }
  auto talk = listen(socket);
  auto leave = [this, socket] { forget(socket); };
  co_await leaving_after(std::move(talk), std::move(leave));
}

asio::awaitable<void> MetricsSocket::listen(SocketPtr socket) {
  while (const auto text = co_await socket->receive()) co_await answer(socket, *text);
}

void MetricsSocket::forget(const SocketPtr& socket) {
  const std::lock_guard lock{mutex_};
  const auto client = clients_.find(socket);
  counts_.remove(client->second.patterns());
  clients_.erase(client);
}

asio::awaitable<void> MetricsSocket::answer(SocketPtr socket, std::string text) {
  const auto message = client_message(text);
  auto action = text == "ping" ? text : std::string{};
  if (message.is_object()) {
    action = text_of(message, "action");
    if (action.empty()) action = text_of(message, "type");
  } else if (action.empty()) {
    error(socket, "Invalid JSON");
    co_return;
  }
  if (action == "ping") {
    socket->send(dump(stamped("pong", clock_)));
  } else if (action == "subscribe") {
    co_await subscribe(socket, message);
  } else if (action == "unsubscribe") {
    unsubscribe(socket, message);
  } else if (action == "get_current") {
    send_current(socket, message);
  } else if (action == "list_subscriptions") {
    list_subscriptions(socket);
  } else if (!action.empty()) {
    error(socket, "Unknown action: " + as_repeated(action));
  }
}

asio::awaitable<void> MetricsSocket::subscribe(SocketPtr socket, Json message) {
  if (has_wrong_list(message)) {
    error(socket, "subscriptions must be a list");
    co_return;
  }
  const auto named = named_in(message);
  constexpr std::size_t most_told = 20;
  for (std::size_t i = 0; i < named.mistakes.size() && i < most_told; ++i) {
    error(socket,
          "Invalid subscription format: " + as_repeated(named.mistakes[i]) +
              ". Use 'service@machine'");
  }
  if (named.mistakes.size() > most_told) {
    error(socket,
          std::to_string(named.mistakes.size() - most_told) + " more are no subscriptions either");
  }
  MetricsSubscriptions before;
  std::vector<Known> known;
  {
    const std::lock_guard lock{mutex_};
    auto& wanted = clients_[socket];
    before = wanted;
    if (!wanted.add(named.patterns)) {
      error(socket,
            "Too many subscriptions: a client may have " +
                std::to_string(MetricsSubscriptions::most) + ". Use '*@machine' or '*@*'");
      co_return;
    }
    counts_.remove(before.patterns());
    counts_.add(wanted.patterns());
    auto reply = stamped("subscribed", clock_);
    reply["subscriptions"] = named.patterns;
    socket->send(dump(reply));
    known = known_of(named.patterns);
  }
  co_await send_known(socket, std::move(before), std::move(known));
}

void MetricsSocket::unsubscribe(const SocketPtr& socket, const Json& message) {
  if (has_wrong_list(message)) {
    error(socket, "subscriptions must be a list");
    return;
  }
  const auto named = named_in(message);
  const bool is_all = !message.contains("subscriptions") && !message.contains("device_id") &&
                      !message.contains("device_ids");
  auto reply = stamped("unsubscribed", clock_);
  const std::lock_guard lock{mutex_};
  auto& wanted = clients_[socket];
  if (is_all) {
    counts_.remove(wanted.patterns());
    wanted.clear();
    reply["subscriptions"] = "all";
  } else {
    MetricsSubscriptions::Patterns removed;
    for (const auto& one : named.patterns) {
      if (wanted.remove(one)) removed.insert(one);
    }
    counts_.remove(removed);
    reply["subscriptions"] = removed;
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
    error(socket, "No metrics found for " + as_repeated(service) + "@" + as_repeated(machine));
    return;
  }
  auto frame = stamped("metrics_current", clock_);
  frame["service"] = service;
  frame["machine"] = machine;
  frame["data"] = to_json(metrics);
  socket->send(dump(frame));
}

void MetricsSocket::list_subscriptions(const SocketPtr& socket) {
  constexpr std::size_t most_listed = 1000;
  auto frame = stamped("subscriptions_list", clock_);
  auto& list = frame["subscriptions"] = Json::object();
  {
    const std::lock_guard lock{mutex_};
    const auto& counts = counts_.by_pattern();
    for (auto one = counts.begin(); one != counts.end() && list.size() < most_listed; ++one) {
      list[one->first] = one->second;
    }
    if (counts.size() > most_listed) frame["truncated"] = true;
  }
  socket->send(dump(frame));
}

std::vector<MetricsSocket::Known> MetricsSocket::known_of(
    const MetricsSubscriptions::Patterns& patterns) const {
  MetricsSubscriptions named;
  named.add(patterns);
  SubscriptionCounts counts;
  counts.add(named.patterns());
  std::vector<Known> known;
  for (const auto& [host, sample] : handed_out_) {
    if (counts.concern(host)) known.push_back({host, sample});
  }
  return known;
}

/// What is known already of that which was not wanted before. A fleet is more than may wait for a
/// client at once, so that it comes host by host, as fast as the client reads.
asio::awaitable<void> MetricsSocket::send_known(SocketPtr socket,
                                                MetricsSubscriptions before,
                                                std::vector<Known> known) {
  for (const auto& one : known) {
    co_await socket->drained();
    if (socket->closed()) co_return;
    send_known(socket, before, one);
  }
}

void MetricsSocket::send_known(const SocketPtr& socket,
                               const MetricsSubscriptions& before,
                               const Known& known) {
  const auto live = live_.host(known.host);
  if (!live || live->sample != known.sample) return;  // a newer one comes to all
  // Not under the lock: the core thread needs it for every sample.
  const auto frames = frames_.of(known.host, *live);
  if (!frames) return;
  const std::lock_guard lock{mutex_};
  const auto newest = handed_out_.find(known.host);
  if (newest == handed_out_.end()) {
    frames_.forget(known.host);  // it was removed meanwhile
    return;
  }
  if (newest->second != known.sample) return;
  const auto& wanted = clients_[socket];
  const auto& machine = frames->on_machine;
  if (wanted.want_machine(machine) && !before.want_machine(machine)) {
    socket->send_latest(frames->key, frames->text);
  }
  for (const auto& one : frames->services) {
    if (wanted.want_service(one.pair, one.anywhere, machine) &&
        !before.want_service(one.pair, one.anywhere, machine)) {
      socket->send_latest(one.key, one.text);
    }
  }
}

void MetricsSocket::sample_arrived(const std::string& host) {
  const auto live = live_.host(host);
  if (!live) return;
  const std::lock_guard lock{mutex_};
  handed_out_[host] = live->sample;
  if (!counts_.concern(host)) return;
  const auto frames = frames_.of(host, *live);
  if (!frames) return;
  for (const auto& [socket, wanted] : clients_) {
    if (wanted.empty()) continue;
    const auto& machine = frames->on_machine;
    if (wanted.want_machine(machine)) socket->send_latest(frames->key, frames->text);
    for (const auto& one : frames->services) {
      if (wanted.want_service(one.pair, one.anywhere, machine)) {
        socket->send_latest(one.key, one.text);
      }
    }
  }
}

void MetricsSocket::device_changed(const fleet::DeviceEvent& event) {
  if (event.type != "device_deregistered") return;
  const std::lock_guard lock{mutex_};
  handed_out_.erase(event.hostname);
  frames_.forget(event.hostname);
}

}  // namespace portoser::api
