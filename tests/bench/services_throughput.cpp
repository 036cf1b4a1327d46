// Requests for each CPU second of the server: GET /api/services with 100 services, and nginx
// serving the same bytes from a file, each under wrk with 64 connections.

#include "common/file.h"
#include "tests/bench/process_cost.h"
#include "tests/integration/portoser.h"
#include "tests/support/await.h"

#include <fmt/format.h>

#include <regex>

using namespace portoser::test;
using namespace portoser::bench;

namespace {

constexpr int services = 100;

struct Load {
  double requests = 0;
  double per_second = 0;
  std::string p99;
};

Load run_wrk(const std::string& url) {
  const auto output = must_run({"wrk", "-t1", "-c64", "-d10s", "--latency", url});
  std::smatch match;
  Load load;
  if (std::regex_search(output, match, std::regex{"([0-9]+) requests in"}))
    load.requests = std::stod(match[1]);
  if (std::regex_search(output, match, std::regex{"Requests/sec:\\s+([0-9.]+)"}))
    load.per_second = std::stod(match[1]);
  if (std::regex_search(output, match, std::regex{"99%\\s+(\\S+)"})) load.p99 = match[1];
  if (output.find("Non-2xx") != std::string::npos) fmt::print("errors: {}\n", output);
  return load;
}

}  // namespace

int main() {
  const TempFolder folder{"bench"};
  ControllerProcess controller{folder.path()};
  std::string registry = "domain: attic.test\nhosts:\n  brick: {ip: 127.0.0.1}\nservices:\n";
  for (int i = 0; i < services; ++i) {
    registry += fmt::format(
        "  service-{0}:\n    current_host: brick\n    docker_compose: "
        "/srv/service-{0}/compose.yml\n    port: {1}\n",
        i,
        9000 + i);
  }
  controller.write_registry(registry);
  controller.start();
  const auto body = controller.get("/api/services").text;

  const auto nginx_port = free_port();
  portoser::write_file_atomic(folder / "services.json", body);
  portoser::write_file_atomic(
      folder / "nginx.conf",
      fmt::format(
          "daemon off; worker_processes 1; pid {0}/nginx.pid; error_log {0}/error.log; user root;\n"
          "events {{ worker_connections 1024; }}\n"
          "http {{ access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000000;\n"
          "  open_file_cache max=10; types {{ application/json json; }}\n"
          "  server {{ listen 127.0.0.1:{1}; root {0}; }} }}\n",
          folder.path().string(),
          nginx_port));
  ProcessRequest request;
  request.argv = {"nginx", "-c", (folder / "nginx.conf").string(), "-p", folder.path().string()};
  const Process nginx{std::move(request)};
  await_until("nginx answers", std::chrono::seconds{20}, [&] {
    try {
      return HttpClient{nginx_port}.get("/services.json").body == body;
    } catch (const std::exception&) {
      return false;
    }
  });
  const auto worker =
      static_cast<pid_t>(std::stoi(must_run({"pgrep", "-P", std::to_string(nginx.pid())})));

  auto before = cpu_seconds(controller.pid());
  const auto ours = run_wrk(fmt::format("http://127.0.0.1:{}/api/services", controller.port()));
  const auto our_rate = ours.requests / (cpu_seconds(controller.pid()) - before);
  before = cpu_seconds(worker);
  const auto theirs = run_wrk(fmt::format("http://127.0.0.1:{}/services.json", nginx_port));
  const auto their_rate = theirs.requests / (cpu_seconds(worker) - before);
  fmt::print(
      "GET /api/services, {} bytes: {:.0f} requests a CPU second ({:.0f} a second, p99 {})\n",
      body.size(),
      our_rate,
      ours.per_second,
      ours.p99);
  fmt::print("nginx, the same bytes: {:.0f} requests a CPU second ({:.0f} a second, p99 {})\n",
             their_rate,
             theirs.per_second,
             theirs.p99);
  fmt::print("ratio (ours / nginx): {:.2f}\n", our_rate / their_rate);
}
