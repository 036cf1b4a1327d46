/// A server on a free port with a few routes, and what its tests watch.
#pragma once

#include "controller/http/router.h"
#include "controller/http/server.h"
#include "tests/support/await.h"
#include "tests/support/http_client.h"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>

#include <atomic>
#include <future>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <vector>

namespace portoser::http {

using test::Headers;
using test::HttpClient;
using test::SocketClient;

/// Reads as a sentence: "await_until the handler has ended".
inline void await_until(std::string_view reason, const std::function<bool()>& condition) {
  test::await_until(reason, std::chrono::seconds{30}, condition);
}

/// Moved by the test while server threads read it.
class TestClock : public Clock {
 public:
  [[nodiscard]] Time now() const override {
    return Time{std::chrono::hours{24 * 365 * 50}} + passed();
  }
  [[nodiscard]] Uptime uptime() const override { return std::chrono::hours{1} + passed(); }
  void advance(std::chrono::microseconds by) { passed_ += by.count(); }

 private:
  [[nodiscard]] std::chrono::microseconds passed() const {
    return std::chrono::microseconds{passed_.load()};
  }
  std::atomic<std::int64_t> passed_{0};
};

/// Moves the clock on and on, for a wait that the server begins at a moment the test cannot see.
class PassingTime {
 public:
  PassingTime(TestClock& clock, std::chrono::seconds step)
      : thread_([this, &clock, step] {
          while (!is_over_) {
            clock.advance(step);
            std::this_thread::sleep_for(std::chrono::milliseconds{1});
          }
        }) {}
  ~PassingTime() {
    is_over_ = true;
    thread_.join();
  }

 private:
  std::atomic<bool> is_over_{false};
  std::thread thread_;
};

class TestAudit : public AuditSink {
 public:
  void record(const AuditEntry& entry) override {
    const std::lock_guard lock{mutex_};
    entries_.push_back(entry);
  }
  std::vector<AuditEntry> entries() const {
    const std::lock_guard lock{mutex_};
    return entries_;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<AuditEntry> entries_;
};

class TestObserver : public RequestObserver {
 public:
  void request_done(Method method,
                    std::string_view route,
                    unsigned status,
                    std::chrono::nanoseconds /*duration*/) override {
    const std::lock_guard lock{mutex_};
    requests_.push_back(std::string{to_string(method)} + " " + std::string{route} + " " +
                        std::to_string(status));
  }
  void connection_opened() override { ++connections; }
  void connection_closed() override { --connections; }
  void socket_opened(std::string_view /*route*/) override { ++opened; }
  void socket_closed(std::string_view /*route*/, std::uint16_t code) override {
    last_code = code;
    ++closed;
  }
  void connection_refused(Refusal why) override {
    ++(why == Refusal::too_slow ? too_slow : too_many);
  }
  void frames_sent(std::string_view /*route*/, std::size_t count) override { sent += count; }
  void frames_dropped(std::string_view /*route*/, std::size_t count) override { dropped += count; }
  void frames_replaced(std::string_view /*route*/, std::size_t count) override {
    replaced += count;
  }
  std::vector<std::string> requests() const {
    const std::lock_guard lock{mutex_};
    return requests_;
  }

  std::atomic<std::uint16_t> last_code{0};  ///< of the socket that ended last
  std::atomic<std::size_t> replaced{0};
  std::atomic<int> connections{0};
  std::atomic<std::size_t> opened{0};
  std::atomic<std::size_t> closed{0};
  std::atomic<std::size_t> too_slow{0};
  std::atomic<std::size_t> too_many{0};
  std::atomic<std::size_t> sent{0};
  std::atomic<std::size_t> dropped{0};

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> requests_;
};

/// The token is the role; "short" is a viewer for half a minute.
class TokenIsRole : public Authenticator {
 public:
  explicit TokenIsRole(const Clock& clock) : start_(clock.now()) {}
  asio::awaitable<User> authenticate(const Request& request) override {
    const auto token = request.bearer_token();
    if (!token) throw Error{Code::unauthenticated, "Missing authentication token"};
    if (*token == "bad") throw Error{Code::unauthenticated, "Invalid token: it is bad"};
    User user;
    user.sub = "sub-" + *token;
    user.name = *token;
    user.roles = {*token == "short" ? "viewer" : *token};
    if (*token == "short") user.valid_until = start_ + std::chrono::seconds{30};
    co_return user;
  }

 private:
  Time start_;
};

struct EchoRequest {
  std::string text = "nothing";
  int times = 1;
};
BOOST_DESCRIBE_STRUCT(EchoRequest, (), (text, times))

struct EchoAnswer {
  std::string text;
  std::string service;
  std::string user;
};
BOOST_DESCRIBE_STRUCT(EchoAnswer, (), (text, service, user))

struct SharedAnswer {
  bool shared = true;
};
BOOST_DESCRIBE_STRUCT(SharedAnswer, (), (shared))

/// Handlers of every shape.
class TestApi {
 public:
  void add_to(Router& router) {
    router.add(
        {.method = Method::get, .path = "/ping", .role = Role::public_}, *this, &TestApi::ping);
    router.add<SharedAnswer>(
        {.method = Method::get, .path = "/api/shared", .text_type = "text/csv"},
        *this,
        &TestApi::shared);
    router.add({.method = Method::get,
                .path = "/api/services/{service}",
                .summary = "One service",
                .query = {{"tail", "how many lines", "integer"},
                          {.name = "order",
                           .description = "what comes first",
                           .allowed = {"oldest", "newest"}}}},
               *this,
               &TestApi::service);
    router.add({.method = Method::post,
                .path = "/api/services/{service}/echo",
                .summary = "Says it again",
                .role = Role::operator_,
                .errors = {Code::not_found, Code::conflict},
                .body_limit = 1000},
               *this,
               &TestApi::echo);
    router.add({.method = Method::delete_, .path = "/api/services/{service}", .role = Role::admin},
               *this,
               &TestApi::remove);
    router.add({.method = Method::get, .path = "/api/fail/{how}"}, *this, &TestApi::fail);
    router.add({.method = Method::get, .path = "/api/slow"}, *this, &TestApi::slow);
    router.add({.method = Method::post, .path = "/api/size", .body_limit = 4U << 20U},
               *this,
               &TestApi::size);
    router.add_socket(
        {.path = "/ws/echo/{name}", .summary = "Echo", .takes = {"say"}, .sends = {"said"}},
        *this,
        &TestApi::echo_socket);
    router.add_socket({.path = "/ws/flood", .query = {{.name = "pace", .allowed = {"slow"}}}},
                      *this,
                      &TestApi::flood_socket);
    router.add_socket({.path = "/ws/admin", .role = Role::admin}, *this, &TestApi::echo_socket);
    router.add_socket({.path = "/ws/much"}, *this, &TestApi::much_socket);
    router.add_socket({.path = "/ws/fail"}, *this, &TestApi::fail_socket);
  }

