// How long clients may keep answers, as their headers say.

#include "tests/unit/api/api_fixture.h"

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
