#include "tests/cluster/fault_evidence.h"

#include "common/clock.h"
#include "tests/cluster/fault_checker.h"
#include "tests/cluster/stored_samples.h"
#include "tests/support/await.h"

#include <SQLiteCpp/SQLiteCpp.h>
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string_view>
#include <system_error>

namespace portoser::test {
namespace {

using namespace std::chrono_literals;

bool says(const std::string& line, std::string_view message) {
  return line.find(fmt::format("\"message\":\"{}\"", message)) != std::string::npos;
}

std::vector<Made> made_by(const ClusterHost& host) {
  std::vector<Made> made;
  std::size_t on_disk = 0;  ///< so many of them; those behind lie in the agent's memory
  std::ifstream log{host.machine().disk() / (host.name() + ".log")};
  for (std::string line; std::getline(log, line);) {
    if (says(line, "ready")) {
      // Another agent: what the one before had in memory is gone with it.
      for (; on_disk < made.size(); ++on_disk) made[on_disk].may_be_lost = true;
    } else if (says(line, "what was kept in memory is on the disk")) {
      on_disk = made.size();
    } else if (says(line, "durable message")) {
      const auto json = Json::parse(line, nullptr, false);
      if (!json.is_object()) continue;  // cut by a power cut
      made.push_back(
          {json["epoch"], json["sequence"].get<std::int64_t>(), json["type"], json["mark"]});
      if (json["in_memory"] == 0) on_disk = made.size();
    }
  }
  return made;
}

class Database {
 public:
  explicit Database(const Cluster& cluster)
      : database_(cluster.controller().data() / "portoser.db", SQLite::OPEN_READONLY) {}

  std::string integrity() { return database_.execAndGet("PRAGMA integrity_check").getString(); }
  std::vector<Stored> of_host(const std::string& host) {
    SQLite::Statement rows{
        database_,
        "SELECT e.id, e.spool_epoch, e.sequence, e.scope,"
        " CASE e.scope WHEN 'command' THEN json_extract(e.metadata, '$.command_id')"
        " ELSE e.origin END, e.event_type, e.service, e.time,"
        " ifnull(json_extract(e.metadata, '$.reason'), '')"
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
                     rows.getColumn(6).getString(),
                     rows.getColumn(7).getInt64(),
                     rows.getColumn(8).getString()});
    }
    return all;
  }

 private:
  SQLite::Database database_;
};

/// As long as it takes, or as long as that; what it is then, the evidence tells.
void give_time(std::chrono::seconds limit, const std::function<bool()>& condition) {
  try {
    await_until("it is at rest", limit, condition);
  } catch (const std::exception&) {
  }
}

JobEvidence look_at_job(const Cluster& cluster, const TakenJob& taken) {
  JobEvidence job{.id = taken.id,
                  .state = "",
                  .calls = {},
                  .service = taken.service,
                  .taken_us = taken.taken_us,
                  .must_succeed = taken.must_succeed};
  // An action may take its own limit (two minutes), and one before it too.
  give_time(400s, [&] {
    const auto answer = cluster.controller().get("/api/jobs/" + taken.id).body;
    if (!answer.is_object()) return false;
    job.state = answer.value("state", "");
    if (!answer["finished_at"].is_string()) return false;
    const auto ended = time_from_rfc3339(answer["finished_at"].get<std::string>());
    if (ended) job.ended_us = to_unix_us(*ended);
    return true;
  });
  return job;
}

/// What is acknowledged is deleted; what is left waits.
std::uintmax_t bytes_in_spool(const ClusterHost& host) {
  std::uintmax_t bytes = 0;
  std::error_code gone;
  for (const auto& file :
       std::filesystem::directory_iterator{host.agent().data() / "spool", gone}) {
    if (file.path().extension() == ".log") bytes += file.file_size(gone);
  }
  return bytes;
}

void look_at_samples(const Cluster& cluster, HostEvidence& evidence) {
  const auto stored = stored_samples(cluster.controller().data() / "portoser.db", evidence.name);
  evidence.sample_times = stored.times;
  evidence.samples_twice = stored.twice;
}

/// The outcome of a job that was given up may have come since.
void look_again(const Cluster& cluster, const std::vector<HostEvidence>& hosts, JobEvidence& job) {
  const auto is_of_job = [&](const Stored& one) {
    return one.scope == "command" && one.mark == job.id;
  };
  if (std::none_of(hosts.begin(), hosts.end(), [&](const HostEvidence& host) {
        return std::any_of(host.stored.begin(), host.stored.end(), is_of_job);
      })) {
    return;
  }
  give_time(10s, [&] {
    const auto answer = cluster.controller().get("/api/jobs/" + job.id).body;
    if (answer.is_object()) job.state = answer.value("state", "");
    return job.state != "interrupted";
  });
}

void look_at_service(const Cluster& cluster, const ClusterHost& host, HostEvidence& evidence) {
  give_time(60s, [&] {
    const auto id = host.container();
    evidence.runs =
        !id.empty() &&
        host.machine().docker({"inspect", "--format", "{{.State.Running}}", id}) == "true\n";
    evidence.status =
        cluster.controller().row("/api/services", "services", host.service()).value("status", "");
    return evidence.status == (evidence.runs ? "running" : "stopped");
  });
}

}  // namespace

Evidence gather(const Cluster& cluster, const FaultRun& run) {
  Evidence evidence;
  for (const auto& job : run.jobs()) evidence.jobs.push_back(look_at_job(cluster, job));
  Database database{cluster};
  for (const auto& host : cluster.hosts()) {
    HostEvidence one;
    one.name = host->name();
    one.service = host->service();
    one.agent_ends = run.history(*host).agent_ends;
    one.forgetful_ends = run.history(*host).forgetful_ends;
    one.crashes = run.history(*host).crashes;
    one.watch = run.history(*host).watch;
    look_at_service(cluster, *host, one);
    give_time(60s, [&] {
      one.made = made_by(*host);
      one.stored = database.of_host(host->name());
      return missing(one).empty();
    });
    give_time(60s, [&] {
      one.spool_bytes = bytes_in_spool(*host);
      return one.spool_bytes == 0;
    });
    one.samples_kept_from_us = run.history(*host).samples_kept_from_us;
    give_time(60s, [&] {
      look_at_samples(cluster, one);
      return missing_samples(one).empty();
    });
    evidence.hosts.push_back(std::move(one));
  }
  evidence.own_jobs = cluster.own_jobs();
  evidence.calls = cluster.compose().calls();
  for (auto& job : evidence.jobs) {
    job.calls = cluster.compose().calls_of(job.id);
    if (job.state == "interrupted") look_again(cluster, evidence.hosts, job);
  }
  evidence.integrity = database.integrity();
  evidence.deaths = run.deaths();
  return evidence;
}

}  // namespace portoser::test
