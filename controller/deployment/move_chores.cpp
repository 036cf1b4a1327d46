// What is left to be done after moves, by hosts that were away, and when the time of what is kept
// is over.
#include "common/derived_ulid.h"
#include "common/describe_json.h"
#include "common/ids.h"
#include "common/log.h"
#include "controller/deployment/mover.h"
#include "protocol/codec.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace portoser::deployment {
namespace {

constexpr std::chrono::seconds period{5};
constexpr std::chrono::minutes chore_limit{10};
/// Between attempts that fail though the host is there: each of them takes a place in its journal.
constexpr std::chrono::minutes longest_rest{10};

}  // namespace

asio::awaitable<void> Mover::run() {
  for (;;) {
    std::optional<Error> failed;
    try {
      auto settling = settle_all();
      co_await std::move(settling);
    } catch (const Error& error) {
      failed = error;
    }
    if (failed) {
      log::warn("deployment",
                "what is left to be done after moves cannot be read",
                {{"reason", failed->message()}});
    }
    co_await pause(period);
  }
}

asio::awaitable<void> Mover::settle_all() {
  auto reading = moves_.unsettled();
  const auto moves = co_await std::move(reading);
  for (const auto& move : moves) {
    // A job of the service may need just what would be removed.
    if (is_busy(move.service)) continue;
    const auto found = rests_.find(move.id);
    if (found != rests_.end() && clock_.uptime() < found->second.until) continue;
    auto settling = settle(move.id);
    const bool has_failed = co_await std::move(settling);
    if (!has_failed) {
      rests_.erase(move.id);
      continue;
    }
    auto& rest = rests_[move.id];
    rest.length = std::clamp<std::chrono::seconds>(2 * rest.length, period, longest_rest);
    rest.until = clock_.uptime() + rest.length;
  }
}

asio::awaitable<bool> Mover::settle(std::string id) {
  auto finding = moves_.find(id);
  auto move = co_await std::move(finding);
  if (!move) co_return false;
  const auto notes = notes_of(*move);
  std::vector<MoveChore> chores;
  from_json(Json::parse(move->chores), chores, "chores");
  bool has_failed = false;
  for (const auto& chore : chores) {
    // Each may take a while.
    if (is_busy(move->service)) co_return has_failed;
    auto doing = do_chore(*move, notes, chore);
    const auto failed = co_await std::move(doing);
    if (failed) {
      has_failed = has_failed || failed->reason() != "AGENT_OFFLINE";
      continue;
    }
    auto forgetting = forget_chore(id, chore);
    co_await std::move(forgetting);
  }
  finding = moves_.find(id);
  move = co_await std::move(finding);
  if (!move || is_busy(move->service)) co_return has_failed;
  if (move->source_data != "kept" || !move->discard_after || *move->discard_after > clock_.now()) {
    co_return has_failed;
  }
  std::optional<Error> failed;
  try {
    auto discarding = discard_source(*move, false);
    co_await std::move(discarding);
  } catch (const Error& error) {
    failed = error;
  }
  if (!failed || failed->reason() == "AGENT_OFFLINE") co_return has_failed;
  log::warn("deployment",
            "the data of a service that was moved away is still kept",
            {{"move", move->id},
             {"service", move->service},
             {"host", move->source},
             {"reason", failed->message()}});
  co_return true;
}

/// In the record as it is now.
asio::awaitable<void> Mover::forget_chore(std::string id, MoveChore chore) {
  auto finding = moves_.find(std::move(id));
  auto move = co_await std::move(finding);
  if (!move) co_return;
  std::vector<MoveChore> chores;
  from_json(Json::parse(move->chores), chores, "chores");
  std::erase_if(chores,
                [&](const auto& one) { return one.what == chore.what && one.host == chore.host; });
  move->chores = dump(to_json(chores));
  auto updating = moves_.update(*move);
  co_await std::move(updating);
}

