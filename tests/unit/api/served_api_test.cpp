// Answers as they come out of the whole pipeline: its checks of queries and paths, and its
// statuses.

#include "controller/http/server.h"
#include "tests/support/http_client.h"
#include "tests/unit/api/api_fixture.h"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/use_future.hpp>
#include <gmock/gmock.h>

#include <set>
#include <thread>

namespace portoser::api {
namespace {

using testing::AnyOf;
using testing::HasSubstr;

class Unaudited : public http::AuditSink {
 public:
  void record(const http::AuditEntry& /*entry*/) override {}
};

class ServedApi : public ApiTest {
 protected:
  ServedApi() : port_(server_.listen({}, router_)), thread_([this] { served_.run(); }) {}
  ~ServedApi() override {
    auto stopping = server_.stop();
    asio::co_spawn(served_, std::move(stopping), asio::use_future).get();
    served_.stop();
    thread_.join();
  }

  test::HttpAnswer over_http(std::string_view target) {
    return test::HttpClient{port_}.get(target);
  }
  [[nodiscard]] std::set<std::string> files() const {
    std::set<std::string> names;
    for (const auto& entry : std::filesystem::recursive_directory_iterator{folder_}) {
      names.insert(entry.path().string());
    }
    return names;
  }

 private:
  Unaudited audit_;
  http::OpenAccess open_;
  asio::io_context served_;
  asio::executor_work_guard<asio::io_context::executor_type> work_{served_.get_executor()};
  http::Server server_{served_, {}, open_, audit_, requests_, clock_};
  std::uint16_t port_;
  std::thread thread_;
};

TEST_F(ServedApi, AnEmptyRegistryHasAnEmptyListOfMetrics) {
  write_file_atomic(folder_ / "registry.yml", "hosts: {}\nservices: {}\n");
  run(registry_->reload());
  for (const auto* target :
       {"/api/metrics/all", "/api/metrics", "/api/metrics/all?view=services"}) {
    const auto answer = over_http(target);
    EXPECT_EQ(answer.status, 200U) << target;
    EXPECT_EQ(answer.body, "[]") << target;
  }
}

struct Refused {
  const char* target;
  unsigned status;
  const char* where;
};

TEST_F(ServedApi, AWordThatAQueryDoesNotHaveIsRefused) {
  for (const auto& [target, status, where] :
       {Refused{"/api/metrics/notes/brick?timeRange=2h", 400, "query.timeRange"},
        {"/api/metrics/notes/brick/history?interval=2m", 422, "query.interval"},
        {"/api/metrics/machine/brick/history?interval=2m", 422, "query.interval"},
        {"/api/metrics/notes/brick/history?time_range=2h", 422, "query.time_range"},
        {"/api/uptime/notes/brick/events?limit=1001", 422, "query.limit"},
        {"/api/uptime/notes/brick/events?limit=0", 422, "query.limit"},
        {"/api/uptime/notes/brick/events?offset=-1", 422, "query.offset"},
        {"/api/uptime/notes/brick?days=366", 422, "query.days"},
        {"/api/uptime/notes/brick/history?event_type=explosion", 422, "query.event_type"},
        {"/api/uptime/timeline?days=91", 422, "query.days"}}) {
    const auto answer = over_http(target);
    EXPECT_EQ(answer.status, status) << target << ": " << answer.body;
    EXPECT_EQ(Json::parse(answer.body)["where"], where) << target;
  }
}

TEST_F(ServedApi, NamesThatAreNoneAreRefusedAndTouchNothing) {
  const auto before = files();
  for (const std::string& name : {std::string{"x'%3B%20id%3B%20'"},
                                  std::string{"..%2F..%2Fx"},
                                  std::string{"a%7Cb"},
                                  std::string{"%24%28id%29"},
                                  std::string{"n%C3%BCc"},
                                  std::string{"%00"},
                                  std::string(300, 'x')}) {
    for (const auto& target : {"/api/metrics/" + name + "/brick",
                               "/api/metrics/notes/" + name,
                               "/api/metrics/machine/" + name,
                               "/api/metrics/machine/" + name + "/history",
                               "/api/metrics/" + name + "/brick/history",
                               "/api/metrics/notes/" + name + "/history",
                               "/api/uptime/" + name + "/brick",
                               "/api/uptime/notes/" + name,
                               "/api/uptime/" + name + "/brick/history",
                               "/api/uptime/notes/" + name + "/events",
                               "/api/uptime/metrics/" + name + "/brick",
                               "/api/uptime/timeline?services=" + name,
                               "/api/uptime/timeline?machines=brick," + name}) {
      const auto answer = over_http(target);
      EXPECT_THAT(answer.status, AnyOf(400U, 404U, 422U)) << target << ": " << answer.body;
      EXPECT_TRUE(Json::parse(answer.body).contains("message")) << target;
    }
  }
  EXPECT_EQ(files(), before);
}

}  // namespace
}  // namespace portoser::api
