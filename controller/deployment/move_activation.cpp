// The start on the target, and the moment in which a move is decided.
#include "controller/deployment/health_probe.h"
#include "controller/deployment/move_job.h"
#include "controller/deployment/preflight.h"
#include "controller/history/history.h"
#include "protocol/codec.h"

#include <boost/asio/redirect_error.hpp>
#include <fmt/format.h>

#include <string>
#include <utility>

namespace portoser::deployment {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;

/// A command that is read later than this does nothing.
constexpr seconds time_to_begin{30};
constexpr seconds confirm_limit{30};
constexpr seconds confirm_pause{1};

protocol::HealthProbe probe_on(const std::string& target,
                               const std::string& service_name,
                               const registry::Registry& registry) {
  const auto* service = registry.find_service(service_name);
  const auto* host = registry.find_host(target);
  if (service == nullptr || host == nullptr) return {};
  return probe_of(registry, *service, *host);
}

}  // namespace

/// Both are asked for side by side: the activation, which ends only when the confirmation came or
/// the lease is over, and the confirmation, as soon as the activation waits for it.
asio::awaitable<void> MoveJob::activate() {
  run_->step(phase_ == MovePhase::confirm ? "confirm" : "start");
  if (notes_.lease.boot_id.empty()) {
    require_still_wanted();
    auto making = make_lease();
    co_await std::move(making);
  }
  may_confirm_ = phase_ == MovePhase::confirm;
  auto activation = run_activation();
  auto confirmation = confirm();
  auto both = both_of(std::move(activation), std::move(confirmation));
  co_await std::move(both);
  if (is_decided_) {
    if (phase_ == MovePhase::decided) co_return;
    auto deciding = enter(MovePhase::decided);
    co_await std::move(deciding);
    co_return;
  }
  if (undecided_) throw Error{*undecided_};
  if (activation_) throw move_error(*activation_, record_.target);
  throw Error{*activation_lost_};
}

std::chrono::seconds MoveJob::lease_lasts() const {
  return limits_.start + limits_.health + limits_.confirm;
}

asio::awaitable<void> MoveJob::make_lease() {
  const auto now = rooms_.fleet.uptime_of(record_.target);
  notes_.lease.boot_id = now.boot_id;
  notes_.lease.begin_by_ns = now.uptime_ns + nanoseconds{time_to_begin}.count();
  notes_.lease.ends_at_ns = now.uptime_ns + nanoseconds{lease_lasts()}.count();
  set_ends_of_lease();
  auto keeping = keep();
  co_await std::move(keeping);
}

/// By the controller's own uptime, since its wall clock may be set. One that has just started knows
/// only that they are no later than if the lease began now.
void MoveJob::set_ends_of_lease() {
  const auto now = rooms_.clock.uptime();
  begin_over_ = now + 2 * time_to_begin;
  lease_over_ = now + lease_lasts() + limits_.withdraw;
}

asio::awaitable<bool> MoveJob::run_activation() {
  protocol::ComposeDeploy command;
  command.target = notes_.target;
  command.action = "activate";
  command.deployment = history::History::id_of(run_->record());
  command.health_ms = milliseconds{limits_.health}.count();
  command.lease = notes_.lease;
  command.probe = probe_on(record_.target, record_.service, *rooms_.registry.snapshot()->registry);
  auto part = part_of(record_.target, "activate", command, lease_lasts());
  // One that was confirmed, perhaps, must not begin anew where the journal is lost.
  part.adopt_only = phase_ == MovePhase::confirm;
  part.on_step = [this](const std::string& step) {
    notes_.target_knows_it = true;
    if (step != "confirm") return;
    may_confirm_ = true;
    news_.cancel();
  };
  try {
    auto running = run_->part(std::move(part));
    auto watching = end_of_lease();
    auto guarded = guarded_by(std::move(watching), std::move(running));
    activation_ = co_await std::move(guarded);
    // Nothing else makes it succeed.
    if (activation_->succeeded) is_decided_ = true;
  } catch (const Error& error) {
    activation_lost_ = error;
  }
  news_.cancel();
  co_return true;
}

