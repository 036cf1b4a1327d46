#include "tests/cluster/move_world.h"

#include "common/error.h"
#include "common/file.h"
#include "tests/cluster/odd_files.h"
#include "tests/support/await.h"
#include "tests/support/images.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <future>
#include <iostream>
#include <sstream>
#include <tuple>
#include <utility>

namespace portoser::test {
namespace {

using namespace std::chrono_literals;

/// A move under the worst of faults: its own limits, one after the other, and a slow machine.
constexpr auto move_patience = std::chrono::minutes{15};
/// In MiB. Of a host's agent, services and engine.
constexpr std::size_t agent_disk = 128;
constexpr std::size_t services_disk = 192;
constexpr std::size_t engine_disk = 512;

constexpr auto image_description = R"(FROM {}
COPY ledger_writer /bin/ledger_writer
HEALTHCHECK --interval=1s --timeout=3s --retries=2 \
  CMD wget -q -O /dev/null http://127.0.0.1:8080/health
EXPOSE 8080
CMD ["/bin/ledger_writer"]
)";

constexpr auto ledger_compose = R"(# A ledger that must not lose a row.
version: "3.7"
services:
  ledger:
    image: {image}
    restart: always
    ports: ["{port}:8080"]
    environment: ["LEDGER_NAME=${{LEDGER_NAME}}"]
    volumes: ["data:/data", "./conf:/conf:ro"]
volumes:
  data:
)";

/// For the programs that we start from now on.
void quicken_all() {
  ::setenv("PORTOSER_SAMPLE_INTERVAL_MS", "500", 1);
  ::setenv("PORTOSER_HEARTBEAT_MS", "500", 1);
  ::setenv("PORTOSER_OFFLINE_AFTER_MS", "6000", 1);
  ::setenv("PORTOSER_GRACE_MS", "6000", 1);
  // The lease of a target that went away is waited for.
  ::setenv("PORTOSER_RESTART_SECONDS", "60", 1);
  ::setenv("PORTOSER_HEALTH_SECONDS", "20", 1);
}

std::vector<std::string> words_of(const std::string& text) {
  std::vector<std::string> words;
  std::istringstream all{text};
  for (std::string word; all >> word;) words.push_back(std::move(word));
  return words;
}

}  // namespace

MoveHost::MoveHost(Network& network,
                   int number,
                   const std::filesystem::path& folder,
                   bool has_small_disks)
    : machine_(network, number, folder), agent_(machine_) {
  if (has_small_disks) {
    disks_ = {&machine_.add_small_disk(name(), agent_disk),
              &machine_.add_small_disk("stacks", services_disk),
              &machine_.add_small_disk("docker", engine_disk)};
  } else {
    make_folder(services(), 0755);
  }
}

std::filesystem::path MoveHost::volume() const {
  return machine_.disk() / "docker/volumes/ledger_data/_data";
}

void MoveHost::switch_on() {
  machine_.heal();
  machine_.power_on();
  if (!machine_.engine_runs()) machine_.start_engine();
  machine_.thaw_engine();
  machine_.await_engine();
  if (!agent_.running()) agent_.start();
  agent_.thaw();
}

void MoveHost::power_off() {
  machine_.power_off();
  std::ignore = agent_.wait();
}

std::vector<std::string> MoveHost::containers(bool also_stopped) const {
  return words_of(machine_.docker({"ps",
                                   also_stopped ? "-aq" : "-q",
                                   "--no-trunc",
                                   "--filter",
                                   "label=com.docker.compose.project=ledger"}));
}

bool MoveHost::has_volume() const {
  const auto volumes = words_of(machine_.docker({"volume", "ls", "-q"}));
  return std::find(volumes.begin(), volumes.end(), "ledger_data") != volumes.end();
}

