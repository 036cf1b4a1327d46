/// Keeps the registry in step with its file. The room's state lives on one executor (a strand, or a
/// context that one thread runs); `snapshot` and `reload` may be called from anywhere.
#pragma once

#include "common/clock.h"
#include "common/error.h"
#include "common/histogram.h"
#include "controller/registry/model.h"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace portoser::registry {

namespace asio = boost::asio;

/// Where the registry in force comes from.
enum class Source {
  ok,          ///< the file as it is now
  last_good,   ///< the file is there and refused; an earlier state of it is in force
  missing,     ///< there is no file; what was last read is in force, or an empty registry
  never_read,  ///< the file is there and refused, and nothing was ever read: an empty registry
};
BOOST_DESCRIBE_ENUM(Source, ok, last_good, missing, never_read)

/// Why the file as it is now is not in force.
struct Problem {
  std::string message;
  std::string where;  ///< "<path>:12:3", or the path alone
  std::string hint;
  std::vector<ErrorDetail> details;
};

struct RegistryState {
  std::shared_ptr<const Registry> registry;  ///< never null
  std::optional<Problem> problem;            ///< set unless `source` is `ok`
  Time loaded_at{};                          ///< when `registry` was read; the epoch when never
  Source source = Source::never_read;
};

/// Counted since the start.
struct RegistryStats {
  std::uint64_t reads = 0;    ///< that gave a registry
  std::uint64_t refused = 0;  ///< that did not
  /// Mistakes found, by what they are in: "file" (refused as a whole), "host", "service", "other".
  std::map<std::string, std::uint64_t> mistakes;
  /// How long a new state waited until readers let it in.
  HistogramReading lock_wait;
  std::optional<std::uint64_t>
      size_bytes;  ///< of the file when it was last read; empty: none there
};

class RegistryWatch {
 public:
  using StatePtr = std::shared_ptr<const RegistryState>;
  using Subscriber = std::function<void(StatePtr)>;

  /// Reads the file at once; a file that cannot be used is a problem in the state, not an
  /// exception.
  RegistryWatch(asio::any_io_executor executor, std::filesystem::path path, const Clock& clock);
  RegistryWatch(const RegistryWatch&) = delete;
  RegistryWatch& operator=(const RegistryWatch&) = delete;
  ~RegistryWatch();

  /// The state in force. Any thread.
  [[nodiscard]] StatePtr snapshot() const;
  [[nodiscard]] RegistryStats stats() const;  ///< any thread

  /// Follows the file until cancelled: inotify on its folder (editors rename over the file) and a
  /// look every 2 s for what inotify does not see (network folders, links). Runs on the executor.
  asio::awaitable<void> run();

  /// Reads the file now, whether it changed or not. From any executor.
  asio::awaitable<StatePtr> reload();

  /// `subscriber` is called on the executor after each change of state, as long as this lives. Any
  /// thread; a change that is under way may miss it.
  void subscribe(Subscriber subscriber);

 private:
  /// What tells one state of the file from the next without reading it.
  struct Fingerprint {
    bool exists = false;
    std::uint64_t device = 0;
    std::uint64_t inode = 0;
    std::int64_t size = 0;
    std::int64_t modified_ns = 0;
    std::int64_t changed_ns = 0;
    bool operator==(const Fingerprint&) const = default;
  };
  class Folder;

  [[nodiscard]] Fingerprint fingerprint() const;
  asio::awaitable<void> settle(Folder& folder);
  asio::awaitable<StatePtr> reload_here();
  void read_again();
  [[nodiscard]] RegistryState read_state(const StatePtr& before) const;
  [[nodiscard]] Registry read_registry(const Registry& before) const;
  void publish(RegistryState next);
  void count(const RegistryState& read);

  asio::any_io_executor executor_;
  std::filesystem::path path_;
  const Clock& clock_;
  Fingerprint seen_;  ///< taken before the last read, so that a write during it is noticed

  mutable std::mutex mutex_;  ///< guards what follows
  StatePtr state_;
  std::vector<Subscriber> subscribers_;
  RegistryStats stats_;

  /// Upper bounds in seconds, as existing dashboards expect them.
  Histogram lock_wait_{{0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30}};
};

}  // namespace portoser::registry
