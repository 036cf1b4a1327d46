/// The Docker Engine API over its unix socket: what the agent asks of it and nothing else. Every
/// call opens a connection of its own, so that a slow answer holds up no other; every call has a
/// deadline. Lives on the agent's Asio thread.
#pragma once

#include "agent/engine/container.h"
#include "agent/engine/image.h"
#include "agent/engine/storage.h"
#include "common/tasks.h"

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace portoser::agent::engine {

struct EngineInfo {
  std::string version;
  std::string api_version;  ///< that the engine offers; every path is asked in this version
};

struct HttpRequest;

/// Every call may end with
/// - `Error{unavailable, ENGINE_UNAVAILABLE}`: no engine there, with the reason and what to do;
/// - `Error{deadline, ENGINE_TIMEOUT}`: connected, and no answer in time (a frozen engine);
/// - `Error{not_found}`, `Error{conflict}`, `Error{invalid}`: as the engine said, with its message;
/// - `Error{unavailable, ENGINE_ERROR}`: any other status, or an answer that cannot be read.
/// The client must outlive its calls.
class Client {
 public:
  Client(asio::any_io_executor executor,
         std::string socket_path,
         std::chrono::milliseconds limit = std::chrono::seconds{5});

  asio::awaitable<EngineInfo> version();
  /// Whether it answers at all; costs the engine nothing, unlike `version`, for which it asks other
  /// programs.
  asio::awaitable<void> ping();
  /// Every container, inspected, in the engine's order; one that vanishes meanwhile is left out.
  asio::awaitable<std::vector<Container>> containers();
  /// Gone: `Error{not_found}`.
  asio::awaitable<Container> inspect(std::string id);
  /// `policy`: no, always, unless-stopped, on-failure, on-failure:N. Of a container that was
  /// started with another.
  asio::awaitable<void> set_restart_policy(std::string id, std::string policy);
  /// As a compose file names it: "nginx:1.25", "nginx@sha256:…", or by its id. None: not there.
  asio::awaitable<std::optional<Image>> find_image(std::string reference);
  /// For which machines the image's registry has it; the engine asks it, which takes as long as the
  /// network does. As `exchange` of that registry failed: `Error`.
  asio::awaitable<std::vector<Platform>> platforms(std::string reference);
  asio::awaitable<Machine> machine();
  asio::awaitable<std::vector<std::string>> networks();  ///< names
  asio::awaitable<std::vector<std::string>> volumes();   ///< names
  asio::awaitable<std::vector<Volume>> described_volumes();
  /// Of every container, in whatever state.
  asio::awaitable<std::vector<ContainerMounts>> mounts();
  /// Of running containers.
  asio::awaitable<std::vector<TakenPort>> taken_ports();
  /// What the newest health check of a container wrote; see `health_output_from`.
  asio::awaitable<std::string> health_output(std::string id);
  /// As the engine does by itself; a container with a long grace period takes longer than our
  /// deadline, and the engine goes on with it. `grace` overrides its own period. Stopped or started
  /// already: fine.
  asio::awaitable<void> stop_container(std::string id,
                                       std::optional<std::chrono::seconds> grace = std::nullopt);
  asio::awaitable<void> start_container(std::string id);
  /// The name is taken: `Error{conflict}`.
  asio::awaitable<void> rename_container(std::string id, std::string name);
  /// Stops it as the engine does by itself, then removes it; its volumes stay. Gone already: fine.
  asio::awaitable<void> remove_container(std::string id);

  /// `name` without a tag. The image is not there: `Error{not_found}`.
  asio::awaitable<void> tag_image(std::string image, std::string name, std::string tag);
  /// Takes a name away, and the image too when it has no other. There is no such name: fine. A
  /// container is made of the image and it has no other name: `Error{conflict}`, it stays.
  asio::awaitable<void> untag_image(std::string reference);

  /// What the engine still remembers (its newest 256 events of every kind) of that time, oldest
  /// first; all by its wall clock. `until_ns` is not later than `now_ns`, or the clock was set
  /// back: of the time to come the engine gives what it has and then waits, so a second has to do.
  asio::awaitable<std::vector<ContainerEvent>> past_events(std::int64_t since_ns,
                                                           std::int64_t until_ns,
                                                           std::int64_t now_ns);
  /// Calls `connected` once the stream stands and `on_event` for every event from then on; ends
  /// with an `Error{unavailable}` when the engine goes away, with `Error{too_large}` for an event
  /// over 1 MiB, and with what a callback throws. Sees events since `since_ns` (wall clock; 0: from
  /// now).
  asio::awaitable<void> follow_events(std::int64_t since_ns,
                                      std::function<void()> connected,
                                      std::function<void(ContainerEvent)> on_event);

 private:
  struct Batch;

  asio::awaitable<std::string> versioned(std::string path);
  asio::awaitable<std::string> ask(HttpRequest request);
  /// `path` in the engine's own version; `body`: JSON, or none.
  asio::awaitable<std::string> send(std::string method, std::string path, std::string body = {});
  asio::awaitable<std::string> inspect_text(std::string id);
  asio::awaitable<void> collect_events(std::string target, std::vector<ContainerEvent>& events);
  asio::awaitable<void> inspect_some(Batch& batch);

  asio::any_io_executor executor_;
  std::string socket_path_;
  std::chrono::milliseconds limit_;
  std::string api_version_;  ///< empty: not asked yet, or a call failed since
};

}  // namespace portoser::agent::engine
