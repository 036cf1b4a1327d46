#include "tests/cluster/move_checks.h"

#include "tests/cluster/odd_files.h"
#include "tests/support/await.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <set>

namespace portoser::test {
namespace {

using namespace std::chrono_literals;

void add_all(std::vector<std::string>& wrong,
             const std::string& about,
             const std::vector<std::string>& sentences) {
  for (const auto& one : sentences) wrong.push_back(about + one);
}

/// What each host has of it, for whoever looks for the reason.
std::string situation_of(const MoveWorld& world) {
  std::string text;
  for (const auto& host : world.hosts()) {
    text += fmt::format("{}: {} containers run, {} are there, the volume is {}, the folder is {}\n",
                        host->name(),
                        host->containers(false).size(),
                        host->containers(true).size(),
                        host->has_volume() ? "there" : "not there",
                        std::filesystem::exists(host->folder()) ? "there" : "not there");
  }
  return text;
}

/// No other host has a container of it, not even one that was stopped: an engine might start it.
bool is_settled(const MoveWorld& world) {
  int with_containers = 0;
  for (const auto& host : world.hosts()) {
    if (!host->containers(true).empty()) ++with_containers;
  }
  return with_containers == 1 && world.places().size() == 1;
}

void look_at_rows(MoveWorld& world, const MoveHost& host, std::vector<std::string>& wrong) {
  world.client().await_row();
  const auto address = host.machine().address();
  if (world.client().address() != address) {
    wrong.push_back(fmt::format("it runs on {}, and rows are acknowledged by {} at {}",
                                host.name(),
                                world.client().writer(),
                                world.client().address()));
  }
  const auto acknowledged = world.client().acknowledged();
  const auto rows = rows_of_ledger(address, MoveWorld::port);
  std::vector<std::int64_t> lost;
  for (const auto number : acknowledged) {
    if (!rows.contains(number)) lost.push_back(number);
  }
  if (!lost.empty()) {
    wrong.push_back(fmt::format(
        "{} acknowledged rows are lost, {} to {}", lost.size(), lost.front(), lost.back()));
  }
  if (!rows.empty() && *rows.rbegin() > world.client().newest_asked()) {
    wrong.push_back(fmt::format("nobody asked for row {}", *rows.rbegin()));
  }
}

void look_at_policy(const MoveHost& host, std::vector<std::string>& wrong) {
  const auto policy = [&] {
    const auto ids = host.containers(false);
    if (ids.empty()) return std::string{"no container"};
    return host.machine().docker(
        {"inspect", "--format", "{{.HostConfig.RestartPolicy.Name}}", ids.front()});
  };
  if (const auto found = policy(); found != "always\n") {
    wrong.push_back(fmt::format("on {} its restart policy is {}", host.name(), found));
  }
}

}  // namespace

Finding look_at_ledger(MoveWorld& world) {
  Finding finding;
  auto& wrong = finding.wrong;
  try {
    await_until(
        "exactly one host has and runs the ledger",
        180s,
        [&] { return is_settled(world); },
        [&] { return situation_of(world); });
    finding.place = world.places().at(0);
    const auto& host = world.host(finding.place);
    look_at_rows(world, host, wrong);
    add_all(
        wrong, "in the volume, ", differences(world.odd_files(), manifest_of(host.odd_files())));
    add_all(wrong, "in the folder, ", differences(world.folder(), manifest_of(host.folder())));
    look_at_policy(host, wrong);
  } catch (const std::exception& error) {
    wrong.emplace_back(error.what());
  }
  add_all(wrong, "", world.watch().violations());
  add_all(wrong, "", world.client().returned_writers());
  return finding;
}

std::vector<std::string> look_at_record(const MoveWorld& world,
                                        const Json& part,
                                        const std::string& from,
                                        const std::string& to) {
  std::vector<std::string> wrong;
  if (!part.is_object()) return {"the job of the move is gone"};
  std::vector<Json> records;
  const auto history = world.history();
  for (const auto& record : history["deployments"]) {
    if (record["job_id"] == part["id"]) records.push_back(record);
  }
  if (records.size() != 1) {
    return {fmt::format("job {} has {} records in the history", dump(part["id"]), records.size())};
  }
  const auto& record = records.front();
  const bool is_good = part["state"] == "succeeded";
  if ((record["status"] == "success") != is_good || !record["finished_at"].is_string()) {
    wrong.push_back(fmt::format("the job is {}, and its record says {} ({})",
                                dump(part["state"]),
                                dump(record["status"]),
                                dump(record["outcome"])));
  }
  if (!is_good && !record["error"].is_string()) {
    wrong.push_back("the record of a move that failed has no reason: " + dump(record));
  }
  if (record["action"] == "migrate" &&
      (record["from_machine"] != from || record["machine"] != to)) {
    wrong.push_back(fmt::format("the record of the move {} -> {} says {} -> {}",
                                from,
                                to,
                                dump(record["from_machine"]),
                                dump(record["machine"])));
  }
  return wrong;
}

}  // namespace portoser::test
