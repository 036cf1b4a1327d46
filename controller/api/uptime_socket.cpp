#include "controller/api/uptime_socket.h"

#include "controller/api/client_message.h"
#include "controller/http/router.h"

namespace portoser::api {
namespace {

/// A socket holds 256 frames; who was away longer is told so, and asks the history.
constexpr std::size_t replay_limit = 200;

Json stamped(std::string_view type, const Clock& clock) {
  return Json{{"type", type}, {"timestamp", to_rfc3339(clock.now())}};
}

}  // namespace

std::string uptime_frame(const storage::EventRecord& event) {
  auto metadata = Json::parse(event.metadata, nullptr, false);
  Json full{{"timestamp", to_rfc3339(event.time)},
            {"event_type", event.event_type},
            {"service", event.service},
            {"machine", event.machine},
            {"details", event.details},
            {"metadata", metadata.is_discarded() ? Json(nullptr) : std::move(metadata)},
            {"time_estimated", event.time_estimated}};
  Json frame{{"type", "uptime_event"},
             {"id", event.id},
             {"timestamp", full["timestamp"]},
             {"service", event.service},
             {"machine", event.machine},
             {"event_type", event.event_type},
             {"event", std::move(full)}};
  return dump(frame);
}

bool UptimeSocket::Filter::passes(const storage::EventRecord& event) const {
  return (services.empty() || services.contains(event.service)) &&
         (!machine || *machine == event.machine);
}

void UptimeSocket::add_to(http::Router& router) {
  router.add_socket({.path = "/api/uptime/ws", .summary = "Events of services as they happen"},
                    *this,
                    &UptimeSocket::run);
}

asio::awaitable<void> UptimeSocket::run(std::shared_ptr<http::WebSocket> socket) {
  auto greeting = stamped("connected", clock_);
  greeting["message"] = "Connected to uptime events stream";
  socket->send(dump(greeting));
  {
    const std::lock_guard lock{mutex_};
    clients_[socket];
  }
  while (auto text = co_await socket->receive()) {
    try {
      co_await answer(socket, std::move(*text));
    } catch (const Error& error) {
      auto frame = stamped("error", clock_);
      frame["message"] = error.message();
      socket->send(dump(frame));
    }
  }
  const std::lock_guard lock{mutex_};
  clients_.erase(socket);
}

asio::awaitable<void> UptimeSocket::answer(std::shared_ptr<http::WebSocket> socket,
                                           std::string text) {
  const auto message = client_message(text);
  const auto action = message.is_object() ? text_of(message, "action") : std::string{};
  if (text == "ping" || action == "ping") {
    socket->send(dump(stamped("pong", clock_)));
    co_return;
  }
  if (!message.is_object()) {
    auto error = stamped("error", clock_);
    error["message"] = "Invalid JSON";
    socket->send(dump(error));
    co_return;
  }
  if (action != "subscribe" && action != "unsubscribe") co_return;
  Filter filter;
  if (action == "subscribe") {
    const auto service = text_of(message, "service");
    if (!service.empty() && service != "*") filter.services.insert(service);
    if (const auto list = message.find("services"); list != message.end() && list->is_array()) {
      for (const auto& one : *list) {
        if (one.is_string()) filter.services.insert(one.get<std::string>());
      }
    }
    const auto machine = text_of(message, "machine");
    if (!machine.empty() && machine != "*") filter.machine = machine;
  }
  auto reply = stamped(action == "subscribe" ? "subscribed" : "unsubscribed", clock_);
  reply["services"] = filter.services;
  reply["machine"] = filter.machine ? Json(*filter.machine) : Json(nullptr);
  const auto since = message.find("since");
  const bool replaying = since != message.end() && since->is_number_integer();
  {
    const std::lock_guard lock{mutex_};
    socket->send(dump(reply));
    clients_[socket] = {filter, replaying};
  }
  if (replaying) co_await replay(socket, std::move(filter), since->get<std::int64_t>());
}

asio::awaitable<void> UptimeSocket::replay(std::shared_ptr<http::WebSocket> socket,
                                           Filter filter,
                                           std::int64_t since) {
  std::vector<ShownEvent> events;
  std::exception_ptr failure;
  try {
    events = co_await stored(filter, since);
  } catch (...) {
    failure = std::current_exception();  // what was shown meanwhile is sent all the same
  }
  const auto passes = [&filter](const auto& event) { return filter.passes(event); };
  {
    // Under the lock, so that no event comes between the replay and what is live.
    const std::lock_guard lock{mutex_};
    auto missed = recent_.merged(std::move(events), since, passes, replay_limit + 1);
    if (missed.size() > replay_limit) {
      missed.erase(missed.begin());
      auto notice = stamped("replay_truncated", clock_);
      notice["since"] = since;
      notice["first_id"] = missed.front().event.id;
      socket->send(dump(notice));
    }
    for (const auto& one : missed) socket->send(one.frame);
    if (const auto client = clients_.find(socket); client != clients_.end()) {
      client->second.replaying = false;
    }
  }
  if (failure) std::rethrow_exception(failure);
}

asio::awaitable<std::vector<ShownEvent>> UptimeSocket::stored(Filter filter, std::int64_t since) {
  storage::EventFilter wanted;
  wanted.scope = "service";
  wanted.services.assign(filter.services.begin(), filter.services.end());
  wanted.machine = filter.machine;
  wanted.since_id = since;
  wanted.limit = static_cast<std::int64_t>(replay_limit + 1);
  std::vector<ShownEvent> events;
  for (auto& event : co_await events_.list(std::move(wanted))) {
    auto frame = std::make_shared<const std::string>(uptime_frame(event));
    events.push_back({std::move(event), std::move(frame)});
  }
  co_return events;
}

void UptimeSocket::event_arrived(const storage::EventRecord& event) {
  if (event.scope != "service") return;
  const auto text = std::make_shared<const std::string>(uptime_frame(event));
  const std::lock_guard lock{mutex_};
  recent_.push({event, text});
  for (const auto& [socket, client] : clients_) {
    if (!client.replaying && client.filter.passes(event)) socket->send(text);
  }
}

}  // namespace portoser::api
