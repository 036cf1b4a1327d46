#include "controller/api/deployment_socket.h"

#include "controller/api/client_message.h"
#include "controller/api/device_frames.h"
#include "controller/api/registry_frames.h"
#include "controller/api/socket_leave.h"
#include "controller/api/uptime_socket.h"
#include "controller/deployment/intelligent.h"
#include "controller/deployment/sweep.h"
#include "controller/history/history.h"
#include "controller/http/router.h"

#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>

#include <utility>

namespace portoser::api {
namespace {

/// "restart" -> "service_restarted", as the old backend called it.
std::string service_frame_type(const std::string& kind) {
  if (kind == "stop") return "service_stopped";
  if (kind == "rebuild") return "service_rebuilt";
  if (kind == "update" || kind == "write") return "service_updated";
  if (kind == "rollback") return "service_rolled_back";
  if (kind == "move") return "service_moved";
  return "service_" + kind + "ed";
}

/// Its services are told of one by one; it only keeps the end back.
bool is_about_host(const storage::JobRecord& job) {
  return job.service.empty() && !job.host.empty();
}

/// Of services wherever they are: one deployment, whose parts are its operations.
bool is_batch(const storage::JobRecord& job) {
  return job.service.empty() && job.host.empty();
}

/// It has a socket of its own, and what it does to services are jobs of theirs.
bool is_told_elsewhere(const storage::JobRecord& job) {
  return job.kind == deployment::Intelligent::kind;
}

/// "restart_host" -> "machine_restart", as the old backend called it.
std::string machine_frame_type(const std::string& kind) {
  return "machine_" + kind.substr(0, kind.find('_'));
}

Json result_of(const storage::JobRecord& job) {
  Json result{{"service", job.service},
              {"target", job.host},
              {"success", job.state == "succeeded"},
              {"action", job.kind},
              {"deployment_id", history::History::id_of(job)},
              {"job_id", job.id},
              {"error", nullptr}};
  if (!job.error_message.empty()) result["error"] = job.error_message;
  return result;
}

void add_results(Json& results, const storage::JobRecord& job) {
  if (!is_batch(job)) {
    results.push_back(result_of(job));
    return;
  }
  for (const auto& part : deployment::Sweep::results_of(job)) {
    auto result = to_json(part);
    result["success"] = part.success.value_or(false);
    results.push_back(std::move(result));
  }
}

/// What the UI shows of a failure, and the service that it names.
std::pair<std::string, std::string> failure_of_job(const storage::JobRecord& job) {
  if (!is_batch(job)) return {job.error_message, job.service};
  std::string text;
  std::string service;
  for (const auto& part : deployment::Sweep::results_of(job)) {
    if (part.success != false) continue;
    if (service.empty()) service = part.service;
    text += (text.empty() ? "" : "; ") + part.service + ": " + part.error.value_or("failed");
  }
  return {text.empty() ? job.error_message : text, service};
}

void add_ids(Json& frame, const DeploymentIds& ids) {
  frame["deployment_id"] = ids.deployment;
  frame["job_id"] = ids.job;
}

}  // namespace

struct DeploymentSocket::Client {
  Client(asio::any_io_executor on, std::shared_ptr<http::WebSocket> of)
      : executor(std::move(on)), socket(std::move(of)), wake(executor) {}
  asio::any_io_executor executor;
  std::shared_ptr<http::WebSocket> socket;
  PacedFrames frames;
  asio::steady_timer wake;
};

void DeploymentSocket::add_to(http::Router& router) {
  router.add_socket({.path = "/ws",
                     .summary = "Jobs as they run, events of services, liveness of hosts",
                     .takes = {"ping"},
                     .sends = {"deployment_started",   "deployment_progress", "deployment_log",
                               "deployment_completed", "deployment_failed",   "service_started",
                               "service_stopped",      "service_restarted",   "service_rebuilding",
                               "service_rebuilt",      "service_rolled_back", "machine_start",
                               "machine_stop",         "machine_restart",     "uptime_event",
                               "device_status_change", "registry_reloaded",   "service_created",
                               "service_updated",      "service_deleted",     "machine_created",
                               "machine_updated",      "machine_deleted",     "pong"}},
                    *this,
                    &DeploymentSocket::run);
}

void DeploymentSocket::follow(registry::RegistryWatch& registry) {
  registry_ = registry.snapshot()->registry;
  registry.subscribe([this](const registry::RegistryWatch::StatePtr& state) {
    for (auto& frame : registry_frames(*registry_, *state, clock_.now())) {
      broadcast(FrameKind::other, std::move(frame));
    }
    registry_ = state->registry;
  });
}

asio::awaitable<void> DeploymentSocket::run(std::shared_ptr<http::WebSocket> socket) {
  auto client = std::make_shared<Client>(co_await asio::this_coro::executor, std::move(socket));
  {
    const std::lock_guard lock{mutex_};
    clients_.insert(client);
  }
  auto talking = talk(client);
  auto leave = [this, client] {
    const std::lock_guard lock{mutex_};
    clients_.erase(client);
  };
  co_await leaving_after(std::move(talking), std::move(leave));
}

asio::awaitable<void> DeploymentSocket::talk(std::shared_ptr<Client> client) {
  using namespace asio::experimental::awaitable_operators;
  // `||` waits for one that succeeds: a failure would leave the other one alone with the client.
  auto sending = failure_of(send_paced(client));
  auto receiving = failure_of(receive(client));
  const auto first = co_await (std::move(sending) || std::move(receiving));
  const auto failure = first.index() == 0 ? std::get<0>(first) : std::get<1>(first);
  if (failure) std::rethrow_exception(failure);
}

asio::awaitable<void> DeploymentSocket::send_paced(std::shared_ptr<Client> client) {
  while (!client->socket->closed()) {
    if (auto text = client->frames.take(std::chrono::steady_clock::now())) {
      client->socket->send(std::move(text));
    }
    client->wake.expires_at(
        client->frames.next().value_or(std::chrono::steady_clock::time_point::max()));
    boost::system::error_code outcome;
    co_await client->wake.async_wait(asio::redirect_error(asio::use_awaitable, outcome));
    const auto state = co_await asio::this_coro::cancellation_state;
    if (state.cancelled() != asio::cancellation_type::none) co_return;
  }
}

asio::awaitable<void> DeploymentSocket::receive(std::shared_ptr<Client> client) {
  while (const auto text = co_await client->socket->receive()) {
    // The UI's bare "ping" gets no answer: any frame after a finished deployment confuses it.
    const auto message = client_message(*text);
    if (message.is_object() && text_of(message, "action") == "ping") {
      client->socket->send(dump(stamped("pong", clock_)));
    }
  }
}

void DeploymentSocket::broadcast(FrameKind kind, std::string text) {
  const auto shared = std::make_shared<const std::string>(std::move(text));
  const std::lock_guard lock{mutex_};
  for (const auto& client : clients_) {
    asio::post(client->executor, [client, kind, shared] {
      if (!client->frames.push({kind, shared})) {
        client->socket->close(1013, "more happened than can be shown in time");
      }
      client->wake.cancel();
    });
  }
}

void DeploymentSocket::job_started(const storage::JobRecord& job) {
  if (is_told_elsewhere(job)) return;
  under_way_[job.id] = job;
  if (is_batch(job)) {
    const auto results = deployment::Sweep::results_of(job);
    auto& batch = batches_[job.id];
    batch.total = results.size();
    // One that is taken up again: its first part may be over.
    batch.deployment_id = deployment::Sweep::first_deployment_of(results).value_or("");
    return;
  }
  if (auto* batch = batch_of(job)) {
    if (batch->deployment_id.empty()) batch->deployment_id = history::History::id_of(job);
    tell_start(under_way_.at(job.parent));
    return;
  }
  if (is_about_host(job)) return;
  tell_start(job);
  if (job.kind == "rebuild") {
    Json rebuilding{{"type", "service_rebuilding"},
                    {"service", job.service},
                    {"job_id", job.id},
                    {"timestamp", to_rfc3339(clock_.now())}};
    broadcast(FrameKind::other, dump(rebuilding));
  }
}

void DeploymentSocket::tell_start(const storage::JobRecord& job) {
  auto total = operations_under_way();
  if (const auto batch = batches_.find(job.id); batch != batches_.end()) {
    if (std::exchange(batch->second.told, true)) return;
    total = batch->second.total;
  }
  Json frame{{"type", "deployment_started"},
             {"total_operations", total},
             {"service", job.service},
             {"target", job.host},
             {"action", job.kind},
             {"seq", ++sequence_},
             {"timestamp", to_rfc3339(clock_.now())}};
  add_ids(frame, ids_of(job));
  broadcast(FrameKind::other, dump(frame));
}

std::string DeploymentSocket::deployment_of(const storage::JobRecord& job) const {
  const auto batch = batches_.find(is_batch(job) ? job.id : job.parent);
  if (batch != batches_.end() && !batch->second.deployment_id.empty()) {
    return batch->second.deployment_id;
  }
  if (!job.service.empty()) return history::History::id_of(job);
  const auto results = deployment::Sweep::results_of(job);
  return deployment::Sweep::first_deployment_of(results).value_or("");
}

DeploymentIds DeploymentSocket::ids_of(const storage::JobRecord& job) const {
  return {deployment_of(job), batches_.contains(job.parent) ? job.parent : job.id};
}

std::size_t DeploymentSocket::operations_under_way() const {
  std::size_t operations = 0;
  for (const auto& [id, job] : under_way_) {
    if (const auto batch = batches_.find(id); batch != batches_.end()) {
      operations += batch->second.total;
    } else if (!is_about_host(job) && !batches_.contains(job.parent)) {
      ++operations;
    }
  }
  return operations;
}

DeploymentSocket::Batch* DeploymentSocket::batch_of(const storage::JobRecord& job) {
  const auto found = batches_.find(job.parent);
  return found == batches_.end() ? nullptr : &found->second;
}

bool DeploymentSocket::is_one_of_several(const storage::JobRecord& job) {
  const auto* batch = batch_of(job);
  return under_way_.size() > batches_.size() + 1 || (batch != nullptr && batch->total > 1);
}

void DeploymentSocket::job_step(const storage::JobRecord& job) {
  if (job.service.empty() || is_told_elsewhere(job)) return;
  const auto* batch = batch_of(job);
  const auto total = batch != nullptr ? batch->total : ended_count_ + operations_under_way();
  const auto current = batch != nullptr ? batch->ended + 1 : ended_count_ + 1;
  Json frame{{"type", "deployment_progress"},
             {"current_operation", current},
             {"total_operations", total},
             {"service", job.service},
             {"target", job.host},
             {"step", job.step},
             {"seq", ++sequence_},
             {"timestamp", to_rfc3339(clock_.now())}};
  add_ids(frame, ids_of(job));
  broadcast(FrameKind::other, dump(frame));
}

void DeploymentSocket::job_log(const storage::JobRecord& job, const storage::JobLogLine& line) {
  if (is_told_elsewhere(job)) return;
  const auto& subject = is_about_host(job) ? job.host : job.service;
  // The lines of a batch name their service.
  const bool has_prefix = !is_batch(job) && is_one_of_several(job);
  const auto prefix = has_prefix ? "[" + subject + "] " : std::string{};
  if (batches_.contains(job.id)) tell_start(job);
  Json frame{{"type", "deployment_log"},
             {"message", prefix + line.text},
             {"step", line.step},
             {"seq", ++sequence_},
             {"timestamp", to_rfc3339(line.time)}};
  add_ids(frame, ids_of(job));
  broadcast(FrameKind::log, dump(frame));
}

void DeploymentSocket::job_finished(const storage::JobRecord& job) {
  if (is_told_elsewhere(job)) return;
  const bool succeeded = job.state == "succeeded";
  Json frame{{"success", succeeded}, {"job_id", job.id}, {"timestamp", to_rfc3339(clock_.now())}};
  under_way_.erase(job.id);
  if (is_about_host(job)) {
    frame["type"] = machine_frame_type(job.kind);
    frame["machine"] = job.host;
    broadcast(FrameKind::other, dump(frame));
  } else if (!is_batch(job)) {
    frame["type"] = service_frame_type(job.kind);
    frame["service"] = job.service;
    broadcast(FrameKind::other, dump(frame));
  }
  if (auto* batch = batch_of(job)) {
    ++batch->ended;
  } else if (!is_about_host(job)) {
    // On a busy cluster one job may always overlap the next: the newest results stand for all.
    constexpr std::size_t most_results = 100;
    if (is_batch(job)) tell_start(job);
    ended_count_ += is_batch(job) ? batches_[job.id].total : 1;
    if (!succeeded) last_failed_ = job;
    ended_.push_back(job);
    if (ended_.size() > most_results) ended_.pop_front();
  }
  if (under_way_.empty() && !ended_.empty()) tell_end(job);
  batches_.erase(job.id);
}

/// Of all that was under way; `last`: the job that was over last.
void DeploymentSocket::tell_end(const storage::JobRecord& last) {
  Json results = Json::array();
  for (const auto& one : ended_) add_results(results, one);
  Json frame{{"type", !last_failed_ ? "deployment_completed" : "deployment_failed"},
             {"results", std::move(results)},
             {"seq", ++sequence_},
             {"timestamp", to_rfc3339(clock_.now())}};
  add_ids(frame, ids_of(last));
  if (last_failed_) {
    auto [text, service] = failure_of_job(*last_failed_);
    frame["error"] = std::move(text);
    frame["service"] = std::move(service);
  }
  broadcast(last_failed_ ? FrameKind::other : FrameKind::completed, dump(frame));
  ended_.clear();
  ended_count_ = 0;
  last_failed_.reset();
}

void DeploymentSocket::tell_refused(const Error& error) {
  if (!under_way_.empty()) return;
  Json frame{{"type", "deployment_failed"},
             {"deployment_id", ""},
             {"job_id", ""},
             {"error", error.message()},
             {"service", ""},
             {"results", Json::array()},
             {"seq", ++sequence_},
             {"timestamp", to_rfc3339(clock_.now())}};
  broadcast(FrameKind::other, dump(frame));
}

void DeploymentSocket::event_arrived(const storage::EventRecord& event) {
  if (event.scope == "service") broadcast(FrameKind::other, uptime_frame(event));
}

void DeploymentSocket::liveness_changed(const std::string& host,
                                        fleet::Liveness before,
                                        fleet::Liveness after,
                                        std::optional<Time> last_seen) {
  broadcast(FrameKind::other, device_status_frame(host, before, after, last_seen, clock_.now()));
}

}  // namespace portoser::api
