/// Tells a board of units what systemd says, in the words in which an engine speaks of containers:
/// `kill` and `die` for an end that somebody asked for, `die` alone for one that came by itself,
/// `start` for a unit that goes up. Pure but for the board's clock. Lives on the agent's Asio
/// thread.
#pragma once

#include "agent/services/board.h"
#include "agent/systemd/unit.h"

#include <functional>
#include <map>
#include <string>
#include <vector>

namespace portoser::agent::services {

class UnitWatch {
 public:
  /// The board must outlive it.
  explicit UnitWatch(ServiceBoard& board) : board_(board) {}

  /// All that are watched; first after each connection.
  void look(std::vector<systemd::Unit> units);
  /// News of one. Before it was looked at, they are left to the next look.
  void change(const systemd::Unit& unit);
  void lost(std::string reason);

  [[nodiscard]] const std::map<std::string, systemd::Unit>& units() const { return units_; }

 private:
  [[nodiscard]] bool is_restarted_inside(const systemd::Unit& before,
                                         const systemd::Unit& unit) const;
  void tell_end(const systemd::Unit& before, const systemd::Unit& unit);
  void tell_start(const systemd::Unit& before, const systemd::Unit& unit);
  void tell(engine::ContainerEvent event);
  [[nodiscard]] bool is_asked(const systemd::Unit& before, const systemd::Unit& unit) const;
  [[nodiscard]] bool has_command(const std::string& unit) const;

  ServiceBoard& board_;
  std::map<std::string, systemd::Unit> units_;  ///< as they were told last
};

}  // namespace portoser::agent::services
