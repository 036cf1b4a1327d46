// How long clients may keep answers, as their headers say.

#include "tests/unit/api/api_fixture.h"

#include <fmt/format.h>

#include <latch>
#include <thread>

namespace portoser::api {
namespace {

class KeptAnswer : public ApiTest {
 protected:
  std::string header(std::string_view target, std::string_view name) {
    const auto response = ask(target);
    for (const auto& [key, value] : response.headers) {
      if (key == name) return value;
    }
    return "";
  }
};

TEST_F(KeptAnswer, LiveNumbersAreOfTheClientAloneAndYoungerThanItsNextQuestion) {
  for (const auto* target : {"/api/metrics",
                             "/api/metrics/all",
                             "/api/metrics/all?view=services",
                             "/api/metrics/machine/brick",
                             "/api/metrics/notes/brick"}) {
    EXPECT_EQ(header(target, "Cache-Control"), "private, max-age=5, must-revalidate") << target;
    EXPECT_EQ(header(target, "X-Cache-TTL"), "5") << target;
  }
}

TEST_F(KeptAnswer, WhereServicesAreIsKeptForMinutes) {
  EXPECT_EQ(header("/api/metrics/services", "Cache-Control"),
            "private, max-age=300, must-revalidate");
  EXPECT_EQ(header("/api/metrics/services", "X-Cache-TTL"), "300");
}

/// One text for all readers, and never one of before.
TEST_F(KeptAnswer, IsMadeAnewForANewSampleAndANewRegistry) {
  const auto measured_at = [this] { return get("/api/metrics/all")[0]["timestamp"]; };
  const auto first = measured_at();
  EXPECT_EQ(measured_at(), first);
  tell_of_notes(1);
  EXPECT_NE(measured_at(), first);
  write_file_atomic(folder_ / "registry.yml",
                    "hosts:\n  brick: {ip: 127.0.0.1}\n  chalk: {ip: 127.0.0.2}\n");
  run(registry_->reload());
  EXPECT_EQ(get("/api/metrics/all").size(), 2U);
}

/// A fleet's page is large, and everybody asks when a sample came.
TEST_F(KeptAnswer, IsMadeOnceForAllWhoAskAtOnceForANewSample) {
  // So many that others come while the first makes it.
  std::string text = "hosts:\n  brick: {ip: 127.0.0.1}\n";
  for (int i = 0; i < 300; ++i)
    text += fmt::format("  h{}: {{ip: 127.1.{}.{}}}\n", i, i / 200, i % 200 + 1);
  write_file_atomic(folder_ / "registry.yml", text);
  run(registry_->reload());
  constexpr std::size_t readers = 8;
  constexpr int rounds = 10;
  for (int counted = 0; counted < rounds;) {
    tell_of_notes(1);
    const auto before = metrics_->kept();
    const auto began = clock_.uptime();
    std::latch all_there{readers};
    std::vector<std::string> answers(readers);
    std::vector<std::thread> threads;
    for (auto& answer : answers) {
      threads.emplace_back([&] {
        all_there.arrive_and_wait();
        answer = std::string{ask("/api/metrics/all").text()};
      });
    }
    for (auto& thread : threads) thread.join();
    const auto after = metrics_->kept();
    // It holds ages, so that one of a second ago is made anew: this machine was too slow to count.
    if (clock_.uptime() - began >= MetricsApi::kept_for) continue;
    ++counted;
    EXPECT_EQ(after.misses - before.misses, 1U);
    EXPECT_EQ(after.hits - before.hits, readers - 1);
    for (const auto& answer : answers) EXPECT_EQ(answer, answers.front());
  }
}

/// Who may see an answer is decided for each request.
TEST_F(KeptAnswer, NothingIsPublic) {
  int asked = 0;
  for (const auto& endpoint : router_.endpoints()) {
    const auto& route = endpoint->route;
    const bool is_plain = route.method == http::Method::get && !endpoint->socket &&
                          route.path.find('{') == std::string::npos;
    if (!is_plain) continue;
    ++asked;
    EXPECT_EQ(header(route.path, "Cache-Control").find("public"), std::string::npos) << route.path;
  }
  EXPECT_GT(asked, 15);
}

}  // namespace
}  // namespace portoser::api
