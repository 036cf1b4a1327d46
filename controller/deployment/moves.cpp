#include "controller/deployment/moves.h"

#include "common/error.h"

#include <fmt/format.h>

#include <set>
#include <utility>

namespace portoser::deployment {
namespace {

std::string place_of_move(std::size_t number, const std::string& field) {
  return fmt::format("body.moves[{}].{}", number, field);
}

/// The mistakes of a list of moves. A name that is not known is a mistake of the body here.
class MoveMistakes {
 public:
  template <class Look>
  void look(Look look) {
    try {
      look();
    } catch (const Error& error) {
      if (!first_) first_ = error;
      details_.push_back({error.where(), error.message()});
    }
  }
  void throw_if_any() {
    if (!first_) return;
    throw Error{Code::invalid, first_->message(), first_->where()}
        .reason(first_->reason())
        .hint(first_->hint())
        .details(std::move(details_));
  }

 private:
  std::optional<Error> first_;
  std::vector<ErrorDetail> details_;
};

}  // namespace

std::optional<std::string> claimed_host(const Move& move) {
  const auto& from = move.from_machine;
  if (!from || from->empty() || *from == "unassigned") return std::nullopt;
  return from;
}

void check_moves(const std::vector<Move>& moves, const registry::Registry& registry) {
  if (moves.size() > most_moves) {
    throw Error{Code::invalid, fmt::format("at most {} moves at a time", most_moves), "body.moves"};
  }
  MoveMistakes mistakes;
  std::set<std::string> seen;
  for (std::size_t i = 0; i < moves.size(); ++i) {
    const auto& move = moves[i];
    const auto where = place_of_move(i, "service_name");
    mistakes.look([&] { static_cast<void>(registry.require_service(move.service_name, where)); });
    mistakes.look([&] {
      static_cast<void>(registry.require_host(move.to_machine, place_of_move(i, "to_machine")));
    });
    mistakes.look([&] {
      if (seen.insert(move.service_name).second) return;
      throw Error{
          Code::invalid, fmt::format("\"{}\" is among the moves twice", move.service_name), where};
    });
  }
  mistakes.throw_if_any();
}

void require_fresh(const std::vector<Move>& moves, const registry::Registry& registry) {
  std::optional<Error> first;
  std::vector<ErrorDetail> details;
  for (std::size_t i = 0; i < moves.size(); ++i) {
    const auto claimed = claimed_host(moves[i]);
    const auto* service = registry.find_service(moves[i].service_name);
    if (!claimed || service == nullptr || service->current_host == claimed) continue;
    const auto where = place_of_move(i, "from_machine");
    const auto message =
        service->current_host
            ? fmt::format("\"{}\" is on \"{}\", not on \"{}\"",
                          service->name,
                          *service->current_host,
                          *claimed)
            : fmt::format("\"{}\" is on no host, not on \"{}\"", service->name, *claimed);
    if (!first) first = Error{Code::conflict, message, where};
    details.push_back({where, message});
  }
  if (!first) return;
  throw Error{Code::conflict, first->message(), first->where()}
      .reason("STALE_PLAN")
      .hint("look where the service is now, and plan again")
      .details(std::move(details));
}

}  // namespace portoser::deployment
