/// The services assigned to this host: which containers are theirs, how each stands, and what
/// happens to it. A board watches containers, or units of systemd, of which unit_watch.h speaks as
/// an engine speaks of containers: so both have the same events by the same rules. Fed by the agent
/// with what the engine says; calls nobody but its callbacks, and those from within the call that
/// brought the news, so that an event is on its way at once. Lives on the agent's Asio thread.
/// `assign` and `look` ask the disk which compose files exist.
///
/// The agent's part: `restore` what the agent before knew; ask the engine for the events
/// `since_ns`, `replay` those of the past if the board `has_looked` before, then follow the others,
/// `look` at all containers once the stream stands, `apply` every event and, when that says so,
/// inspect the container and `refresh` it (`vanished` when it is gone), `engine_lost` when the
/// stream ends. An event that comes twice counts once. Keep a `checkpoint` after every change. An
/// engine that is told to stop ends its containers first, and says so in the same words as for a
/// person's `docker stop`. So a stop by somebody else is held back until the engine has answered
/// (`on_doubt`, `engine_answered`): that takes an engine that stays less than a millisecond, and
/// one that goes never does it. The first look without anything restored makes states and no
/// events; what a later look finds changed, beyond what events told, becomes events as far as it
/// can be told. Which change is which event: subject.h.
#pragma once

