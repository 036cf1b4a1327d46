/// Moves of "notes" from "brick" to "chalk"; the test is the agent of both.
#pragma once

#include "common/describe_json.h"
#include "controller/deployment/mover.h"
#include "controller/storage/move_store.h"
#include "tests/unit/deployment/actions_fixture.h"

#include <boost/asio/co_spawn.hpp>
#include <gmock/gmock.h>

#include <algorithm>
#include <deque>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace portoser::deployment {

/// What is sent to it waits here until the test asks for it.
struct PlayedHost {
  std::string name;
  std::string boot_id;
  protocol::KeyPair keys;
  std::optional<fleet::DeviceDouble> device{};
  Uptime came_at{0};  ///< the controller's
  bool is_welcomed = false;
  std::deque<protocol::Command> commands{};
  std::deque<protocol::Question> questions{};
  std::vector<std::string> began{};  ///< names of all commands that it ever got, each id once
  std::set<std::string> ids{};
  std::vector<std::string> cancelled{};  ///< ids
  std::vector<std::string> broken{};     ///< streams
  std::int64_t sequence = 0;             ///< of the newest result
  std::int64_t acked = 0;
};

/// Both sides of a transfer.
struct PlayedTransfer {
  protocol::Command send;
  protocol::Command receive;
};

class MoveTest : public ActionsTest {
 protected:
  static constexpr auto boot_uptime_ns = std::int64_t{1000};  ///< of a host that comes

  MoveTest() {
    brick_.keys = device_keys_;
    write_text(
        "# what runs where\n"
        "hosts:\n"
        "  brick: {ip: 127.0.0.1, path: /srv}\n"
        "  chalk: {ip: 127.0.0.2, path: /opt/moved}\n"
        "  slate: {ip: 127.0.0.3, path: /srv}\n"
        "services:\n"
        "  # everybody's\n"
        "  notes: {current_host: brick, docker_compose: notes/compose.yml, port: 8090}\n"
        "  wiki: {docker_compose: wiki/compose.yml}  # nowhere yet\n");
    auto asked = request(make_token(), chalk_.keys, "chalk");
    asked.ip = "192.0.2.8";
    run(fleet_->join(std::move(asked)));
    inventory_.file = "/srv/notes/compose.yml";
    inventory_.folder = "/srv/notes";
    inventory_.project = "notes";
    inventory_.arch = "x86_64";
    inventory_.folder_bytes = 100;
    inventory_.running = {"web"};
    inventory_.is_counted = true;
    protocol::MoveVolume volume;
    volume.volume = "notes_data";
    volume.driver = "local";
    volume.labels = {{"com.docker.compose.project", "notes"}};
    volume.bytes = 1000;
    inventory_.volumes = {volume};
    start_controller();
    come(brick_);
    come(chalk_);
  }
  ~MoveTest() override { end_controller(); }

  void add_kinds() override {
    editor_ = std::make_unique<registry::RegistryEditor>(
        *registry_, folder_ / "registry.yml", folder_ / "registry-backups", clock_);
    routing_ = std::make_unique<Routing>(*registry_, *fleet_);
    mover_ = std::make_unique<Mover>(*registry_,
                                     *editor_,
                                     *fleet_,
                                     *jobs_,
                                     *recording_,
                                     *routing_,
                                     *database_,
                                     clock_,
                                     move_limits_);
  }
  void end_controller() {
    if (chores_) {
      chores_->stop();
      run(chores_->join());
      chores_.reset();
    }
    brick_.device.reset();
    chalk_.device.reset();
    stop_controller();
    mover_.reset();
    routing_.reset();
    editor_.reset();
  }
  /// As after a crash of the controller: nothing in memory, the database as it is. The hosts come
  /// when the test lets them.
  void restart() {
    end_controller();
    for (auto* host : {&brick_, &chalk_}) {
      host->commands.clear();
      host->questions.clear();
    }
    close();
    open();
    start_controller();
  }
  void restart_and_come() {
    restart();
    come(brick_);
    come(chalk_);
  }
  /// Of the controllers that are started from now on.
  void shorten_leases() {
    move_limits_.start = move_limits_.health = move_limits_.withdraw = std::chrono::seconds{0};
    move_limits_.confirm = std::chrono::seconds{2};
  }
  void make_leases_short() {
    shorten_leases();
    restart_and_come();
  }
  /// What hosts have left to do after moves.
  void begin_chores() {
    chores_ = std::make_unique<TaskGroup>(context_.get_executor());
    chores_->spawn("chores", mover_->run());
  }

  // The hosts.

