#include "controller/storage/deployment_store.h"

#include "common/error.h"
#include "controller/storage/beside.h"
#include "controller/storage/connection.h"
#include "controller/storage/database.h"

#include <algorithm>
#include <string_view>
#include <tuple>
#include <utility>

namespace portoser::storage {
namespace {

constexpr std::int64_t most_deployments = 1000;
constexpr std::int64_t deployments_deleted_at_once = 100;

/// `fixed`: never changed. `heavy`: left out of lists.
enum class Kind { fixed, plain, heavy };

template <class Member>
struct DeploymentColumn {
  std::string_view name;
  Member DeploymentRecord::*member;
  Kind kind;
};
template <class Member>
DeploymentColumn(std::string_view, Member DeploymentRecord::*, Kind) -> DeploymentColumn<Member>;

/// Every column of `deployments`, once.
constexpr std::tuple deployment_columns{
    DeploymentColumn{"id", &DeploymentRecord::id, Kind::fixed},
    DeploymentColumn{"job_id", &DeploymentRecord::job_id, Kind::fixed},
    DeploymentColumn{"started_at", &DeploymentRecord::started_at, Kind::fixed},
    DeploymentColumn{"finished_at", &DeploymentRecord::finished_at, Kind::plain},
    DeploymentColumn{"service", &DeploymentRecord::service, Kind::plain},
    DeploymentColumn{"machine", &DeploymentRecord::machine, Kind::plain},
    DeploymentColumn{"from_machine", &DeploymentRecord::from_machine, Kind::plain},
    DeploymentColumn{"action", &DeploymentRecord::action, Kind::plain},
    DeploymentColumn{"status", &DeploymentRecord::status, Kind::plain},
    DeploymentColumn{"outcome", &DeploymentRecord::outcome, Kind::plain},
    DeploymentColumn{"actor", &DeploymentRecord::actor, Kind::plain},
    DeploymentColumn{"source", &DeploymentRecord::source, Kind::plain},
    DeploymentColumn{"why", &DeploymentRecord::why, Kind::plain},
    DeploymentColumn{"rollback_of", &DeploymentRecord::rollback_of, Kind::plain},
    DeploymentColumn{"duration_ms", &DeploymentRecord::duration_ms, Kind::plain},
    DeploymentColumn{"error", &DeploymentRecord::error, Kind::plain},
    DeploymentColumn{"exit_code", &DeploymentRecord::exit_code, Kind::plain},
    DeploymentColumn{"phases", &DeploymentRecord::phases, Kind::plain},
    DeploymentColumn{"findings", &DeploymentRecord::findings, Kind::plain},
    DeploymentColumn{"extra", &DeploymentRecord::extra, Kind::plain},
    DeploymentColumn{"config_before", &DeploymentRecord::config_before, Kind::plain},
    DeploymentColumn{"config_after", &DeploymentRecord::config_after, Kind::plain},
    DeploymentColumn{"state_before", &DeploymentRecord::state_before, Kind::heavy},
    DeploymentColumn{"state_after", &DeploymentRecord::state_after, Kind::heavy},
};

template <class Call>
void for_each_deployment_column(Call call) {
  std::apply([&](const auto&... column) { (call(column), ...); }, deployment_columns);
}

/// What `text_of` makes of each column that `wanted` lets pass, separated by commas.
template <class Wanted, class Text>
std::string listed(Wanted wanted, Text text_of) {
  std::string text;
  for_each_deployment_column([&](const auto& column) {
    if (!wanted(column)) return;
    text += text.empty() ? "" : ", ";
    text += text_of(column);
  });
  return text;
}

constexpr auto every = [](const auto&) { return true; };
constexpr auto changing = [](const auto& column) { return column.kind != Kind::fixed; };
constexpr auto light = [](const auto& column) { return column.kind != Kind::heavy; };
constexpr auto name_of = [](const auto& column) { return std::string{column.name}; };

const std::string select_deployments = "SELECT " + listed(every, name_of) + " FROM deployments ";
const std::string select_light = "SELECT " + listed(light, name_of) + " FROM deployments ";
const std::string insert_deployment =
    "INSERT OR IGNORE INTO deployments (" + listed(every, name_of) + ") VALUES (" +
    listed(every, [](const auto&) { return std::string{"?"}; }) + ")";
const std::string update_deployment =
    "UPDATE deployments SET " +
    listed(changing, [](const auto& column) { return std::string{column.name} + " = ?"; }) +
    " WHERE id = ?";

DeploymentRecord read_deployment(Query& row) {
  DeploymentRecord record;
  std::apply([&](const auto&... column) { row.read(record.*column.member...); },
             deployment_columns);
  return record;
}

/// Without the heavy columns, which stand at the end.
DeploymentRecord read_light(Query& row) {
  DeploymentRecord record;
  [&]<std::size_t... Index>(std::index_sequence<Index...>) {
    row.read(record.*(std::get<Index>(deployment_columns).member)...);
  }
  (std::make_index_sequence<std::tuple_size_v<decltype(deployment_columns)> - 2>{});
  return record;
}

std::int64_t insert_one(Connection& connection, const DeploymentRecord& record) {
  auto insert = connection.query(insert_deployment);
  for_each_deployment_column([&](const auto& column) { insert.bind(record.*column.member); });
  return insert.run();
}

std::string where_of(const DeploymentFilter& filter) {
  std::string sql = "WHERE status <> 'running'";
  if (filter.service) sql += " AND service = ?";
  if (filter.machine) sql += " AND machine = ?";
  if (filter.status) sql += " AND status = ?";
  if (filter.action) sql += " AND action = ?";
  if (filter.from) sql += " AND started_at >= ?";
  if (filter.until) sql += " AND started_at < ?";
  return sql;
}

void bind_filter(Query& query, const DeploymentFilter& filter) {
  const auto bind = [&](const auto& value) {
    if (value) query.bind(*value);
  };
  bind(filter.service);
  bind(filter.machine);
  bind(filter.status);
  bind(filter.action);
  bind(filter.from);
  bind(filter.until);
}

std::optional<DeploymentRecord> first_of(Query& rows) {
  if (!rows.next()) return std::nullopt;
  return read_deployment(rows);
}

/// With the average as thousandths, since columns are read as whole numbers.
constexpr std::string_view counts =
    "count(*), coalesce(sum(status = 'success'), 0), coalesce(sum(status = 'failure'), 0), "
    "coalesce(sum(status = 'rolled_back'), 0), CAST(avg(duration_ms) * 1000 AS INTEGER) ";

DeploymentCounts counts_in(std::int64_t total,
                           std::int64_t success,
                           std::int64_t failure,
                           std::int64_t rolled_back,
                           std::optional<std::int64_t> thousandths) {
  DeploymentCounts out;
  out.total = total;
  out.success = success;
  out.failure = failure;
  out.rolled_back = rolled_back;
  if (thousandths) out.average_duration_ms = static_cast<double>(*thousandths) / 1000;
  return out;
}

}  // namespace

asio::awaitable<bool> DeploymentStore::insert(DeploymentRecord record) {
  return database_.write([record = std::move(record)](Connection& connection) {
    return insert_one(connection, record) > 0;
  });
}

asio::awaitable<std::int64_t> DeploymentStore::insert_all(std::vector<DeploymentRecord> records) {
  return database_.write([records = std::move(records)](Connection& connection) {
    std::int64_t added = 0;
    for (const auto& record : records) added += insert_one(connection, record);
    return added;
  });
}

asio::awaitable<void> DeploymentStore::update(DeploymentRecord record) {
  return database_.write([record = std::move(record)](Connection& connection) {
    auto update = connection.query(update_deployment);
    for_each_deployment_column([&](const auto& column) {
      if (column.kind != Kind::fixed) update.bind(record.*column.member);
    });
    update.bind(record.id);
    if (update.run() == 0) {
      throw Error{Code::not_found, "there is no deployment \"" + record.id + "\"", "id"}.reason(
          "DEPLOYMENT_UNKNOWN");
    }
  });
}

asio::awaitable<std::optional<DeploymentRecord>> DeploymentStore::find(std::string id) {
  return database_.read([id = std::move(id)](Connection& connection) {
    auto rows = connection.query(select_deployments + "WHERE id = ?");
    rows.bind(id);
    return first_of(rows);
  });
}

asio::awaitable<std::optional<DeploymentRecord>> DeploymentStore::find_job(std::string job_id) {
  return database_.read([job_id = std::move(job_id)](Connection& connection) {
    auto rows = connection.query(select_deployments + "WHERE job_id = ? AND job_id <> ''");
    rows.bind(job_id);
    return first_of(rows);
  });
}

asio::awaitable<DeploymentPage> DeploymentStore::list(DeploymentFilter filter) {
  return database_.read([filter = std::move(filter)](Connection& connection) {
    DeploymentPage page;
    const auto where = where_of(filter);
    {
      auto count = connection.query("SELECT count(*) FROM deployments " + where);
      bind_filter(count, filter);
      if (count.next()) count.read(page.total);
    }
    auto rows = connection.query(select_light + where +
                                 " ORDER BY started_at DESC, id DESC LIMIT ? OFFSET ?");
    bind_filter(rows, filter);
    rows.bind(std::clamp<std::int64_t>(filter.limit, 1, most_deployments),
              std::max<std::int64_t>(filter.offset, 0));
    while (rows.next()) page.records.push_back(read_light(rows));
    return page;
  });
}

asio::awaitable<std::optional<DeploymentRecord>> DeploymentStore::newest_good(std::string service) {
  return database_.read([service = std::move(service)](Connection& connection) {
    auto rows = connection.query(select_deployments +
                                 "WHERE service = ? AND status IN ('success', 'rolled_back') "
                                 "ORDER BY started_at DESC, id DESC LIMIT 1");
    rows.bind(service);
    return first_of(rows);
  });
}

asio::awaitable<std::vector<DeploymentRecord>> DeploymentStore::newest_of_each() {
  return database_.read([](Connection& connection) {
    std::vector<DeploymentRecord> found;
    auto rows = connection.query(
        select_light +
        "WHERE id IN (SELECT (SELECT newest.id FROM deployments AS newest "
        "WHERE newest.service = one.service AND newest.status <> 'running' "
        "ORDER BY newest.started_at DESC, newest.id DESC LIMIT 1) "
        "FROM (SELECT DISTINCT service FROM deployments) AS one) ORDER BY service");
    while (rows.next()) found.push_back(read_light(rows));
    return found;
  });
}

asio::awaitable<std::vector<DeploymentRecord>> DeploymentStore::unfinished() {
  return database_.read([](Connection& connection) {
    std::vector<DeploymentRecord> found;
    auto rows = connection.query(select_deployments + "WHERE status = 'running' ORDER BY id");
    while (rows.next()) found.push_back(read_deployment(rows));
    return found;
  });
}

asio::awaitable<DeploymentStats> DeploymentStore::stats(std::optional<std::string> service,
                                                        Time since) {
  return database_.read([service = std::move(service), since](Connection& connection) {
    DeploymentStats stats;
    std::string where = "FROM deployments WHERE status <> 'running' AND started_at >= ?";
    if (service) where += " AND service = ?";
    const auto bind = [&](Query& query) {
      query.bind(since);
      if (service) query.bind(*service);
    };
    std::int64_t total = 0;
    std::int64_t success = 0;
    std::int64_t failure = 0;
    std::int64_t rolled_back = 0;
    std::optional<std::int64_t> average;
    {
      auto all = connection.query("SELECT " + std::string{counts} + where);
      bind(all);
      if (all.next()) all.read(total, success, failure, rolled_back, average);
      stats.all = counts_in(total, success, failure, rolled_back, average);
    }
    auto rows = connection.query("SELECT service, " + std::string{counts} + where +
                                 " GROUP BY service ORDER BY service");
    bind(rows);
    while (rows.next()) {
      std::string name;
      rows.read(name, total, success, failure, rolled_back, average);
      stats.by_service.emplace_back(std::move(name),
                                    counts_in(total, success, failure, rolled_back, average));
    }
    return stats;
  });
}

asio::awaitable<std::int64_t> DeploymentStore::delete_before(Time moment, std::int64_t keep) {
  const auto there = co_await database_.read([](Connection& connection) {
    std::int64_t number = 0;
    auto count = connection.query("SELECT count(*) FROM deployments");
    if (count.next()) count.read(number);
    return number;
  });
  std::int64_t deleted = 0;
  for (;;) {
    const auto at_once = std::min(deployments_deleted_at_once, there - keep - deleted);
    if (at_once <= 0) co_return deleted;
    auto some = [moment, at_once](Connection& connection) {
      return connection
          .query(
              "DELETE FROM deployments WHERE id IN (SELECT id FROM deployments "
              "WHERE started_at < ? AND status <> 'running' ORDER BY started_at, id LIMIT ?)")
          .bind(moment, at_once)
          .run();
    };
    const auto gone = co_await database_.write(std::move(some));
    deleted += gone;
    if (gone < at_once) co_return deleted;
  }
}

DeploymentFile::DeploymentFile(const std::filesystem::path& path, const Clock& clock)
    : connection_(open_beside(path, clock)) {}

DeploymentFile::~DeploymentFile() = default;

std::int64_t DeploymentFile::insert_all(const std::vector<DeploymentRecord>& records) {
  return with_plain_errors(connection_->path(), [&] {
    connection_->run("BEGIN IMMEDIATE");
    std::int64_t added = 0;
    try {
      for (const auto& record : records) added += insert_one(*connection_, record);
      connection_->run("COMMIT");
    } catch (...) {
      if (connection_->in_transaction()) connection_->run("ROLLBACK");
      throw;
    }
    return added;
  });
}

}  // namespace portoser::storage
