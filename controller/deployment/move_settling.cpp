// What follows the decision of a move: registry.yml, routing, the source's containers.
#include "common/describe_json.h"
#include "controller/deployment/move_job.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace portoser::deployment {
namespace {

constexpr std::chrono::seconds settle_pause{1};

}  // namespace

/// Forward, whatever comes: the service runs on the target.
asio::awaitable<void> MoveJob::settle() {
  if (phase_ == MovePhase::decided) {
    auto editing = edit_registry();
    co_await std::move(editing);
    if (has_source()) {
      auto following = follow_routing();
      co_await std::move(following);
      auto taking = take_down_source();
      co_await std::move(taking);
      record_.source_data = "kept";
      record_.discard_after = run_->now() + limits_.keep;
    }
    auto entering = enter(MovePhase::done);
    co_await std::move(entering);
    if (has_source()) {
      run_->log(
          fmt::format("the data on \"{}\" is kept until {}; POST "
                      "/api/deployment/moves/{}/finalize removes it now",
                      record_.source,
                      to_rfc3339(*record_.discard_after),
                      record_.id));
    }
  }
  if (left_over_) throw Error{*left_over_};
}

/// As long as registry.yml says that the service is on the source, somebody might start it there:
/// the service stays busy until it says otherwise, or until somebody cancels the job.
asio::awaitable<void> MoveJob::edit_registry() {
  run_->step("registry");
  std::string told;
  auto rest = settle_pause;
  for (;;) {
    const auto registry = rooms_.registry.snapshot()->registry;
    const auto* service = registry->find_service(record_.service);
    const auto host = service == nullptr ? std::string{} : service->current_host.value_or("");
    if (service != nullptr && host == record_.target) {
      run_->log(fmt::format("registry.yml has \"{}\" on \"{}\"", record_.service, record_.target));
      co_return;
    }
    std::optional<Error> refused;
    const bool is_elsewhere = service == nullptr || host != record_.source;
    if (is_elsewhere) {
      // Whoever edited it must know.
      refused = Error{Code::conflict,
                      fmt::format("it was edited meanwhile and does not say that \"{}\" is on {}",
                                  record_.service,
                                  has_source() ? "\"" + record_.source + "\"" : "no host")}
                    .reason("STALE_PLAN")
                    .hint(fmt::format("it runs on \"{}\" with its data: write that into its entry",
                                      record_.target));
    } else {
      try {
        registry::EntryEdit edit;
        edit.section = registry::Section::services;
        edit.name = record_.service;
        edit.fields.push_back(
            {"current_host", registry::FieldValue::of_json(Json(record_.target))});
        registry::EditTerms terms;
        terms.who = run_->record().created_by;
        auto editing = rooms_.editor.edit(std::move(edit), std::move(terms));
        co_await std::move(editing);
      } catch (const Error& error) {
        refused = error;
      }
      if (!refused) continue;
    }
    const auto message =
        fmt::format("\"{}\" runs on \"{}\" with its data, but registry.yml does not say so: {}",
                    record_.service,
                    record_.target,
                    refused->message());
    tell_once(told, message);
    if (is_elsewhere || run_->cancelled()) {
      if (!is_elsewhere) add_chore("registry", "");
      left_over_ = Error{refused->code(), message}
                       .reason(refused->reason())
                       .hint(refused->hint())
                       .details({{"step", "registry"}});
      co_return;
    }
    constexpr std::chrono::seconds longest{30};
    co_await pause(rest);
    rest = std::min(2 * rest, longest);
  }
}

/// What still points at the old host follows, or is named.
asio::awaitable<void> MoveJob::follow_routing() {
  run_->step("routing");
  auto following = rooms_.routing.follow(
      record_.service, record_.source, record_.target, record_.id, [this](const std::string& line) {
        run_->log(line);
      });
  // Each result is in the log by then; whoever asked for the move is told them too.
  const auto results = co_await std::move(following);
  try {
    auto keeping = run_->keep_results(dump(to_json(results)));
    co_await std::move(keeping);
  } catch (const Error& error) {
    run_->log(error.message());
  }
}

/// Its containers; volumes and files stay. They are stopped and without a restart policy, so they
/// can wait.
asio::awaitable<void> MoveJob::take_down_source() {
  run_->step("finish");
  protocol::ComposeDown command;
  command.target = notes_.source;
  auto part = part_of(record_.source, "down", command, limits_.stop);
  part.can_be_cancelled = false;
  auto running = result_of(std::move(part), std::chrono::seconds{10});
  const auto result = co_await std::move(running);
  if (result.succeeded) co_return;
  add_chore("down", record_.source);
  run_->log(fmt::format(
      "the stopped containers on \"{}\" are removed later: {}", record_.source, result.message));
}

}  // namespace portoser::deployment
