#include "controller/api/devices_socket.h"

#include "controller/api/client_message.h"
#include "controller/api/device_frames.h"
#include "controller/api/device_rows.h"
#include "controller/api/socket_leave.h"
#include "controller/http/router.h"

#include <algorithm>
#include <utility>

namespace portoser::api {
namespace {

constexpr std::string_view all_hosts = "*";

bool wants(const std::set<std::string, std::less<>>& hosts, const std::string& host) {
  return hosts.contains(all_hosts) || hosts.contains(host);
}

}  // namespace

void DevicesSocket::add_to(http::Router& router) {
  router.add_socket({.path = "/ws/devices",
                     .summary = "Hosts that join, change, come, go and give a sign",
                     .takes = {"subscribe", "unsubscribe", "ping"},
                     .sends = {"connected",
                               "subscribed",
                               "unsubscribed",
                               "device_list",
                               "device_registered",
                               "device_approved",
                               "device_rejected",
                               "device_updated",
                               "device_deregistered",
                               "device_online",
                               "device_offline",
                               "device_status_change",
                               "device_heartbeat",
                               "pong",
                               "error"}},
                    *this,
                    &DevicesSocket::run);
}

asio::awaitable<void> DevicesSocket::run(SocketPtr socket) {
  auto greeting = stamped("connected", clock_);
  greeting["message"] = "Connected to device events stream";
  socket->send(dump(greeting));
  {
    const std::lock_guard lock{mutex_};
    clients_[socket];
  }
  auto talk = listen(socket);
  auto leave = [this, socket] {
    const std::lock_guard lock{mutex_};
    clients_.erase(socket);
  };
  co_await leaving_after(std::move(talk), std::move(leave));
}

asio::awaitable<void> DevicesSocket::listen(SocketPtr socket) {
  while (const auto text = co_await socket->receive()) answer(socket, *text);
}

void DevicesSocket::answer(const SocketPtr& socket, const std::string& text) {
  const auto message = client_message(text);
  auto action = text == "ping" ? text : std::string{};
  if (message.is_object()) {
    action = text_of(message, "action");
  } else if (action.empty()) {
    socket->send(error_frame("Invalid JSON", clock_));
    return;
  }
  if (action == "ping") {
    socket->send(dump(stamped("pong", clock_)));
  } else if (action == "subscribe" || action == "unsubscribe") {
    const auto named = message.find("hostname");
    if (named != message.end() && !named->is_string()) {
      socket->send(error_frame("hostname must be a name", clock_));
    } else if (action == "subscribe") {
      subscribe(socket,
                named == message.end() ? std::string{all_hosts} : named->get<std::string>());
    } else {
      unsubscribe(socket,
                  named == message.end() ? std::string{all_hosts} : named->get<std::string>());
    }
  } else {
    socket->send(error_frame("Unknown action: " + as_repeated(action), clock_));
  }
}

void DevicesSocket::subscribe(const SocketPtr& socket, const std::string& host) {
  constexpr std::size_t most_hosts = 1000;
  constexpr std::size_t longest_name = 300;
  const std::lock_guard lock{mutex_};
  auto& hosts = clients_[socket];
  if (host.empty() || host.size() > longest_name) {
    socket->send(error_frame("no host has this name: " + as_repeated(host), clock_));
    return;
  }
  if (hosts.size() >= most_hosts && !hosts.contains(host)) {
    socket->send(error_frame("too many hosts; without a hostname all of them come", clock_));
    return;
  }
  hosts.insert(host);
  auto reply = stamped("subscribed", clock_);
  reply["hostname"] = host;
  socket->send(dump(reply));
  // From here on changes are told, so nothing is between the list and them.
  socket->send(dump(list_of(host)));
}

void DevicesSocket::unsubscribe(const SocketPtr& socket, const std::string& host) {
  const std::lock_guard lock{mutex_};
  auto& hosts = clients_[socket];
  if (host == all_hosts) {
    hosts.clear();
  } else {
    hosts.erase(host);
  }
  auto reply = stamped("unsubscribed", clock_);
  reply["hostname"] = as_repeated(host);
  socket->send(dump(reply));
}

/// How the hosts of a subscription stand.
Json DevicesSocket::list_of(const std::string& host) const {
  const auto devices = fleet_.devices();
  const auto registry = registry_.snapshot()->registry;
  const auto now = clock_.now();
  auto frame = stamped("device_list", clock_);
  frame["hostname"] = host;
  auto& rows = frame["devices"] = Json::array();
  const auto add = [&](const fleet::Device& device) {
    const auto live = live_.host(device.name);
    rows.push_back(device_brief(device, *registry, live.get(), now));
  };
  if (host == all_hosts) {
    for (const auto& [name, device] : *devices) add(*device);
  } else if (const auto found = devices->find(host); found != devices->end()) {
    add(*found->second);
  }
  return frame;
}

bool DevicesSocket::is_wanted(const std::string& host) const {
  return std::any_of(clients_.begin(), clients_.end(), [&host](const auto& client) {
    return wants(client.second, host);
  });
}

void DevicesSocket::tell(const std::string& host, std::string frame) {
  if (frame.empty()) return;
  const auto text = std::make_shared<const std::string>(std::move(frame));
  for (const auto& [socket, hosts] : clients_) {
    if (wants(hosts, host)) socket->send(text);
  }
}

void DevicesSocket::device_changed(const fleet::DeviceEvent& event) {
  const std::lock_guard lock{mutex_};
  if (!is_wanted(event.hostname)) return;
  const auto now = clock_.now();
  if (event.type != "device_heartbeat") {
    tell(event.hostname, device_event_frame(event, now));
    return;
  }
  auto heard = event;
  const auto devices = fleet_.devices();
  const auto device = devices->find(event.hostname);
  // The fleet knows that it was heard; whether what it said is sound, its samples know.
  if (device != devices->end() && device->second->has_agent) {
    heard.status = device_status(*device->second, live_.host(event.hostname).get(), now);
  }
  const auto text = std::make_shared<const std::string>(device_event_frame(heard, now));
  for (const auto& [socket, hosts] : clients_) {
    if (wants(hosts, event.hostname)) socket->send_latest(event.hostname, text);
  }
}

void DevicesSocket::liveness_changed(const std::string& host,
                                     fleet::Liveness before,
                                     fleet::Liveness after,
                                     std::optional<Time> last_seen) {
  const auto now = clock_.now();
  const std::lock_guard lock{mutex_};
  if (!is_wanted(host)) return;
  tell(host, device_presence_frame(host, before, after, last_seen, now));
  tell(host, device_status_frame(host, before, after, last_seen, now));
}

}  // namespace portoser::api
