#include "controller/controller.h"

#include "common/file.h"
#include "common/log.h"
#include "common/notify.h"
#include "common/version.h"
#include "controller/api/audit.h"
#include "controller/api/collector.h"
#include "controller/api/compose.h"
#include "controller/api/dependencies.h"
#include "controller/api/deployment.h"
#include "controller/api/deployment_socket.h"
#include "controller/api/deployment_stories.h"
#include "controller/api/deployment_story_socket.h"
#include "controller/api/deployments.h"
#include "controller/api/device_changes.h"
#include "controller/api/device_tokens.h"
#include "controller/api/devices.h"
#include "controller/api/devices_socket.h"
#include "controller/api/health.h"
#include "controller/api/history.h"
#include "controller/api/idempotency.h"
#include "controller/api/jobs.h"
#include "controller/api/machine_actions.h"
#include "controller/api/machine_edits.h"
#include "controller/api/machines.h"
#include "controller/api/metrics.h"
#include "controller/api/metrics_history.h"
#include "controller/api/metrics_socket.h"
#include "controller/api/metrics_state.h"
#include "controller/api/moves.h"
#include "controller/api/prometheus.h"
#include "controller/api/registry.h"
#include "controller/api/rollback.h"
#include "controller/api/service_edits.h"
#include "controller/api/services.h"
#include "controller/api/system.h"
#include "controller/api/uptime.h"
#include "controller/api/uptime_socket.h"
#include "controller/audit_log.h"
#include "controller/controller_key.h"
#include "controller/deployment/batches.h"
#include "controller/deployment/dependency_edits.h"
#include "controller/deployment/deployment_state.h"
#include "controller/deployment/host_actions.h"
#include "controller/deployment/intelligent.h"
#include "controller/deployment/mover.h"
#include "controller/deployment/preflight_observers.h"
#include "controller/deployment/service_actions.h"
#include "controller/descriptors.h"
#include "controller/fleet/fleet.h"
#include "controller/fleet/join_tokens.h"
#include "controller/fleet/new_hosts.h"
#include "controller/http/router.h"
#include "controller/http/server.h"
#include "controller/jobs/jobs.h"
#include "controller/registry/editor.h"
#include "controller/registry/watch.h"
#include "controller/room_settings.h"
#include "controller/storage/database.h"
#include "controller/storage/retention.h"
#include "controller/telemetry/live.h"
#include "controller/telemetry/remote_write.h"
#include "controller/telemetry/series.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/strand.hpp>

#include <algorithm>
#include <list>
#include <optional>
#include <thread>

namespace portoser {
namespace {

using IoContext = asio::io_context;
using WorkGuard = asio::executor_work_guard<IoContext::executor_type>;

/// Contexts of one thread each, for connections: no lock and no strand between a request and its
/// answer.
class ConnectionThreads {
 public:
  explicit ConnectionThreads(int count) {
    for (int i = 0; i < count; ++i) {
      auto& context = contexts_.emplace_back(1);
      guards_.emplace_back(context.get_executor());
      threads_.emplace_back([&context] { context.run(); });
    }
  }
  ConnectionThreads(const ConnectionThreads&) = delete;
  ConnectionThreads& operator=(const ConnectionThreads&) = delete;
  ~ConnectionThreads() { stop(); }

  asio::any_io_executor next() {
    const std::lock_guard lock{mutex_};
    if (turn_ == contexts_.end()) turn_ = contexts_.begin();
    return (turn_++)->get_executor();
  }

  void stop() {
    guards_.clear();
    for (auto& context : contexts_) context.stop();
    for (auto& thread : threads_) {
      if (thread.joinable()) thread.join();
    }
  }

