/// Every command that this agent knows, entered by its type. What is common to all of them
/// (journal, deadline, one at a time, result) is in actions.h.
#pragma once

#include "agent/actions/runner/files.h"
#include "common/error.h"
#include "common/tasks.h"
#include "protocol/codec.h"
#include "protocol/messages.h"

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace portoser::agent::actions {

/// A step that ended badly, as the runner saw it.
struct StepFailure {
  std::string step;
  std::int64_t exit_code = 0;
  std::string problem;             ///< why it could not be started; empty: it was
  std::vector<std::string> lines;  ///< the last ones of the output
};

/// A command that failed, with the exit code of what failed in it.
struct ActionError : Error {
  ActionError(Error error, std::optional<std::int64_t> code)
      : Error(std::move(error)), exit_code(code) {}
  std::optional<std::int64_t> exit_code;
};

/// What a command does, in two parts, so that an agent that was restarted meanwhile can do the
/// second one alone: `plan` looks and changes nothing, then the runner goes through the steps, then
/// `finish` does what is left to do after their success.
struct Action {
  std::function<asio::awaitable<runner::Spec>(const Bytes&)> plan;
  std::function<asio::awaitable<void>(const Bytes&)> finish;
  std::function<Error(const StepFailure&)> explain;
};

class Catalogue {
 public:
  /// `owner` must outlive the catalogue; its `explain(const StepFailure&)` makes an `Error` of a
  /// step that failed.
  template <class Arguments, class Owner>
  void add(Owner& owner,
           asio::awaitable<runner::Spec> (Owner::*plan)(Arguments),
           asio::awaitable<void> (Owner::*finish)(Arguments)) {
    Action action;
    action.plan = [&owner, plan](const Bytes& bytes) {
      return (owner.*plan)(protocol::decode_arguments<Arguments>(bytes));
    };
    action.finish = [&owner, finish](const Bytes& bytes) {
      return (owner.*finish)(protocol::decode_arguments<Arguments>(bytes));
    };
    action.explain = [&owner](const StepFailure& failure) { return owner.explain(failure); };
    actions_.insert_or_assign(std::string{Arguments::name}, std::move(action));
  }

  /// Unknown: `Error{invalid, UNKNOWN_COMMAND}`.
  [[nodiscard]] const Action& at(const std::string& name) const;

  [[nodiscard]] std::vector<std::string> names() const;

 private:
  std::map<std::string, Action> actions_;
};

}  // namespace portoser::agent::actions
