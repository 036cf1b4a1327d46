#include "tests/integration/update_fixture.h"

#include "common/file.h"
#include "tests/support/await.h"
#include "tests/support/free_port.h"
#include "tests/support/http_client.h"
#include "tests/support/images.h"

#include <fmt/format.h>

#include <chrono>

namespace portoser::test {

using namespace std::chrono_literals;

Asker::Asker(std::uint16_t port)
    : thread_([this, port] {
        while (!stopping_) {
          try {
            HttpClient client{port};
            ++(client.get("/").status == 200 ? answered_ : lost_);
          } catch (const std::exception&) {
            ++lost_;
          }
          std::this_thread::sleep_for(10ms);
        }
      }) {}

Asker::~Asker() {
  stopping_ = true;
  thread_.join();
}

std::unique_ptr<TempFolder> UpdateTest::folder_;
std::uint16_t UpdateTest::port_ = 0;
std::unique_ptr<ComposeProject> UpdateTest::project_;
std::unique_ptr<ControllerProcess> UpdateTest::controller_;
std::unique_ptr<AgentProcess> UpdateTest::agent_;

void UpdateTest::SetUpTestSuite() {
  load_images(PrivateEngine::shared());
  folder_ = std::make_unique<TempFolder>("update");
  port_ = free_port();
  project_ = std::make_unique<ComposeProject>(*folder_ / "notes", std::vector<ComposeService>{});
  controller_ = std::make_unique<ControllerProcess>(folder_->path());
  controller_->set_environment({{"PORTOSER_HEALTH_SECONDS", "20"}});
  controller_->write_registry(
      fmt::format("# kept by hand\nhosts:\n  brick: {{ip: 127.0.0.1}}\nservices:\n"
                  "  notes: {{current_host: brick, docker_compose: {}}}  # the notes\n",
                  project_->file().string()));
  controller_->start();
  agent_ =
      std::make_unique<AgentProcess>(folder_->path(), "brick", PrivateEngine::shared().socket());
  agent_->join(controller_->create_token());
  agent_->start();
  controller_->await_machine("brick", "online");
}

void UpdateTest::TearDownTestSuite() {
  if (controller_ && controller_->running()) act("stop");
  agent_.reset();
  controller_.reset();
  project_.reset();
  folder_.reset();
}

std::string UpdateTest::text(const std::string& more, const std::string& below) {
  return fmt::format(
      "version: '3.7'\nservices:\n  web:\n    image: {}\n    restart: unless-stopped\n"
      "    ports: ['127.0.0.1:{}:8080']\n{}{}",
      httpd_image,
      port_,
      more,
      below);
}

std::string UpdateTest::text_from(const std::string& source,
                                  const std::string& more,
                                  const std::string& below) {
  auto changed = text(more, below);
  const auto image = std::string{"image: "} + httpd_image;
  return changed.replace(changed.find(image), image.size(), source);
}

UpdateTest::UpdateTest() {
  project_->write(text());
  const auto started = act("start");
  if (started.status != 200) {
    throw std::runtime_error{started.text + controller_->log_tail() + agent_->log_tail()};
  }
  await_until("it is healthy", 60s, [] {
    return PrivateEngine::shared().docker(
               {"inspect", "--format", "{{.State.Health.Status}}", container()}) == "healthy\n";
  });
}

ApiAnswer UpdateTest::put(const std::string& text,
                          const std::string& query,
                          const std::string& revision) {
  const Json body{
      {"text", text},
      {"revision", revision.empty() ? compose()["revision"].get<std::string>() : revision},
      {"why", "a test"}};
  HttpClient client{controller_->port()};
  const auto answer = client.request("PUT",
                                     "/api/services/notes/compose" + query,
                                     dump(body),
                                     {{"Content-Type", "application/json"}});
  return {answer.status, Json::parse(answer.body, nullptr, false), answer.body, answer.headers};
}

Json UpdateTest::newest_record() {
  const auto list = controller_->get("/api/history/deployments?limit=1").body;
  return controller_
      ->get("/api/history/deployments/" + list["deployments"][0]["id"].get<std::string>())
      .body;
}

std::string UpdateTest::container() {
  auto id = PrivateEngine::shared().docker(
      {"ps", "-q", "--no-trunc", "--filter", "label=com.docker.compose.project=notes"});
  while (!id.empty() && id.back() == '\n') id.pop_back();
  return id;
}

std::string UpdateTest::what_runs() {
  return PrivateEngine::shared().docker(
      {"inspect", "--format", "{{.Image}} {{json .Config.Env}}", container()});
}

void UpdateTest::make_image(const std::string& name, const std::string& lines) {
  const auto folder = *folder_ / ("image-" + name);
  make_folder(folder);
  write_file_atomic(folder / "Dockerfile", fmt::format("FROM {}\n{}\n", busybox_image, lines));
  PrivateEngine::shared().docker({"build", "-q", "-t", name, folder.string()});
}

}  // namespace portoser::test
