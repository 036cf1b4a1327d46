#include "controller/storage/event_store.h"

#include "common/describe_json.h"
#include "controller/storage/connection.h"
#include "controller/storage/database.h"

#include <algorithm>
#include <utility>

namespace portoser::storage {
namespace {

constexpr std::int64_t most_events = 100'000;
/// Looked at, and deleted, in one transaction.
constexpr std::int64_t events_at_once = 500;

/// 0: it was there.
std::int64_t insert_event(Connection& connection, const EventRecord& event) {
  auto insert = connection.query(
      "INSERT INTO events (id, device_id, spool_epoch, sequence, time, time_estimated, scope, "
      "event_type, "
      "service, machine, details, metadata, origin) "
      "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
      "ON CONFLICT (device_id, spool_epoch, sequence) WHERE device_id <> '' DO NOTHING "
      "ON CONFLICT (device_id, origin) WHERE origin <> '' DO NOTHING "
      "RETURNING id");
  insert.bind(event.id > 0 ? std::optional{event.id} : std::nullopt,
              event.device_id,
              event.spool_epoch,
              event.sequence,
              event.time,
              event.time_estimated,
              event.scope,
              event.event_type,
              event.service,
              event.machine,
              event.details,
              event.metadata,
              event.origin);
  std::int64_t id = 0;
  if (insert.next()) {
    insert.read(id);
  }
  return id;
}

/// A new epoch (the agent lost its spool) counts from its own beginning.
void move_acked_sequence(Connection& connection, const EventRecord& event) {
  connection
      .query(
          "UPDATE devices SET acked_sequence = "
          "CASE WHEN spool_epoch = ? THEN max(acked_sequence, ?) ELSE ? END, spool_epoch = ? "
          "WHERE id = ?")
      .bind(event.spool_epoch, event.sequence, event.sequence, event.spool_epoch, event.device_id)
      .run();
}

template <class Value>
void add_condition(std::string& sql, const std::optional<Value>& value, const char* condition) {
  if (value) {
    sql += condition;
  }
}

template <class Value>
void bind_if_wanted(Query& query, const std::optional<Value>& value) {
  if (value) {
    query.bind(*value);
  }
}

std::string conditions_of(const EventFilter& filter) {
  std::string sql = " FROM events WHERE 1";
  if (!filter.ids.empty()) sql += " AND id IN (SELECT value FROM json_each(?))";
  add_condition(sql, filter.service, " AND service = ?");
  if (!filter.services.empty()) sql += " AND service IN (SELECT value FROM json_each(?))";
  add_condition(sql, filter.machine, " AND machine = ?");
  add_condition(sql, filter.scope, " AND scope = ?");
  add_condition(sql, filter.event_type, " AND event_type = ?");
  add_condition(sql, filter.since_id, " AND id > ?");
  add_condition(sql, filter.before_id, " AND id < ?");
  add_condition(sql, filter.since, " AND time >= ?");
  add_condition(sql, filter.before, " AND time < ?");
  if (filter.from_hosts) sql += " AND device_id <> ''";
  return sql;
}

void bind_conditions(Query& rows, const EventFilter& filter) {
  if (!filter.ids.empty()) rows.bind(dump(Json(filter.ids)));
  bind_if_wanted(rows, filter.service);
  if (!filter.services.empty()) rows.bind(dump(Json(filter.services)));
  bind_if_wanted(rows, filter.machine);
  bind_if_wanted(rows, filter.scope);
  bind_if_wanted(rows, filter.event_type);
  bind_if_wanted(rows, filter.since_id);
  bind_if_wanted(rows, filter.before_id);
  bind_if_wanted(rows, filter.since);
  bind_if_wanted(rows, filter.before);
}

std::string order_of(const EventFilter& filter) {
  const std::string direction = filter.newest_first ? " DESC" : "";
  return " ORDER BY " + (filter.by_time ? "time" + direction + ", " : std::string{}) + "id" +
         direction + " LIMIT ? OFFSET ?";
}

std::vector<EventRecord> list_events(Connection& connection, const EventFilter& filter) {
  auto rows = connection.query(
      "SELECT id, device_id, spool_epoch, sequence, time, time_estimated, scope, event_type, "
      "service, machine, details, metadata" +
      conditions_of(filter) + order_of(filter));
  bind_conditions(rows, filter);
  rows.bind(std::clamp(filter.limit, std::int64_t{0}, most_events),
            std::max(filter.offset, std::int64_t{0}));
  std::vector<EventRecord> events;
  while (rows.next()) {
    auto& event = events.emplace_back();
    rows.read(event.id,
              event.device_id,
              event.spool_epoch,
              event.sequence,
              event.time,
              event.time_estimated,
              event.scope,
              event.event_type,
              event.service,
              event.machine,
              event.details,
              event.metadata);
  }
  return events;
}

struct Swept {
  std::int64_t last_id = 0;  ///< of those that were looked at; 0: there are no more
  std::int64_t old = 0;      ///< those of them from before the moment
  std::int64_t deleted = 0;
};

/// Events come almost in the order of their times, so the old ones are found along the ids, without
/// an index that every new event would have to pay for.
Swept delete_some(Connection& connection, Time moment, std::int64_t after_id) {
  Swept swept;
  {
    auto row = connection.query(
        "SELECT coalesce(max(id), 0), coalesce(sum(time < ?), 0) FROM "
        "(SELECT id, time FROM events WHERE id > ? ORDER BY id LIMIT ?)");
    row.bind(moment, after_id, events_at_once);
    row.next();
    row.read(swept.last_id, swept.old);
  }
  swept.deleted = connection
                      .query(
                          "DELETE FROM events AS event WHERE id > ? AND id <= ? AND time < ? AND "
                          "(service = '' OR EXISTS (SELECT 1 FROM events AS newer WHERE "
                          "newer.service = event.service AND newer.id > event.id "
                          "AND newer.device_id <> '' "
                          "AND newer.machine = event.machine))")
                      .bind(after_id, swept.last_id, moment)
                      .run();
  return swept;
}

}  // namespace

asio::awaitable<std::vector<std::int64_t>> EventStore::append(std::vector<EventRecord> events) {
  return database_.write([events = std::move(events)](Connection& connection) {
    std::vector<std::int64_t> ids;
    ids.reserve(events.size());
    for (const auto& event : events) {
      ids.push_back(insert_event(connection, event));
      if (!event.device_id.empty()) {
        move_acked_sequence(connection, event);
      }
    }
    return ids;
  });
}

asio::awaitable<std::vector<EventRecord>> EventStore::list(EventFilter filter) {
  return database_.read([filter = std::move(filter)](Connection& connection) {
    return list_events(connection, filter);
  });
}

asio::awaitable<std::int64_t> EventStore::count(EventFilter filter) {
  return database_.read([filter = std::move(filter)](Connection& connection) {
    auto row = connection.query("SELECT count(*)" + conditions_of(filter));
    bind_conditions(row, filter);
    std::int64_t count = 0;
    row.next();
    row.read(count);
    return count;
  });
}

asio::awaitable<std::vector<ServiceChange>> EventStore::changes_after(std::string service,
                                                                      std::string machine,
                                                                      std::int64_t id) {
  return database_.read(
      [service = std::move(service), machine = std::move(machine), id](Connection& connection) {
        // All of them come from an index that is sorted by time; the newest few by their ids.
        const std::string newer = id > 0 ? "AND id > ? ORDER BY id" : "ORDER BY time, id";
        auto rows = connection.query(
            "SELECT id, time, event_type FROM events WHERE service = ? AND machine = ? "
            "AND scope = 'service' AND device_id <> '' " +
            newer);
        rows.bind(service, machine);
        if (id > 0) rows.bind(id);
        std::vector<ServiceChange> changes;
        while (rows.next()) {
          auto& change = changes.emplace_back();
          rows.read(change.id, change.time, change.event_type);
        }
        return changes;
      });
}

asio::awaitable<std::int64_t> EventStore::delete_before(Time moment) {
  std::int64_t deleted = 0;
  Swept swept;
  do {
    auto sweep = [moment, after_id = swept.last_id](Connection& connection) {
      return delete_some(connection, moment, after_id);
    };
    swept = co_await database_.write(std::move(sweep));
    deleted += swept.deleted;
  } while (swept.old > 0);
  co_return deleted;
}

asio::awaitable<std::int64_t> EventStore::last_id() {
  return database_.read([](Connection& connection) {
    auto row = connection.query("SELECT coalesce(max(id), 0) FROM events");
    std::int64_t id = 0;
    row.next();
    row.read(id);
    return id;
  });
}

asio::awaitable<std::vector<std::pair<std::string, std::string>>> EventStore::newest_origins() {
  return database_.read([](Connection& connection) {
    constexpr std::int64_t most = 10'000;
    auto rows = connection.query(
        "SELECT device_id, origin FROM (SELECT id, device_id, origin FROM events "
        "WHERE origin <> '' ORDER BY id DESC LIMIT ?) ORDER BY id");
    rows.bind(most);
    std::vector<std::pair<std::string, std::string>> origins;
    while (rows.next()) {
      auto& [device, origin] = origins.emplace_back();
      rows.read(device, origin);
    }
    return origins;
  });
}

}  // namespace portoser::storage
