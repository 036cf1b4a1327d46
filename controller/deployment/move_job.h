/// One move of a service to another host while it runs: a transaction over two hosts. Until the
/// target's host has confirmed that the service is its own, every failure leads back to the source;
/// from then on only forward (docs/decisions/0021). Each phase is stored before it begins, and what
/// it has hosts do has ids that another run of the controller makes again, so that one that is
/// killed in any moment is followed by one that goes on. On the jobs' executor.
#pragma once

#include "common/clock.h"
#include "common/tasks.h"
#include "controller/deployment/move_look.h"
#include "controller/deployment/move_notes.h"
#include "controller/deployment/recording.h"
#include "controller/deployment/routing.h"
#include "controller/fleet/fleet.h"
#include "controller/jobs/run.h"
#include "controller/registry/editor.h"
#include "controller/registry/watch.h"
#include "controller/storage/move_store.h"
#include "protocol/codec.h"

#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace portoser::deployment {

struct MoveLimits {
  std::chrono::seconds start{300};   ///< until the target's containers are made and started
  std::chrono::seconds health{120};  ///< in which health must come there
  std::chrono::seconds stop{120};
  std::chrono::seconds confirm{
      60};  ///< that the target may wait for the confirmation of what is well
  std::chrono::seconds withdraw{60};  ///< after the end of its lease, until it has surely ended all
  std::chrono::minutes away{30};      ///< that a host may be away while the source still runs
  std::chrono::minutes away_stopped{3};  ///< and while nothing runs
  std::chrono::minutes stopped{60};      ///< that a transfer may be tried again while nothing runs
  std::chrono::minutes silent{30};       ///< without a byte of a transfer: it hangs
  std::chrono::minutes returning{30};    ///< that the start on the source may fail
  std::chrono::hours keep{24 * 7};       ///< the source's data, after the move
  std::int64_t rate_limit_kib = 0;       ///< a second; 0: none
};

/// What a move works with; all of it outlives the move.
struct MoveRooms {
  registry::RegistryWatch& registry;
  registry::RegistryEditor& editor;
  fleet::Fleet& fleet;
  Recording& recording;
  storage::MoveStore& moves;
  MoveScout& scout;
  Routing& routing;
  const Clock& clock;
};

/// The phases in their order, as `MoveRecord::phase` has them.
enum class MovePhase {
  look,
  copy,
  stop,
  sync,
  start,
  confirm,
  decided,
  done,
  returning,
  returned,
};
BOOST_DESCRIBE_ENUM(
    MovePhase, look, copy, stop, sync, start, confirm, decided, done, returning, returned)

class MoveJob {
 public:
  /// `record`: as it is stored. `kept`: what an earlier move left on the target.
  MoveJob(MoveRooms rooms,
          MoveLimits limits,
          std::shared_ptr<jobs::Run> run,
          storage::MoveRecord record,
          Move move,
          KeptData kept);

  /// Throws what the move ended with when it went back, or when something is left to be done after
  /// it.
  asio::awaitable<void> carry_out();

 private:
  // move_job.cpp
  /// Until it is decided.
  asio::awaitable<void> go_forward();
  asio::awaitable<void> next_phase();
  [[nodiscard]] std::vector<std::string> hosts_to_begin() const;
  asio::awaitable<void> give_time_to(std::vector<std::string> hosts,
                                     std::chrono::steady_clock::duration patience);
  asio::awaitable<void> enter(MovePhase phase);
  asio::awaitable<void> keep();
  asio::awaitable<void> look();
  asio::awaitable<void> stop_source();
  void require_still_wanted() const;
  [[nodiscard]] bool has_source() const { return !record_.source.empty(); }
  [[nodiscard]] std::string id_of(const std::string& what) const;
  template <class Command>
  [[nodiscard]] jobs::Part part_of(const std::string& host,
                                   const std::string& what,
                                   const Command& command,
                                   std::chrono::milliseconds limit) const {
    jobs::Part part;
    part.host = host;
    part.id = id_of(what);
    part.name = Command::name;
    part.arguments = protocol::encode_arguments(command);
    part.limit = limit;
    part.is_logged = !repeats_;
    return part;
  }
  void add_chore(const std::string& what, const std::string& host);
  /// Why the host cannot be told anything; none: it is there.
  [[nodiscard]] std::optional<Error> absent(const std::string& host) const;
  void tell_once(std::string& told, const std::string& text);
  /// Ends when one of them was away for so long.
  asio::awaitable<Error> absence(std::vector<std::string> hosts,
                                 std::chrono::steady_clock::duration patience);
  /// What came of a command; of one without a result, the error. A host that is away for so long is
  /// not waited for.
  asio::awaitable<protocol::CommandResult> result_of(jobs::Part part,
                                                     std::chrono::steady_clock::duration patience);

