#include "controller/deployment/pending_moves.h"

#include "common/describe_json.h"
#include "common/log.h"

#include <algorithm>
#include <utility>

namespace portoser::deployment {
namespace {

const std::string choice_name = "pending_moves";

PendingList pending_in(const std::optional<std::string>& text) {
  PendingList list;
  if (!text) return list;
  try {
    from_json(Json::parse(*text), list, "stored");
  } catch (const std::exception&) {
    log::warn("deployment", "the staged moves in the database cannot be read and are dropped");
    list = {};
  }
  return list;
}

std::string text_of_pending(const PendingList& list) {
  return dump(to_json(list));
}

bool is_same_move(const Move& one, const Move& other) {
  return one.service_name == other.service_name && one.from_machine == other.from_machine &&
         one.to_machine == other.to_machine;
}

/// `moves`, those that were staged before as they were.
std::vector<StagedMove> staged(const std::vector<Move>& moves,
                               const std::vector<StagedMove>& before,
                               Time now,
                               const std::string& who) {
  std::vector<StagedMove> all;
  for (const auto& move : moves) {
    StagedMove one;
    static_cast<Move&>(one) = move;
    one.from_machine = claimed_host(move);
    const auto known = std::find_if(before.begin(), before.end(), [&](const StagedMove& other) {
      return is_same_move(one, other);
    });
    one.staged_at = known == before.end() ? now : known->staged_at;
    one.staged_by = known == before.end() ? who : known->staged_by;
    all.push_back(std::move(one));
  }
  return all;
}

}  // namespace

asio::awaitable<PendingList> PendingMoves::list() {
  auto finding = store_.find(choice_name);
  const auto text = co_await std::move(finding);
  co_return pending_in(text);
}

asio::awaitable<PendingList> PendingMoves::replace(std::vector<Move> moves, std::string who) {
  check_moves(moves, *registry_.snapshot()->registry);
  const auto now = clock_.now();
  storage::ChoiceStore::Change change = [moves = std::move(moves), who = std::move(who), now](
                                            const std::optional<std::string>& before) {
    PendingList list;
    list.moves = staged(moves, pending_in(before).moves, now, who);
    list.updated_at = now;
    return text_of_pending(list);
  };
  auto changing = store_.change(choice_name, std::move(change));
  const auto text = co_await std::move(changing);
  co_return pending_in(text);
}

asio::awaitable<PendingList> PendingMoves::clear() {
  auto clearing = replace({}, "");
  co_return co_await std::move(clearing);
}

asio::awaitable<void> PendingMoves::take_out(std::map<std::string, std::string> host_of_service) {
  const auto now = clock_.now();
  storage::ChoiceStore::Change change = [hosts = std::move(host_of_service),
                                         now](const std::optional<std::string>& before) {
    auto list = pending_in(before);
    const auto taken = std::erase_if(list.moves, [&](const StagedMove& move) {
      const auto found = hosts.find(move.service_name);
      return found != hosts.end() && found->second == move.to_machine;
    });
    if (taken > 0) list.updated_at = now;
    return text_of_pending(list);
  };
  auto changing = store_.change(choice_name, std::move(change));
  co_await std::move(changing);
}

}  // namespace portoser::deployment
