#include "controller/deployment/batches.h"

#include "common/describe_json.h"
#include "common/json_members.h"
#include "common/log.h"
#include "controller/deployment/sweep.h"

#include <boost/asio/redirect_error.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace portoser::deployment {
namespace {

/// Equal for the same moves, in whatever order and however often they are asked for.
std::string details_of_batch(const std::vector<Move>& moves) {
  std::map<std::string, Json> asked;
  for (const auto& move : moves) {
    auto& one = asked[move.service_name];
    one = {{"service", move.service_name}, {"target", move.to_machine}};
    if (move.extra_paths) one["extra_paths"] = *move.extra_paths;
    if (move.leave_paths) one["leave_paths"] = *move.leave_paths;
  }
  auto all = Json::array();
  for (auto& [service, one] : asked) all.push_back(std::move(one));
  return dump(Json{{"moves", std::move(all)}});
}

/// The move of a part, as it was asked for.
Move move_of(const PartResult& part, const storage::JobRecord& job) {
  Move move;
  move.service_name = part.service;
  move.to_machine = part.target;
  for (const auto& one : list_member(parsed_or_null(job.request), "moves")) {
    if (text_member(one, "service") != part.service) continue;
    if (one.contains("extra_paths")) from_json(one["extra_paths"], move.extra_paths, "moves");
    if (one.contains("leave_paths")) from_json(one["leave_paths"], move.leave_paths, "moves");
  }
  return move;
}

void require_good_plan(const Plan& plan) {
  std::vector<NamedFinding> findings;
  for (const auto& move : plan.plan) {
    for (const auto& finding : move.findings) findings.push_back({move.service, &finding});
  }
  const auto wrong = std::find_if(
      findings.begin(), findings.end(), [](const auto& one) { return is_error(*one.finding); });
  if (wrong == findings.end()) return;
  require_no_error(findings, "nothing was done: " + wrong->name, "body.moves");
}

std::vector<PartResult> parts_of(const Plan& plan) {
  std::vector<PartResult> parts;
  for (const auto& move : plan.plan) {
    auto& part = parts.emplace_back();
    part.service = move.service;
    part.target = move.target_machine;
    part.action = move.does;
  }
  return parts;
}

}  // namespace

Batches::Batches(registry::RegistryWatch& registry,
                 jobs::Jobs& jobs,
                 ServiceActions& actions,
                 Mover& mover,
                 Planner& planner,
                 PendingMoves& pending,
                 const FileDependencies& files)
    : registry_(registry),
      jobs_(jobs),
      actions_(actions),
      mover_(mover),
      planner_(planner),
      pending_(pending),
      files_(files) {
  jobs_.add_kind(kind,
                 [this](std::shared_ptr<jobs::Run> run) { return carry_out(std::move(run)); });
}

asio::awaitable<std::vector<Move>> Batches::given_or_staged(std::vector<Move> moves) {
  if (!moves.empty()) co_return moves;
  auto listing = pending_.list();
  const auto list = co_await std::move(listing);
  for (const auto& staged : list.moves) moves.push_back(staged);
  if (!moves.empty()) co_return moves;
  throw Error{Code::invalid, "no moves were given, and none are staged", "body.moves"}.hint(
      "PUT /api/deployment/state stages moves");
}

asio::awaitable<jobs::Submitted> Batches::begin(std::vector<Move> moves, std::string user) {
  auto choosing = given_or_staged(std::move(moves));
  moves = co_await std::move(choosing);
  const auto registry = registry_.snapshot()->registry;
  check_moves(moves, *registry);
  require_fresh(moves, *registry);
  jobs::Request request;
  request.kind = kind;
  request.created_by = std::move(user);
  request.details = details_of_batch(moves);
  auto joining = jobs_.join_same(request);
  const auto same = co_await std::move(joining);
  if (same) co_return *same;
  const auto key = request.details;
  if (const auto found = looking_.find(key); found != looking_.end()) {
    auto waiting = outcome_of(found->second);
    co_return co_await std::move(waiting);
  }
  auto looking = std::make_shared<Looking>();
  looking_[key] = looking;
  try {
    auto beginning = begin_checked(std::move(moves), std::move(request));
    looking->submitted = co_await std::move(beginning);
  } catch (...) {
    looking->refusal = std::current_exception();
  }
  looking_.erase(key);
  for (const auto& timer : looking->waiting) timer->cancel();
  if (looking->refusal) std::rethrow_exception(looking->refusal);
  co_return *looking->submitted;
}

