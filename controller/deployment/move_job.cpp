#include "controller/deployment/move_job.h"

#include "common/derived_ulid.h"
#include "common/describe_json.h"
#include "common/log.h"
#include "controller/deployment/preflight.h"
#include "controller/jobs/run.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace portoser::deployment {
namespace {

constexpr std::chrono::seconds move_pause{1};

MovePhase phase_of(const std::string& name) {
  auto phase = MovePhase::look;
  if (enum_from_name(name.c_str(), phase)) return phase;
  throw Error{Code::internal, fmt::format("a move has no phase \"{}\"", name)};
}

std::vector<std::string> steps_of(bool has_source) {
  if (!has_source) return {"look", "start", "confirm", "registry"};
  return {"look", "copy", "stop", "sync", "start", "confirm", "registry", "routing", "finish"};
}

Error cancelled() {
  return Error{Code::conflict, "cancelled"}.reason("ACTION_CANCELLED");
}

}  // namespace

bool may_try_again(std::string_view reason) {
  return reason == "TRANSFER_CUT" || reason == "BUSY" || reason == "ACTION_INTERRUPTED" ||
         reason == "AGENT_LOST" || reason == "AGENT_OFFLINE" || reason == "AGENT_SILENT" ||
         reason == "COMMAND_UNKNOWN";
}

protocol::CommandResult as_result(const Error& error) {
  protocol::CommandResult result;
  result.code = to_string(error.code());
  result.reason = error.reason();
  result.message = error.message();
  result.hint = error.hint();
  return result;
}

bool is_gone(const Error& absence) {
  const auto reason = absence.reason();
  return reason == "AGENT_MISSING" || reason.starts_with("DEVICE_");
}

Error move_error(const protocol::CommandResult& result, const std::string& host) {
  std::vector<ErrorDetail> details;
  for (const auto& line : result.last_lines) details.push_back({"output", line});
  return Error{code_from_string(result.code), host + ": " + result.message}
      .reason(result.reason)
      .hint(result.hint)
      .details(std::move(details));
}

MoveJob::MoveJob(MoveRooms rooms,
                 MoveLimits limits,
                 std::shared_ptr<jobs::Run> run,
                 storage::MoveRecord record,
                 Move move,
                 KeptData kept)
    : rooms_(rooms),
      limits_(limits),
      run_(std::move(run)),
      record_(std::move(record)),
      phase_(phase_of(record_.phase)),
      move_(std::move(move)),
      kept_(std::move(kept)),
      repeats_(run_->resumed),
      news_(rooms.fleet.executor(), asio::steady_timer::time_point::max()) {
  from_json(Json::parse(record_.data), notes_, "move");
  from_json(Json::parse(record_.chores), chores_, "chores");
  if (!notes_.lease.boot_id.empty()) set_ends_of_lease();
}

std::string MoveJob::id_of(const std::string& what) const {
  return derived_ulid(record_.id, what);
}

asio::awaitable<void> MoveJob::carry_out() {
  run_->plan(steps_of(has_source()));
  std::optional<Error> why;
  if (phase_ < MovePhase::decided) {
    try {
      auto going = go_forward();
      co_await std::move(going);
    } catch (const Error& error) {
      why = error;
    }
  }
  if (undecided_) {
    add_chore("withdraw", record_.target);
    record_.ended_at = run_->now();
    auto keeping = keep();
    co_await std::move(keeping);
    throw Error{*undecided_};
  }
  if (why && phase_ < MovePhase::decided) {
    note_failure(*why);
    run_->log(why->message());
    run_->fail_step(why->message());
    auto entering = enter(MovePhase::returning);
    co_await std::move(entering);
  }
  if (phase_ == MovePhase::returning) {
    auto returning = go_back();
    co_await std::move(returning);
  }
  if (phase_ == MovePhase::returned) throw failure();
  auto settling = settle();
  co_await std::move(settling);
}

