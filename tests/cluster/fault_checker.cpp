#include "tests/cluster/fault_checker.h"

#include "tests/support/await.h"

#include <SQLiteCpp/SQLiteCpp.h>
#include <fmt/format.h>

#include <fstream>
#include <map>
#include <set>

namespace portoser::test {
namespace {

using namespace std::chrono_literals;

/// A durable message, as its agent wrote it down.
struct Made {
  std::string epoch;
  std::int64_t sequence = 0;
  std::string mark;  ///< an event's origin, a result's command
};

std::vector<Made> made_by(const ClusterHost& host) {
  std::vector<Made> made;
  std::ifstream log{host.machine().disk() / (host.name() + ".log")};
  for (std::string line; std::getline(log, line);) {
    if (line.find("\"durable message\"") == std::string::npos) continue;
    const auto json = Json::parse(line, nullptr, false);
    if (!json.is_object()) continue;  // cut by a power cut
    made.push_back({json["epoch"], json["sequence"].get<std::int64_t>(), json["mark"]});
  }
  return made;
}

/// An event or a result in the database.
struct Stored {
  std::int64_t id = 0;
  std::string epoch;
  std::int64_t sequence = 0;
  std::string mark;
  std::string type;
  std::string service;
  std::int64_t time_us = 0;
};

class StoredEvents {
 public:
  explicit StoredEvents(const Cluster& cluster)
      : database_(cluster.controller().data() / "portoser.db", SQLite::OPEN_READONLY) {}

  std::string integrity() { return database_.execAndGet("PRAGMA integrity_check").getString(); }
  std::vector<Stored> of_host(const std::string& host) {
    SQLite::Statement rows{
        database_,
        "SELECT e.id, e.spool_epoch, e.sequence,"
        " CASE e.scope WHEN 'command' THEN json_extract(e.metadata, '$.command_id')"
        " ELSE e.origin END, e.event_type, e.service, e.time"
        " FROM events e JOIN devices d ON d.id = e.device_id WHERE d.name = ? ORDER BY e.id"};
    rows.bind(1, host);
    std::vector<Stored> all;
    while (rows.executeStep()) {
      all.push_back({rows.getColumn(0).getInt64(),
                     rows.getColumn(1).getString(),
                     rows.getColumn(2).getInt64(),
                     rows.getColumn(3).getString(),
                     rows.getColumn(4).getString(),
                     rows.getColumn(5).getString(),
                     rows.getColumn(6).getInt64()});
    }
    return all;
  }

