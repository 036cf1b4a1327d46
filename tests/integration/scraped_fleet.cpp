#include "tests/integration/scraped_fleet.h"

#include "common/file.h"
#include "tests/support/await.h"
#include "tests/support/images.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <csignal>
#include <regex>
#include <set>
#include <stdexcept>

namespace portoser::test {
namespace {

using namespace std::chrono_literals;

std::string url_encoded(const std::string& text) {
  std::string encoded;
  for (const char letter : text) {
    const auto byte = static_cast<unsigned char>(letter);
    const bool is_plain = (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') ||
                          (letter >= '0' && letter <= '9') || letter == '_';
    encoded += is_plain ? std::string(1, letter) : fmt::format("%{:02X}", byte);
  }
  return encoded;
}

void replace_all(std::string& text, const std::string& before, const std::string& after) {
  for (auto at = text.find(before); at != std::string::npos;
       at = text.find(before, at + after.size())) {
    text.replace(at, before.size(), after);
  }
}

}  // namespace

ScrapedFleet::ScrapedFleet(const std::filesystem::path& monitoring)
    // No restart policy: a service that crashes stays down.
    : project_(folder_ / "notes", {{.name = "web", .restart = ""}}),
      controller_(folder_.path()),
      agent_(folder_.path(), "brick", engine_.socket()),
      port_(free_port()) {
  load_images(engine_);
  controller_.write_registry(fmt::format(
      "domain: attic.test\nhosts:\n  brick: {{ip: 127.0.0.1}}\nservices:\n  notes:\n    "
      "current_host: brick\n    docker_compose: {}\n",
      project_.file().string()));
  // A store that is away: its families and alerts are asked for too.
  controller_.set_environment({{"PORTOSER_SAMPLE_INTERVAL_MS", "1000"},
                               {"PORTOSER_REMOTE_WRITE_URL", "http://127.0.0.1:9/write"}});
  controller_.start();
  agent_.join(controller_.create_token());
  agent_.start();
  controller_.await_machine("brick", "online");
  const auto started = controller_.post("/api/services/notes/start");
  if (started.status != 200U) throw std::runtime_error{started.text};
  write_file_atomic(folder_ / "prometheus.yml",
                    fmt::format("global: {{scrape_interval: 1s, evaluation_interval: 1s}}\n"
                                "rule_files: ['{}']\n"
                                "scrape_configs:\n- job_name: portoser\n"
                                "  static_configs: [{{targets: ['127.0.0.1:{}']}}]\n",
                                (monitoring / "portoser.rules.yml").string(),
                                controller_.port()));
  ProcessRequest request;
  request.argv = {"prometheus",
                  "--config.file=" + (folder_ / "prometheus.yml").string(),
                  "--storage.tsdb.path=" + (folder_ / "tsdb").string(),
                  "--web.listen-address=127.0.0.1:" + std::to_string(port_)};
  request.log_file = folder_ / "prometheus.log";
  prometheus_.emplace(std::move(request));
  await_answer("portoser_service_memory_bytes");
}

Json ScrapedFleet::prometheus(const std::string& target) const {
  auto answer = Json::parse(HttpClient{port_}.get(target).body);
  if (answer.value("status", "") != "success") throw std::runtime_error{answer.dump()};
  return answer["data"];
}

std::vector<PromSeries> ScrapedFleet::ask(const std::string& query) const {
  const auto data = prometheus("/api/v1/query?query=" + url_encoded(query));
  std::vector<PromSeries> all;
  for (const auto& one : data.at("result")) {
    all.push_back({one.at("metric"), std::stod(one.at("value").at(1).get<std::string>())});
  }
  return all;
}

std::optional<double> ScrapedFleet::value(const std::string& query) const {
  const auto series = ask(query);
  return series.size() == 1 ? std::optional{series[0].value} : std::nullopt;
}

std::vector<PromSeries> ScrapedFleet::await_answer(const std::string& query) const {
  std::vector<PromSeries> answer;
  std::string refusal;
  const auto has_answer = [&] {
    try {
      answer = ask(query);
    } catch (const std::exception& error) {
      refusal = error.what();
    }
    return std::any_of(
        answer.begin(), answer.end(), [](const auto& one) { return !std::isnan(one.value); });
  };
  const auto explain = [&] { return refusal + "\n" + prometheus_->log_tail(); };
  await_until("there is an answer to " + query, 60s, has_answer, explain);
  return answer;
}

void ScrapedFleet::crash_service() const {
  auto container = engine_.docker({"ps", "-q", "--no-trunc"});
  while (!container.empty() && container.back() == '\n') container.pop_back();
  const auto pid = std::stoi(engine_.docker({"inspect", "--format", "{{.State.Pid}}", container}));
  if (pid < 2) throw std::logic_error{"0 and 1 would kill ourselves"};
  if (::kill(pid, SIGKILL) != 0) throw std::runtime_error{"the container could not be killed"};
}

std::string with_variables(std::string expression) {
  replace_all(expression, "$machine", ".*");
  replace_all(expression, "$service", ".*");
  replace_all(expression, "$__rate_interval", "30s");
  return expression;
}

std::vector<std::string> selectors_of(const std::string& expression) {
  // Names of labels stand in these.
  const auto bare =
      std::regex_replace(expression, std::regex{R"(\b(by|on|without|ignoring)\s*\([^)]*\))"}, " ");
  static const std::set<std::string> words{"and", "or", "unless", "bool", "offset"};
  static const std::regex selector{R"(([a-zA-Z_:][a-zA-Z0-9_:]*)\s*(\{[^}]*\}|\()?)"};
  std::vector<std::string> all;
  for (std::sregex_iterator match{bare.begin(), bare.end(), selector}, end; match != end; ++match) {
    const auto after = (*match)[2].str();
    const bool is_duration =
        match->position() > 0 && std::isdigit(static_cast<unsigned char>(
                                     bare[static_cast<std::size_t>(match->position() - 1)])) != 0;
    if (after == "(" || is_duration || words.contains((*match)[1])) continue;
    all.push_back((*match)[1].str() + after);
  }
  return all;
}

}  // namespace portoser::test
