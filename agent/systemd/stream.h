/// Follows units: reads each whole, then takes in what systemd says of its changes, at once and in
/// their order. Lives on the agent's Asio thread.
#pragma once

#include "agent/systemd/connection.h"
#include "agent/systemd/unit.h"
#include "common/tasks.h"

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace portoser::agent::systemd {

struct StreamCallbacks {
  /// All that are watched, read whole: once after the connection stands, and again after `watch`.
  std::function<void(std::vector<Unit>)> on_look;
  /// One of them may be another than before. Comes after the first look only, and also for one that
  /// no look has named yet.
  std::function<void(const Unit&)> on_change;
};

class UnitStream {
 public:
  /// A systemd that gives no sign for `patience` is asked; one that leaves that unanswered for as
  /// long is given up.
  UnitStream(asio::any_io_executor executor,
             std::string socket_path,
             StreamCallbacks callbacks,
             std::chrono::milliseconds patience = std::chrono::seconds{30});

  /// Replaces what is watched, also while `follow` runs.
  void watch(std::set<std::string> names);
  [[nodiscard]] const std::set<std::string>& watched() const { return names_; }

  /// Until the connection ends, with the `Error` that ended it.
  asio::awaitable<void> follow();

 private:
  struct Asked {
    std::string name;
    bool is_path = false;  ///< of its object; else its properties
    bool loads = false;    ///< also one that systemd does not have in memory
  };

  asio::awaitable<void> listen();
  asio::awaitable<Error> silence();
  void look();
  void ask_path(const std::string& name, bool loads);
  void ask_properties(const std::string& name);
  void take(const Message& message);
  void take_answer(const Asked& asked, const Message& message);
  void take_signal(const Message& message);
  void take_change(const std::string& name, const Message& message);
  void finish(const std::string& name);
  void end_look_if_whole();

  asio::any_io_executor executor_;
  std::string socket_path_;
  StreamCallbacks callbacks_;
  std::chrono::milliseconds patience_;
  std::set<std::string> names_;
  Connection* connection_ = nullptr;  ///< while `follow` runs
  std::map<std::string, Unit> units_;
  std::map<std::string, std::string> paths_;  ///< of objects -> names of units
  std::map<std::uint32_t, Asked> asked_;      ///< by serial
  std::set<std::string> missing_;             ///< from the look under way
  bool looking_ = false;
  bool looked_ = false;  ///< over this connection
  std::uint64_t heard_ = 0;
};

}  // namespace portoser::agent::systemd