  void come(PlayedHost& host) {
    host.device.emplace(zmq_, fleet_->wire_port(), host.keys, keys_.public_key);
    host.is_welcomed = false;
    host.came_at = clock_.uptime();
    auto message = hello(host.boot_id, "epoch-" + host.name);
    message.now.uptime_ns = boot_uptime_ns;
    message.knows = {"move.inventory", "move.preflight", "move.receive", "compose.preflight"};
    host.device->send(message);
    step_until([&] {
      hear(host);
      return host.is_welcomed;
    });
  }
  void leave(PlayedHost& host) {
    host.device->send(protocol::Goodbye{"stopping", "the agent stops"});
    step_until([&] { return !is_online(host); });
    host.device.reset();
    host.commands.clear();
    host.questions.clear();
  }
  [[nodiscard]] bool is_online(const PlayedHost& host) const {
    try {
      fleet_->require_online(host.name);
    } catch (const Error&) {
      return false;
    }
    return true;
  }
  static void hear(PlayedHost& host) {
    while (host.device) {
      auto message = host.device->receive(false);
      if (!message) return;
      if (std::holds_alternative<protocol::Welcome>(*message)) {
        host.is_welcomed = true;
      } else if (auto* command = std::get_if<protocol::Command>(&*message)) {
        if (host.ids.insert(command->id).second) host.began.push_back(command->name);
        host.commands.push_back(std::move(*command));
      } else if (auto* question = std::get_if<protocol::Question>(&*message)) {
        host.questions.push_back(std::move(*question));
      } else if (const auto* cancel = std::get_if<protocol::Cancel>(&*message)) {
        host.cancelled.push_back(cancel->id);
      } else if (const auto* end = std::get_if<protocol::StreamEnd>(&*message)) {
        host.broken.push_back(end->stream);
      } else if (const auto* ack = std::get_if<protocol::Ack>(&*message)) {
        host.acked = std::max(host.acked, ack->sequence);
      }
    }
  }
  /// Lets the controller work until this is so.
  template <class Condition>
  void hear_until(Condition condition) {
    step_until([&] {
      hear(brick_);
      hear(chalk_);
      return condition();
    });
  }
  /// The next command for the host, which is this one.
  template <class Wanted>
  protocol::Command take(PlayedHost& host) {
    hear_until([&] { return !host.commands.empty(); });
    if (host.commands.empty()) return {};
    auto command = std::move(host.commands.front());
    host.commands.pop_front();
    EXPECT_EQ(command.name, Wanted::name) << "for " << host.name;
    return command;
  }
  template <class Wanted>
  static Wanted content(const protocol::Command& command) {
    return protocol::decode_arguments<Wanted>(command.arguments);
  }
  /// Answers the next question, which is this one; what was asked.
  template <class Asked>
  Asked tell_of(PlayedHost& host, const typename Asked::Answer& answer) {
    hear_until([&] { return !host.questions.empty(); });
    if (host.questions.empty()) return {};
    const auto question = host.questions.front();
    host.questions.pop_front();
    EXPECT_EQ(question.name, Asked::name) << "for " << host.name;
    protocol::Answer message;
    message.question_id = question.id;
    message.succeeded = true;
    message.content = protocol::encode_arguments(answer);
    host.device->send(message);
    return protocol::decode_arguments<Asked>(question.arguments);
  }
  void succeed(PlayedHost& host, const protocol::Command& command) {
    protocol::CommandResult result;
    result.sequence = ++host.sequence;
    result.command_id = command.id;
    result.succeeded = true;
    host.device->send(result);
  }
  void fail(PlayedHost& host,
            const protocol::Command& command,
            const std::string& reason,
            const std::string& undone = "") {
    protocol::CommandResult result;
    result.sequence = ++host.sequence;
    result.command_id = command.id;
    result.code = "conflict";
    result.reason = reason;
    result.message = "it says " + reason;
    result.undone = undone;
    host.device->send(result);
  }
  void tell_step(PlayedHost& host, const protocol::Command& command, const std::string& step) {
    host.device->send(protocol::Progress{command.id, step, 0, {}, {}});
  }
  /// Until the controller has taken in the newest result of the host, and stored it.
  void await_taken(PlayedHost& host) {
    hear_until([&] { return host.acked >= host.sequence; });
  }

  // A move as far as it goes.

