// What each kind of fault does. Which of them is next, and what follows it: move_faults.cpp.
#include "common/error.h"
#include "tests/cluster/move_faults.h"

#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <fcntl.h>
#include <future>
#include <sched.h>
#include <utility>

namespace portoser::test {
namespace {

/// So many free pages at most: what is a few bytes long may still find room.
constexpr std::size_t most_free_pages = 4;

/// Somebody else's program that listens in the network of the host, whichever thread holds it.
/// Closed: the port is taken already.
Descriptor listen_within(const Host& host, std::uint16_t port) {
  const auto listen = [&host, port] {
    const auto path = fmt::format("/proc/{}/ns/net", host.first_process());
    const Descriptor network{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
    if (!network.is_open() || ::setns(network.get(), CLONE_NEWNET) != 0) {
      throw Error{Code::internal, system_error_text("cannot enter", path)};
    }
    Descriptor socket{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = INADDR_ANY;
    const void* raw = &address;
    const bool is_free =
        ::bind(socket.get(), static_cast<const sockaddr*>(raw), sizeof address) == 0 &&
        ::listen(socket.get(), SOMAXCONN) == 0;
    return is_free ? std::move(socket) : Descriptor{};
  };
  // A thread of its own: it stays in that network to its end.
  return std::async(std::launch::async, listen).get();
}

}  // namespace

const std::vector<MoveFaults::Kind>& MoveFaults::kinds() {
  using F = MoveFaults;
  constexpr bool first = true;
  static const std::vector<Kind> all{
      {"agent of the source: SIGKILL and started", &F::kill_source_agent, Lasts::moment, false},
      {"agent of the target: SIGKILL and started", &F::kill_target_agent, Lasts::moment, false},
      {"controller: SIGKILL", &F::kill_controller, Lasts::a_while, false},
      {"cable of the source: cut", &F::cut_source, Lasts::a_while, false},
      {"cable of the target: cut", &F::cut_target, Lasts::a_while, false},
      {"power of the source: cut", &F::cut_power_of_source, Lasts::a_while, false},
      {"power of the target: cut", &F::cut_power_of_target, Lasts::a_while, false},
      {"disk of the target: full", &F::fill_target, Lasts::until_over, first},
      {"port on the target: taken", &F::take_port, Lasts::until_over, first},
      {"images of the target: removed", &F::lose_images, Lasts::moment, first},
      {"writer on the target: hangs", &F::hang_writer, Lasts::until_over, first},
      {"engine of the source: SIGSTOP", &F::freeze_engine_of_source, Lasts::a_while, false},
      {"engine of the target: SIGSTOP", &F::freeze_engine_of_target, Lasts::a_while, first},
      {"engine of the target: SIGSTOP for long",
       &F::freeze_engine_of_target,
       Lasts::until_over,
       false},
      {"engine of the source: SIGTERM", &F::stop_engine_of_source, Lasts::a_while, false},
      {"engine of the target: SIGTERM", &F::stop_engine_of_target, Lasts::a_while, first},
      {"engine of the source: SIGKILL", &F::crash_engine_of_source, Lasts::a_while, false},
      {"engine of the target: SIGKILL", &F::crash_engine_of_target, Lasts::a_while, false},
      {"registry: a comment by hand", &F::comment_by_hand, Lasts::moment, false},
      {"registry: another host by hand", &F::move_entry_by_hand, Lasts::moment, false},
      {"second person: a move elsewhere", &F::move_elsewhere, Lasts::moment, false},
      {"second person: a move to where it was", &F::move_to_where_it_was, Lasts::moment, false},
      {"second person: the same move", &F::move_again, Lasts::moment, false},
      {"second person: moves that contradict each other", &F::contradict, Lasts::moment, false},
      {"second person: a move from where it is not", &F::be_stale, Lasts::moment, false},
      {"second person: cancels it", &F::cancel, Lasts::moment, false},
  };
  return all;
}

void MoveFaults::kill_source_agent() {
  source_->agent().kill();
  source_->agent().start();
}
void MoveFaults::kill_target_agent() {
  target_->agent().kill();
  target_->agent().start();
}
void MoveFaults::kill_controller() {
  world_.controller().kill();
}
void MoveFaults::cut_source() {
  source_->machine().cut();
}
void MoveFaults::cut_target() {
  target_->machine().cut();
}
void MoveFaults::cut_power_of_source() {
  source_->power_off();
}
void MoveFaults::cut_power_of_target() {
  target_->power_off();
}

void MoveFaults::fill_target() {
  const auto& disks = target_->disks();
  const auto& disk = *disks.at(any(disks.size()));
  const auto pages = any(most_free_pages + 1);
  say(fmt::format("{} has {} pages left", disk.path().filename().string(), pages));
  disk.fill_but(pages);
}

void MoveFaults::take_port() {
  port_taker_ = listen_within(target_->machine(), MoveWorld::port);
  if (!port_taker_.is_open()) say("the ledger has it already");
}

void MoveFaults::lose_images() {
  // Not those of containers.
  run_command({"docker", "image", "prune", "-a", "-f"},
              {.environment = target_->machine().docker_environment()});
}

void MoveFaults::hang_writer() {
  world_.watch().freeze_on(target_->name());
}

void MoveFaults::freeze_engine_of_source() {
  source_->machine().freeze_engine();
}
void MoveFaults::freeze_engine_of_target() {
  target_->machine().freeze_engine();
}
void MoveFaults::stop_engine_of_source() {
  source_->machine().stop_engine();
}
void MoveFaults::stop_engine_of_target() {
  target_->machine().stop_engine();
}
void MoveFaults::crash_engine_of_source() {
  source_->machine().crash_engine();
}
void MoveFaults::crash_engine_of_target() {
  target_->machine().crash_engine();
}

void MoveFaults::comment_by_hand() {
  const auto line = fmt::format("# by hand, at fault {}\n", count_);
  world_.edit_registry([&](std::string text) {
    return with_replaced(std::move(text), "    port:", "    " + line + "    port:");
  });
}

void MoveFaults::move_entry_by_hand() {
  entry_was_moved_ = true;
  const auto named = world_.registry_host();
  world_.edit_registry([&](std::string text) {
    return with_replaced(
        std::move(text), "current_host: " + named, "current_host: " + third_->name());
  });
}

void MoveFaults::ask_beside(const std::string& to) {
  const auto asked = world_.begin(to);
  const bool is_over_by_now = is_over();
  say(fmt::format("to {}: {} {}", to, asked.status, asked.batch.empty() ? asked.text : ""));
  if (asked.batch.empty()) return;
  if (!is_over_by_now) {
    wrong_.push_back("a move to " + to + " was taken on while another one was under way");
  }
  taken_.push_back({asked.batch, to});
}

void MoveFaults::move_elsewhere() {
  ask_beside(third_->name());
}
void MoveFaults::move_to_where_it_was() {
  ask_beside(source_->name());
}

void MoveFaults::move_again() {
  const auto asked = world_.begin(target_->name());
  const bool is_over_by_now = is_over();
  if (asked.batch.empty() || asked.batch == taken_.front().batch) return;
  if (!is_over_by_now) wrong_.emplace_back("the same move was taken on twice");
  taken_.push_back({asked.batch, target_->name()});
}

void MoveFaults::contradict() {
  Json body = Json::object();
  body["moves"] = Json::array();
  for (const auto* host : {source_, third_}) {
    Json move = Json::object();
    move["service_name"] = MoveWorld::service;
    move["to_machine"] = host->name();
    body["moves"].push_back(std::move(move));
  }
  const auto asked = world_.execute(body);
  if (asked.status == 422) return;
  wrong_.push_back("two hosts at once for one service: " + asked.text);
  if (!asked.batch.empty()) taken_.push_back({asked.batch, third_->name()});
}

void MoveFaults::be_stale() {
  const auto asked = world_.begin(source_->name(), third_->name());
  if (asked.status == 409) return;
  wrong_.push_back("a move from a host where it is not: " + asked.text);
  if (!asked.batch.empty()) taken_.push_back({asked.batch, source_->name()});
}

void MoveFaults::cancel() {
  const auto part = world_.part_of(taken_.front().batch);
  if (!part.is_object()) return;
  const auto answer =
      world_.controller().post("/api/jobs/" + part["id"].get<std::string>() + "/cancel");
  say(fmt::format("{} {}", answer.status, answer.body.value("reason", "")));
}

}  // namespace portoser::test
