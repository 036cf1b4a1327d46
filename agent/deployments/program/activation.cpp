// What was moved here is started under a lease: docs/decisions/0020.
#include "agent/deployments/program/container_processes.h"
#include "agent/deployments/program/held_containers.h"
#include "agent/deployments/program/verdict.h"
#include "agent/deployments/program/work.h"
#include "common/describe_json.h"
#include "common/error.h"
#include "common/file.h"

#include <fmt/format.h>

#include <algorithm>
#include <signal.h>

namespace portoser::agent::deployments {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

/// There while the containers run that `up` started: nothing that it asked of the engine is left
/// undone.
constexpr auto started_name = "started";

/// What the engine has not ended within this time is ended without it.
constexpr std::chrono::seconds withdraw_patience{10};
/// After a boot nothing of it runs, and the engine may not be up yet.
constexpr std::chrono::minutes boot_patience{5};
constexpr std::chrono::minutes release_patience{15};
constexpr std::chrono::seconds grace{1};
constexpr std::chrono::milliseconds look_for_verdict_again{100};

Error not_confirmed(const std::string& what) {
  return Error{Code::conflict, what}
      .reason("NOT_CONFIRMED")
      .hint("nothing of the service stays on this host; start it where it was before");
}

Error runs_already(const engine::Container& container) {
  return Error{Code::conflict, container.name + " runs on this host already"}
      .reason("CONTAINER_EXISTS")
      .hint("the service is not moved to where it runs: stop it there first");
}

bool is_there(const fs::path& path) {
  std::error_code failure;
  return fs::exists(path, failure);
}

/// Its folder has an end already, or nothing was ever held there.
bool is_over(const fs::path& folder, const Parameters& activation, const WorkClock& clock) {
  if (is_there(folder / "outcome.json") || is_there(folder / "result.json")) return true;
  if (!read_held(folder)) return true;
  return activation.lease_boot_id != clock.boot_id() ||
         clock.uptime_ns() >= activation.lease_ends_at_ns;
}

}  // namespace

/// Before anything else: what runs already is not ours to start, and not ours to end.
void Work::refuse_what_runs() {
  for (const auto& container : containers()) {
    if (container.is_up()) throw runs_already(container);
  }
}

int Work::hold() {
  const fs::path folder{parameters_.folder};
  const auto found = containers();
  // What an earlier attempt wrote down: by now they may have the policy that it gave them.
  auto held = read_held(folder).value_or(HeldContainers{});
  for (const auto& container : found) {
    if (held.find(container.id) != nullptr) continue;
    held.containers.push_back({container.id, container.name, container.whole_policy()});
  }
  write_held(folder, held);
  VerdictFile{folder}.prepare();
  for (const auto& container : found) {
    if (container.restart_policy != "no") engine_.set_restart_policy(container.id, "no");
  }
  for (const auto& container : containers()) {
    if (container.is_up()) throw runs_already(container);
    if (container.restart_policy == "no") continue;
    throw Error{
        Code::internal,
        fmt::format(
            "{} keeps its restart policy \"{}\"", container.name, container.whole_policy())};
  }
  fmt::print("{} containers are made; the engine starts none of them by itself\n", found.size());
  return 0;
}

/// Starts what is held, and makes none of it anew: that would have its policy from the file.
int Work::start_held() {
  auto words = compose_.up_words();
  words.emplace_back("--no-recreate");
  if (parameters_.compose_service.empty()) return compose_(words);
  words.emplace_back("--no-deps");
  return compose_(words, {parameters_.compose_service});
}

int Work::up_held() {
  const int status = start_held();
  if (status == 0) write_file_atomic(fs::path{parameters_.folder} / started_name, "", 0600);
  return status;
}

