#include "tests/unit/deployments/work_fixture.h"

#include "common/crypto.h"
#include "common/error.h"
#include "common/file.h"
#include "common/ids.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>

namespace portoser::agent::deployments {
namespace {

constexpr auto fake_compose = R"(#!/bin/sh
dir=$(dirname "$0")
[ "$1" = -f ] && shift 2
echo "$*" >> "$dir/calls"
if [ -f "$dir/do-$1" ]; then . "$dir/do-$1"; fi
exit 0
)";

constexpr auto first_text = "services:\n  web: {image: 'app:1'}\n  db: {image: 'base:1'}\n";

}  // namespace

void FakeEngineCalls::answer() const {
  if (frozen) throw Error{Code::deadline, "no answer"}.reason("ENGINE_TIMEOUT");
}

void FakeEngineCalls::ping() {
  answer();
  if (away-- > 0) throw Error{Code::unavailable, "no engine"}.reason("ENGINE_UNAVAILABLE");
}

std::vector<engine::Container> FakeEngineCalls::containers() {
  answer();
  if (before_look) before_look();
  return list;
}

std::string FakeEngineCalls::health_output(const std::string&) {
  return check_output;
}

void FakeEngineCalls::stop_container(const std::string& id,
                                     std::optional<std::chrono::seconds> grace) {
  answer();
  if (stuck) throw Error{Code::unavailable, "did not receive an exit event"};
  stops.push_back(grace ? fmt::format("{} in {} s", id, grace->count()) : id);
  for (auto& container : list) {
    if (container.id != id) continue;
    container.state = "exited";
    container.exit_code = 143;
  }
}

void FakeEngineCalls::start_container(const std::string& id) {
  if (busy_starts-- > 0) throw Error{Code::internal, "port is already allocated"};
  for (auto& container : list) {
    if (container.id != id) continue;
    container.state = "running";
    container.exit_code = 0;
    container.started_us += 1;
  }
}

void FakeEngineCalls::rename_container(const std::string& id, const std::string& name) {
  for (auto& container : list) {
    if (container.id == id) container.name = name;
  }
}

void FakeEngineCalls::remove_container(const std::string& id) {
  answer();
  if (stuck) throw Error{Code::unavailable, "cannot remove it"};
  std::erase_if(list, [&](const auto& container) { return container.id == id; });
}

void FakeEngineCalls::set_restart_policy(const std::string& id, const std::string& policy) {
  answer();
  if (on_policy) on_policy(id);
  policies.push_back(id + " " + policy);
  for (auto& container : list) {
    if (container.id != id) continue;
    container.restart_policy = policy.substr(0, policy.find(':'));
    if (policy == "no") container.restart_limit = 0;
  }
}

std::optional<std::string> FakeEngineCalls::image_id(const std::string& reference) {
  const auto found = images.find(reference);
  if (found == images.end()) return std::nullopt;
  return found->second;
}

void FakeEngineCalls::tag_image(const std::string& image,
                                const std::string& repository,
                                const std::string& tag) {
  const auto id = image_id(image);
  if (!id) throw Error{Code::not_found, "no such image"};
  images[repository + ":" + tag] = *id;
  if (on_tag) on_tag(repository + ":" + tag);
}

void FakeEngineCalls::untag_image(const std::string& reference) {
  images.erase(reference);
}

WorkTest::WorkTest() {
  make_folder(folder / "tool");
  make_folder(folder / "notes");
  make_folder(folder / "data");
  write_file_atomic(folder / "tool/compose", fake_compose, 0755);
  write_file_atomic(file, first_text, 0640);
  parameters.command = "01ARZ3NDEKTSV4RRFFQ69G5FAV";
  parameters.data = (folder / "data").string();
  parameters.folder = (folder / "data/journal" / parameters.command).string();
  parameters.tool = {(folder / "tool/compose").string()};
  parameters.service = "notes";
  parameters.file = file.string();
  parameters.action = "up";
  parameters.health_ms = 5000;
  parameters.settle_ms = 1000;
  engine.images = {{"app:1", "sha256:a1"},
                   {"sha256:a1", "sha256:a1"},
                   {"base:1", "sha256:b1"},
                   {"sha256:b1", "sha256:b1"},
                   {"sha256:a2", "sha256:a2"}};
}

int WorkTest::run(const std::string& step) {
  WorkClock clock;
  clock.now_us = [this] { return clock_us; };
  clock.now = [this] {
    return std::chrono::steady_clock::time_point{std::chrono::microseconds{clock_us}};
  };
  clock.pause = [this](std::chrono::milliseconds time) {
    clock_us += time.count() * 1000;
    if (on_pause) on_pause();
  };
  clock.uptime_ns = [this] { return clock_us * 1000; };
  clock.boot_id = [this] { return boot_id; };
  Work work{parameters, engine, std::move(clock), find_processes, ask_probe};
  return work.run(step);
}

std::string WorkTest::reason_of(const std::string& step) {
  try {
    run(step);
  } catch (const Error& error) {
    return error.reason();
  }
  return {};
}

engine::Container& WorkTest::add(const std::string& id,
                                 const std::string& compose_service,
                                 const std::string& image_id) {
  engine::Container out;
  out.id = id;
  out.name = "notes_" + compose_service + "_1";
  out.image = compose_service == "web" ? "app:1" : "base:1";
  out.image_id = image_id;
  out.state = "running";
  out.started_us = clock_us - 60'000'000;
  out.labels = {{"com.docker.compose.project", "notes"},
                {"com.docker.compose.service", compose_service},
                {"com.docker.compose.project.working_dir", file.parent_path().string()},
                {"com.docker.compose.project.config_files", file.string()}};
  engine.list.push_back(std::move(out));
  return engine.list.back();
}

void WorkTest::replace(const std::string& id,
                       const std::string& new_id,
                       const std::string& image_id) {
  for (auto& container : engine.list) {
    if (container.id != id) continue;
    container.id = new_id;
    container.image_id = image_id;
    container.started_us = clock_us;
  }
}

void WorkTest::ask_for_text(const std::string& wanted) {
  parameters.replaces_text = true;
  parameters.text = to_base64url(wanted);
  parameters.revision = to_hex(sha256(text()));
}

std::string WorkTest::text() const {
  return read_file(file);
}

std::vector<std::string> WorkTest::names() const {
  std::vector<std::string> out;
  for (const auto& entry : std::filesystem::directory_iterator{file.parent_path()}) {
    out.push_back(entry.path().filename().string());
  }
  std::sort(out.begin(), out.end());
  return out;
}

std::vector<std::string> WorkTest::calls() const {
  std::vector<std::string> out;
  std::ifstream lines{folder / "tool/calls"};
  for (std::string line; std::getline(lines, line);) out.push_back(line);
  return out;
}

void WorkTest::keep_as(const std::string& deployment) {
  auto others = parameters;
  parameters.deployment = deployment;
  EXPECT_EQ(run("keep"), 0);
  parameters = std::move(others);
}

std::string WorkTest::deployment_id(int number) {
  return fmt::format("deploy-20261130-120000-{:08x}", number);
}

}  // namespace portoser::agent::deployments
