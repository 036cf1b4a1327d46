/// The steps of `compose.deploy` and `compose.confirm` that need code of our own. Each gives the
/// same end when it is killed and run again. What fails is an `Error` whose reason docs/errors.md
/// has; where compose itself fails, its exit status is returned. Blocking; one thread.
#pragma once

#include "agent/deployments/kept_deployments.h"
#include "agent/deployments/parameters.h"
#include "agent/deployments/program/compose_run.h"
#include "agent/deployments/program/container_processes.h"
#include "agent/deployments/program/engine_calls.h"
#include "agent/deployments/program/held_containers.h"
#include "agent/deployments/program/probe.h"
#include "agent/deployments/program/whole_file.h"

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace portoser::agent::deployments {

/// The exit status of a step of the undo that found nothing changed; the runner knows it.
inline constexpr int nothing_to_undo = 100;

/// Time as this work sees it; a test has its own.
struct WorkClock {
  std::function<std::int64_t()> now_us;
  std::function<std::chrono::steady_clock::time_point()> now;
  std::function<void(std::chrono::milliseconds)> pause;
  std::function<std::int64_t()> uptime_ns;  ///< CLOCK_BOOTTIME
  std::function<std::string()> boot_id;
};
WorkClock system_clock();

/// Processes of containers that are alive, by the ids of these.
using FindProcesses = std::function<std::vector<pid_t>(const std::set<std::string>& ids)>;

class Work {
 public:
  /// All references must outlive it.
  Work(
      const Parameters& parameters,
      EngineCalls& engine,
      WorkClock clock,
      FindProcesses find_processes = [](const auto& ids) { return processes_of(ids); },
      AskProbe ask = ask_probe);

  /// By the name of the step. Unknown: `Error{invalid}`.
  int run(const std::string& step);

  /// Writes down what runs now, for the undo.
  int keep_before();
  /// Compose looks at the new text, which lies beside the file.
  int check();
  /// Of a restore: everything that it needs is here.
  int check_kept();
  /// What the new text needs and the engine does not have.
  int images();
  int install();
  /// Stops containers of services that are gone from the text, and gives them a name that no other
  /// needs. They go back as they are when the new text does not hold.
  int stop_gone();
  /// Removes them: the new text holds.
  int remove_gone();
  /// Of a restore: what ran then, and nothing else.
  int up_kept();
  /// Until the containers are well and, in an activation that has a probe, this one has succeeded.
  /// In time they are not: `Error{internal, HEALTH_NOT_BACK}`; one has ended: CONTAINER_EXITED.
  int health();
  int keep();
  int undo();
  int undo_up();
  int undo_health();
  int tidy();

  // Of an activation; activation.cpp.

  /// Takes the restart policies of the containers that were made, once they are written down.
  int hold();
  int up_held();
  /// Until it is decided whose the service is, at most until the lease is over. Not this host's:
  /// `Error{conflict, NOT_CONFIRMED}`.
  int confirm();
  /// Gives the policies back and starts what does not run.
  int release();
  /// The undo. Decides that it is not this host's, unless it is: then nothing is to be undone.
  /// Returns when nothing of it runs.
  int withdraw();
  /// Of `compose.confirm`: decides that it is this host's. It is not, and never will be:
  /// `Error{conflict, NOT_CONFIRMED}`.
  int grant();
  /// The same after one that did not come to its end; the verdict says what became of it.
  int grant_again();

 private:
  using Containers = std::vector<engine::Container>;
  /// What a file is to be: none, it is not to be there.
  struct Wanted {
    std::string path;
    std::optional<WholeFile> file;
  };

  // work.cpp
  [[nodiscard]] bool replaces_file() const {
    return parameters_.replaces_text || !parameters_.restore.empty();
  }
  [[nodiscard]] Containers containers();
  void await_engine();
  [[nodiscard]] KeptDeployment before() const;
  [[nodiscard]] KeptDeployment kept() const;  ///< of a restore
  [[nodiscard]] std::string new_text() const;
  [[nodiscard]] std::string candidate() const;
  [[nodiscard]] std::string default_image(const std::string& compose_service) const;
  [[nodiscard]] std::vector<Wanted> files_of(const KeptDeployment& kept) const;
  void put(const Wanted& wanted, const std::string& why) const;
  [[nodiscard]] WholeFile as_compose_file(std::string text) const;
  /// Of what was kept of another project or file nothing can be brought back here.
  [[nodiscard]] bool is_of_target(const KeptDeployment& kept) const;
  using Names = std::map<std::string, std::string>;
  /// Of these compose services; none given: of all. What the names that were moved meant before.
  Names name_images(const KeptDeployment& kept, const std::set<std::string>* services = nullptr);

  // health.cpp
  [[nodiscard]] ProbeAnswer probe(std::chrono::steady_clock::time_point end) const;

  // keep.cpp
  void write_down(const std::string& id, const std::string& tag, const std::set<std::string>& more);
  void hold_images(const KeptDeployment& kept);
  void let_go_of_images(const KeptDeployment& kept);
  void let_go(const KeptDeployment& kept);
  void keep_displaced(const KeptDeployment& ran, const std::vector<Wanted>& files) const;

  // change.cpp
  struct Needs {
    std::vector<std::string> build;
    std::vector<std::string> pull;
  };
  Needs missing_images();
  [[nodiscard]] Containers unnamed(const std::string& text, const std::string& other);
  void stop(const engine::Container& container,
            std::optional<std::chrono::seconds> grace = std::nullopt);

  // undo.cpp
  [[nodiscard]] bool moves_names() const;
  void give_names_back(const KeptDeployment& ran, const Names& found);
  std::set<std::string> bring_back_gone(const KeptDeployment& ran, bool is_last);
  void remove_new(const KeptDeployment& ran);
  bool is_sick(const engine::Container& container);
  void end_sick(const KeptDeployment& ran,
                const std::set<std::string>& to_make,
                const std::set<std::string>& too_many);
  [[nodiscard]] KeptDeployment what_ran() const;
  [[nodiscard]] bool runs_as(const KeptDeployment& before);

  // activation.cpp
  [[nodiscard]] bool is_activation() const { return parameters_.action == "activate"; }
  void refuse_what_runs();
  int start_held();
  bool is_started(const HeldContainers& held);
  int release_once();
  void say_once(const std::string& text);
  bool end_by_engine(std::set<std::string>& ids, bool may_start_late);
  void end_all(std::set<std::string> ids, bool may_start_late);
  void clear_withdrawn();

  const Parameters& parameters_;
  EngineCalls& engine_;
  WorkClock clock_;
  ComposeRun compose_;
  KeptDeployments store_;
  FindProcesses find_processes_;
  AskProbe ask_probe_;
  std::set<std::string> said_;
};

/// Its image was not on the host any more when it was written down.
bool has_lost_image(const KeptDeployment& kept, const KeptContainer& container);

/// Of the compose services of a deployment: those of which a container was up.
std::set<std::string> services_up(const KeptDeployment& kept);

}  // namespace portoser::agent::deployments
