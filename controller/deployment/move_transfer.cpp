// The data of a move on its way from host to host.
#include "common/ids.h"
#include "controller/deployment/move_job.h"
#include "protocol/codec.h"

#include <fmt/format.h>

#include <utility>

namespace portoser::deployment {
namespace {

using Steady = std::chrono::steady_clock;

/// Of one transfer: as long as it goes on, it may. What hangs is ended sooner.
constexpr std::chrono::hours transfer_limit{24 * 7};
constexpr std::chrono::seconds transfer_pause{1};

template <class Command>
jobs::Part part_of_transfer(const std::string& host, std::string id, const Command& command) {
  jobs::Part part;
  part.host = host;
  part.id = std::move(id);
  part.name = Command::name;
  part.arguments = protocol::encode_arguments(command);
  part.limit = transfer_limit;
  return part;
}

}  // namespace

/// Again and again, as long as both hosts are there from time to time: what has arrived is not sent
/// once more. While nothing runs there is an end to that.
asio::awaitable<void> MoveJob::transfer(bool is_final) {
  run_->step(is_final ? "sync" : "copy");
  const Steady::duration patience = is_final ? limits_.away_stopped : limits_.away;
  const auto end = Steady::now() + limits_.stopped;
  auto last_success = Steady::now();
  for (;;) {
    require_still_wanted();
    const auto began = Steady::now();
    auto trying = transfer_once(is_final);
    const auto result = co_await std::move(trying);
    if (result.succeeded) break;
    // Whatever the two hosts say of it, somebody wanted its end.
    if (run_->cancelled()) continue;
    if (!may_try_again(result.reason)) throw move_error(result, "the transfer");
    // One that went on for a while has brought something.
    constexpr std::chrono::seconds worth_it{10};
    const auto now = Steady::now();
    if (now - began > worth_it) last_success = now;
    if (now - last_success > patience || (is_final && now > end)) {
      throw move_error(result, "the transfer");
    }
    run_->log(fmt::format("the transfer was cut off: {}; it goes on from there", result.message));
    co_await pause(transfer_pause);
    // One that is there would be asked in vain.
    auto waiting = give_time_to({record_.source, record_.target}, patience);
    co_await std::move(waiting);
  }
  auto entering = enter(is_final ? MovePhase::start : MovePhase::stop);
  co_await std::move(entering);
}

asio::awaitable<protocol::CommandResult> MoveJob::transfer_once(bool is_final) {
  ++record_.attempts;
  auto keeping = keep();
  co_await std::move(keeping);
  const auto stream = make_ulid(run_->now());
  protocol::MoveSend sending;
  sending.service = record_.service;
  sending.move = record_.id;
  sending.stream = stream;
  sending.roots = notes_.source_roots;
  sending.is_final = is_final;
  sending.rate_limit_kib = limits_.rate_limit_kib;
  protocol::MoveReceive receiving;
  receiving.service = record_.service;
  receiving.move = record_.id;
  receiving.stream = stream;
  receiving.roots = notes_.target_roots;
  receiving.is_final = is_final;
  receiving.rate_limit_kib = limits_.rate_limit_kib;
  receiving.total_bytes = notes_.total_bytes;
  receiving.may_replace = notes_.may_replace;
  rooms_.fleet.streams().open(stream, record_.source, record_.target);
  auto source = side(
      part_of_transfer(record_.source, id_of(fmt::format("send-{}", record_.attempts)), sending),
      stream);
  auto target =
      side(part_of_transfer(
               record_.target, id_of(fmt::format("receive-{}", record_.attempts)), receiving),
           stream);
  auto both = both_of(std::move(source), std::move(target));
  const auto [sent, received] = co_await std::move(both);
  rooms_.fleet.streams().close(stream);
  if (sent.succeeded && received.succeeded) co_return received;
  // One that only lost the other says less than the other.
  if (received.succeeded) co_return sent;
  if (!sent.succeeded && received.reason == "TRANSFER_CUT" && sent.reason != "TRANSFER_CUT") {
    co_return sent;
  }
  co_return received;
}

/// One end of the transfer. When it fails, hangs, or its host is gone, the other one ends too.
asio::awaitable<protocol::CommandResult> MoveJob::side(jobs::Part part, std::string stream) {
  protocol::CommandResult result;
  std::optional<Error> failed;
  std::exception_ptr stopped;
  const auto host = part.host;
  try {
    auto running = run_->part(std::move(part));
    auto watching = end_of_transfer(host, stream);
    auto guarded = guarded_by(std::move(watching), std::move(running));
    result = co_await std::move(guarded);
  } catch (const Error& error) {
    failed = error;
  } catch (...) {
    stopped = std::current_exception();
  }
  if (failed) result = as_result(*failed);
  if (failed || stopped || !result.succeeded) rooms_.fleet.streams().close(stream);
  if (stopped) std::rethrow_exception(stopped);
  if (!result.succeeded && !result.message.empty()) result.message = host + ": " + result.message;
  co_return result;
}

/// Why it is not waited for any longer.
asio::awaitable<Error> MoveJob::end_of_transfer(std::string host, std::string stream) {
  // By then a host that is away is shown as offline.
  constexpr std::chrono::seconds patience{5};
  constexpr std::chrono::seconds time_to_cancel{60};
  auto heard = Steady::now();
  auto moved = heard;
  std::int64_t bytes = -1;
  std::optional<Steady::time_point> cancelled;
  for (;;) {
    co_await pause(transfer_pause);
    const auto now = Steady::now();
    const auto away = absent(host);
    if (!away) heard = now;
    if (away && now - heard >= patience) co_return Error{*away};
    const auto reading = rooms_.fleet.streams().read(stream);
    if (const auto sum = reading.a_to_b_bytes + reading.b_to_a_bytes; sum != bytes) {
      bytes = sum;
      moved = now;
    }
    if (now - moved >= limits_.silent) {
      co_return Error{Code::unavailable,
                      fmt::format("not a byte has come for {} minutes", limits_.silent.count())}
          .reason("TRANSFER_STALLED")
          .hint("a disk or a process of one of the two hosts hangs");
    }
    if (run_->cancelled() && !cancelled) cancelled = now;
    if (cancelled && now - *cancelled >= time_to_cancel) {
      co_return Error{Code::conflict, "cancelled, and the host does not end it"}.reason(
          "ACTION_CANCELLED");
    }
  }
}

}  // namespace portoser::deployment
