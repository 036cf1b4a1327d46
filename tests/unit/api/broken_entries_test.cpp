// A registry with entries that cannot be used: whoever asks for anything gets an answer, and the
// entries say what is wrong with them.
#include "tests/unit/api/api_fixture.h"

#include <gmock/gmock.h>

namespace portoser::api {
namespace {

using BrokenEntries = ApiTest;

TEST_F(BrokenEntries, LeaveEveryEndpointAnswering) {
  write_file_atomic(
      folder_ / "registry.yml",
      "hosts:\n  brick: {ip: 127.0.0.1}\n  nothing:\nservices:\n"
      "  notes: {current_host: brick, docker_compose: /srv/notes/compose.yml}\n"
      "  broken: [1, 2]\n"
      "  eight: {current_host: brick, docker_compose: /srv/8/compose.yml, port: 8000}\n"
      "  pair: {current_host: brick, docker_compose: /srv/p/compose.yml, ports: "
      "['8081:80']}\n");
  run(registry_->reload());
  int asked = 0;
  for (const auto& endpoint : router_.endpoints()) {
    const auto& route = endpoint->route;
    if (route.method != http::Method::get || endpoint->socket ||
        route.path.find('{') != std::string::npos) {
      continue;
    }
    EXPECT_EQ(ask(route.path).status, 200U) << route.path;
    ++asked;
  }
  EXPECT_GT(asked, 30);
  std::map<std::string, bool> has_errors;
  const auto services = get("/api/services")["services"];
  for (const auto& row : services) {
    has_errors[row["name"]] = !row["config_errors"].empty();
  }
  EXPECT_EQ(has_errors,
            (std::map<std::string, bool>{
                {"broken", true}, {"eight", false}, {"notes", false}, {"pair", true}}));
}

}  // namespace
}  // namespace portoser::api
