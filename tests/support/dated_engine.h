/// A proxy on an engine's socket that lets the engine live by another wall clock. dockerd asks the
/// kernel itself, so no library can change its clock; on a real host it has the clock that the
/// agent has. What portoser-agent asks is answered as that engine would: events, starts and ends of
/// containers bear the date that the clock showed then, and `since` and `until` are taken as moby
/// takes them. Everybody else (docker-compose) is passed through.
#pragma once

#include "common/file.h"

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <list>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace portoser::test {

class DatedEngine {
 public:
  /// Listens at `socket` at once, with the right clock.
  DatedEngine(std::filesystem::path engine, std::filesystem::path socket);
  ~DatedEngine();
  DatedEngine(const DatedEngine&) = delete;
  DatedEngine& operator=(const DatedEngine&) = delete;

  [[nodiscard]] const std::filesystem::path& socket() const { return socket_; }
  /// From now on; any thread.
  void set_wrong_by(std::chrono::seconds by);

 private:
  struct Step {
    std::int64_t at_ns;  ///< the true time
    std::int64_t by_ns;
  };
  struct Connection {
    Descriptor client;
    Descriptor engine;
    std::thread thread;
  };
  /// Of a request for events; dates by the wrong clock, 0: not given.
  struct Wanted {
    std::string path;  ///< without since and until
    std::int64_t since_ns = 0;
    std::int64_t until_ns = 0;
  };

  void accept_all();
  void serve(Connection& connection);
  void answer(Connection& connection, const std::string& head);
  void answer_events(Connection& connection, const Wanted& wanted);
  [[nodiscard]] std::int64_t last_before(const Wanted& wanted) const;
  [[nodiscard]] std::int64_t wrong_by_at(std::int64_t true_ns) const;
  [[nodiscard]] std::string dated_event(std::string line) const;
  [[nodiscard]] std::string dated_container(std::string text) const;
  [[nodiscard]] Descriptor connect() const;

  std::filesystem::path engine_;
  std::filesystem::path socket_;
  mutable std::mutex mutex_;  // guards the next three
  std::vector<Step> steps_;
  std::list<Connection> connections_;
  bool stopping_ = false;
  Descriptor listener_;
  std::thread acceptor_;
};

}  // namespace portoser::test
