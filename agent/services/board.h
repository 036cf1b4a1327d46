/// The services assigned to this host: which containers are theirs, how each stands, and what
/// happens to it. Fed by the agent with what the engine says; calls nobody but its two callbacks,
/// and those from within the call that brought the news, so that an event is on its way at once.
/// Lives on the agent's Asio thread. `assign` and `look` ask the disk which compose files exist.
///
/// The agent's part: follow the engine's events from now on (without `since`), `look` at all
/// containers once the stream stands, `apply` every event and, when that says so, inspect the
/// container and `refresh` it (`vanished` when it is gone), `engine_lost` when the stream ends.
/// An engine that is told to stop ends its containers first, and says so in the same words as for a
/// person's `docker stop`. So a stop by somebody else is held back until the engine has answered
/// (`on_doubt`, `engine_answered`): that takes an engine that stays less than a millisecond, and
/// one that goes never does it. The first look makes states and no events; what a later look finds
/// changed becomes events as far as it can be told. Which change is which event: subject.h.
#pragma once

#include "agent/engine/compose_labels.h"
#include "agent/engine/container.h"
#include "agent/services/life.h"
#include "agent/services/subject.h"
#include "common/clock.h"
#include "protocol/messages.h"

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
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
};

class ServiceBoard {
 public:
  /// `clock` must outlive the board.
  ServiceBoard(const Clock& clock, std::string boot_id, BoardCallbacks callbacks);

  void assign(std::vector<protocol::AssignedService> services);
  void look(std::vector<engine::Container> containers);
  /// States become unknown; no event, since nobody knows what happened.
  void engine_lost(std::string reason);
  /// To a question that was asked after the newest event.
  void engine_answered();

  /// True: something of it cannot be told from the event; inspect the container, then `refresh`.
  bool apply(const engine::ContainerEvent& event);
  void refresh(engine::Container container);
  /// The container that `apply` wanted to be inspected is not there any more.
  void vanished(const std::string& id);

  /// Until it ends, what the engine is told to do with the service's containers is this command's
  /// doing. `command`: its name in protocol/commands.h.
  void command_started(std::string id, const std::string& service, std::string_view command);
  void command_ended(const std::string& id, const std::string& service, bool succeeded);

  [[nodiscard]] protocol::State state() const;

 private:
  struct Service {
    protocol::AssignedService assigned;
    engine::ComposeIdentity identity;
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
  };
  struct Before;
  /// An event that waits for the engine's answer.
  struct Held {
    protocol::Event event;
    bool is_doubtful = false;  ///< no answer: it never happened
  };

  void play(Watched& watched, const engine::ContainerEvent& event);
  void started(Watched& watched, std::int64_t when_us);
  void ended(Watched& watched, const engine::ContainerEvent& event, std::int64_t when_us);
  void stopped(Watched& watched, std::int64_t when_us);
  void remove(const std::string& id, std::int64_t when_us);
  void add(engine::Container container);
  bool take_over(Watched& watched, engine::Container container);

  std::vector<Before> remember() const;
  void compare(const std::vector<Before>& before);

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

  void emit(std::optional<Verdict> verdict, const std::string& service, const Scene& scene);
  [[nodiscard]] protocol::Moment moment_at(std::int64_t when_us) const;
  [[nodiscard]] std::int64_t now_us() const { return to_unix_us(clock_.now()); }

  const Clock& clock_;
  std::string boot_id_;
  BoardCallbacks callbacks_;
  std::map<std::string, Service> services_;
  std::map<std::string, Watched> containers_;
  /// Events of containers whose labels are not known yet, in their order.
  std::map<std::string, std::vector<engine::ContainerEvent>> waiting_;
  std::size_t waiting_events_ = 0;
  std::vector<Held> held_;
  bool looked_ = false;
  bool available_ = false;
  std::string problem_ = "the agent has not reached the Docker engine yet";
};

}  // namespace portoser::agent::services