  // move_settling.cpp
  asio::awaitable<void> settle();
  asio::awaitable<void> edit_registry();
  asio::awaitable<void> follow_routing();
  asio::awaitable<void> take_down_source();

  // move_transfer.cpp
  asio::awaitable<void> transfer(bool is_final);
  asio::awaitable<protocol::CommandResult> transfer_once(bool is_final);
  asio::awaitable<protocol::CommandResult> side(jobs::Part part, std::string stream);
  asio::awaitable<Error> end_of_transfer(std::string host, std::string stream);

  // move_activation.cpp
  asio::awaitable<void> activate();
  [[nodiscard]] std::chrono::seconds lease_lasts() const;
  asio::awaitable<void> make_lease();
  void set_ends_of_lease();
  asio::awaitable<bool> run_activation();
  asio::awaitable<Error> end_of_lease();
  [[nodiscard]] bool is_told() const;
  asio::awaitable<bool> confirm();
  asio::awaitable<void> send_confirmation();
  [[nodiscard]] Error not_known(const Error& why) const;

  // move_return.cpp
  asio::awaitable<void> go_back();
  asio::awaitable<void> quiet_target();
  asio::awaitable<void> ask_target();
  [[nodiscard]] bool is_quiet_by_itself() const;
  void leave_stopped(const Error& why);
  asio::awaitable<void> restart_source();
  asio::awaitable<void> discard_target();
  void note_failure(const Error& error);
  [[nodiscard]] Error failure() const;

  MoveRooms rooms_;
  const MoveLimits limits_;
  const std::shared_ptr<jobs::Run> run_;
  storage::MoveRecord record_;
  MovePhase phase_ = MovePhase::look;
  MoveNotes notes_;
  std::vector<MoveChore> chores_;
  const Move move_;
  const KeptData kept_;
  bool repeats_;  ///< what the hosts tell is in the log already
  bool is_decided_ = false;
  bool may_confirm_ = false;  ///< the target waits for it
  /// How the activation ended; none: it has not, or the host did not say.
  std::optional<protocol::CommandResult> activation_;
  std::optional<Error> activation_lost_;
  /// Whether the target has taken the service is not known, and nobody waits for it any more.
  std::optional<Error> undecided_;
  /// By the controller's uptime: a command that the target has not begun never begins; what was not
  /// confirmed does not run there any more.
  Uptime begin_over_{0};
  Uptime lease_over_{0};
  asio::steady_timer news_;         ///< never expires; cancelled when there is news of the target
  std::optional<Error> left_over_;  ///< what could not be done after the decision
};

/// A result as the error of a phase of the move: without the step of the host, which is none of the
/// job's.
Error move_error(const protocol::CommandResult& result, const std::string& host);

/// Of a move as it is stored.
MoveNotes notes_of(const storage::MoveRecord& move);

/// An error as the result of a command that has none.
protocol::CommandResult as_result(const Error& error);

/// The host is not away but gone: nobody need wait for it.
bool is_gone(const Error& absence);

/// Hosts that are away, busy, cut off in the middle: the same may be tried again.
bool may_try_again(std::string_view reason);

}  // namespace portoser::deployment