int Work::confirm() {
  // Before the runner does at the lease's end, so that the reason is told.
  constexpr std::chrono::nanoseconds ahead = 500ms;
  const VerdictFile file{parameters_.folder};
  fmt::print("it runs; waiting for the word that it is this host's\n");
  for (;;) {
    const bool is_late = clock_.boot_id() != parameters_.lease_boot_id ||
                         clock_.uptime_ns() + ahead.count() >= parameters_.lease_ends_at_ns;
    if (is_late || file.read()) {
      if (file.decide(Verdict::expired) == Verdict::confirmed) return 0;
      throw not_confirmed("nobody confirmed within its lease that the service is this host's");
    }
    clock_.pause(look_for_verdict_again);
  }
}

int Work::grant() {
  const fs::path folder{parameters_.activation};
  if (!is_there(folder / "parameters.json")) {
    throw not_confirmed("this host knows no activation " + folder.filename().string());
  }
  Parameters activation;
  from_json(Json::parse(read_file(folder / "parameters.json")), activation, "parameters");
  if (activation.action != "activate") {
    throw not_confirmed(folder.filename().string() + " is no activation");
  }
  const auto wanted = is_over(folder, activation, clock_) ? Verdict::expired : Verdict::confirmed;
  if (VerdictFile{folder}.decide(wanted) == Verdict::confirmed) {
    fmt::print("{} is this host's\n", activation.service);
    return 0;
  }
  throw not_confirmed(
      fmt::format("the lease of {} was over before, or its start failed: it is not this host's",
                  activation.service));
}

int Work::grant_again() {
  try {
    grant();
  } catch (const std::exception& error) {
    fmt::print("{}\n", error.what());
  }
  // Nothing that runs was touched; the verdict says the rest.
  return nothing_to_undo;
}

/// After a boot nothing of it runs; a runner that was killed may have left some of it unstarted.
/// What ended with 0 beside others that run had done its work.
bool Work::is_started(const HeldContainers& held) {
  bool is_any_up = false;
  bool is_any_missing = false;
  for (const auto& container : containers()) {
    if (held.find(container.id) == nullptr) continue;
    is_any_up = is_any_up || container.is_up();
    const bool is_done = container.state == "exited" && container.exit_code == 0;
    is_any_missing = is_any_missing || (!container.is_up() && !is_done);
  }
  return is_any_up && !is_any_missing;
}

int Work::release_once() {
  const auto held = read_held(parameters_.folder).value_or(HeldContainers{});
  engine_.ping();
  const int status = is_started(held) ? 0 : start_held();
  for (const auto& container : containers()) {
    const auto* own = held.find(container.id);
    // Somebody may have given it another meanwhile: that one stays.
    if (own == nullptr || own->policy == "no" || container.restart_policy != "no") continue;
    engine_.set_restart_policy(container.id, own->policy);
    fmt::print("{} has its restart policy \"{}\" again\n", container.name, own->policy);
  }
  return status;
}

int Work::release() {
  const auto end = clock_.now() + release_patience;
  for (bool is_told = false;; is_told = true) {
    try {
      const int status = release_once();
      if (status == 0 || clock_.now() >= end) return status;
    } catch (const Error& error) {
      if (clock_.now() >= end) throw;
      if (!is_told) fmt::print("trying again: {}\n", error.message());
    }
    clock_.pause(1s);
  }
}

void Work::say_once(const std::string& text) {
  if (said_.insert(text).second) fmt::print("{}\n", text);
}

/// Whether the engine says that none of it runs any more, nor will. `ids` gets what it lists. It
/// does not answer: `Error`.
bool Work::end_by_engine(std::set<std::string>& ids, bool may_start_late) {
  engine_.ping();
  const auto all = containers();
  for (const auto& container : all) ids.insert(container.id);
  const auto end = clock_.now() + withdraw_patience;
  // All are stopped before one is removed: what runs on must not wait for that.
  for (const bool is_removal : {false, true}) {
    for (const auto& container : all) {
      if (!is_removal && !container.is_up()) continue;
      // A slow engine has its time; then those that run are killed.
      if (clock_.now() >= end) return false;
      bool is_late = false;
      try {
        if (is_removal) {
          engine_.remove_container(container.id);
          fmt::print("{} is removed\n", container.name);
        } else {
          engine_.stop_container(container.id, grace);
        }
      } catch (const Error& error) {
        say_once(container.name + ": " + error.message());
        is_late = error.code() == Code::deadline;
      }
      // Frozen meanwhile, it would cost as much time with each of the others.
      if (is_late) engine_.ping();
    }
  }
  const auto left = containers();
  return std::none_of(left.begin(), left.end(), [&](const auto& container) {
    // A start that is under way ends before a removal begins, so it is over for what is gone.
    if (container.state == "dead" || container.state == "removing") return false;
    return container.is_up() || may_start_late;
  });
}

