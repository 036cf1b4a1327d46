/// Three hosts and a service that moves between them: "ledger", one container (ledger_writer.cpp)
/// with its rows in the named volume "data", `./conf` of its folder read-only, a published port and
/// `restart: always`. On every host services lie below a `path` of its own, so that one entry of
/// the registry is right on each. At first it runs on h1, and no other host has anything of it, not
/// even its image. A client adds rows all the time, and a witness looks for a second writer.
/// Samples and heartbeats come ten times as often as users have them; a host is offline after 6 s.
#pragma once

#include "tests/cluster/ledger_client.h"
#include "tests/cluster/writer_watch.h"
#include "tests/integration/portoser.h"
#include "tests/support/host.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace portoser::test {

struct MoveWorldOptions {
  std::uint64_t seed = 1;  ///< of the cables that lose frames
  /// Agents' data, services' folders and volumes lie on disks of their own that can be filled.
  bool has_small_disks = false;
  std::size_t random_mebibytes = 0;  ///< beside the rows, in the volume
};

class MoveHost {
 public:
  MoveHost(Network& network, int number, const std::filesystem::path& folder, bool has_small_disks);

  [[nodiscard]] Host& machine() { return machine_; }
  [[nodiscard]] const Host& machine() const { return machine_; }
  [[nodiscard]] AgentProcess& agent() { return agent_; }
  [[nodiscard]] std::string name() const { return machine_.name(); }
  /// Below which services are: the host's `path` in the registry.
  [[nodiscard]] std::filesystem::path services() const { return machine_.disk() / "stacks"; }
  /// Of the ledger's compose file, if it is here.
  [[nodiscard]] std::filesystem::path folder() const { return services() / "ledger"; }
  /// Of the ledger's volume, if it is here.
  [[nodiscard]] std::filesystem::path volume() const;
  /// What never changes in the volume while the ledger runs.
  [[nodiscard]] std::filesystem::path odd_files() const { return volume() / "kept"; }
  /// Of agent, services and volumes; empty without small disks.
  [[nodiscard]] const std::vector<const SmallDisk*>& disks() const { return disks_; }

  /// What of machine, engine and agent does not run, as after a boot. Cables are healed.
  void switch_on();
  void power_off();
  /// The ledger's containers, whole ids: those that run, or all that there are. Its engine must
  /// answer.
  [[nodiscard]] std::vector<std::string> containers(bool also_stopped) const;
  /// Whether the engine has a volume of the ledger's name. It must answer.
  [[nodiscard]] bool has_volume() const;

 private:
  Host machine_;
  std::vector<const SmallDisk*> disks_;
  AgentProcess agent_;
};

/// What an execute was answered.
struct TakenMove {
  unsigned status = 0;  ///< 202: it was taken on
  std::string batch;    ///< the job; empty: it was refused
  std::string text;
};

class MoveWorld {
 public:
  static constexpr auto service = "ledger";
  static constexpr std::uint16_t port = 7070;  ///< on whatever host it is

  explicit MoveWorld(MoveWorldOptions options = {});

  [[nodiscard]] ControllerProcess& controller() { return controller_; }
  [[nodiscard]] const ControllerProcess& controller() const { return controller_; }
  [[nodiscard]] LedgerClient& client() { return *client_; }
  [[nodiscard]] WriterWatch& watch() { return watch_; }
  [[nodiscard]] const std::vector<std::unique_ptr<MoveHost>>& hosts() const { return hosts_; }
  [[nodiscard]] MoveHost& host(int number) {
    return *hosts_.at(static_cast<std::size_t>(number - 1));
  }
  [[nodiscard]] MoveHost& host(const std::string& name) const;
  /// As `MoveHost::odd_files` and `folder` were at the beginning (manifest_of).
  [[nodiscard]] const std::map<std::string, std::string>& odd_files() const { return odd_files_; }
  [[nodiscard]] const std::map<std::string, std::string>& folder() const { return folder_files_; }

  /// Asks for a move; returns at once.
  [[nodiscard]] TakenMove begin(const std::string& to,
                                const std::optional<std::string>& from = std::nullopt) const;
  /// The same with a body of the caller's own.
  [[nodiscard]] TakenMove execute(const Json& body) const;
  /// Moves it and waits for the end; the job of the ledger. Throws when it is not taken on.
  Json move(const std::string& to) const;
  /// Waits until the job of several is over; the ledger's own.
  [[nodiscard]] Json await_end(const std::string& batch) const;
  /// The ledger's job in it as it is now; null: there is none yet, or the controller is away.
  [[nodiscard]] Json part_of(const std::string& batch) const;
  [[nodiscard]] bool is_over(const std::string& batch) const;
  /// Null: the controller is away.
  [[nodiscard]] Json ask(const std::string& path) const;

  /// It was refused when its turn came, since the service was elsewhere by then; nothing was begun.
  [[nodiscard]] bool was_stale(const std::string& batch) const;
  /// On which hosts it runs, as the engines say, which must answer.
  [[nodiscard]] std::vector<std::string> places() const;
  /// `current_host` as registry.yml says.
  [[nodiscard]] std::string registry_host() const;
  [[nodiscard]] std::string registry_text() const;
  /// As a person with an editor, under the lock that the controller takes.
  void edit_registry(const std::function<std::string(std::string)>& change) const;
  /// Records of the ledger's history, newest first, at most 20, and how many there are.
  [[nodiscard]] Json history() const;

  /// Everything is on, connected and answers; nothing hangs.
  void heal();

 private:
  [[nodiscard]] std::string first_registry() const;
  void write_project() const;
  void boot();

  MoveWorldOptions options_;
  TempFolder folder_{"moves"};
  Network network_;
  ControllerProcess controller_;
  std::vector<std::unique_ptr<MoveHost>> hosts_;
  std::map<std::string, std::string> odd_files_;
  std::map<std::string, std::string> folder_files_;
  WriterWatch watch_;
  std::optional<LedgerClient> client_;
};

/// The ledger's; `load_ledger_image` puts it into the engine that docker finds by `docker`.
inline constexpr auto ledger_image = "portoser-test/ledger";
void load_ledger_image(const Environment& docker);

/// A text with `from` replaced, where it is first. `Error{internal}`: it is not there.
std::string with_replaced(std::string text, const std::string& from, const std::string& to);

}  // namespace portoser::test