/// None: it is done, or there is no need for it any more.
asio::awaitable<std::optional<Error>> Mover::do_chore(const storage::MoveRecord& move,
                                                      const MoveNotes& notes,
                                                      const MoveChore& chore) {
  const auto registry = registry_.snapshot()->registry;
  const auto* service = registry->find_service(move.service);
  const auto host = service == nullptr ? std::string{} : service->current_host.value_or("");
  std::optional<Error> failed;
  try {
    if (chore.what == "registry") {
      if (host != move.source || service == nullptr) co_return std::nullopt;
      registry::EntryEdit edit;
      edit.section = registry::Section::services;
      edit.name = move.service;
      edit.fields.push_back({"current_host", registry::FieldValue::of_json(Json(move.target))});
      registry::EditTerms terms;
      terms.who = "controller";
      auto editing = editor_.edit(std::move(edit), std::move(terms));
      co_await std::move(editing);
    } else {
      // It came back there by another move, or by hand.
      if (host == chore.host) co_return std::nullopt;
      if (chore.what == "withdraw") {
        auto withdrawing = withdraw(move, notes, chore.host);
        co_await std::move(withdrawing);
      } else if (chore.what == "down") {
        protocol::ComposeDown command;
        command.target = notes.source;
        auto running = run_on(chore.host,
                              std::string{protocol::ComposeDown::name},
                              protocol::encode_arguments(command));
        co_await std::move(running);
      } else {
        protocol::MoveDiscard command;
        command.target = notes.target;
        command.move = move.id;
        auto running = run_on(chore.host,
                              std::string{protocol::MoveDiscard::name},
                              protocol::encode_arguments(command));
        co_await std::move(running);
      }
    }
  } catch (const Error& error) {
    failed = error;
  }
  if (failed && failed->reason() != "AGENT_OFFLINE") {
    log::warn("deployment",
              "something is left to be done after a move",
              {{"move", move.id},
               {"what", chore.what},
               {"host", chore.host},
               {"reason", failed->message()}});
  }
  co_return failed;
}

/// Volumes and folder of the service where it was before; other paths that went along may be
/// others' too.
asio::awaitable<void> Mover::discard_source(storage::MoveRecord& move, bool is_asked_for) {
  const auto registry = registry_.snapshot()->registry;
  const auto* service = registry->find_service(move.service);
  if (service == nullptr && !is_asked_for) {
    throw Error{
        Code::conflict,
        fmt::format("the registry does not have \"{}\" any more: nobody knows whose its data "
                    "on \"{}\" is now",
                    move.service,
                    move.source),
        "path.id"}
        .reason("SERVICE_UNKNOWN")
        .hint("POST /api/deployment/moves/" + move.id + "/finalize removes it");
  }
  if (service != nullptr && service->current_host == move.source) {
    throw Error{Code::conflict,
                fmt::format("\"{}\" is on \"{}\" again", move.service, move.source),
                "path.id"}
        .reason("MOVE_NOT_KEPT");
  }
  const auto notes = notes_of(move);
  protocol::MoveDiscard command;
  command.target = notes.source;
  command.move = move.id;
  for (const auto& root : notes.source_roots) {
    if (root.kind == "volume" || root.kind == "folder") command.roots.push_back(root);
  }
  auto running = run_on(
      move.source, std::string{protocol::MoveDiscard::name}, protocol::encode_arguments(command));
  co_await std::move(running);
  move.source_data = "discarded";
  move.discard_after.reset();
  auto updating = moves_.update(move);
  co_await std::move(updating);
}

/// What the target had started and nobody waits for any more ends, unless it was confirmed.
asio::awaitable<void> Mover::withdraw(const storage::MoveRecord& move,
                                      const MoveNotes& notes,
                                      std::string host) {
  protocol::ComposeDeploy activation;
  activation.target = notes.target;
  activation.action = "activate";
  activation.lease = notes.lease;
  protocol::Command command;
  command.id = derived_ulid(move.id, "activate");
  command.name = protocol::ComposeDeploy::name;
  command.duration_ms = std::chrono::milliseconds{chore_limit}.count();
  command.adopt_only = true;
  command.arguments = protocol::encode_arguments(activation);
  auto running = fleet_.run(
      host, std::move(command), [](const protocol::Progress&) {}, true);
  const auto result = co_await std::move(running);
  if (result.undone == "failed") throw move_error(result, host);
  if (!result.succeeded) co_return;
  log::error("deployment",
             "the target of a move that nobody waited for has taken the service",
             {{"move", move.id},
              {"service", move.service},
              {"host", host},
              {"hint", "stop it there, or write that host into its entry in registry.yml"}});
}

asio::awaitable<void> Mover::run_on(std::string host, std::string name, Bytes arguments) {
  protocol::Command command;
  command.id = make_ulid(clock_.now());
  command.name = std::move(name);
  command.duration_ms = std::chrono::milliseconds{chore_limit}.count();
  command.arguments = std::move(arguments);
  auto running = fleet_.run(
      host, std::move(command), [](const protocol::Progress&) {}, false);
  const auto result = co_await std::move(running);
  if (!result.succeeded) throw move_error(result, host);
}

}  // namespace portoser::deployment