 private:
  SQLite::Database database_;
};

using Wrong = std::vector<std::string>;

/// Those that were made and are not there, by number nor by mark.
std::vector<Made> missing(const std::vector<Made>& made, const std::vector<Stored>& stored) {
  std::set<std::pair<std::string, std::int64_t>> numbers;
  std::set<std::string> marks;
  for (const auto& one : stored) {
    numbers.emplace(one.epoch, one.sequence);
    marks.insert(one.mark);
  }
  std::vector<Made> lost;
  for (const auto& one : made) {
    if (numbers.contains({one.epoch, one.sequence})) continue;
    if (!one.mark.empty() && marks.contains(one.mark)) continue;
    lost.push_back(one);
  }
  return lost;
}

void check_order(const std::string& host, const std::vector<Stored>& stored, Wrong& wrong) {
  std::map<std::string, std::int64_t> newest;
  std::map<std::string, std::string> last_type;
  for (const auto& one : stored) {
    auto& before = newest[one.epoch];
    if (one.sequence <= before) {
      wrong.push_back(fmt::format("{}: event {} (sequence {}) is stored behind sequence {}",
                                  host,
                                  one.id,
                                  one.sequence,
                                  before));
    }
    before = one.sequence;
    if (one.service.empty()) continue;
    auto& type = last_type[one.service];
    // A restart may follow a restart; the others say that something changed.
    if (type == one.type && one.type != "restart") {
      wrong.push_back(
          fmt::format("{}: {} has the {} {} twice in a row", host, one.service, one.type, one.id));
    }
    type = one.type;
  }
}

void check_twice(const std::string& host, const std::vector<Stored>& stored, Wrong& wrong) {
  std::set<std::string> marks;
  for (const auto& one : stored) {
    if (one.mark.empty()) {
      wrong.push_back(fmt::format("{}: event {} has nothing to be told apart by", host, one.id));
    } else if (!marks.insert(one.mark).second) {
      wrong.push_back(fmt::format("{}: {} is stored twice (event {})", host, one.mark, one.id));
    }
  }
}

void check_jobs(const Cluster& cluster, const FaultRun& run, Wrong& wrong) {
  static const std::set<std::string> ends{"succeeded", "failed", "cancelled", "interrupted"};
  for (const auto& job : run.jobs()) {
    const auto answer = cluster.controller().get("/api/jobs/" + job.id).body;
    const auto state = answer.value("state", "");
    if (!ends.contains(state)) {
      wrong.push_back(fmt::format("job {} is {}", job.id, state.empty() ? "gone" : state));
    }
    std::map<std::string, int> calls;
    for (const auto& call : cluster.compose().calls_of(job.id)) ++calls[call];
    for (const auto& [call, times] : calls) {
      if (times == 1) continue;
      wrong.push_back(fmt::format("job {} had compose do it {} times: {}", job.id, times, call));
    }
    if (state == "succeeded" && calls.empty()) {
      wrong.push_back(fmt::format("job {} succeeded, and compose was never called", job.id));
    }
  }
}

void check_services(const Cluster& cluster, Wrong& wrong) {
  for (const auto& host : cluster.hosts()) {
    const auto id = host->container();
    const bool runs =
        !id.empty() &&
        host->machine().docker({"inspect", "--format", "{{.State.Running}}", id}) == "true\n";
    const auto* truth = runs ? "running" : "stopped";
    std::string shown;
    try {
      await_until("it is shown as it is", 30s, [&] {
        shown = cluster.controller()
                    .row("/api/services", "services", host->service())
                    .value("status", "");
        return shown == truth;
      });
    } catch (const std::exception&) {
      wrong.push_back(fmt::format("{} is {}, and shown as {}", host->service(), truth, shown));
    }
  }
}

}  // namespace

std::vector<std::string> check_after_faults(const Cluster& cluster, const FaultRun& run) {
  Wrong wrong;
  for (const auto& job : run.jobs()) {
    try {
      cluster.await_job(job.id);
    } catch (const std::exception& error) {
      wrong.push_back(fmt::format("job {}: {}", job.id, error.what()));
    }
  }
  check_services(cluster, wrong);
  StoredEvents database{cluster};
  for (const auto& host : cluster.hosts()) {
    const auto lost = [&] { return missing(made_by(*host), database.of_host(host->name())); };
    try {
      await_until("everything has arrived", 60s, [&] { return lost().empty(); });
    } catch (const std::exception&) {
      for (const auto& one : lost()) {
        wrong.push_back(
            fmt::format("{}: sequence {} ({}) is lost", host->name(), one.sequence, one.mark));
      }
    }
    const auto stored = database.of_host(host->name());
    check_order(host->name(), stored, wrong);
    check_twice(host->name(), stored, wrong);
    const auto made = made_by(*host).size();
    // Whoever is killed between keeping a message and writing it to its log cannot be a witness.
    if (stored.size() > made + static_cast<std::size_t>(run.agent_kills())) {
      wrong.push_back(fmt::format(
          "{}: {} events are stored, and {} were made", host->name(), stored.size(), made));
    }
  }
  check_jobs(cluster, run, wrong);
  if (const auto found = database.integrity(); found != "ok") {
    wrong.push_back("the database is damaged: " + found);
  }
  return wrong;
}

}  // namespace portoser::test