MoveWorld::MoveWorld(MoveWorldOptions options)
    : options_(options),
      network_(options_.seed),
      controller_(folder_.path(), Network::address_of(Network::own_port)) {
  quicken_all();
  for (int number = 1; number <= 3; ++number) {
    hosts_.push_back(
        std::make_unique<MoveHost>(network_, number, folder_.path(), options_.has_small_disks));
  }
  boot();
  write_project();
  folder_files_ = manifest_of(host(1).folder());
  controller_.write_registry(first_registry());
  controller_.start();
  for (const auto& host : hosts_) {
    host->agent().join(controller_.create_token());
    host->agent().start();
  }
  for (const auto& host : hosts_) controller_.await_machine(host->name(), "online");
  await_until("the service is known", 60s, [&] {
    return controller_.row("/api/services", "services", service)["status"] != "unknown";
  });
  const auto started = controller_.post(fmt::format("/api/services/{}/start", service));
  if (started.status != 200) throw Error{Code::internal, started.text + controller_.log_tail()};
  controller_.await_service(service, "running");
  make_odd_files(host(1).odd_files(), options_.random_mebibytes);
  odd_files_ = manifest_of(host(1).odd_files());
  std::vector<std::string> addresses;
  for (const auto& host : hosts_) addresses.push_back(host->machine().address());
  client_.emplace(std::move(addresses), port);
  client_->await_row();
}

void MoveWorld::boot() {
  // Started by this thread, since a program ends with the thread that started it.
  for (const auto& host : hosts_) {
    host->machine().power_on();
    host->machine().start_engine();
  }
  std::vector<std::future<void>> ready;
  for (const auto& host : hosts_) {
    ready.push_back(std::async(std::launch::async, [&machine = host->machine()] {
      machine.await_engine();
      if (machine.name() == "h1") load_ledger_image(machine.docker_environment());
    }));
  }
  for (auto& one : ready) one.get();
}

void MoveWorld::write_project() const {
  const auto folder = hosts_.front()->folder();
  make_folder(folder / "conf/deeper", 0755);
  write_file_atomic(
      folder / "docker-compose.yml",
      fmt::format(ledger_compose, fmt::arg("image", ledger_image), fmt::arg("port", port)));
  write_file_atomic(folder / ".env", "LEDGER_NAME=of the tests\n", 0600);
  write_file_atomic(folder / "conf/settings", "pace = slow\n", 0640);
  make_odd_files(folder / "conf/deeper/odd");
}

std::string MoveWorld::first_registry() const {
  std::string text = "# Hosts of a test, and one service that moves between them.\nhosts:\n";
  for (const auto& host : hosts_) {
    text += fmt::format("  {}: {{ip: {}, path: {}}}  # one of three\n",
                        host->name(),
                        host->machine().address(),
                        host->services().string());
  }
  return text + fmt::format(
                    "services:\n"
                    "  # It must not lose a row.\n"
                    "  {}:\n"
                    "    current_host: h1   # where it is now\n"
                    "    docker_compose: ledger/docker-compose.yml\n"
                    "    port: {}\n",
                    service,
                    port);
}

MoveHost& MoveWorld::host(const std::string& name) const {
  const auto found = std::find_if(
      hosts_.begin(), hosts_.end(), [&](const auto& one) { return one->name() == name; });
  if (found == hosts_.end()) throw Error{Code::not_found, "no host is called " + name};
  return **found;
}

TakenMove MoveWorld::begin(const std::string& to, const std::optional<std::string>& from) const {
  Json move = Json::object();
  move["service_name"] = service;
  move["from_machine"] = from ? Json(*from) : Json(nullptr);
  move["to_machine"] = to;
  Json body = Json::object();
  body["moves"] = Json::array();
  body["moves"].push_back(std::move(move));
  return execute(body);
}

TakenMove MoveWorld::execute(const Json& body) const {
  const auto answer =
      controller_.post("/api/deployment/execute", dump(body), {{"Prefer", "respond-async"}});
  TakenMove taken{.status = answer.status, .batch = {}, .text = answer.text};
  if (taken.status == 202) taken.batch = answer.body["job_id"].get<std::string>();
  return taken;
}

