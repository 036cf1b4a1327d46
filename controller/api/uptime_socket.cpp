#include "controller/api/uptime_socket.h"

#include "controller/api/client_message.h"
#include "controller/api/socket_leave.h"
#include "controller/api/uptime_rows.h"
#include "controller/http/outbox.h"
#include "controller/http/router.h"

#include <iterator>

namespace portoser::api {
namespace {

/// A socket holds 256 frames; who was away longer is told so, and asks the history.
constexpr std::size_t replay_limit = 200;
/// And half of its bytes: the other half is for what happens meanwhile.
constexpr std::size_t replay_bytes = http::Outbox::byte_limit / 2;

constexpr std::size_t most_services = 1000;

/// The UI shows each value as it is: a nested one would crash its page, true and false would be
/// blank.
Json flat_values(const std::string& metadata) {
  const auto parsed = Json::parse(metadata, nullptr, false);
  Json values = Json::object();
  if (!parsed.is_object()) return values;
  for (const auto& [key, value] : parsed.items()) {
    values[key] = value.is_string() || value.is_number() ? value : Json(dump(value));
  }
  return values;
}

/// Leaves the newest that a socket can hold. True: others were left out.
bool shorten(std::vector<ShownEvent>& events) {
  std::size_t bytes = 0;
  auto first = events.end();
  while (first != events.begin()) {
    const auto& older = *std::prev(first);
    bytes += older.frame->size();
    const auto kept = static_cast<std::size_t>(events.end() - first);
    if (kept == replay_limit || (kept > 0 && bytes > replay_bytes)) break;
    --first;
  }
  const bool is_shorter = first != events.begin();
  events.erase(events.begin(), first);
  return is_shorter;
}

/// A name under this key; empty: none, or all of them.
std::string name_in(const Json& message, const char* key) {
  const auto found = message.find(key);
  if (found == message.end() || found->is_null()) return {};
  if (!found->is_string()) throw Error{Code::invalid, std::string{key} + " must be a name"};
  const auto name = found->get<std::string>();
  return name == "*" ? std::string{} : name;
}

/// The services that a message names; none: all of them.
std::set<std::string> services_of(const Json& message) {
  std::set<std::string> services;
  const auto service = name_in(message, "service");
  if (!service.empty()) services.insert(service);
  if (const auto list = message.find("services"); list != message.end()) {
    if (!list->is_array()) throw Error{Code::invalid, "services must be a list"};
    for (const auto& one : *list) {
      if (!one.is_string()) throw Error{Code::invalid, "services must be names"};
      services.insert(one.get<std::string>());
    }
  }
  if (services.size() > most_services) {
    throw Error{Code::invalid,
                "too many services: " + std::to_string(most_services) +
                    " can be named; without any, all of them come"};
  }
  return services;
}

}  // namespace

std::string uptime_frame(const storage::EventRecord& event) {
  Json full{{"timestamp", to_rfc3339(event.time)},
            {"event_type", event.event_type},
            {"service", event.service},
            {"machine", event.machine},
            {"details", in_one_line(event.details)},
            {"metadata", flat_values(event.metadata)},
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
  return !lets_nothing && (services.empty() || services.contains(event.service)) &&
         (!machine || *machine == event.machine);
}

void UptimeSocket::add_to(http::Router& router) {
  router.add_socket({.path = "/api/uptime/ws",
                     .summary = "Events of services as they happen",
                     .takes = {"subscribe", "unsubscribe", "ping"},
                     .sends = {"connected",
                               "subscribed",
                               "unsubscribed",
                               "uptime_event",
                               "replay_truncated",
                               "pong",
                               "error"}},
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
  auto talk = listen(socket);
  auto leave = [this, socket] {
    const std::lock_guard lock{mutex_};
    clients_.erase(socket);
  };
  co_await leaving_after(std::move(talk), std::move(leave));
}

asio::awaitable<void> UptimeSocket::listen(std::shared_ptr<http::WebSocket> socket) {
  while (auto text = co_await socket->receive()) {
    try {
      co_await answer(socket, std::move(*text));
    } catch (const Error& error) {
      socket->send(error_frame(error.message(), clock_));
    }
  }
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
    socket->send(error_frame("Invalid JSON", clock_));
  } else if (action == "subscribe") {
    co_await subscribe(socket, message);
  } else if (action == "unsubscribe") {
    unsubscribe(socket, message);
  }
}

asio::awaitable<void> UptimeSocket::subscribe(std::shared_ptr<http::WebSocket> socket,
                                              Json message) {
  Filter filter;
  filter.services = services_of(message);
  const auto machine = name_in(message, "machine");
  if (!machine.empty()) filter.machine = machine;
  const auto since = message.find("since");
  const bool replaying = since != message.end() && !since->is_null();
  const bool is_id = replaying && since->is_number_integer() &&
                     (!since->is_number_unsigned() || since->get<std::uint64_t>() <= INT64_MAX) &&
                     since->get<std::int64_t>() >= 0;
  if (replaying && !is_id) {
    throw Error{Code::invalid, "since must be the id of an event"};
  }
  if (replaying) co_await socket->drained();  // a replay needs half of what may wait
  {
    const std::lock_guard lock{mutex_};
    confirm(*socket, "subscribed", filter);
    clients_[socket] = {filter, replaying};
  }
  if (replaying) co_await replay(socket, std::move(filter), since->get<std::int64_t>());
}

void UptimeSocket::unsubscribe(const std::shared_ptr<http::WebSocket>& socket,
                               const Json& message) {
  const auto services = services_of(message);
  const std::lock_guard lock{mutex_};
  auto& filter = clients_[socket].filter;
  if (services.empty()) {
    filter.services.clear();
  } else if (filter.services.empty()) {
    throw Error{Code::invalid, "all services come: subscribe to those that you want instead"};
  }
  for (const auto& one : services) filter.services.erase(one);
  filter.lets_nothing = filter.services.empty();
  confirm(*socket, "unsubscribed", filter);
}

void UptimeSocket::confirm(http::WebSocket& socket,
                           std::string_view type,
                           const Filter& filter) const {
  auto reply = stamped(type, clock_);
  reply["services"] = filter.services;
  reply["machine"] = filter.machine ? Json(*filter.machine) : Json(nullptr);
  socket.send(dump(reply));
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
    if (shorten(missed)) {
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