asio::awaitable<jobs::Submitted> Batches::outcome_of(std::shared_ptr<Looking> looking) {
  const auto executor = co_await asio::this_coro::executor;
  auto timer =
      std::make_shared<asio::steady_timer>(executor, asio::steady_timer::time_point::max());
  looking->waiting.push_back(timer);
  boost::system::error_code ignored;
  co_await timer->async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  if (looking->refusal) std::rethrow_exception(looking->refusal);
  if (!looking->submitted) {
    throw Error{Code::unavailable, "the controller is stopping"}.reason("STOPPING");
  }
  auto submitted = *looking->submitted;
  submitted.joined = true;
  co_return submitted;
}

asio::awaitable<jobs::Submitted> Batches::begin_checked(std::vector<Move> moves,
                                                        jobs::Request request) {
  auto planning = planner_.plan(std::move(moves));
  const auto plan = co_await std::move(planning);
  require_good_plan(plan);
  require_free(plan);
  require_placed(plan);
  request.results = Sweep::text_of(parts_of(plan));
  auto submitting = jobs_.submit(std::move(request));
  co_return co_await std::move(submitting);
}

/// Hosts took their time to be looked at: a move that ended meanwhile may have brought a service
/// elsewhere.
void Batches::require_placed(const Plan& plan) const {
  const auto registry = registry_.snapshot()->registry;
  for (const auto& move : plan.plan) {
    const auto* service = registry->find_service(move.service);
    if (service != nullptr && service->current_host == move.from_machine) continue;
    throw Error{
        Code::conflict,
        fmt::format("nothing was done: where \"{}\" is has changed meanwhile", move.service),
        "body.moves"}
        .reason("STALE_PLAN")
        .hint("look where the service is now, and plan again");
  }
}

/// One that does the same is joined by the part.
void Batches::require_free(const Plan& plan) const {
  const auto active = jobs_.active();
  for (const auto& move : plan.plan) {
    const auto found = active->find(move.service);
    if (found == active->end()) continue;
    const auto& job = found->second;
    if (job.kind == move.does && job.host == move.target_machine) continue;
    throw Error{
        Code::conflict,
        fmt::format(
            "nothing was done: \"{}\" is busy: {} is under way", move.service, found->second.kind),
        "body.moves"}
        .reason("BUSY")
        .hint(fmt::format("wait for job {} or cancel it", found->second.id))
        .details({{"job_id", found->second.id}});
  }
}

asio::awaitable<void> Batches::carry_out(std::shared_ptr<jobs::Run> run) {
  auto begin = [this, run](PartResult part, std::string user, std::string parent) {
    auto move = move_of(part, run->record());
    return begin_part(std::move(part.action), std::move(move), std::move(user), std::move(parent));
  };
  Sweep sweep{registry_, jobs_, std::move(begin), run, "be deployed"};
  std::optional<Error> failure;
  try {
    if (run->resumed) {
      auto resuming = sweep.resume();
      co_await std::move(resuming);
    } else {
      auto parts = Sweep::results_of(run->record());
      std::vector<std::string> services;
      for (const auto& part : parts) services.push_back(part.service);
      const auto registry = registry_.snapshot()->registry;
      const auto graph = files_.graph(*registry);
      const auto waves = graph.order_of(services);
      auto sweeping = sweep.begin(std::move(parts), waves, graph);
      co_await std::move(sweeping);
    }
  } catch (const Error& error) {
    failure = error;
  }
  auto taking = take_out_done(run->record());
  co_await std::move(taking);
  if (failure) throw Error{*failure};
}

asio::awaitable<jobs::Submitted> Batches::begin_part(std::string what,
                                                     Move move,
                                                     std::string user,
                                                     std::string parent) {
  if (what == Mover::move_kind || what == Mover::deploy_kind) {
    return mover_.begin(std::move(move), std::move(user), std::move(parent));
  }
  auto action = Action::restart;
  if (!enum_from_name(what.c_str(), action)) {
    throw Error{Code::internal, fmt::format("nobody knows how to {} a service", what)};
  }
  return actions_.begin(action, std::move(move.service_name), std::move(user), std::move(parent));
}

/// What was done is done, whatever becomes of the list.
asio::awaitable<void> Batches::take_out_done(const storage::JobRecord& job) {
  std::map<std::string, std::string> done;
  for (const auto& part : Sweep::results_of(job)) {
    if (part.success.value_or(false)) done[part.service] = part.target;
  }
  if (done.empty()) co_return;
  try {
    auto taking = pending_.take_out(std::move(done));
    co_await std::move(taking);
  } catch (const Error& error) {
    log::warn("deployment",
              "moves that were carried out are still staged",
              {{"job", job.id}, {"reason", error.what()}});
  }
}

}  // namespace portoser::deployment