/// No process is left, and none comes. By the engine's word where it gives one; while it is frozen
/// or away, by what this machine's processes say.
void Work::end_all(std::set<std::string> ids, bool may_start_late) {
  const auto began = clock_.now();
  const bool is_other_boot = clock_.boot_id() != parameters_.lease_boot_id;
  // What was asked of the engine is gone with it.
  may_start_late = may_start_late && !is_other_boot;
  const std::chrono::seconds patience = is_other_boot ? boot_patience : withdraw_patience;
  std::optional<std::chrono::steady_clock::time_point> gone_since;
  for (;; clock_.pause(look_for_verdict_again)) {
    bool has_answered = false;
    bool has_ended = false;
    bool is_gone = false;
    try {
      has_ended = end_by_engine(ids, may_start_late);
      has_answered = true;
    } catch (const Error& error) {
      say_once("the engine does not answer: " + error.message());
      is_gone = error.code() != Code::deadline;
    }
    const auto waited = clock_.now() - began;
    // One that is not there at all has forgotten what it was asked; a frozen one has not.
    if (!is_gone) gone_since.reset();
    if (is_gone && !gone_since) gone_since = clock_.now();
    if (gone_since && clock_.now() - *gone_since >= withdraw_patience) may_start_late = false;
    if (!has_ended && waited < withdraw_patience) continue;
    const auto alive = find_processes_(ids);
    for (const auto pid : alive) {
      say_once(fmt::format("process {} of it is killed", pid));
      ::kill(pid, SIGKILL);
    }
    if (!alive.empty() || (has_answered && !has_ended)) continue;
    if (has_ended) return;
    // Frozen in the middle of a start, it would go on with it some day: until it says something,
    // this goes on too.
    if (may_start_late || waited < patience) continue;
    fmt::print("nothing of it runs; its containers stay until the engine answers\n");
    return;
  }
}

int Work::withdraw() {
  const fs::path folder{parameters_.folder};
  std::optional<Error> undecided;
  try {
    if (VerdictFile{folder}.decide(Verdict::expired) == Verdict::confirmed) {
      fmt::print("it was confirmed: it stays\n");
      return nothing_to_undo;
    }
  } catch (const Error& error) {
    // The disk fails. Nobody was told that it is this host's: it must not run on.
    undecided = error;
  }
  std::set<std::string> ids;
  bool may_start_late = true;
  try {
    const auto held = read_held(folder);
    if (held) {
      for (const auto& container : held->containers) ids.insert(container.id);
    }
    // Nothing is started before they are held.
    may_start_late = held && !is_there(folder / started_name);
  } catch (const Error& error) {
    fmt::print("{}\n", error.message());
  }
  end_all(std::move(ids), may_start_late);
  if (undecided) throw *undecided;
  return 0;
}

/// What the engine could not remove then, and its networks. Nobody waits for it.
void Work::clear_withdrawn() {
  try {
    const auto verdict = VerdictFile{parameters_.folder}.read();
    const auto ran = store_.find_before(parameters_.service, parameters_.command);
    // Without the latter it ended before anything: what is there is not its own.
    if (verdict != Verdict::expired || !ran) return;
    engine_.ping();
    for (const auto& container : containers()) engine_.remove_container(container.id);
    // A service that shares its file with others shares the networks too.
    if (parameters_.compose_service.empty()) compose_({"down"});
  } catch (const Error& error) {
    fmt::print("something of it is left: {}\n", error.message());
  }
}

}  // namespace portoser::agent::deployments
