/// Moves of services to other hosts with their data: each a job (move_job.h), with a record of how
/// far it came; what hosts that were away have to do after them; the data that is kept where a
/// service was before. A service on no host is put on one by the same job. On the jobs' executor.
#pragma once

#include "common/describe.h"
#include "controller/deployment/move_job.h"
#include "controller/jobs/jobs.h"
#include "controller/storage/database.h"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace portoser::deployment {

/// A move as people see it.
struct MoveRow {
  std::string id;  ///< the job's
  std::string service;
  std::optional<std::string> from_machine;
  std::string to_machine;
  std::string phase;
  Time begun_at{};
  std::optional<Time> decided_at;
  std::optional<Time> ended_at;
  std::string source_data;  ///< none, kept, replaced, discarded
  std::optional<Time> kept_until;
  std::vector<MoveChore> chores;
};
BOOST_DESCRIBE_STRUCT(MoveRow,
                      (),
                      (id,
                       service,
                       from_machine,
                       to_machine,
                       phase,
                       begun_at,
                       decided_at,
                       ended_at,
                       source_data,
                       kept_until,
                       chores))

class Mover {
 public:
  /// The kinds of jobs: of a service that is somewhere, and of one that is on no host.
  static constexpr auto move_kind = "move";
  static constexpr auto deploy_kind = "deploy";

  /// Registers both with `jobs`.
  Mover(registry::RegistryWatch& registry,
        registry::RegistryEditor& editor,
        fleet::Fleet& fleet,
        jobs::Jobs& jobs,
        Recording& recording,
        Routing& routing,
        storage::Database& database,
        const Clock& clock,
        MoveLimits limits = {});

  /// Begins the job, or joins an identical one. Unknown names: `Error{not_found}`; the service is
  /// there already: `Error{conflict}`, STALE_PLAN; another job for it: BUSY.
  asio::awaitable<jobs::Submitted> begin(Move move, std::string user, std::string parent = {});
  /// What it would take along, and what stands against it.
  asio::awaitable<MoveLook> look(Move move);

  /// The move as a part of another kind of job of the service, whose record it has: taken up where
  /// it was left. The service is on that host by the registry when it returns; done already:
  /// nothing. Throws as the job of a move.
  asio::awaitable<void> move_within(std::shared_ptr<jobs::Run> run, Move move);

  /// Newest first.
  asio::awaitable<std::vector<MoveRow>> list(std::optional<std::string> service);
  /// Removes the data that is kept where the service was before. Unknown: `Error{not_found}`,
  /// MOVE_UNKNOWN; nothing is kept, or the service is being moved: `Error{conflict}`,
  /// MOVE_NOT_KEPT, BUSY; what the host could not do: its error.
  asio::awaitable<MoveRow> finalize(std::string id);

  /// The move that undoes it: to the host where the service was. Unknown: `Error{not_found}`,
  /// MOVE_UNKNOWN; it did not come about, or the service is not where it brought it:
  /// `Error{conflict}`, STALE_PLAN.
  asio::awaitable<Move> way_back(std::string id);

  /// Does what is left to be done, until it is cancelled.
  asio::awaitable<void> run();

 private:
  asio::awaitable<void> carry_out(std::shared_ptr<jobs::Run> run);
  asio::awaitable<storage::MoveRecord> require_move(std::string id);
  asio::awaitable<KeptData> kept_on(std::string service, std::string host);
  asio::awaitable<void> mark_replaced(const storage::MoveRecord& move);
  asio::awaitable<void> settle_all();
  /// Whether something failed that has nothing to do with a host that is away.
  asio::awaitable<bool> settle(std::string id);
  asio::awaitable<void> forget_chore(std::string id, MoveChore chore);
  asio::awaitable<void> withdraw(const storage::MoveRecord& move,
                                 const MoveNotes& notes,
                                 std::string host);
  asio::awaitable<std::optional<Error>> do_chore(const storage::MoveRecord& move,
                                                 const MoveNotes& notes,
                                                 const MoveChore& chore);
  asio::awaitable<void> discard_source(storage::MoveRecord& move, bool is_asked_for);
  asio::awaitable<void> run_on(std::string host, std::string name, Bytes arguments);
  static MoveRow row_of(const storage::MoveRecord& move);
  [[nodiscard]] bool is_busy(const std::string& service) const;

  registry::RegistryWatch& registry_;
  registry::RegistryEditor& editor_;
  fleet::Fleet& fleet_;
  jobs::Jobs& jobs_;
  Recording& recording_;
  Routing& routing_;
  storage::MoveStore moves_;
  MoveScout scout_;
  const Clock& clock_;
  const MoveLimits limits_;
  /// Of moves whose chores fail, by id.
  struct Rest {
    std::chrono::seconds length{0};
    Uptime until{0};
  };
  std::map<std::string, Rest> rests_;
};

}  // namespace portoser::deployment