  static constexpr int much = 20'000;
  std::atomic<bool> may_finish{false};
  std::atomic<int> slow_started{0};
  std::atomic<int> slow_finished{0};
  std::atomic<int> sockets_done{0};
  std::mutex mutex;
  std::vector<std::shared_ptr<WebSocket>> sockets;  // of /ws/flood

 private:
  Json ping(Call<void> /*call*/) { return Json{{"status", "ok"}}; }
  Response shared(Call<void> /*call*/) const { return json_response(shared_); }
  Json service(Call<void> call) {
    return Json{{"service", call.param("service")},
                {"tail", call.query_int("tail", 10, 1, 1000)},
                {"force", call.query_bool("force", false)},
                {"query", call.query("q").value_or("none")}};
  }
  asio::awaitable<EchoAnswer> echo(Call<EchoRequest> call) {
    EchoAnswer answer;
    for (int i = 0; i < call.body.times; ++i) answer.text += call.body.text;
    answer.service = call.param("service");
    answer.user = call.user().name;
    co_return answer;
  }
  asio::awaitable<void> remove(Call<void> /*call*/) { co_return; }
  Json fail(Call<void> call) {
    if (call.param("how") == "crash") throw std::runtime_error{"a secret detail"};
    if (call.param("how") == "busy") {
      throw Error{Code::unavailable, "too busy"}.details({{"retry_after", "30"}});
    }
    throw Error{Code::not_found, "no service named \"x\"", "path.service"};
  }
  asio::awaitable<Json> slow(Call<void> call) {
    ++slow_started;
    while (!may_finish) co_await pause(std::chrono::milliseconds{1});
    ++slow_finished;
    Json answer{{"path", call.request().path}};
    co_return answer;
  }
  asio::awaitable<Json> size(Call<Json> call) {
    Json answer{{"bytes", call.request().body.size()}};
    co_return answer;
  }
  asio::awaitable<void> echo_socket(std::shared_ptr<WebSocket> socket) {
    while (const auto text = co_await socket->receive()) socket->send(*text);
    ++sockets_done;
  }
  asio::awaitable<void> flood_socket(std::shared_ptr<WebSocket> socket) {
    {
      const std::lock_guard lock{mutex};
      sockets.push_back(socket);
    }
    while (co_await socket->receive()) {
    }
    ++sockets_done;
  }
  /// Far more than may wait at once.
  asio::awaitable<void> much_socket(std::shared_ptr<WebSocket> socket) {
    {
      const std::lock_guard lock{mutex};
      sockets.push_back(socket);
    }
    const auto text = std::make_shared<const std::string>(std::string(1000, 'x'));
    for (int i = 0; i < much && !socket->closed(); ++i) {
      co_await socket->drained();
      socket->send_latest(std::to_string(i), text);
    }
    ++sockets_done;
  }
  asio::awaitable<void> fail_socket(std::shared_ptr<WebSocket> socket) {
    co_await socket->receive();
    throw Error{Code::invalid, "that topic is unknown"};
  }

  std::shared_ptr<const std::string> shared_ =
      std::make_shared<const std::string>(R"({"shared":true})");
};

struct TestServer {
  explicit TestServer(ServerSettings settings = {},
                      ListenerSettings listener = {},
                      bool with_tokens = false)
      : role_tokens(clock),
        authenticator(with_tokens ? static_cast<Authenticator&>(role_tokens) : open),
        server(context, quick(std::move(settings)), authenticator, audit, observer, clock) {
    api.add_to(router);
    port = server.listen(std::move(listener), router);
    for (int i = 0; i < 2; ++i) {
      threads.emplace_back([this] { context.run(); });
    }
  }
  ~TestServer() {
    api.may_finish = true;
    stop();
    context.stop();
    for (auto& thread : threads) thread.join();
    const std::lock_guard lock{api.mutex};
    api.sockets.clear();  // they belong to the context
  }
  void stop() {
    auto stopping = server.stop();
    asio::co_spawn(context, std::move(stopping), asio::use_future).get();
  }
  static ServerSettings quick(ServerSettings settings) {
    settings.sweep_period = std::chrono::milliseconds{5};
    return settings;
  }

  TestClock clock;
  TestAudit audit;
  TestObserver observer;
  OpenAccess open;
  TokenIsRole role_tokens;
  Authenticator& authenticator;
  TestApi api;
  Router router;
  asio::io_context context;
  asio::executor_work_guard<asio::io_context::executor_type> work{context.get_executor()};
  Server server;
  std::uint16_t port = 0;
  std::vector<std::thread> threads;
};

}  // namespace portoser::http
