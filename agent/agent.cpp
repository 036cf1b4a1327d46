#include "agent/agent.h"

#include "agent/collect/facts.h"
#include "common/log.h"
#include "common/notify.h"
#include "common/version.h"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/signal_set.hpp>

#include <filesystem>
#include <iterator>
#include <malloc.h>
#include <random>
#include <variant>

namespace portoser::agent {
namespace {

constexpr std::chrono::seconds flush_limit{5};

identity::Identity require_identity(const std::filesystem::path& data) {
  auto known = identity::load_identity(data);
  if (!known) {
    throw Error{Code::invalid, "this host has not joined a controller", data.string()}.hint(
        "make a token there with `portoser-controller token create` and run `portoser-agent join "
        "TOKEN` here");
  }
  return std::move(*known);
}

std::filesystem::path folder_of_agent(const std::filesystem::path& data) {
  make_folder(data, 0700);
  return data;
}

/// The agent's programs lie in one folder.
std::string program_beside_ours(const char* name) {
  return std::filesystem::read_symlink("/proc/self/exe").parent_path() / name;
}

inspection::InspectorSettings inspector_settings(const identity::AgentSettings& settings) {
  inspection::InspectorSettings inspector;
  inspector.program = program_beside_ours("portoser-inspect");
  inspector.data_folder = settings.data;
  inspector.engine_socket = settings.engine_socket.string();
  return inspector;
}

streams::StreamsSettings streams_settings(const identity::AgentSettings& settings) {
  streams::StreamsSettings made;
  made.socket = settings.data / "streams.sock";
  return made;
}

actions::ActionSettings action_settings(const identity::AgentSettings& settings,
                                        const std::string& boot_id,
                                        const std::string& host) {
  actions::ActionSettings actions;
  actions.data_folder = settings.data;
  actions.boot_id = boot_id;
  actions.host = host;
  actions.runner = settings.action_program.string();
  if (actions.runner.empty()) actions.runner = program_beside_ours("portoser-action");
  actions.compose.engine_socket = settings.engine_socket.string();
  return actions;
}

/// A random time, longer than none and no longer than `interval`.
std::chrono::milliseconds part_of(std::chrono::milliseconds interval) {
  std::random_device random;
  return std::chrono::milliseconds{
      std::uniform_int_distribution<std::int64_t>{1, interval.count()}(random)};
}

/// Nothing while it may not be kept.
std::optional<services::Checkpoint> checkpoint_of(const services::ServiceBoard& board) {
  if (!board.can_be_kept()) return std::nullopt;
  return board.checkpoint();
}

}  // namespace

Agent::Agent(identity::AgentSettings settings)
    : settings_(std::move(settings)),
      lock_(folder_of_agent(settings_.data) / "agent.lock"),
      identity_(require_identity(settings_.data)),
      boot_id_(collect::boot_id()),
      // Beyond every number that an agent before us gave in this boot: none takes a sample a
      // microsecond.
      sample_number_(clock_.uptime() / std::chrono::microseconds{1}),
      checkpoint_file_(settings_.data / "services.json"),
      unit_checkpoint_file_(settings_.data / "units.json"),
      data_disk_(settings_.data),
      engine_(context_.get_executor(), settings_.engine_socket.string()),
      sampler_(clock_),
      board_(clock_, boot_id_, board_callbacks()),
      follower_(engine_,
                board_,
                sampler_,
                tasks_,
                std::chrono::milliseconds{settings_.heartbeat_ms},
                [this] { tasks_.spawn("policies", reconcile()); }),
      systemd_(context_.get_executor()),
      unit_board_(clock_, boot_id_, unit_board_callbacks(), services::BoardKind::units),
      unit_follower_(context_.get_executor(),
                     systemd_,
                     unit_board_,
                     sampler_,
                     tasks_,
                     [this] { return actions_.resume_native_services(unit_board_.units()); }),
      actions_(context_.get_executor(),
               pool_,
               clock_,
               *this,
               *this,
               action_settings(settings_, boot_id_, identity_.name),
               action_callbacks()),
      inspector_(context_.get_executor(),
                 pool_,
                 inspector_settings(settings_),
                 [this](protocol::Answer answer) { link_->send(std::move(answer)); }),
      streams_(context_.get_executor(), streams_settings(settings_), [this](auto message) {
        std::visit([this](auto& one) { link_->send(std::move(one)); }, message);
      }) {}

Agent::~Agent() {
  // What runs there uses the rooms.
  pool_.stop();
  pool_.join();
}

services::BoardCallbacks Agent::board_callbacks() {
  services::BoardCallbacks callbacks;
  callbacks.on_event = [this](protocol::Event event) {
    link_->send_durable(std::move(event));
    checkpoint_soon();
  };
  callbacks.on_change = [this] {
    checkpoint_soon();
    if (std::exchange(state_is_due_, true)) return;
    tasks_.spawn("state", send_state_soon());
  };
  callbacks.on_doubt = [this] { follower_.ask(); };
  callbacks.on_missed = [this] { follower_.look_again(); };
  return callbacks;
}

services::BoardCallbacks Agent::unit_board_callbacks() {
  auto callbacks = board_callbacks();
  callbacks.on_doubt = [this] { unit_follower_.ask(); };
  callbacks.on_missed = nullptr;  // units are read whole before anything is told of them
  return callbacks;
}

int Agent::run_until_signal() {
  log::configure(log::level_from_string(settings_.log_level), settings_.format());
  // One arena: an agent has little to allocate and should stay small.
  ::mallopt(M_ARENA_MAX, 1);
  std::exception_ptr failure;
  asio::co_spawn(context_, run(), [&](const std::exception_ptr& ended) {
    failure = ended;
    if (failure) context_.stop();  // what runs beside it would go on for ever
  });
  context_.run();
  if (failure) std::rethrow_exception(failure);
  link_.reset();
  if (!events_are_safe_) return 0;
  keep_checkpoints(checkpoint_of(board_), checkpoint_of(unit_board_));
  return 0;
}

asio::awaitable<void> Agent::run() {
  asio::signal_set signals{co_await asio::this_coro::executor, SIGTERM, SIGINT};
  co_await gather_facts();
  if (auto checkpoint = checkpoint_file_.read()) board_.restore(std::move(*checkpoint));
  if (auto checkpoint = unit_checkpoint_file_.read()) {
    unit_board_.restore(std::move(*checkpoint));
    unit_follower_.watch();
  }
  connect();
  close_commands();
  actions_.adopt();
  tasks_.spawn("engine", follower_.run());
  tasks_.spawn("units", unit_follower_.run());
  tasks_.spawn("samples", send_samples());
  log::info("agent",
            "ready",
            {{"version", version},
             {"host", identity_.name},
             {"controller", identity_.controller_endpoint}});
  notify_service_manager("READY=1");
  co_await signals.async_wait(asio::use_awaitable);
  log::info("agent", "stopping");
  notify_service_manager("STOPPING=1");
  actions_.stop();
  inspector_.stop();
  streams_.stop();
  co_await actions_.join();
  co_await inspector_.join();
  co_await streams_.join();
  tasks_.stop();
  co_await tasks_.join();
  auto flush = [this] { return link_->await_flush(flush_limit); };
  events_are_safe_ = co_await on_pool(pool_, std::move(flush));
  link_->stop();
}

/// An agent that is killed may have kept the result of a command, but not a checkpoint since.
void Agent::close_commands() {
  for (auto* board : {&board_, &unit_board_}) {
    for (const auto& [id, service] : board->open_commands()) {
      const auto result = actions_.result(id);
      if (result) board->command_ended(id, service, result->succeeded, result->when.wall_us);
    }
  }
}

asio::awaitable<void> Agent::gather_facts() {
  facts_ = collect::host_facts();
  // docker-compose 1.29 needs seconds to say its version, and a host is worth showing without.
  tasks_.spawn("compose version", find_compose());
  try {
    const auto info = co_await engine_.version();
    facts_.engine_version = info.version;
    facts_.engine_api_version = info.api_version;
  } catch (const Error&) {
    // The follower says so, and tells the version when the engine comes.
  }
}

/// Until somebody installs one.
asio::awaitable<void> Agent::find_compose() {
  constexpr std::chrono::minutes again{5};
  for (;;) {
    auto found = co_await actions_.compose_version();
    facts_.compose_version = std::move(found);
    if (!facts_.compose_version.empty()) break;
    co_await pause(again);
  }
  if (link_) send_state();
}

void Agent::connect() {
  link::LinkSettings settings;
  settings.endpoint = identity_.controller_endpoint;
  settings.keys = identity_.keys;
  settings.controller_key = identity_.controller_key;
  settings.set_pace(std::chrono::milliseconds{settings_.heartbeat_ms});
  link_ = std::make_unique<link::Link>(
      std::move(settings),
      clock_,
      settings_.data,
      context_.get_executor(),
      [this] { return hello(); },
      link_handlers());
}

protocol::Hello Agent::hello() const {
  protocol::Hello message;
  message.agent_version = version;
  message.now.boot_id = boot_id_;
  message.facts = facts_;
  message.knows = actions_.known_commands();
  const auto questions = inspector_.known_questions();
  message.knows.insert(message.knows.end(), questions.begin(), questions.end());
  if (!follower_.version().empty()) message.facts.engine_version = follower_.version();
  return message;
}

link::LinkHandlers Agent::link_handlers() {
  link::LinkHandlers handlers;
  handlers.on_welcome = [this](const protocol::Welcome& welcome) {
    const std::chrono::milliseconds interval{welcome.sample_interval_ms};
    if (interval.count() > 0 && std::exchange(sample_interval_, interval) != interval) {
      next_sample_.cancel();  // it may lie far ahead
    }
    log::info("agent", "connected", {{"controller_version", welcome.controller_version}});
    send_state();
    // What was measured before is the past to the controller; nobody should wait for the next one.
    send_sample();
  };
  handlers.on_assign = [this](protocol::Assign message) { assign(std::move(message)); };
  handlers.on_command = [this](protocol::Command command) { actions_.handle(std::move(command)); };
  handlers.on_cancel = [this](const protocol::Cancel& cancel) { actions_.cancel(cancel); };
  handlers.on_question = [this](protocol::Question question) {
    inspector_.handle(std::move(question));
  };
  handlers.on_chunk = [this](protocol::Chunk chunk) { streams_.take(std::move(chunk)); };
  handlers.on_credit = [this](const protocol::Credit& credit) { streams_.take(credit); };
  handlers.on_stream_end = [this](const protocol::StreamEnd& end) { streams_.take(end); };
  // Not with each welcome: a second one on the same connection changes nothing.
  handlers.on_state = [this](link::ConnectionState state) {
    if (state == link::ConnectionState::online) {
      streams_.link_up();
    } else {
      streams_.link_lost();
    }
  };
  return handlers;
}

void Agent::assign(protocol::Assign assign) {
  std::vector<protocol::AssignedService> containers;
  std::vector<protocol::AssignedService> units;
  for (auto& service : assign.services) {
    const bool is_unit = service.kind == "native" || service.kind == "local";
    (is_unit ? units : containers).push_back(std::move(service));
  }
  board_.assign(std::move(containers));
  unit_board_.assign(std::move(units));
  unit_follower_.watch();
}

actions::ActionCallbacks Agent::action_callbacks() {
  actions::ActionCallbacks callbacks;
  callbacks.on_progress = [this](protocol::Progress progress) { link_->send(std::move(progress)); };
  callbacks.on_result = [this](protocol::CommandResult result) {
    // Who waits for the result asks for the state next: it must be there.
    send_state();
    link_->send_durable(std::move(result));
  };
  callbacks.on_service_command_started =
      [this](
          const std::string& id, const std::string& service, std::string_view command, Time began) {
        board_.command_started(id, service, command, to_unix_us(began));
        unit_board_.command_started(id, service, command, to_unix_us(began));
        checkpoint_soon();
      };
  callbacks.on_service_command_ended =
      [this](const std::string& id, const std::string& service, bool succeeded, Time ended) {
        board_.command_ended(id, service, succeeded, to_unix_us(ended));
        unit_board_.command_ended(id, service, succeeded, to_unix_us(ended));
        checkpoint_soon();
      };
  return callbacks;
}

void Agent::send_state() {
  state_is_due_ = false;
  auto state = board_.state();
  state.engine_version = follower_.version();
  state.compose_version = facts_.compose_version;
  auto units = unit_board_.state().services;
  std::move(units.begin(), units.end(), std::back_inserter(state.services));
  service_states_ = state.services;
  link_->send(std::move(state));
}

asio::awaitable<void> Agent::send_state_soon() {
  // What the engine reports in one go becomes one message.
  constexpr std::chrono::milliseconds together{20};
  co_await pause(together);
  if (state_is_due_) send_state();
}

void Agent::checkpoint_soon() {
  checkpoint_is_due_ = true;
  if (std::exchange(keeping_checkpoint_, true)) return;
  tasks_.spawn("checkpoint", keep_checkpoint());
}

asio::awaitable<void> Agent::keep_checkpoint() {
  // At once, since nobody else remembers what was told when the power goes; but a disk has better
  // to do than to follow every event of a host that starts up.
  constexpr std::chrono::milliseconds rest{200};
  constexpr std::chrono::seconds again{5};
  while (checkpoint_is_due_) {
    checkpoint_is_due_ = false;
    auto containers = checkpoint_of(board_);
    auto units = checkpoint_of(unit_board_);
    if (!containers && !units) break;  // the change that lets it comes here again
    auto keep = [this, containers = std::move(containers), units = std::move(units)] {
      // An event that the checkpoint takes for told must not go with the power: nobody tells it
      // again.
      return link_->await_flush(flush_limit) && keep_checkpoints(containers, units);
    };
    const bool is_kept = co_await on_pool(pool_, std::move(keep));
    if (is_kept) {
      co_await pause(rest);
    } else {
      checkpoint_is_due_ = true;
      co_await pause(again);
    }
  }
  keeping_checkpoint_ = false;
}

bool Agent::keep_checkpoints(const std::optional<services::Checkpoint>& containers,
                             const std::optional<services::Checkpoint>& units) {
  const bool first = !containers || checkpoint_file_.write(*containers);
  const bool second = !units || unit_checkpoint_file_.write(*units);
  return first && second;
}

void Agent::send_sample() {
  auto sample = sampler_.sample();
  if (auto problem = data_disk_.look()) sample.problems.push_back(std::move(*problem));
  sample.number = ++sample_number_;
  for (auto& container : sample.containers) {
    container.services = board_.services_of(container.id);
    if (container.services.empty()) container.services = unit_board_.services_of(container.id);
  }
  for (const auto& service : service_states_) {
    if (service.status == "unknown") continue;
    auto failed = board_.has_failed(service.name);
    if (!failed) failed = unit_board_.has_failed(service.name);
    sample.services.push_back({service.name, service.status == "running", failed});
  }
  link_->send(std::move(sample));
}

asio::awaitable<void> Agent::send_samples() {
  auto next = std::chrono::steady_clock::now();
  for (;;) {
    send_sample();
    board_.observe_clocks();
    next += sample_interval_;
    const auto now = std::chrono::steady_clock::now();
    if (next < now) next = now;  // the machine slept; what was missed stays missed
    boost::system::error_code changed;
    do {
      next_sample_.expires_at(next);
      co_await next_sample_.async_wait(asio::redirect_error(asio::use_awaitable, changed));
      // A sample went with the welcome. All agents get that at once: they part again here.
      if (changed) next = std::chrono::steady_clock::now() + part_of(sample_interval_);
    } while (changed);
  }
}

asio::awaitable<void> Agent::reconcile() {
  return actions_.reconcile_restart_policies();
}

asio::awaitable<std::vector<engine::Container>> Agent::containers() {
  return engine_.containers();
}

asio::awaitable<void> Agent::set_restart_policy(std::string id, std::string policy) {
  return engine_.set_restart_policy(std::move(id), std::move(policy));
}

asio::awaitable<systemd::Unit> Agent::unit(std::string name) {
  return systemd_.unit(std::move(name));
}

asio::awaitable<std::string> Agent::systemd_version() {
  return systemd_.version();
}

}  // namespace portoser::agent
