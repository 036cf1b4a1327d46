#include "controller/deployment/mover.h"

#include "common/describe_json.h"
#include "common/json_members.h"
#include "common/log.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace portoser::deployment {
namespace {

std::string details_of(const Move& move, const std::string& from) {
  auto details = to_json(move);
  details["from"] = from;
  return dump(details);
}

/// As `protocol::MoveReceive::may_replace` names them. Other paths that went along may be others'
/// too.
std::vector<std::string> names_of(const std::vector<protocol::DataRoot>& roots) {
  std::vector<std::string> names;
  for (const auto& root : roots) {
    if (root.kind == "volume") names.push_back("volume:" + root.volume);
    if (root.kind == "folder") names.push_back(root.path);
  }
  return names;
}

}  // namespace

MoveNotes notes_of(const storage::MoveRecord& move) {
  MoveNotes notes;
  from_json(Json::parse(move.data), notes, "move");
  return notes;
}

Mover::Mover(registry::RegistryWatch& registry,
             registry::RegistryEditor& editor,
             fleet::Fleet& fleet,
             jobs::Jobs& jobs,
             Recording& recording,
             Routing& routing,
             storage::Database& database,
             const Clock& clock,
             MoveLimits limits)
    : registry_(registry),
      editor_(editor),
      fleet_(fleet),
      jobs_(jobs),
      recording_(recording),
      routing_(routing),
      moves_(database),
      scout_(registry, fleet),
      clock_(clock),
      limits_(limits) {
  auto work = [this](std::shared_ptr<jobs::Run> run) { return carry_out(std::move(run)); };
  jobs_.add_kind(move_kind, recording_.of("migrate", work));
  jobs_.add_kind(deploy_kind, recording_.of("deploy", work));
}

asio::awaitable<jobs::Submitted> Mover::begin(Move move, std::string user, std::string parent) {
  const auto registry = registry_.snapshot()->registry;
  const auto& service = registry->require_service(move.service_name, "body.moves");
  static_cast<void>(registry->require_host(move.to_machine, "body.moves"));
  const auto from = service.current_host.value_or("");
  if (from == move.to_machine) {
    throw Error{Code::conflict,
                fmt::format("\"{}\" is on \"{}\" already", service.name, move.to_machine)}
        .reason("STALE_PLAN");
  }
  jobs::Request request;
  request.kind = from.empty() ? deploy_kind : move_kind;
  request.service = move.service_name;
  request.host = move.to_machine;
  request.created_by = std::move(user);
  request.parent = std::move(parent);
  request.details = details_of(move, from);
  auto submitting = jobs_.submit(std::move(request));
  co_return co_await std::move(submitting);
}

asio::awaitable<MoveLook> Mover::look(Move move) {
  auto asking = kept_on(move.service_name, move.to_machine);
  auto kept = co_await std::move(asking);
  auto looking = scout_.look(std::move(move), std::move(kept));
  co_return co_await std::move(looking);
}

asio::awaitable<KeptData> Mover::kept_on(std::string service, std::string host) {
  KeptData kept;
  constexpr std::int64_t most = 1000;
  auto listing = moves_.list(std::move(service), most);
  const auto moves = co_await std::move(listing);
  for (const auto& move : moves) {
    if (move.source != host || move.source_data != "kept") continue;
    for (auto& name : names_of(notes_of(move).source_roots)) kept.roots.push_back(std::move(name));
  }
  co_return kept;
}

asio::awaitable<void> Mover::carry_out(std::shared_ptr<jobs::Run> run) {
  Move move;
  from_json(parsed_or_null(run->record().request), move, "request");
  return move_within(std::move(run), std::move(move));
}

asio::awaitable<void> Mover::move_within(std::shared_ptr<jobs::Run> run, Move move) {
  auto finding = moves_.find(run->record().id);
  auto record = co_await std::move(finding);
  if (record && record->phase == enum_name(MovePhase::done)) {
    auto marking = mark_replaced(*record);
    co_await std::move(marking);
    co_return;
  }
  if (!record) {
    record.emplace();
    record->id = run->record().id;
    record->service = move.service_name;
    record->source = text_member(parsed_or_null(run->record().request), "from");
    record->target = move.to_machine;
    record->data = dump(to_json(MoveNotes{}));
    record->begun_at = run->now();
    auto inserting = moves_.insert(*record);
    co_await std::move(inserting);
  }
  auto asking = kept_on(record->service, record->target);
  auto kept = co_await std::move(asking);
  const MoveRooms rooms{registry_, editor_, fleet_, recording_, moves_, scout_, routing_, clock_};
  MoveJob job{rooms, limits_, run, *record, std::move(move), std::move(kept)};
  std::exception_ptr failure;
  try {
    auto working = job.carry_out();
    co_await std::move(working);
  } catch (...) {
    failure = std::current_exception();
    if (is_cancellation(failure)) throw;
  }
  auto reading = moves_.find(record->id);
  const auto ended = co_await std::move(reading);
  if (ended && ended->decided_at) {
    auto marking = mark_replaced(*ended);
    co_await std::move(marking);
  }
  if (failure) std::rethrow_exception(failure);
}