asio::awaitable<void> MoveJob::next_phase() {
  switch (phase_) {
    case MovePhase::look:
      return look();
    case MovePhase::copy:
      return transfer(false);
    case MovePhase::stop:
      return stop_source();
    case MovePhase::sync:
      return transfer(true);
    default:
      return activate();
  }
}

asio::awaitable<void> MoveJob::go_forward() {
  while (phase_ < MovePhase::decided) {
    auto waiting = give_time_to(hosts_to_begin(), limits_.away_stopped);
    co_await std::move(waiting);
    auto phase = next_phase();
    co_await std::move(phase);
  }
}

/// Those that the phase needs at its beginning. A move that was begun just now is refused at once.
std::vector<std::string> MoveJob::hosts_to_begin() const {
  if (phase_ == MovePhase::stop) return {record_.source};
  if (phase_ == MovePhase::start || phase_ == MovePhase::confirm) return {record_.target};
  if (phase_ == MovePhase::look && !run_->resumed) return {};
  if (!has_source()) return {record_.target};
  return {record_.source, record_.target};
}

/// A controller that has just started finds nobody there yet, and an agent may be on its way back:
/// no reason to give the move up.
asio::awaitable<void> MoveJob::give_time_to(std::vector<std::string> hosts,
                                            std::chrono::steady_clock::duration patience) {
  const auto end = std::chrono::steady_clock::now() + patience;
  for (const auto& host : hosts) {
    while (!run_->cancelled() && std::chrono::steady_clock::now() < end && absent(host)) {
      co_await pause(move_pause);
    }
  }
}

/// A database that takes nothing holds the move up: what is not written down would be forgotten by
/// the controller after this one.
asio::awaitable<void> MoveJob::keep() {
  record_.phase = enum_name(phase_);
  record_.data = dump(to_json(notes_));
  record_.chores = dump(to_json(chores_));
  for (;;) {
    std::optional<Error> refused;
    try {
      auto updating = rooms_.moves.update(record_);
      co_await std::move(updating);
    } catch (const Error& error) {
      refused = error;
    }
    if (!refused) co_return;
    log::error("deployment",
               "how far a move came could not be stored",
               {{"job", record_.id}, {"reason", refused->message()}});
    co_await pause(move_pause);
  }
}

asio::awaitable<void> MoveJob::enter(MovePhase phase) {
  phase_ = phase;
  if (phase == MovePhase::decided) record_.decided_at = run_->now();
  if (phase == MovePhase::done || phase == MovePhase::returned) record_.ended_at = run_->now();
  repeats_ = false;
  auto keeping = keep();
  co_await std::move(keeping);
}

void MoveJob::add_chore(const std::string& what, const std::string& host) {
  chores_.push_back({what, host});
}

/// Somebody may have cancelled it, or edited the registry by hand.
void MoveJob::require_still_wanted() const {
  if (run_->cancelled()) throw cancelled();
  const auto registry = rooms_.registry.snapshot()->registry;
  const auto* service = registry->find_service(record_.service);
  if (service == nullptr) {
    throw Error{Code::conflict,
                fmt::format("the registry does not have \"{}\" any more", record_.service)}
        .reason("STALE_PLAN");
  }
  if (registry->find_host(record_.target) == nullptr) {
    throw Error{Code::conflict,
                fmt::format("the registry does not have \"{}\" any more", record_.target)}
        .reason("STALE_PLAN");
  }
  const auto host = service->current_host.value_or("");
  if (host == record_.source) return;
  throw Error{Code::conflict,
              fmt::format("registry.yml was edited meanwhile: it has \"{}\" on {}",
                          record_.service,
                          host.empty() ? std::string{"no host"} : "\"" + host + "\"")}
      .reason("STALE_PLAN")
      .hint("look where the service is now, and plan again");
}

