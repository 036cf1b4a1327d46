#include "controller/api/deployment_story_socket.h"

#include "controller/api/client_message.h"
#include "controller/api/socket_leave.h"
#include "controller/http/router.h"
#include "controller/jobs/run.h"

#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>

#include <optional>
#include <utility>

namespace portoser::api {
namespace {

/// What a job tells at most, and the lines that wait beside it, with room for what comes meanwhile.
constexpr std::size_t frames_waiting = 2 * jobs::Run::most_events;

}  // namespace

/// On the executor of its connection.
struct DeploymentStorySocket::Client {
  Client(asio::any_io_executor on, std::shared_ptr<http::WebSocket> of)
      : executor(std::move(on)),
        socket(std::move(of)),
        frames({.waiting = frames_waiting, .may_hurry = false}),
        wake(executor) {}

  /// Of the present: what was stored comes before it.
  void take(StoryFrame frame) {
    if (has_past) {
      push(std::move(frame));
    } else if (present.size() < most_present) {
      present.push_back(std::move(frame));
    } else {
      give_up();
    }
  }
  void take_past(std::vector<StoryFrame> past) {
    for (auto& frame : past) push(std::move(frame));
    has_past = true;
    for (auto& frame : std::exchange(present, {})) push(std::move(frame));
  }
  /// What came from the past and the present is told once.
  void push(StoryFrame frame) {
    if (frame.seq <= last) return;
    last = frame.seq;
    if (frame.seq < from) return;
    if (!frames.push(std::move(frame.frame))) give_up();
    wake.cancel();
  }
  void give_up() const { socket->close(1013, "more happened than can be shown in time"); }

  /// Lines that arrive while the past is read.
  static constexpr std::size_t most_present = 20'000;

  asio::any_io_executor executor;
  std::shared_ptr<http::WebSocket> socket;
  PacedFrames frames;
  asio::steady_timer wake;
  std::string job;  ///< that it follows; empty: none
  std::int64_t from = 0;
  std::int64_t last = 0;
  bool has_past = false;
  std::vector<StoryFrame> present;
};

void DeploymentStorySocket::add_to(http::Router& router) {
  router.add_socket(
      {.path = "/api/deployment/ws/{id}",
       .summary = "One deployment, by its id or its job's: what it told, then what it tells",
       .query = {{"from_seq", "only frames from this number on", "integer"}},
       .takes = {"ping"},
       .sends = {"phase_started",
                 "phase_completed",
                 "observation",
                 "problem_detected",
                 "solution_started",
                 "solution_progress",
                 "solution_completed",
                 "solution_failed",
                 "deployment_log",
                 "deployment_completed",
                 "deployment_failed",
                 "pong"}},
      *this,
      &DeploymentStorySocket::run);
}

asio::awaitable<void> DeploymentStorySocket::run(std::shared_ptr<http::WebSocket> socket) {
  auto client = std::make_shared<Client>(co_await asio::this_coro::executor, std::move(socket));
  client->from = client->socket->call().query_int("from_seq", 0, 0, INT64_MAX);
  auto talking = talk(client);
  auto left = [this, client] { leave(client); };
  co_await leaving_after(std::move(talking), std::move(left));
}

asio::awaitable<void> DeploymentStorySocket::talk(std::shared_ptr<Client> client) {
  using namespace asio::experimental::awaitable_operators;
  // `||` waits for one that succeeds: a failure would leave the other one alone with the client.
  auto telling = failure_of(tell(client));
  auto receiving = failure_of(receive(client));
  const auto first = co_await (std::move(telling) || std::move(receiving));
  const auto failure = first.index() == 0 ? std::get<0>(first) : std::get<1>(first);
  if (failure) std::rethrow_exception(failure);
}

asio::awaitable<void> DeploymentStorySocket::tell(std::shared_ptr<Client> client) {
  auto telling = tell_story(client);
  co_await std::move(telling);
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

asio::awaitable<void> DeploymentStorySocket::tell_story(std::shared_ptr<Client> client) {
  auto id = client->socket->call().param("id");
  auto looking = stories_.job_of(id);
  const auto job = co_await on_executor(core_, std::move(looking));
  if (!job) {
    auto unknown = stamped("deployment_failed", clock_);
    unknown["deployment_id"] = as_repeated(id);
    unknown["seq"] = 1;
    unknown["error"] = "unknown deployment";
    unknown["reason"] = "DEPLOYMENT_UNKNOWN";
    StoryFrame only;
    only.seq = 1;
    only.frame.text = std::make_shared<const std::string>(dump(unknown));
    client->from = 0;
    client->push(std::move(only));
    co_return;
  }
  client->job = *job;
  {
    const std::lock_guard lock{mutex_};
    followers_[*job].insert(client);
  }
  // It is told of all that happens from here on, so nothing is missing between the two.
  auto reading = stories_.story_of_job(*job);
  const auto story = co_await on_executor(core_, std::move(reading));
  client->take_past(frames_of(story));
}

asio::awaitable<void> DeploymentStorySocket::receive(std::shared_ptr<Client> client) {
  while (const auto text = co_await client->socket->receive()) {
    // As on /ws the UI's bare "ping" gets no answer.
    const auto message = client_message(*text);
    if (message.is_object() && text_of(message, "action") == "ping") {
      client->socket->send(dump(stamped("pong", clock_)));
    }
  }
}

void DeploymentStorySocket::leave(const std::shared_ptr<Client>& client) {
  const std::lock_guard lock{mutex_};
  const auto found = followers_.find(client->job);
  if (found == followers_.end()) return;
  found->second.erase(client);
  if (found->second.empty()) followers_.erase(found);
}

DeploymentStorySocket::Clients DeploymentStorySocket::followers_of(const std::string& job) {
  const std::lock_guard lock{mutex_};
  const auto found = followers_.find(job);
  if (found == followers_.end()) return {};
  return {found->second.begin(), found->second.end()};
}

void DeploymentStorySocket::broadcast(const Clients& clients, const StoryFrame& frame) {
  for (const auto& client : clients) {
    asio::post(client->executor, [client, frame] { client->take(frame); });
  }
}

void DeploymentStorySocket::job_log(const storage::JobRecord& job,
                                    const storage::JobLogLine& line) {
  const auto clients = followers_of(job.id);
  if (!clients.empty()) broadcast(clients, frame_of_line(job, line, job.next_event));
}

void DeploymentStorySocket::job_told(const storage::JobRecord& job,
                                     const storage::JobEvent& event) {
  const auto clients = followers_of(job.id);
  if (!clients.empty()) broadcast(clients, frame_of_event(job, event));
}

void DeploymentStorySocket::job_finished(const storage::JobRecord& job) {
  const auto clients = followers_of(job.id);
  if (!clients.empty()) broadcast(clients, frame_of_end(job));
}

}  // namespace portoser::api
