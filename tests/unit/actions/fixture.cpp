#include "tests/unit/actions/fixture.h"

#include "common/ids.h"

#include <sys/stat.h>

#include <cstdlib>
#include <fcntl.h>
#include <fstream>
#include <signal.h>
#include <sstream>
#include <unistd.h>

namespace portoser::agent::actions {
namespace {

constexpr auto fake_compose = R"(#!/bin/sh
dir=$(dirname "$0")
case "$*" in *"version --short") echo 1.29.2; exit 0;; esac
words="$*"
for word in "$@"; do
  case "$word" in config|up|stop|build|pull|down|rm) verb=$word; break;; esac
done
echo "$verb${words#*" $verb"}" >> "$dir/calls"
if [ -f "$dir/do-$verb" ]; then . "$dir/do-$verb"; fi
exit 0
)";

std::vector<std::string> lines_of(const std::filesystem::path& path) {
  std::vector<std::string> out;
  std::ifstream file{path};
  for (std::string line; std::getline(file, line);) out.push_back(line);
  return out;
}

}  // namespace

TempFolder::TempFolder() {
  std::string name = "/var/tmp/portoser-actions-XXXXXX";
  if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error{"no temporary folder"};
  path_ = name;
}

TempFolder::~TempFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

asio::awaitable<std::vector<engine::Container>> FakeEngine::containers() {
  if (away) throw Error{Code::unavailable, "no engine"}.reason("ENGINE_UNAVAILABLE");
  ++looks;
  if (before_look) before_look(looks);
  co_return list;
}

asio::awaitable<void> FakeEngine::set_restart_policy(std::string id, std::string policy) {
  if (away) throw Error{Code::unavailable, "no engine"}.reason("ENGINE_UNAVAILABLE");
  const auto found = std::find_if(
      list.begin(), list.end(), [&](const auto& container) { return container.id == id; });
  if (found == list.end()) throw Error{Code::not_found, "no such container"};
  found->restart_policy = policy;
  updates.emplace_back(std::move(id), std::move(policy));
  co_return;
}

asio::awaitable<systemd::Unit> FakeUnits::unit(std::string name) {
  if (away) throw Error{Code::unavailable, "this host runs no systemd"}.reason("SYSTEMD_MISSING");
  ++looks;
  if (before_look) before_look(looks);
  const auto found = units.find(name);
  if (found != units.end()) co_return found->second;
  systemd::Unit missing;
  missing.name = missing.id = name;
  missing.load_state = "not-found";
  missing.active_state = "inactive";
  missing.sub_state = "dead";
  co_return missing;
}

asio::awaitable<std::string> FakeUnits::systemd_version() {
  if (away) throw Error{Code::unavailable, "this host runs no systemd"}.reason("SYSTEMD_MISSING");
  co_return version;
}

Gate::Gate(const std::filesystem::path& path) {
  if (::mkfifo(path.c_str(), 0600) != 0) throw std::runtime_error{"no pipe"};
  // For reading too, so that opening it waits for nobody.
  pipe_ = Descriptor{::open(path.c_str(), O_RDWR | O_CLOEXEC)};
}

void Gate::open() const {
  if (::write(pipe_.get(), "go\n", 3) != 3) throw std::runtime_error{"the gate does not open"};
}

ActionsTest::ActionsTest() {
  make_folder(folder / "tool");
  make_folder(folder / "notes");
  write_file_atomic(folder / "tool/compose", fake_compose, 0755);
  write_compose_file();
  settings.data_folder = folder / "data";
  settings.boot_id = "boot-1";
  settings.runner = PORTOSER_ACTION;
  settings.compose.engine_socket = "/no/such/docker.sock";
  settings.compose.tool = {(folder / "tool/compose").string()};
  settings.compose.settle = std::chrono::milliseconds{20};
  settings.grace = std::chrono::milliseconds{300};
  actions = make_actions();
}

ActionsTest::~ActionsTest() {
  if (actions) end(actions);
}

void ActionsTest::await(const std::string& reason, const std::function<bool()>& condition) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::minutes{1};
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) {
      throw std::runtime_error{"waited in vain until " + reason};
    }
    context.run_one_for(std::chrono::milliseconds{10});
  }
}

void ActionsTest::await_result(std::size_t count) {
  await("the result is there", [&] { return results.size() >= count; });
}

std::unique_ptr<Actions> ActionsTest::make_actions() {
  ActionCallbacks callbacks;
  callbacks.on_progress = [this](protocol::Progress some) { progress.push_back(std::move(some)); };
  callbacks.on_result = [this](protocol::CommandResult result) {
    results.push_back(std::move(result));
  };
  callbacks.on_service_command_started =
      [this](const std::string&, const std::string& service, std::string_view name, Time) {
        windows.push_back("begin " + service + " " + std::string{name});
      };
  callbacks.on_service_command_ended =
      [this](const std::string&, const std::string& service, bool succeeded, Time) {
        windows.push_back("end " + service + (succeeded ? " ok" : " failed"));
      };
  return std::make_unique<Actions>(
      context.get_executor(), pool, clock, engine, units, settings, std::move(callbacks));
}

void ActionsTest::end(std::unique_ptr<Actions>& some) {
  some->stop();
  run(some->join());
  some.reset();
}

void ActionsTest::script(const std::string& verb, const std::string& lines) const {
  write_file_atomic(folder / ("tool/do-" + verb), lines + "\n");
}

void ActionsTest::write_compose_file(const std::string& text) const {
  write_file_atomic(folder / "notes/docker-compose.yml", text);
}

protocol::ComposeTarget ActionsTest::target() const {
  protocol::ComposeTarget out;
  out.service = "notes";
  out.files = {(folder / "notes/compose.yml").string(),
               (folder / "notes/docker-compose.yml").string()};
  return out;
}

std::string ActionsTest::make_id() {
  return make_ulid(SystemClock{}.now());
}

engine::Container ActionsTest::container(const std::string& id) const {
  engine::Container out;
  out.id = id;
  out.name = "notes-" + id;
  out.state = "running";
  out.restart_policy = "always";
  out.started_us = to_unix_us(clock.now()) - 3'600'000'000;
  out.labels = {
      {"com.docker.compose.project", "notes"},
      {"com.docker.compose.service", "web"},
      {"com.docker.compose.project.working_dir", (folder / "notes").string()},
      {"com.docker.compose.project.config_files", (folder / "notes/docker-compose.yml").string()}};
  return out;
}

std::vector<std::string> ActionsTest::calls() const {
  return lines_of(folder / "tool/calls");
}

std::vector<std::string> ActionsTest::lines() const {
  std::vector<std::string> out;
  for (const auto& part : progress) out.insert(out.end(), part.lines.begin(), part.lines.end());
  return out;
}

pid_t ActionsTest::runner_pid(const std::string& id) const {
  pid_t pid = 0;
  std::ifstream{settings.data_folder / "journal" / id / "runner.lock"} >> pid;
  return pid;
}

pid_t ActionsTest::pid_in(const std::string& name) const {
  pid_t pid = 0;
  std::ifstream{folder / ("tool/" + name)} >> pid;
  return pid;
}

bool ActionsTest::alive(pid_t pid) {
  std::ifstream file{"/proc/" + std::to_string(pid) + "/stat"};
  std::stringstream text;
  text << file.rdbuf();
  const auto stat = text.str();
  const auto state = stat.rfind(')');
  return state != std::string::npos && stat[state + 2] != 'Z' && stat[state + 2] != 'X';
}

}  // namespace portoser::agent::actions
