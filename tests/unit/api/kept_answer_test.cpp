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
