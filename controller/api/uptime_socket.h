/// `WS /api/uptime/ws`: events of services as they happen, with a replay for who comes back.
#pragma once

#include "common/clock.h"
#include "common/describe_json.h"
#include "controller/api/recent_events.h"
#include "controller/http/websocket.h"
#include "controller/storage/event_store.h"
#include "controller/telemetry/live.h"

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace portoser::http {
class Router;
}

namespace portoser::api {

/// The frame `uptime_event` as text.
std::string uptime_frame(const storage::EventRecord& event);

class UptimeSocket : public telemetry::LiveListener {
 public:
  UptimeSocket(storage::Database& database, const Clock& clock)
      : events_(database), clock_(clock) {}

  void add_to(http::Router& router);

  // On the core executor.
  void event_arrived(const storage::EventRecord& event) override;

 private:
  /// Empty members let everything through.
  struct Filter {
    std::set<std::string> services;
    std::optional<std::string> machine;
    bool lets_nothing = false;  ///< after "unsubscribe"
    [[nodiscard]] bool passes(const storage::EventRecord& event) const;
  };

  struct Client {
    Filter filter;
    bool replaying = false;  ///< what happens meanwhile comes with the replay, in its place
  };

  asio::awaitable<void> run(std::shared_ptr<http::WebSocket> socket);
  asio::awaitable<void> listen(std::shared_ptr<http::WebSocket> socket);
  asio::awaitable<void> answer(std::shared_ptr<http::WebSocket> socket, std::string text);
  asio::awaitable<void> subscribe(std::shared_ptr<http::WebSocket> socket, Json message);
  void unsubscribe(const std::shared_ptr<http::WebSocket>& socket, const Json& message);
  /// With the lock held.
  void confirm(http::WebSocket& socket, std::string_view type, const Filter& filter) const;
  asio::awaitable<void> replay(std::shared_ptr<http::WebSocket> socket,
                               Filter filter,
                               std::int64_t since);
  asio::awaitable<std::vector<ShownEvent>> stored(Filter filter, std::int64_t since);

  storage::EventStore events_;
  const Clock& clock_;
  std::mutex mutex_;
  std::map<std::shared_ptr<http::WebSocket>, Client> clients_;
  RecentEvents recent_;
};

}  // namespace portoser::api