 private:
  std::mutex mutex_;
  std::list<IoContext> contexts_;
  std::list<IoContext>::iterator turn_ = contexts_.end();
  std::list<WorkGuard> guards_;
  std::vector<std::thread> threads_;
};

/// Ends the threads before the rooms go, however the run ends.
struct StopAtEnd {
  ConnectionThreads& threads;
  ~StopAtEnd() { threads.stop(); }
};

/// Every room, in the order of construction. Destroyed in reverse, after all threads ended.
struct Rooms {
  Rooms(const ControllerSettings& settings,
        const DescriptorShares& given_shares,
        IoContext& core_context)
      : shares(given_shares),
        core(core_context.get_executor()),
        keys(load_controller_key(settings.data)),
        database(settings.data / "portoser.db", clock),
        retention(database, clock, retention_settings(settings)),
        registry(core, settings.registry_path, clock),
        editor(registry, settings.registry_path, settings.data / "registry-backups", clock),
        live(3 * std::chrono::milliseconds{settings.agents_sample_interval_ms}),
        series(database, clock, series_settings(settings)),
        remote_write(database, series, live, clock, remote_write_settings(settings)),
        fleet(fleet_settings(settings, keys, shares), database, registry, clock, core, live),
        new_hosts(registry, editor),
        collection(
            database, fleet, live, series, remote_write, clock, collection_settings(settings)),
        jobs(database, fleet, clock, core),
        history(database, clock, core),
        file_dependencies(registry, fleet, clock),
        preflight(registry, fleet, live, file_dependencies),
        recording(registry, fleet, history),
        actions(registry, fleet, jobs, preflight, recording, action_limits(settings)),
        compose_files(registry, fleet, jobs, preflight, recording, deploy_limits(settings)),
        routing(registry, fleet, routing_settings(settings)),
        mover(registry,
              editor,
              fleet,
              jobs,
              recording,
              routing,
              database,
              clock,
              move_limits(settings)),
        rollback(registry,
                 editor,
                 fleet,
                 jobs,
                 history,
                 preflight,
                 mover,
                 recording,
                 core,
                 deploy_limits(settings)),
        host_actions(registry, fleet, jobs, actions, file_dependencies),
        planner(registry, live, preflight, mover, history, file_dependencies),
        pending_moves(registry, database, clock),
        batches(registry, jobs, actions, mover, planner, pending_moves, file_dependencies),
        deployment_states(pending_moves, jobs, history),
        observers(registry, fleet, live, jobs, preflight, planner, actions),
        intelligent(registry, jobs, batches, recording, observers),
        deployment_socket(clock),
        deployment_stories(jobs),
        deployment_story_socket(deployment_stories, clock, core),
        idempotency(database, clock),
        uptime_socket(database, clock),
        metrics_socket(registry, live, clock),
        devices_socket(registry, live, fleet, clock),
        services(registry, live, jobs, actions, history, file_dependencies, core, clock),
        machine_actions(jobs, host_actions, clock, core),
        health(registry, live),
        dependency_edits(registry, editor, file_dependencies),
        dependencies(registry, services.rows(), file_dependencies, dependency_edits),
        service_edits(registry, editor, services.rows(), file_dependencies, actions, jobs, core),
        machines(registry, live, fleet, services.rows(), clock),
        machine_edits(editor),
        registry_api(registry, editor),
        join_tokens(database, {join_url(settings), keys.public_key}, clock),
        devices(fleet, registry, live, services.rows(), clock, core),
        device_changes(fleet, registry, core),
        device_tokens(join_tokens, clock),
        jobs_api(jobs, core),
        history_api(history, clock),
        audit_api(database),
        compose_api(compose_files, jobs, core),
        rollback_api(rollback, jobs, core),
        deployment_api(pending_moves,
                       planner,
                       batches,
                       deployment_states,
                       jobs,
                       deployment_socket,
                       idempotency,
                       clock,
                       core),
        moves_api(mover, batches, jobs, clock, core),
        deployments_api(intelligent, jobs, deployment_stories, idempotency, core),
        metrics(registry, live, clock),
        uptime_history(database, series, clock),
        metrics_history(registry, live, series, uptime_history, clock),
        metrics_state(
            registry, live, series, remote_write, database, fleet, metrics, collection, clock),
        collector(collection, live, settings.registry_path.string(), clock, core),
        availability(registry, uptime_history, clock),
        prometheus({registry,
                    live,
                    series,
                    remote_write,
                    availability,
                    collection,
                    fleet,
                    jobs,
                    database,
                    retention,
                    requests,
                    job_counters,
                    clock},
                   metrics),
        uptime(registry, database, uptime_history, fleet, clock, core),
        system(registry, database, clock),
        audit(database, clock, core),
        tasks(core),
        background(prometheus.executor()) {
    fleet.add_hosts_by(new_hosts);
    live.add_listener(series);
    live.add_listener(remote_write);
    live.add_listener(uptime_socket);
    live.add_listener(deployment_socket);
    live.add_listener(metrics_socket);
    live.add_listener(devices_socket);
    live.on_late_result_call(
        [this](const storage::EventRecord& result) { jobs.late_result(result); });
    jobs.add_listener(deployment_socket);
    jobs.add_listener(deployment_story_socket);
    jobs.add_listener(intelligent);
    jobs.add_listener(job_counters);
    jobs.add_listener(history);
    jobs.add_listener(rollback);
    jobs.add_listener(file_dependencies);
    deployment_socket.follow(registry);
    registry.subscribe([this](const registry::RegistryWatch::StatePtr&) { fleet.assign_all(); });
    services.add_to(web);
    machine_actions.add_to(web);
    health.add_to(web);
    dependencies.add_to(web);
    service_edits.add_to(web);
    machines.add_to(web);
    machine_edits.add_to(web);
    registry_api.add_to(web);
    devices.add_to(web);
    device_changes.add_to(web);
    device_tokens.add_to(web);
    jobs_api.add_to(web);
    history_api.add_to(web);
    audit_api.add_to(web);
    compose_api.add_to(web);
    rollback_api.add_to(web);
    deployment_api.add_to(web);
    moves_api.add_to(web);
    deployments_api.add_to(web);
    metrics.add_to(web);
    prometheus.add_to(web);
    metrics_history.add_to(web);
    metrics_state.add_to(web);
    collector.add_to(web);
    uptime.add_to(web);
    system.add_to(web);
    deployment_socket.add_to(web);
    deployment_story_socket.add_to(web);
    uptime_socket.add_to(web);
    metrics_socket.add_to(web);
    devices_socket.add_to(web);
    devices.add_registration_to(joining);
    devices.add_heartbeat_to(joining);
  }

