/// The restart policies that a stop of ours took away, so that a reboot does not undo it, kept
/// until a start gives them back. Lives on the agent's Asio thread; the file is written on the
/// pool.
#pragma once

#include "agent/actions/engine_control.h"
#include "agent/actions/newest_file.h"
#include "common/tasks.h"

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace portoser::agent::actions {

class RestartPolicies {
 public:
  /// Reads the file. One that cannot be read is set aside (with a warning): what it knew is lost.
  RestartPolicies(std::filesystem::path file, EngineControl& engine, asio::thread_pool& pool);
  ~RestartPolicies();

  /// Remembered before it is taken, so that a crash between the two loses nothing.
  asio::awaitable<void> take_away(std::vector<engine::Container> containers);
  asio::awaitable<void> give_back(std::vector<engine::Container> containers);
  /// To be called when the engine answers for the first time: finishes what a crash cut off. A
  /// container that runs gets its policy back, one that is stopped loses it, one that is gone is
  /// forgotten.
  asio::awaitable<void> reconcile();

 private:
  asio::awaitable<void> set(std::string id, std::string policy);
  asio::awaitable<void> save();

  EngineControl& engine_;
  asio::thread_pool& pool_;
  std::shared_ptr<NewestFile> file_;
  std::map<std::string, std::string> remembered_;  ///< container id -> policy, "on-failure:5"
  std::int64_t version_ = 0;
};

}  // namespace portoser::agent::actions
