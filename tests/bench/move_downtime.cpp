// How long a service with 1 GiB in its volume answers nobody while it moves to another host, beside
// what a careful person does by hand over the same wire: rsync while it runs, stop, rsync again,
// start. Seen by its client. Both hosts have the image already; each copy begins from nothing.
#include "common/file.h"
#include "common/program.h"
#include "tests/cluster/move_world.h"
#include "tests/support/await.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

using namespace portoser;
using namespace portoser::test;
using namespace std::chrono_literals;

namespace {

constexpr int rounds = 3;
constexpr std::size_t volume_mebibytes = 1024;

struct Figures {
  double downtime = 0;  ///< seconds, the longest time between two acknowledged rows
  double whole = 0;     ///< seconds, from the wish to the end
};

double median_of(const std::vector<Figures>& all, double Figures::*what) {
  std::vector<double> values;
  for (const auto& one : all) values.push_back(one.*what);
  std::sort(values.begin(), values.end());
  return values.at(values.size() / 2);
}

template <class Work>
Figures measured(MoveWorld& world, Work work) {
  world.client().await_row();
  world.client().begin_measuring();
  const auto begin = std::chrono::steady_clock::now();
  work();
  Figures figures;
  figures.whole = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  // The first one on the other host ends the gap.
  world.client().await_row();
  figures.downtime = std::chrono::duration<double>(world.client().longest_gap()).count();
  return figures;
}

std::string compose(const MoveHost& host, std::vector<std::string> words) {
  std::vector<std::string> all{
      "docker-compose", "-f", (host.folder() / "docker-compose.yml").string()};
  all.insert(all.end(), words.begin(), words.end());
  return must_run(std::move(all),
                  {.environment = host.machine().docker_environment(), .limit = 10min});
}

/// rsync's own daemon on `host`, for the disk of the host: no cipher slows it down.
Process serve_disk(const MoveHost& host) {
  const auto file = host.machine().disk() / "rsyncd.conf";
  write_file_atomic(file,
                    fmt::format("uid = root\ngid = root\nuse chroot = no\nread only = yes\n"
                                "[disk]\npath = {}\n",
                                host.machine().disk().string()));
  Process daemon{{.argv = {"rsync", "--daemon", "--no-detach", "--config=" + file.string()},
                  .log_file = host.machine().disk() / "rsyncd.log",
                  .within = host.machine().first_process()}};
  await_until(
      "rsync answers",
      60s,
      [&] {
        return run_command({"rsync", "rsync://127.0.0.1/"},
                           {.within = host.machine().first_process()})
                   .exit_status == 0;
      },
      [&] { return daemon.log_tail(); });
  return daemon;
}

void fetch(const MoveHost& to, const MoveHost& from, const std::string& folder) {
  must_run({"rsync",
            "-aHAXS",
            "--numeric-ids",
            "--delete",
            fmt::format("rsync://{}/disk/{}/", from.machine().address(), folder),
            (to.machine().disk() / folder).string() + "/"},
           {.within = to.machine().first_process(), .limit = 20min});
}

void move_by_hand(const MoveHost& from, const MoveHost& to) {
  const auto daemon = serve_disk(from);
  make_folder(to.folder(), 0755);
  fetch(to, from, "stacks/ledger");
  compose(to, {"up", "--no-start"});  // makes the volume
  const std::string volume = "docker/volumes/ledger_data/_data";
  fetch(to, from, volume);
  compose(from, {"stop"});
  fetch(to, from, volume);
  compose(to, {"start"});
}

/// The very same one: an image that is built again has another id.
void copy_image(const MoveHost& from, const MoveHost& to) {
  const auto there = to.machine().docker_environment().at("DOCKER_HOST");
  must_run(
      {"sh", "-c", fmt::format("docker save {} | DOCKER_HOST={} docker load", ledger_image, there)},
      {.environment = from.machine().docker_environment()});
}

/// As if it had never been there.
void clear(const MoveWorld& world, const MoveHost& host) {
  const auto docker = host.machine().docker_environment();
  for (const auto& id : host.containers(true)) host.machine().docker({"rm", "-f", id});
  if (host.has_volume()) host.machine().docker({"volume", "rm", "ledger_data"});
  run_command({"docker", "network", "rm", "ledger_default"}, {.environment = docker});
  std::filesystem::remove_all(host.folder());
  world.controller().await_machine(host.name(), "online");
}

void say_where(const MoveWorld& world, const MoveHost& host) {
  const auto before = world.registry_host();
  world.edit_registry([&](std::string text) {
    return with_replaced(
        std::move(text), "current_host: " + before, "current_host: " + host.name());
  });
  world.controller().await_service(MoveWorld::service, "running");
}

void move_by_us(const MoveWorld& world, const MoveHost& to) {
  const auto part = world.move(to.name());
  if (part["state"] != "succeeded") throw Error{Code::internal, dump(part)};
}

int measure() {
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  MoveWorld world{{.random_mebibytes = volume_mebibytes}};
  auto& one = world.host(1);
  auto& two = world.host(2);
  copy_image(one, two);
  std::vector<Figures> ours;
  std::vector<Figures> theirs;
  for (int round = 0; round < rounds; ++round) {
    ours.push_back(measured(world, [&] { move_by_us(world, two); }));
    clear(world, one);
    theirs.push_back(measured(world, [&] { move_by_hand(two, one); }));
    clear(world, two);
    say_where(world, one);
    fmt::print("round {}: {:.2f} s of downtime in {:.1f} s by us, {:.2f} s in {:.1f} s by hand\n",
               round + 1,
               ours.back().downtime,
               ours.back().whole,
               theirs.back().downtime,
               theirs.back().whole);
  }
  const auto our_downtime = median_of(ours, &Figures::downtime);
  const auto their_downtime = median_of(theirs, &Figures::downtime);
  fmt::print(
      "move_downtime: {} MiB, {:.2f} s of downtime by us (of {:.1f} s in all), {:.2f} s by hand "
      "(of {:.1f} s; medians of {}): {:.2f}\n",
      volume_mebibytes,
      our_downtime,
      median_of(ours, &Figures::whole),
      their_downtime,
      median_of(theirs, &Figures::whole),
      rounds,
      our_downtime / their_downtime);
  return 0;
}

}  // namespace

int main() {
  return run_program("move_downtime", measure);
}
