#include "tests/cluster/cluster.h"

#include "common/error.h"
#include "common/file.h"
#include "tests/support/await.h"
#include "tests/support/images.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <future>
#include <tuple>
#include <utility>

namespace portoser::test {
namespace {

using namespace std::chrono_literals;

std::string without_newline(std::string text) {
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

/// For the programs that we start from now on.
void quicken() {
  ::setenv("PORTOSER_SAMPLE_INTERVAL_MS", "500", 1);
  ::setenv("PORTOSER_HEARTBEAT_MS", "500", 1);
  ::setenv("PORTOSER_OFFLINE_AFTER_MS", "6000", 1);
  ::setenv("PORTOSER_GRACE_MS", "6000", 1);
}

/// In MiB. The controller keeps what many hosts measure: it must not be full by itself.
constexpr std::size_t controller_disk = 64;

std::string policy_of(int number) {
  switch (number % 3) {
    case 2:
      return "unless-stopped";
    case 0:
      return "always";
    default:
      return "";
  }
}

std::vector<ComposeService> one_container(const std::string& policy, bool is_built) {
  // A first process ignores SIGTERM unless it says otherwise.
  return {{.name = "web",
           .image = is_built ? "" : busybox_image,
           .build = is_built ? "." : "",
           .command = {"sh", "-c", "trap 'exit 0' TERM; sleep 1000000 & wait"},
           .restart = policy}};
}

}  // namespace

ClusterHost::ClusterHost(Network& network,
                         int number,
                         const std::filesystem::path& folder,
                         const ClusterOptions& options)
    : machine_(network, number, folder),
      project_(machine_.disk() / service(), one_container(policy_of(number), options.is_built)),
      agent_(machine_) {
  if (options.is_built) {
    project_.write_file("Dockerfile", fmt::format("FROM {}\nLABEL built=yes\n", busybox_image));
  }
  if (options.has_small_disks) data_disk_ = &machine_.add_small_disk(name());
}

void ClusterHost::switch_on() {
  machine_.heal();
  machine_.power_on();
  if (!machine_.engine_runs()) machine_.start_engine();
  machine_.thaw_engine();
  machine_.await_engine();
  if (!agent_.running()) agent_.start();
  agent_.thaw();
}

void ClusterHost::switch_on_without_engine() {
  machine_.heal();
  machine_.power_on();
  agent_.start();
}

void ClusterHost::power_off() {
  machine_.power_off();
  std::ignore = agent_.wait();
}

std::string ClusterHost::container() const {
  const auto newest = [&](const char* which) {
    const auto ids = machine_.docker(
        {"ps", which, "--no-trunc", "--filter", "label=com.docker.compose.project=" + service()});
    return ids.substr(0, ids.find('\n'));
  };
  auto running = newest("-q");
  return running.empty() ? newest("-aq") : running;
}

void ClusterHost::await_noted(const std::string& state) const {
  agent_.await_noted(container(), state);
}

void ClusterHost::crash_container() const {
  const auto id = container();
  const auto inspect = [&](const char* what) {
    return without_newline(machine_.docker({"inspect", "--format", what, id}));
  };
  // In the host's own numbers, which are not ours.
  const auto pid = inspect("{{.State.Pid}}");
  if (std::stoi(pid) < 2) {
    throw Error{Code::unavailable, "the container of " + name() + " does not run"};
  }
  const auto finished = inspect("{{.State.FinishedAt}}");
  machine_.run({"kill", "-KILL", pid});
  await_until(
      "the engine has seen it", 60s, [&] { return inspect("{{.State.FinishedAt}}") != finished; });
}

ComposeWitness::ComposeWitness(const std::filesystem::path& folder) : log_(folder / "compose.log") {
  const auto compose = without_newline(must_run({"sh", "-c", "command -v docker-compose"}));
  make_folder(folder / "bin", 0755);
  // The runner of an action is called with the command's folder in the journal.
  write_file_atomic(folder / "bin/docker-compose",
                    fmt::format("#!/bin/sh\n"
                                "command=$(tr '\\0' '\\n' < /proc/$PPID/cmdline | sed -n 2p)\n"
                                "echo \"${{command##*/}} $*\" >> {}\n"
                                "exec {} \"$@\"\n",
                                log_.string(),
                                compose),
                    0755);
  const std::string path{::getenv("PATH")};
  ::setenv("PATH", fmt::format("{}:{}", (folder / "bin").string(), path).c_str(), 1);
}

std::vector<ComposeCall> ComposeWitness::calls() const {
  std::vector<ComposeCall> calls;
  std::ifstream log{log_};
  for (std::string line; std::getline(log, line);) {
    const auto blank = std::min(line.find(' '), line.size());
    calls.push_back({line.substr(0, blank), line.substr(std::min(blank + 1, line.size()))});
  }
  return calls;
}

std::vector<std::string> ComposeWitness::calls_of(const std::string& command) const {
  std::vector<std::string> arguments;
  for (const auto& call : calls()) {
    if (call.command == command) arguments.push_back(call.arguments);
  }
  return arguments;
}

Cluster::Cluster(int hosts, ClusterOptions options)
    : options_(std::move(options)),
      network_(options_.seed),
      controller_(folder_.path(), Network::address_of(Network::own_port)) {
  quicken();
  if (options_.has_small_disks) data_disk_.emplace(controller_.data(), controller_disk);
  for (int number = 1; number <= hosts; ++number) {
    hosts_.push_back(std::make_unique<ClusterHost>(network_, number, folder_.path(), options_));
  }
  controller_.write_registry(registry_text());
  controller_.start();
  boot_hosts();
  for (const auto& host : hosts_) {
    host->agent().join(controller_.create_token());
    host->agent().start();
  }
  start_services();
}

void Cluster::make_whole() {
  for (const auto& host : hosts_) host->switch_on();
  if (!controller_.running()) controller_.start();
  start_services();
}

/// Of all hosts at the same time: compose is slow.
void Cluster::start_services() {
  std::vector<std::string> jobs;
  for (const auto& host : hosts_) {
    controller_.await_machine(host->name(), "online");
    const auto service = [&] {
      return controller_.row("/api/services", "services", host->service());
    };
    await_until("the service is known", 60s, [&] { return service()["status"] != "unknown"; });
    if (service()["status"] == "running") continue;
    jobs.push_back(begin(host->service(), "start"));
  }
  own_jobs_.insert(own_jobs_.end(), jobs.begin(), jobs.end());
  for (const auto& job : jobs) {
    const auto ended = await_job(job);
    if (ended["state"] != "succeeded") throw Error{Code::internal, dump(ended)};
  }
  for (const auto& host : hosts_) controller_.await_service(host->service(), "running");
}

void Cluster::boot_hosts() {
  // Started by this thread, since a program ends with the thread that started it.
  for (const auto& host : hosts_) {
    host->machine().power_on();
    host->machine().start_engine();
  }
  std::vector<std::future<void>> ready;
  for (const auto& host : hosts_) {
    ready.push_back(std::async(std::launch::async, [&machine = host->machine()] {
      machine.await_engine();
      load_images(machine.docker_environment());
    }));
  }
  for (auto& one : ready) one.get();
}

std::string Cluster::registry_text() const {
  std::string machines = "hosts:\n";
  std::string services = "services:\n";
  for (const auto& host : hosts_) {
    machines += fmt::format("  {}: {{ip: {}}}\n", host->name(), host->machine().address());
    services += fmt::format("  {}: {{current_host: {}, docker_compose: {}}}\n",
                            host->service(),
                            host->name(),
                            host->project().file().string());
  }
  for (const auto& name : options_.strangers) {
    machines += fmt::format("  {}: {{ip: {}}}\n", name, Network::address_of(Network::own_port));
  }
  return machines + services;
}

std::vector<Json> Cluster::events(const std::string& service, std::int64_t since) const {
  return controller_.events_of(service, since);
}

std::vector<std::string> Cluster::event_types(const std::string& service,
                                              std::int64_t since) const {
  return types_of(events(service, since));
}

std::int64_t Cluster::newest_event(const std::string& service) const {
  const auto all = events(service);
  return all.empty() ? 0 : all.back()["id"].get<std::int64_t>();
}

void Cluster::await_event(const std::string& service,
                          const std::string& type,
                          std::int64_t since) const {
  await_until(
      fmt::format("{} has a {}", service, type),
      90s,
      [&] {
        const auto types = event_types(service, since);
        return std::find(types.begin(), types.end(), type) != types.end();
      },
      [&] {
        return fmt::format(
            "{}\n{}", fmt::join(event_types(service, since), ", "), controller_.log_tail());
      });
}

std::string Cluster::begin(const std::string& service, const std::string& action) const {
  const auto answer = controller_.post(
      fmt::format("/api/services/{}/{}", service, action), "", {{"Prefer", "respond-async"}});
  if (answer.status != 202) throw Error{Code::internal, answer.text};
  return answer.body["job_id"].get<std::string>();
}

Json Cluster::await_job(const std::string& id) const {
  Json job;
  await_until(
      "the job ends",
      120s,
      [&] {
        job = controller_.get("/api/jobs/" + id).body;
        return job.is_object() && job["finished_at"].is_string();
      },
      [&] { return dump(job); });
  return job;
}

}  // namespace portoser::test
