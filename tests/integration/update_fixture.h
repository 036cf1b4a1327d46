/// A controller, an agent and a compose service that a client asks all the time: what changes of it
/// do, and what refused ones leave alone. One cluster for a test program.
#pragma once

#include "tests/integration/portoser.h"
#include "tests/support/compose_project.h"
#include "tests/support/engine.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>

namespace portoser::test {

/// Asks the service on 127.0.0.1 until it is destroyed, a hundred times a second at most.
class Asker {
 public:
  explicit Asker(std::uint16_t port);
  Asker(const Asker&) = delete;
  Asker& operator=(const Asker&) = delete;
  ~Asker();

  [[nodiscard]] int answered() const { return answered_; }
  [[nodiscard]] int lost() const { return lost_; }

 private:
  std::atomic<bool> stopping_{false};
  std::atomic<int> answered_{0};
  std::atomic<int> lost_{0};
  std::thread thread_;
};

class UpdateTest : public testing::Test {
 protected:
  static void SetUpTestSuite();
  static void TearDownTestSuite();

  /// The compose file as it is when each test begins, with `more` in the service's map.
  static std::string text(const std::string& more = "", const std::string& below = "");
  /// The same from elsewhere: "image: x" or "build: ." in place of the image's line.
  static std::string text_from(const std::string& source,
                               const std::string& more = "",
                               const std::string& below = "");
  UpdateTest();

  static ApiAnswer put(const std::string& text,
                       const std::string& query = "?apply=true",
                       const std::string& revision = "");
  static ApiAnswer act(const std::string& action) {
    return controller_->post("/api/services/notes/" + action);
  }
  static Json compose() { return controller_->get("/api/services/notes/compose").body; }
  /// The newest record of the history.
  static Json newest_record();
  static std::string container();
  /// "image id, environment" of the service's container, as `docker inspect` says.
  static std::string what_runs();
  /// Makes an image of the busybox one with more lines in its Dockerfile.
  static void make_image(const std::string& name, const std::string& lines);

  static std::unique_ptr<TempFolder> folder_;
  static std::uint16_t port_;
  static std::unique_ptr<ComposeProject> project_;
  static std::unique_ptr<ControllerProcess> controller_;
  static std::unique_ptr<AgentProcess> agent_;
};

}  // namespace portoser::test
