/// How often agents measure their hosts. An admin may change it while the controller runs; that
/// outlives a restart and holds over the setting.
#pragma once

#include "common/clock.h"
#include "common/tasks.h"
#include "controller/storage/choice_store.h"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace portoser::fleet {
class Fleet;
}

namespace portoser::telemetry {

class Live;
class RemoteWrite;
class Series;

struct CollectionSettings {
  std::chrono::milliseconds interval{5000};  ///< until somebody chooses another
  /// A host that was silent for so long is offline; one that measures seldom has longer.
  std::chrono::milliseconds heard_within{60'000};
};

class Collection {
 public:
  Collection(storage::Database& database,
             fleet::Fleet& fleet,
             Live& live,
             Series& series,
             RemoteWrite& remote_write,
             const Clock& clock,
             CollectionSettings settings)
      : choices_(database),
        fleet_(fleet),
        live_(live),
        series_(series),
        remote_write_(remote_write),
        clock_(clock),
        settings_(settings),
        interval_(settings.interval) {}

  /// Takes up what was chosen before. On the core's executor, before the fleet starts.
  asio::awaitable<void> start();
  /// For all hosts from now on. On the core's executor. Not 1 s to 300 s: `Error{invalid}`; the
  /// database takes nothing: `Error{unavailable}`, and nothing has changed.
  asio::awaitable<void> set_interval(std::chrono::seconds interval);
  [[nodiscard]] std::chrono::milliseconds interval() const {
    return interval_.load();
  }  ///< any thread
  /// So many of them, as answers tell it that have whole seconds: rounded up, so that nobody takes
  /// hosts to be measured more often than they are. At least 1. Any thread.
  [[nodiscard]] std::int64_t whole_seconds(int intervals = 1) const;

 private:
  /// One that was chosen, from then on.
  struct Chosen {
    std::int64_t since_ms = 0;  ///< of Unix time
    std::chrono::seconds interval{};
  };
  static std::string to_text(const std::vector<Chosen>& chosen);
  static std::optional<std::vector<Chosen>> from_text(const std::string& text);
  void apply(const std::vector<Chosen>& chosen);

  storage::ChoiceStore choices_;
  fleet::Fleet& fleet_;
  Live& live_;
  Series& series_;
  RemoteWrite& remote_write_;
  const Clock& clock_;
  const CollectionSettings settings_;
  std::vector<Chosen> chosen_;  ///< by time; on the core's executor
  std::atomic<std::chrono::milliseconds> interval_;
};

}  // namespace portoser::telemetry
