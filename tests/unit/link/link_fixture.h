/// A link on a folder of its own, an owner's thread with its handlers, and a controller.
#pragma once

#include "agent/link/connection.h"
#include "tests/support/free_port.h"
#include "tests/support/temp_folder.h"
#include "tests/unit/link/controller_double.h"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace portoser::test {

/// What the handlers were told.
struct Told {
  std::vector<protocol::Welcome> welcomes;
  std::vector<protocol::Assign> assigns;
  std::vector<protocol::Command> commands;
  std::vector<protocol::Cancel> cancels;
  std::vector<protocol::Question> questions;
  std::vector<protocol::Chunk> chunks;
  std::vector<protocol::Credit> credits;
  std::vector<protocol::StreamEnd> stream_ends;
  std::vector<protocol::Goodbye> goodbyes;
  std::vector<agent::link::ConnectionState> states;
};

class LinkTest : public testing::Test {
 protected:
  LinkTest();
  ~LinkTest() override;

  /// Again: a controller that was restarted, on the same port.
  void start_controller(ControllerDouble::Behaviour behaviour = {});
  void start_link();
  void stop_link() { link_.reset(); }

  bool await_told(const std::function<bool(const Told&)>& condition);
  bool await_online(std::size_t times = 1);
  bool await_state(agent::link::ConnectionState state);
  bool await_stats(const std::function<bool(const agent::link::LinkStats&)>& condition);
  bool await_seen(const std::function<bool(const ControllerMemory::Seen&)>& condition) {
    return memory_->await(condition);
  }
  void send_events(int count);
  void send_sample(std::int64_t uptime_ns, const std::string& boot_id = "boot");
  [[nodiscard]] std::vector<std::int64_t> sample_uptimes() const;

  TempFolder folder_;
  int port_ = free_port();
  SystemClock clock_;
  protocol::KeyPair agent_keys_ = protocol::make_key_pair();
  protocol::KeyPair controller_keys_ = protocol::make_key_pair();
  std::shared_ptr<ControllerMemory> memory_ = std::make_shared<ControllerMemory>();
  std::optional<ControllerDouble> controller_;
  agent::link::LinkSettings settings_;
  std::optional<agent::link::Link> link_;

 private:
  template <class Value>
  std::function<void(Value)> note(std::vector<Value> Told::*list);

  std::mutex mutex_;
  std::condition_variable changed_;
  Told told_;
  boost::asio::io_context context_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> guard_{
      context_.get_executor()};
  std::thread owner_;
};

}  // namespace portoser::test