asio::awaitable<void> MoveJob::look() {
  run_->step("look");
  require_still_wanted();
  auto looking = rooms_.scout.look(move_, kept_);
  auto found = co_await std::move(looking);
  for (const auto& finding : found.findings) {
    run_->log(fmt::format("{}: {}", finding.severity, finding.message));
  }
  if (!found.findings.empty()) {
    auto keeping = rooms_.recording.keep_findings(run_->record(), found.findings);
    co_await std::move(keeping);
  }
  protocol::PreflightReport report;
  report.findings = found.findings;
  require_good(report, fmt::format("\"{}\" is not moved", record_.service));
  notes_.source = std::move(found.source);
  notes_.target = std::move(found.target);
  notes_.source_roots = std::move(found.data.source);
  notes_.target_roots = std::move(found.data.target);
  notes_.total_bytes = found.data.bytes + found.data.volume_bytes;
  notes_.was_running = found.is_running;
  notes_.may_replace = kept_.roots;
  notes_.leave_paths = move_.leave_paths.value_or(std::vector<std::string>{});
  notes_.has_sent_data = has_source();
  auto entering = enter(has_source() ? MovePhase::copy : MovePhase::start);
  co_await std::move(entering);
}

/// What is stopped already loses its restart policy all the same: a reboot must not start it.
asio::awaitable<void> MoveJob::stop_source() {
  run_->step("stop");
  protocol::ComposeStop command;
  command.target = notes_.source;
  if (!notes_.has_stopped_it) {
    require_still_wanted();
    // The copy may have taken days.
    auto asking = rooms_.scout.runs(record_.source, notes_.source);
    if (co_await std::move(asking)) notes_.was_running = true;
    notes_.has_stopped_it = true;
    auto keeping = keep();
    co_await std::move(keeping);
  }
  // A stop that was cut off, with its host or its agent, is done once more.
  const auto end = std::chrono::steady_clock::now() + limits_.away_stopped;
  for (int attempt = 1;; ++attempt) {
    auto part = part_of(record_.source, fmt::format("stop-{}", attempt), command, limits_.stop);
    auto running = result_of(std::move(part), limits_.away_stopped);
    const auto result = co_await std::move(running);
    if (result.succeeded) break;
    if (run_->cancelled()) throw cancelled();
    if (!may_try_again(result.reason) || std::chrono::steady_clock::now() >= end) {
      throw move_error(result, record_.source);
    }
    run_->log(fmt::format("{}: {}; once more", record_.source, result.message));
    co_await pause(move_pause);
  }
  auto entering = enter(MovePhase::sync);
  co_await std::move(entering);
}

std::optional<Error> MoveJob::absent(const std::string& host) const {
  try {
    rooms_.fleet.require_online(host);
  } catch (const Error& error) {
    return error;
  }
  return std::nullopt;
}

void MoveJob::tell_once(std::string& told, const std::string& text) {
  if (std::exchange(told, text) != text) run_->log(text);
}

asio::awaitable<Error> MoveJob::absence(std::vector<std::string> hosts,
                                        std::chrono::steady_clock::duration patience) {
  auto heard = std::chrono::steady_clock::now();
  for (;;) {
    std::optional<Error> away;
    for (const auto& host : hosts) {
      if (!away) away = absent(host);
    }
    const auto now = std::chrono::steady_clock::now();
    if (!away) heard = now;
    if (away && now - heard >= patience) co_return Error{*away};
    co_await pause(move_pause);
  }
}

asio::awaitable<protocol::CommandResult> MoveJob::result_of(
    jobs::Part part, std::chrono::steady_clock::duration patience) {
  std::optional<Error> failed;
  try {
    auto watching = absence({part.host}, patience);
    auto running = run_->part(std::move(part));
    auto guarded = guarded_by(std::move(watching), std::move(running));
    co_return co_await std::move(guarded);
  } catch (const Error& error) {
    failed = error;
  }
  co_return as_result(*failed);
}

}  // namespace portoser::deployment
