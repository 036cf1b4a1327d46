// The way back of a move that did not come about.
#include "controller/deployment/move_job.h"
#include "controller/deployment/preflight.h"
#include "protocol/codec.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace portoser::deployment {
namespace {

using std::chrono::seconds;
using Steady = std::chrono::steady_clock;

constexpr seconds return_pause{1};
constexpr seconds longest_pause{30};
constexpr seconds discard_limit{600};

}  // namespace

void MoveJob::note_failure(const Error& error) {
  auto& failure = notes_.failure;
  failure.step = run_->record().step;
  failure.code = to_string(error.code());
  failure.reason = error.reason();
  failure.message = error.message();
  failure.hint = error.hint();
  for (const auto& detail : error.details()) {
    if (detail.where == "output") failure.output.push_back(detail.message);
  }
}

Error MoveJob::failure() const {
  const auto& failure = notes_.failure;
  std::vector<ErrorDetail> details{{"step", failure.step}};
  if (notes_.has_restarted_it) details.push_back({"undone", "returned"});
  for (const auto& line : failure.output) details.push_back({"output", line});
  return Error{code_from_string(failure.code), failure.message}
      .reason(failure.reason)
      .hint(failure.hint)
      .details(std::move(details));
}

asio::awaitable<void> MoveJob::go_back() {
  run_->step("return");
  auto quieting = quiet_target();
  co_await std::move(quieting);
  if (notes_.has_stopped_it && notes_.was_running) {
    auto restarting = restart_source();
    co_await std::move(restarting);
  }
  // A source that is gone for good leaves the copy as all that there is.
  const bool is_needed = notes_.has_stopped_it && notes_.was_running && !notes_.has_restarted_it;
  if (notes_.has_sent_data && !is_needed) {
    auto discarding = discard_target();
    co_await std::move(discarding);
  }
  auto entering = enter(MovePhase::returned);
  co_await std::move(entering);
}

/// How the activation ended, if the target says it; what is left of it ends now.
asio::awaitable<void> MoveJob::ask_target() {
  protocol::ComposeDeploy command;
  command.target = notes_.target;
  command.action = "activate";
  command.lease = notes_.lease;
  auto part = part_of(record_.target, "activate", command, seconds{10});
  part.adopt_only = true;
  part.is_cancelled = true;
  part.can_be_cancelled = false;
  auto asking = result_of(std::move(part), seconds{10});
  auto result = co_await std::move(asking);
  if (is_of_absence(result.reason) || result.reason == "AGENT_LOST") co_return;
  // One that never came there may still be on its way; one that was known and is not any more has a
  // journal that was lost.
  const auto now = rooms_.clock.uptime();
  const bool may_come = now < begin_over_ || (notes_.target_knows_it && now < lease_over_);
  if (result.reason == "COMMAND_UNKNOWN" && may_come) co_return;
  activation_ = std::move(result);
}

/// What the target had started has ended with its boot, or with its lease while it is away.
bool MoveJob::is_quiet_by_itself() const {
  if (absent(record_.target)) return rooms_.clock.uptime() >= lease_over_;
  return rooms_.fleet.uptime_of(record_.target).boot_id != notes_.lease.boot_id;
}

/// Back when nothing of the service can run on the target any more.
asio::awaitable<void> MoveJob::quiet_target() {
  if (notes_.lease.boot_id.empty()) co_return;
  std::string told;
  while (!activation_) {
    if (!absent(record_.target)) {
      auto asking = ask_target();
      co_await std::move(asking);
    } else if (is_quiet_by_itself()) {
      run_->log(
          fmt::format("\"{}\" does not say how it ended, but its lease is over: nothing of it "
                      "runs there any more",
                      record_.target));
      add_chore("withdraw", record_.target);
      co_return;
    } else {
      tell_once(told,
                fmt::format("waiting for \"{}\", or for the end of its lease", record_.target));
    }
    if (!activation_) co_await pause(return_pause);
  }
  if (activation_->undone != "failed") co_return;
  protocol::ComposeDown command;
  command.target = notes_.target;
  auto rest = return_pause;
  while (!is_quiet_by_itself()) {
    auto part =
        part_of(record_.target, fmt::format("quiet-{}", ++notes_.quiets), command, limits_.stop);
    part.can_be_cancelled = false;
    auto running = result_of(std::move(part), seconds{10});
    const auto result = co_await std::move(running);
    if (result.succeeded) co_return;
    tell_once(told,
              fmt::format("\"{}\" may still run \"{}\", so it is not started on \"{}\": {}",
                          record_.target,
                          record_.service,
                          record_.source,
                          result.message));
    auto keeping = keep();
    co_await std::move(keeping);
    co_await pause(rest);
    rest = std::min(2 * rest, longest_pause);
  }
}

/// Until it runs. What fails for a long time is left to a person, whose service is free then.
asio::awaitable<void> MoveJob::restart_source() {
  protocol::ComposeUp command;
  command.target = notes_.source;
  auto rest = return_pause;
  std::string told;
  std::optional<Steady::time_point> end;
  for (;;) {
    if (const auto away = absent(record_.source)) {
      if (is_gone(*away)) {
        leave_stopped(*away);
        co_return;
      }
      end.reset();
      tell_once(told,
                fmt::format("waiting for \"{}\" to start the service there again: {}",
                            record_.source,
                            away->message()));
      co_await pause(return_pause);
      continue;
    }
    if (!end) end = Steady::now() + limits_.returning;
    ++notes_.returns;
    auto keeping = keep();
    co_await std::move(keeping);
    auto part =
        part_of(record_.source, fmt::format("return-{}", notes_.returns), command, limits_.start);
    part.can_be_cancelled = false;
    auto running = result_of(std::move(part), seconds{10});
    const auto result = co_await std::move(running);
    if (result.succeeded) {
      notes_.has_restarted_it = true;
      run_->log(fmt::format("\"{}\" runs on \"{}\" again", record_.service, record_.source));
      co_return;
    }
    tell_once(told, fmt::format("{}: {}", record_.source, result.message));
    if (!may_try_again(result.reason) && Steady::now() >= *end) {
      leave_stopped(move_error(result, record_.source));
      co_return;
    }
    co_await pause(rest);
    rest = std::min(2 * rest, longest_pause);
  }
}

void MoveJob::leave_stopped(const Error& why) {
  notes_.failure.hint = fmt::format(
      "it is stopped: it could not be started on \"{}\" again ({}). Start it there when "
      "that is mended; its data is whole there, and what was copied stays on \"{}\" too",
      record_.source,
      why.message(),
      record_.target);
}

/// What was copied; later, when the host is away.
asio::awaitable<void> MoveJob::discard_target() {
  protocol::MoveDiscard command;
  command.target = notes_.target;
  command.move = record_.id;
  auto part = part_of(record_.target, "discard", command, discard_limit);
  part.can_be_cancelled = false;
  auto running = result_of(std::move(part), seconds{10});
  const auto result = co_await std::move(running);
  if (result.succeeded) co_return;
  add_chore("discard", record_.target);
  run_->log(fmt::format(
      "what was copied to \"{}\" is removed later: {}", record_.target, result.message));
}

}  // namespace portoser::deployment