#include "agent/engine/compose_labels.h"
#include "agent/engine/container.h"
#include "agent/services/checkpoint.h"
#include "agent/services/life.h"
#include "agent/services/subject.h"
#include "agent/services/taken_events.h"
#include "agent/services/wall_history.h"
#include "common/clock.h"
#include "protocol/messages.h"

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace portoser::agent::services {

struct BoardCallbacks {
  std::function<void(protocol::Event)> on_event;  ///< without its sequence: the spool's matter
  std::function<void()> on_change;                ///< `state()` is another than before
  /// Ask the engine anything, again until it answers or its stream ends; then call
  /// `engine_answered` or `engine_lost`. Empty: nothing is held back.
  std::function<void()> on_doubt;
  /// More events came than can wait: `look` at all containers soon.
  std::function<void()> on_missed;
};

enum class BoardKind {
  containers,  ///< of docker services
  units,       ///< of native and local services; one each, whose name is its "container's" id
};

class ServiceBoard {
 public:
  /// `clock` must outlive the board.
  ServiceBoard(const Clock& clock,
               std::string boot_id,
               BoardCallbacks callbacks,
               BoardKind kind = BoardKind::containers);

  /// Before anything else. Of another boot: what ran then was stopped with the host.
  void restore(Checkpoint checkpoint);
  [[nodiscard]] Checkpoint checkpoint() const;
  /// Not before the first look of this boot, and not while a stop is held back: nobody would tell
  /// it after a crash.
  [[nodiscard]] bool can_be_kept() const { return looked_ && !rebooted_ && held_.empty(); }

  /// Those of the board's own kind.
  void assign(std::vector<protocol::AssignedService> services);
  /// The names of the units behind its services.
  [[nodiscard]] std::set<std::string> units() const;
  [[nodiscard]] std::int64_t now_us() const { return to_unix_us(clock_.now()); }
  /// Reads the clocks, to learn when somebody sets one: at least as often as a sample is taken.
  void observe_clocks() const;
  /// The time of which the engine's events are wanted, by its wall clock: the beginning, and the
  /// latest date that one of the past may have. That one lies in the future after the clock was set
  /// back.
  std::int64_t since_ns();
  [[nodiscard]] std::int64_t until_ns() const;
  /// What the engine remembers from before the first look ever: nobody's concern, whatever the
  /// clock shows later.
  void pass_over(const std::vector<engine::ContainerEvent>& events);
  [[nodiscard]] bool has_looked() const { return looked_; }
  /// What happened before the stream that is about to stand, oldest first.
  void replay(const std::vector<engine::ContainerEvent>& events);
  void look(std::vector<engine::Container> containers);
  /// States become unknown; no event, since nobody knows what happened.
  void engine_lost(std::string reason);
  /// To a question that was asked after the newest event.
  void engine_answered();
  /// To any question. Events and looks are signs too.
  void engine_gave_sign() { engine_sign_ = clock_.uptime(); }

  /// True: something of it cannot be told from the event; inspect the container, then `refresh`.
  bool apply(const engine::ContainerEvent& event);
  void refresh(engine::Container container);
  /// The container that `apply` wanted to be inspected is not there any more.
  void vanished(const std::string& id);

  /// Until it ends, what the engine is told to do with the service's containers is this command's
  /// doing. `command`: its name in protocol/commands.h. `began_us`: wall clock.
  void command_started(std::string id,
                       const std::string& service,
                       std::string_view command,
                       std::int64_t began_us);
  /// `ended_us`: wall clock; what happens later is nobody's command.
  void command_ended(const std::string& id,
                     const std::string& service,
                     bool succeeded,
                     std::int64_t ended_us);
  struct OpenCommand {
    std::string id;
    std::string service;
  };
  /// Those that have not ended as far as the board was told.
  [[nodiscard]] std::vector<OpenCommand> open_commands() const;

  [[nodiscard]] protocol::State state() const;
  /// A container of the service failed and has not come back; nothing: that is not known, also of
  /// one that had ended before anybody looked, with a code that a stop gives too.
  [[nodiscard]] std::optional<bool> has_failed(const std::string& service) const;
  /// Names of the services that the container belongs to; usually one, none of a stranger.
  [[nodiscard]] std::vector<std::string> services_of(const std::string& container_id) const;

 private:
  struct Service {
    protocol::AssignedService assigned;
    engine::ComposeIdentity identity;  ///< of a unit: only the file that was found
    std::string unit;                  ///< of a board of units; empty: its name is none
    Subject subject;
  };
  struct Watched {
    engine::Container seen;
    Life life;
    Subject own;                        ///< judges it while no service does
    std::vector<std::string> services;  ///< names; usually one
    bool live = false;                  ///< known from an event of this connection
  };
  /// What an event is about.
  struct Scene {
    const engine::Container* container = nullptr;
    std::int64_t when_us = 0;
    std::optional<std::int64_t> exit_code;
    std::string subject;                            ///< without a container: what its time hangs on
    const engine::ContainerEvent* cause = nullptr;  ///< none: found by looking
  };
  struct Before;
  /// An event that waits for the engine's answer.
  struct Held {
    protocol::Event event;
    bool is_doubtful = false;  ///< no answer: it never happened
    EventKey cause;            ///< of a doubtful one
  };
  /// Events of a container whose labels are not known yet, in their order.
  struct Waiting {
    std::vector<engine::ContainerEvent> events;
    bool from_the_past = false;  ///< nobody inspects it: the next look tells
  };

  void identify(Service& service) const;
  [[nodiscard]] bool is_of(const engine::Container& container, const Service& service) const;
  std::vector<engine::ContainerEvent> take_waiting(const std::string& id);
  void miss(const engine::ContainerEvent& event);
  void meet(engine::Container container, const std::vector<engine::ContainerEvent>& events);

  void play(Watched& watched, const engine::ContainerEvent& event);
  void started(Watched& watched, const engine::ContainerEvent& event);
  void ended(Watched& watched, const engine::ContainerEvent& event, std::int64_t when_us);
  void stopped(Watched& watched, std::int64_t when_us);
  void remove(const std::string& id, std::int64_t when_us);
  void add(engine::Container container);
  bool take_over(Watched& watched, engine::Container container);
  [[nodiscard]] Life steadied(Life life) const;
  [[nodiscard]] bool is_started_anew(const engine::Container& container, const Life& before) const;

  void see_first(engine::Container container);
  bool see_again(Watched& watched, engine::Container container);
  void judge_ended_commands();
  void tell_of_the_vanished(const std::set<std::string>& present);
  std::vector<Before> remember() const;
  void add_to(std::vector<Before>& before, const std::map<std::string, Life>& ran);
  [[nodiscard]] std::string_view absence() const;
  Difference difference_since(const Before& old, Scene& scene) const;
  void compare(const std::vector<Before>& before);
  void show_newest_member(const Before& old, Scene& scene) const;

  void assign_container(Watched& watched);
  void forgive_failures(const std::string& service);
  void forget_doubtful();
  void changed();
  [[nodiscard]] bool is_member(const Watched& watched, const std::string& service) const;
  [[nodiscard]] Crew crew_of(const std::string& service) const;
  [[nodiscard]] static Crew crew_of(const Watched& watched);
  /// Calls `visit(subject, crew, service name)` for every judge of the container.
  template <class Visit>
  void for_each_subject(Watched& watched, Visit visit);

  static std::string origin_of(const protocol::Event& event, const Scene& scene);
  void emit(std::optional<Verdict> verdict, const std::string& service, const Scene& scene);
  [[nodiscard]] protocol::Moment moment_at(std::int64_t when_us) const;
  const Clock& clock_;
  std::string boot_id_;
  BoardCallbacks callbacks_;
  BoardKind kind_;
  std::map<std::string, Service> services_;
  std::map<std::string, Watched> containers_;
  std::map<std::string, Waiting> waiting_;
  std::size_t waiting_events_ = 0;
  std::deque<EventKey> missed_;  ///< found no room to wait, since the last look
  std::vector<Held> held_;
  std::vector<EndedCommand> ended_;  ///< in their order; the next look judges them
  TakenEvents taken_;
  mutable WallHistory wall_;  ///< learns whenever the clocks are read
  bool looked_ = false;
  bool replaying_ = false;
  bool rebooted_ = false;  ///< since the checkpoint; until the next look
  bool available_ = false;
  std::optional<Uptime> engine_sign_;  ///< the newest of this agent's time
  std::string problem_;                ///< why nothing is known; empty while it is
};

}  // namespace portoser::agent::services