Json MoveWorld::move(const std::string& to) const {
  const auto taken = begin(to);
  if (taken.batch.empty()) throw Error{Code::conflict, "the move was refused: " + taken.text};
  return await_end(taken.batch);
}

Json MoveWorld::ask(const std::string& path) const {
  try {
    const auto answer = controller_.get(path);
    return answer.status == 200 ? answer.body : Json(nullptr);
  } catch (const std::exception&) {
    return nullptr;  // killed, frozen, or just being started
  }
}

bool MoveWorld::is_over(const std::string& batch) const {
  const auto job = ask("/api/jobs/" + batch);
  return job.is_object() && job["finished_at"].is_string();
}

Json MoveWorld::part_of(const std::string& batch) const {
  const auto jobs = ask(fmt::format("/api/jobs?service={}&limit=20", service));
  if (!jobs.is_object()) return nullptr;
  for (const auto& job : jobs["jobs"]) {
    if (job["parent"] == batch) return job;
  }
  return nullptr;
}

Json MoveWorld::await_end(const std::string& batch) const {
  await_until(
      "the move is over",
      move_patience,
      [&] { return is_over(batch); },
      [&] {
        const auto part = part_of(batch);
        const auto id = part.is_object() ? part["id"].get<std::string>() : batch;
        return dump(ask("/api/jobs/" + id)) + "\n" + controller_.log_tail();
      });
  return part_of(batch);
}

bool MoveWorld::was_stale(const std::string& batch) const {
  const auto job = ask("/api/jobs/" + batch);
  if (!job.is_object() || job["state"] != "failed") return false;
  const auto& results = job["results"];
  return results.size() == 1 && results[0]["job_id"] == "" && results[0]["error"].is_string();
}

std::vector<std::string> MoveWorld::places() const {
  std::vector<std::string> names;
  for (const auto& host : hosts_) {
    if (!host->containers(false).empty()) names.push_back(host->name());
  }
  return names;
}

std::string MoveWorld::registry_text() const {
  return read_file(controller_.registry());
}

std::string MoveWorld::registry_host() const {
  std::istringstream lines{registry_text()};
  for (std::string line; std::getline(lines, line);) {
    const auto words = words_of(line);
    if (words.size() > 1 && words[0] == "current_host:") return words[1];
  }
  return {};
}

void MoveWorld::edit_registry(const std::function<std::string(std::string)>& change) const {
  auto lock_file = controller_.registry();
  lock_file += ".lock";
  std::optional<FileLock> lock;
  await_until("the registry is not locked", 60s, [&] {
    try {
      lock.emplace(lock_file);
      return true;
    } catch (const Error& error) {
      if (error.code() != Code::conflict) throw;
      return false;
    }
  });
  controller_.write_registry(change(registry_text()));
}

Json MoveWorld::history() const {
  return controller_.get(fmt::format("/api/history/deployments?service={}&limit=20", service)).body;
}

void MoveWorld::heal() {
  watch_.freeze_nowhere();
  for (const auto& host : hosts_) {
    for (const auto* disk : host->disks()) disk->make_room();
    host->switch_on();
  }
  if (!controller_.running()) controller_.start();
  controller_.thaw();
  for (const auto& host : hosts_) controller_.await_machine(host->name(), "online");
}

void load_ledger_image(const Environment& docker) {
  load_images(docker);
  const TempFolder folder{"ledger"};
  std::filesystem::copy_file(PORTOSER_LEDGER_WRITER, folder / "ledger_writer");
  write_file_atomic(folder / "Dockerfile", fmt::format(image_description, busybox_image));
  must_run({"docker", "build", "-q", "-t", ledger_image, folder.path().string()},
           {.environment = docker});
}

std::string with_replaced(std::string text, const std::string& from, const std::string& to) {
  const auto at = text.find(from);
  if (at == std::string::npos) {
    throw Error{Code::internal, fmt::format("\"{}\" is not in\n{}", from, text)};
  }
  return text.replace(at, from.size(), to);
}

}  // namespace portoser::test