/// Ends when the host is away and need not be heard any more: nothing was confirmed, and what it
/// had started has ended.
asio::awaitable<Error> MoveJob::end_of_lease() {
  for (;;) {
    co_await pause(confirm_pause);
    if (phase_ != MovePhase::start || rooms_.clock.uptime() < lease_over_) continue;
    if (const auto away = absent(record_.target)) co_return Error{*away};
  }
}

/// What the activation's own end says of the confirmation: all, unless it says that it is not
/// certain itself.
bool MoveJob::is_told() const {
  return activation_ && (activation_->succeeded || activation_->undone == "returned");
}

asio::awaitable<bool> MoveJob::confirm() {
  while (!may_confirm_ && !activation_ && !activation_lost_) {
    boost::system::error_code news;
    co_await news_.async_wait(asio::redirect_error(asio::use_awaitable, news));
    if ((co_await asio::this_coro::cancellation_state).cancelled() !=
        asio::cancellation_type::none) {
      throw boost::system::system_error{asio::error::operation_aborted};
    }
  }
  if (!may_confirm_ || is_told()) co_return true;
  if (phase_ == MovePhase::start) {
    try {
      require_still_wanted();
    } catch (...) {
      rooms_.fleet.cancel(id_of("activate"));
      throw;
    }
    run_->step("confirm");
    auto entering = enter(MovePhase::confirm);
    co_await std::move(entering);
  }
  auto sending = send_confirmation();
  co_await std::move(sending);
  if (is_decided_) {
    auto deciding = enter(MovePhase::decided);
    co_await std::move(deciding);
  }
  co_return true;
}

/// Until it is known whether the target has taken it: nobody but that host can tell.
asio::awaitable<void> MoveJob::send_confirmation() {
  protocol::ComposeConfirm command;
  command.target = notes_.target;
  command.activation = id_of("activate");
  std::string told;
  for (int attempt = 1; !is_told();) {
    if (const auto away = absent(record_.target)) {
      // Nobody can have confirmed it, and its time is over.
      if (!notes_.confirmation_was_sent && rooms_.clock.uptime() >= lease_over_) {
        activation_lost_ = *away;
        co_return;
      }
      if (is_gone(*away) || (notes_.confirmation_was_sent && run_->cancelled())) {
        undecided_ = not_known(*away);
        co_return;
      }
      tell_once(told,
                fmt::format("whether \"{}\" has taken the service is not known, so nothing is "
                            "started elsewhere: {}",
                            record_.target,
                            away->message()));
      co_await pause(confirm_pause);
      continue;
    }
    if (!notes_.confirmation_was_sent) {
      notes_.confirmation_was_sent = true;
      auto keeping = keep();
      co_await std::move(keeping);
    }
    auto part = part_of(
        record_.target, fmt::format("confirm-{}", attempt), command, seconds{confirm_limit});
    part.can_be_cancelled = false;
    constexpr seconds patience{10};
    auto asking = result_of(std::move(part), patience);
    const auto result = co_await std::move(asking);
    if (result.succeeded) {
      is_decided_ = true;
      co_return;
    }
    if (result.reason == "NOT_CONFIRMED") {
      activation_lost_ = move_error(result, record_.target);
      co_return;
    }
    tell_once(told, fmt::format("\"{}\" did not confirm: {}", record_.target, result.message));
    // One that the host knows to have ended says no more under its id.
    if (!is_of_absence(result.reason)) ++attempt;
    co_await pause(confirm_pause);
  }
}

Error MoveJob::not_known(const Error& why) const {
  return Error{Code::unavailable,
               fmt::format("whether \"{}\" has taken \"{}\" is not known, and nobody waits for it "
                           "any more: {}",
                           record_.target,
                           record_.service,
                           why.message())}
      .reason("MOVE_UNDECIDED")
      .hint(
          fmt::format("only if \"{0}\" never comes back as it was: start \"{1}\" on \"{2}\", where "
                      "its data is whole. If \"{0}\" comes back, it may run there",
                      record_.target,
                      record_.service,
                      record_.source));
}

}  // namespace portoser::deployment
