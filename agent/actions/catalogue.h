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
  ActionError(Error error, std::optional<std::int64_t> code, std::vector<std::string> words = {})
      : Error(std::move(error)), exit_code(code), last_words(std::move(words)) {}
  std::optional<std::int64_t> exit_code;
  std::vector<std::string> last_words;  ///< of what failed, beside the output of the steps
};

/// What a command does, in two parts, so that an agent that was restarted meanwhile can do the
/// second one alone: `plan` looks and changes nothing, then the runner goes through the steps, then
/// `finish` does what is left to do after their success, and `after_undo` after an undo.
struct Action {
  std::function<asio::awaitable<runner::Spec>(const Bytes&, const std::string& id)> plan;
  std::function<asio::awaitable<void>(const Bytes&)> finish;
  std::function<asio::awaitable<void>(const Bytes&)> after_undo;  ///< empty: nothing
  std::function<Error(const StepFailure&)> explain;
  /// What the thing itself wrote, when a step failed; empty: the output of the step says it all.
  std::function<asio::awaitable<std::vector<std::string>>(const Bytes&)> last_words;
};

class Catalogue {
 public:
  /// `owner` must outlive the catalogue; its `explain(const StepFailure&)` makes an `Error` of a
  /// step that failed.
  template <class Arguments, class Owner>
  void add(Owner& owner,
           asio::awaitable<runner::Spec> (Owner::*plan)(Arguments),
           asio::awaitable<void> (Owner::*finish)(Arguments)) {
    auto action = made<Arguments>(owner, finish);
    action.plan = [&owner, plan](const Bytes& bytes, const std::string&) {
      return (owner.*plan)(protocol::decode_arguments<Arguments>(bytes));
    };
    actions_.insert_or_assign(std::string{Arguments::name}, std::move(action));
  }

  /// Its plan gets the command's id.
  template <class Arguments, class Owner>
  void add(Owner& owner,
           asio::awaitable<runner::Spec> (Owner::*plan)(Arguments, std::string),
           asio::awaitable<void> (Owner::*finish)(Arguments)) {
    auto action = made<Arguments>(owner, finish);
    action.plan = [&owner, plan](const Bytes& bytes, const std::string& id) {
      return (owner.*plan)(protocol::decode_arguments<Arguments>(bytes), id);
    };
    actions_.insert_or_assign(std::string{Arguments::name}, std::move(action));
  }

  /// One that can be undone.
  template <class Arguments, class Owner>
  void add(Owner& owner,
           asio::awaitable<runner::Spec> (Owner::*plan)(Arguments, std::string),
           asio::awaitable<void> (Owner::*finish)(Arguments),
           asio::awaitable<void> (Owner::*after_undo)(Arguments)) {
    add<Arguments>(owner, plan, finish);
    actions_.at(std::string{Arguments::name}).after_undo = [&owner,
                                                            after_undo](const Bytes& bytes) {
      return (owner.*after_undo)(protocol::decode_arguments<Arguments>(bytes));
    };
  }

  /// For a command that was added.
  template <class Arguments, class Owner, class Target>
  void add_witness(Owner& owner,
                   asio::awaitable<std::vector<std::string>> (Owner::*last_words)(Target)) {
    actions_.at(std::string{Arguments::name}).last_words = [&owner,
                                                            last_words](const Bytes& bytes) {
      return (owner.*last_words)(protocol::decode_arguments<Arguments>(bytes).target);
    };
  }

  /// Unknown: `Error{invalid, UNKNOWN_COMMAND}`.
  [[nodiscard]] const Action& at(const std::string& name) const;

  [[nodiscard]] std::vector<std::string> names() const;

 private:
  template <class Arguments, class Owner>
  static Action made(Owner& owner, asio::awaitable<void> (Owner::*finish)(Arguments)) {
    Action action;
    action.finish = [&owner, finish](const Bytes& bytes) {
      return (owner.*finish)(protocol::decode_arguments<Arguments>(bytes));
    };
    action.explain = [&owner](const StepFailure& failure) { return owner.explain(failure); };
    return action;
  }

  std::map<std::string, Action> actions_;
};

}  // namespace portoser::agent::actions