  DescriptorShares shares;
  SystemClock clock;
  asio::any_io_executor core;
  protocol::KeyPair keys;
  storage::Database database;
  storage::Retention retention;
  registry::RegistryWatch registry;
  registry::RegistryEditor editor;
  telemetry::Live live;
  telemetry::Series series;
  telemetry::RemoteWrite remote_write;
  fleet::Fleet fleet;
  fleet::HostsInRegistry new_hosts;
  telemetry::Collection collection;
  jobs::Jobs jobs;
  history::History history;
  deployment::FileDependencies file_dependencies;
  deployment::Preflight preflight;
  deployment::Recording recording;
  deployment::ServiceActions actions;
  deployment::ComposeFiles compose_files;
  deployment::Routing routing;
  deployment::Mover mover;
  deployment::Rollback rollback;
  deployment::HostActions host_actions;
  deployment::Planner planner;
  deployment::PendingMoves pending_moves;
  deployment::Batches batches;
  deployment::DeploymentStates deployment_states;
  deployment::PreflightObservers observers;
  deployment::Intelligent intelligent;
  api::RequestCounters requests;
  api::JobCounters job_counters;
  api::DeploymentSocket deployment_socket;
  api::DeploymentStories deployment_stories;
  api::DeploymentStorySocket deployment_story_socket;
  api::Idempotency idempotency;
  api::UptimeSocket uptime_socket;
  api::MetricsSocket metrics_socket;
  api::DevicesSocket devices_socket;
  api::ServicesApi services;
  api::MachineActionsApi machine_actions;
  api::HealthApi health;
  deployment::DependencyEdits dependency_edits;
  api::DependenciesApi dependencies;
  api::ServiceEditsApi service_edits;
  api::MachinesApi machines;
  api::MachineEditsApi machine_edits;
  api::RegistryApi registry_api;
  fleet::JoinTokens join_tokens;
  api::DevicesApi devices;
  api::DeviceChangesApi device_changes;
  api::DeviceTokensApi device_tokens;
  api::JobsApi jobs_api;
  api::HistoryApi history_api;
  api::AuditApi audit_api;
  api::ComposeApi compose_api;
  api::RollbackApi rollback_api;
  api::DeploymentApi deployment_api;
  api::MovesApi moves_api;
  api::DeploymentsApi deployments_api;
  api::MetricsApi metrics;
  telemetry::UptimeHistory uptime_history;
  api::MetricsHistoryApi metrics_history;
  api::MetricsStateApi metrics_state;
  api::CollectorApi collector;
  telemetry::Availability availability;
  api::PrometheusApi prometheus;
  api::UptimeApi uptime;
  api::SystemApi system;
  http::Router web;
  http::Router joining;
  http::OpenAccess authenticator;
  AuditLog audit;
  TaskGroup tasks;
  TaskGroup background;
};

asio::awaitable<void> start(Rooms& rooms,
                            http::Server& server,
                            const ControllerSettings& settings) {
  co_await rooms.series.start();
  co_await rooms.remote_write.start();
  co_await rooms.collection.start();
  co_await rooms.fleet.start();
  co_await rooms.history.recover();
  co_await rooms.jobs.start();
  rooms.tasks.spawn("registry", rooms.registry.run());
  rooms.tasks.spawn("dependencies in files", rooms.file_dependencies.run());
  rooms.tasks.spawn("retention", rooms.retention.run());
  rooms.tasks.spawn("what is left of moves", rooms.mover.run());
  rooms.tasks.spawn("series", rooms.series.run());
  rooms.background.spawn("availability", rooms.availability.run());
  rooms.tasks.spawn("remote write", rooms.remote_write.run());
  rooms.tasks.spawn("remote write of presence", rooms.remote_write.run_presence());
  auto web = listener_settings(settings,
                               settings.http_address,
                               settings.http_port,
                               "http.port (BACKEND_PORT)",
                               rooms.shares.web);
  web.openapi_title = "Portoser";
  const auto web_port = server.listen(std::move(web), rooms.web);
  auto join = listener_settings(settings,
                                settings.join_address,
                                settings.join_port,
                                "join.port (PORTOSER_JOIN_PORT)",
                                rooms.shares.join);
  const auto join_port = server.listen(std::move(join), rooms.joining);
  log::info("controller",
            "ready",
            {{"version", version},
             {"web", settings.http_address + ":" + std::to_string(web_port)},
             {"wire", rooms.fleet.wire_port()},
             {"join", join_port}});
  notify_service_manager("READY=1");
}

asio::awaitable<void> stop(Rooms& rooms, http::Server& server) {
  notify_service_manager("STOPPING=1");
  rooms.editor.stop();
  co_await server.stop();
  co_await rooms.audit.stop();
  rooms.remote_write.give_up();
  rooms.tasks.stop();
  rooms.background.stop();
  co_await rooms.tasks.join();
  co_await on_executor(rooms.prometheus.executor(), rooms.background.join());
  co_await rooms.jobs.stop();
  co_await rooms.rollback.stop();
  co_await rooms.history.stop();
  co_await rooms.fleet.stop();
  co_await rooms.series.stop();
}

asio::awaitable<void> serve(Rooms& rooms,
                            http::Server& server,
                            const ControllerSettings& settings) {
  asio::signal_set signals{co_await asio::this_coro::executor, SIGTERM, SIGINT};
  std::exception_ptr failure;
  try {
    co_await start(rooms, server, settings);
    using namespace asio::experimental::awaitable_operators;
    // A controller that hears nobody must not look as if it did.
    const auto end =
        co_await (signals.async_wait(asio::use_awaitable) || rooms.fleet.wire_failure());
    if (const auto* wire = std::get_if<Error>(&end)) throw Error{*wire};
    log::info("controller", "stopping");
  } catch (...) {
    failure = std::current_exception();
  }
  co_await stop(rooms, server);
  if (failure) std::rethrow_exception(failure);
}

}  // namespace

int Controller::run_until_signal() {
  log::configure(log::level_from_string(settings_.log_level),
                 settings_.log_format == "json" ? log::Format::json : log::Format::text);
  make_folder(settings_.data, 0700);
  // One thread runs the core, so it needs no strand of its own.
  IoContext core_context{1};
  // Before the rooms: what waits on a connection refers to both.
  ConnectionThreads threads{settings_.threads};
  Rooms rooms{settings_, share_descriptors(raise_descriptor_limit()), core_context};
  const StopAtEnd stop_threads{threads};
  http::Server server{[&threads] { return threads.next(); },
                      server_settings(settings_),
                      rooms.authenticator,
                      rooms.audit,
                      rooms.requests,
                      rooms.clock};
  std::exception_ptr failure;
  asio::co_spawn(core_context,
                 serve(rooms, server, settings_),
                 [&failure](const std::exception_ptr& ended) { failure = ended; });
  core_context.run();
  if (failure) std::rethrow_exception(failure);
  return 0;
}

}  // namespace portoser