/// What was kept on the target is the service's own again.
asio::awaitable<void> Mover::mark_replaced(const storage::MoveRecord& move) {
  constexpr std::int64_t most = 1000;
  auto listing = moves_.list(move.service, most);
  auto moves = co_await std::move(listing);
  for (auto& other : moves) {
    if (other.id == move.id || other.source != move.target || other.source_data != "kept") continue;
    other.source_data = "replaced";
    other.discard_after.reset();
    auto updating = moves_.update(other);
    co_await std::move(updating);
  }
}

asio::awaitable<std::vector<MoveRow>> Mover::list(std::optional<std::string> service) {
  constexpr std::int64_t most = 200;
  auto listing = moves_.list(std::move(service), most);
  const auto moves = co_await std::move(listing);
  std::vector<MoveRow> rows;
  for (const auto& move : moves) rows.push_back(row_of(move));
  co_return rows;
}

MoveRow Mover::row_of(const storage::MoveRecord& move) {
  MoveRow row;
  row.id = move.id;
  row.service = move.service;
  if (!move.source.empty()) row.from_machine = move.source;
  row.to_machine = move.target;
  row.phase = move.phase;
  row.begun_at = move.begun_at;
  row.decided_at = move.decided_at;
  row.ended_at = move.ended_at;
  row.source_data = move.source_data;
  row.kept_until = move.discard_after;
  from_json(Json::parse(move.chores), row.chores, "chores");
  return row;
}

bool Mover::is_busy(const std::string& service) const {
  return jobs_.active()->contains(service);
}

asio::awaitable<storage::MoveRecord> Mover::require_move(std::string id) {
  auto finding = moves_.find(id);
  auto move = co_await std::move(finding);
  if (!move) {
    throw Error{Code::not_found, fmt::format("there is no move \"{}\"", id), "path.id"}
        .reason("MOVE_UNKNOWN")
        .hint("GET /api/deployment/moves lists them");
  }
  co_return std::move(*move);
}

asio::awaitable<Move> Mover::way_back(std::string id) {
  auto finding = require_move(std::move(id));
  const auto move = co_await std::move(finding);
  const auto registry = registry_.snapshot()->registry;
  const auto& service = registry->require_service(move.service, "path.id");
  if (!move.decided_at || move.source.empty() || service.current_host != move.target) {
    throw Error{Code::conflict,
                fmt::format("there is nothing to undo: the move {} {}, and \"{}\" is on {}",
                            move.id,
                            move.decided_at ? "is done" : "did not come about",
                            move.service,
                            service.current_host.value_or("no host")),
                "path.id"}
        .reason("STALE_PLAN");
  }
  Move back;
  back.service_name = move.service;
  back.from_machine = move.target;
  back.to_machine = move.source;
  const auto asked = notes_of(move);
  std::vector<std::string> paths;
  for (const auto& root : asked.source_roots) {
    if (root.kind == "path") paths.push_back(root.path);
  }
  if (!paths.empty()) back.extra_paths = std::move(paths);
  if (!asked.leave_paths.empty()) back.leave_paths = asked.leave_paths;
  co_return back;
}

asio::awaitable<MoveRow> Mover::finalize(std::string id) {
  auto finding = require_move(id);
  auto move = co_await std::move(finding);
  if (move.source_data != "kept") {
    throw Error{Code::conflict,
                fmt::format("nothing of the move {} is kept: its data is {}", id, move.source_data),
                "path.id"}
        .reason("MOVE_NOT_KEPT");
  }
  if (is_busy(move.service)) {
    throw Error{Code::conflict, fmt::format("\"{}\" is busy", move.service), "path.id"}
        .reason("BUSY")
        .hint("wait until its job is over");
  }
  constexpr bool is_asked_for = true;
  auto discarding = discard_source(move, is_asked_for);
  co_await std::move(discarding);
  co_return row_of(move);
}

}  // namespace portoser::deployment