  static Move to_chalk(const std::string& service = "notes") {
    return {service, std::nullopt, "chalk"};
  }
  std::string begin(Move move) { return run(mover_->begin(std::move(move), "ada")).id; }
  std::string begin() { return begin(to_chalk()); }
  /// What the target was asked.
  protocol::PreflightMove answer_look(std::vector<protocol::Finding> findings = {}) {
    tell_of<protocol::InspectMove>(brick_, inventory_);
    return answer_preflight(chalk_, std::move(findings));
  }
  protocol::PreflightMove answer_preflight(PlayedHost& host,
                                           std::vector<protocol::Finding> findings = {}) {
    protocol::PreflightReport report;
    report.findings = std::move(findings);
    return tell_of<protocol::PreflightMove>(host, report);
  }
  PlayedTransfer take_transfer() { return take_transfer(brick_, chalk_); }
  PlayedTransfer take_transfer(PlayedHost& source, PlayedHost& target) {
    PlayedTransfer transfer;
    transfer.send = take<protocol::MoveSend>(source);
    transfer.receive = take<protocol::MoveReceive>(target);
    return transfer;
  }
  void succeed(const PlayedTransfer& transfer) {
    succeed(brick_, transfer.send);
    succeed(chalk_, transfer.receive);
  }
  static std::string stream_of(const PlayedTransfer& transfer) {
    return content<protocol::MoveReceive>(transfer.receive).stream;
  }
  void answer_transfer() { succeed(take_transfer()); }
  /// It is looked at once more before it is stopped.
  protocol::Command take_stop() {
    tell_of<protocol::InspectMove>(brick_, inventory_);
    return take<protocol::ComposeStop>(brick_);
  }
  void answer_stop() { succeed(brick_, take_stop()); }
  /// Up to the activation.
  protocol::Command go_to_start() {
    answer_look();
    answer_transfer();
    answer_stop();
    answer_transfer();
    return take<protocol::ComposeDeploy>(chalk_);
  }
  /// The target waits for the confirmation, and gets it.
  protocol::Command go_to_confirm(const protocol::Command& activation) {
    tell_step(chalk_, activation, "confirm");
    return take<protocol::ComposeConfirm>(chalk_);
  }
  /// The way back, from which the service runs on the source again.
  void answer_return() {
    succeed(brick_, take<protocol::ComposeUp>(brick_));
    succeed(chalk_, take<protocol::MoveDiscard>(chalk_));
  }

  // What became of it.

  storage::MoveRecord stored(const std::string& id) {
    storage::MoveStore store{*database_};
    return run(store.find(id)).value_or(storage::MoveRecord{});
  }
  void store(storage::MoveRecord record) {
    storage::MoveStore store{*database_};
    run(store.insert(std::move(record)));
  }
  bool has_logged(const std::string& id, const std::string& text) {
    const auto lines = run(jobs_->log(id, 0, 10'000));
    return std::any_of(lines.begin(), lines.end(), [&](const auto& line) {
      return line.text.find(text) != std::string::npos;
    });
  }
  void write_text(const std::string& text) {
    write_file_atomic(folder_ / "registry.yml", text);
    run(registry_->reload());
  }
  [[nodiscard]] std::string text() const { return read_file(folder_ / "registry.yml"); }
  static std::string replaced(std::string text, const std::string& what, const std::string& by) {
    const auto place = text.find(what);
    EXPECT_NE(place, std::string::npos) << what;
    if (place != std::string::npos) text.replace(place, what.size(), by);
    return text;
  }
  /// Somebody edits registry.yml by hand.
  void place_notes_on(const std::string& host) {
    write_text(replaced(text(), "current_host: brick", "current_host: " + host));
  }
  [[nodiscard]] std::int64_t starts_on_brick() const {
    return std::count(brick_.began.begin(), brick_.began.end(), "compose.up");
  }
  [[nodiscard]] static std::vector<std::string> ids_of(const std::deque<protocol::Command>& all) {
    std::vector<std::string> ids;
    for (const auto& command : all) ids.push_back(command.id);
    return ids;
  }
  static std::vector<std::string> shown(const std::vector<protocol::DataRoot>& roots) {
    std::vector<std::string> all;
    for (const auto& root : roots) all.push_back(root.kind + " " + root.path + root.volume);
    return all;
  }

  /// Work that goes on while the test plays the hosts.
  template <class T>
  struct Awaited {
    std::optional<T> answer;
    std::optional<Error> refusal;
    [[nodiscard]] bool over() const { return answer || refusal; }
  };
  template <class T>
  std::shared_ptr<Awaited<T>> ask(asio::awaitable<T> work) {
    auto asked = std::make_shared<Awaited<T>>();
    asio::co_spawn(context_, std::move(work), [asked](const std::exception_ptr& ended, T answer) {
      try {
        if (ended) std::rethrow_exception(ended);
        asked->answer = std::move(answer);
      } catch (const Error& error) {
        asked->refusal = error;
      }
    });
    return asked;
  }
  template <class T>
  Error refusal_of(asio::awaitable<T> work) {
    const auto asked = ask(std::move(work));
    step_until([&] { return asked->over(); });
    return asked->refusal.value_or(Error{Code::internal, "it was accepted"});
  }

  PlayedHost brick_{"brick", "boot-b", protocol::KeyPair{}};
  PlayedHost chalk_{"chalk", "boot-c", protocol::make_key_pair()};
  protocol::MoveInventory inventory_;
  MoveLimits move_limits_;
  std::unique_ptr<registry::RegistryEditor> editor_;
  std::unique_ptr<Routing> routing_;
  std::unique_ptr<Mover> mover_;
  std::unique_ptr<TaskGroup> chores_;
};

}  // namespace portoser::deployment
