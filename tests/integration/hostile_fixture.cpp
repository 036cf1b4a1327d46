#include "tests/integration/hostile_fixture.h"

#include "common/clock.h"

#include <sstream>

namespace portoser::test {

using namespace std::chrono_literals;
using testing::HasSubstr;

std::unique_ptr<TempFolder> Hostile::folder_;
std::unique_ptr<ControllerProcess> Hostile::controller_;
std::unique_ptr<AgentProcess> Hostile::agent_;
std::unique_ptr<GoodPeer> Hostile::good_;

void Hostile::SetUpTestSuite() {
  raise_own_descriptor_limit();
  folder_ = std::make_unique<TempFolder>("hostile");
  controller_ = std::make_unique<ControllerProcess>(folder_->path());
  controller_->write_registry(registry);
  controller_->start();
  agent_ = std::make_unique<AgentProcess>(folder_->path(), "brick", "/nonexistent.sock");
  agent_->join(controller_->create_token());
  agent_->start();
  good_ = std::make_unique<GoodPeer>(join("pebble"));
  controller_->await_machine("pebble", "online");
  controller_->await_machine("brick", "online");
}

void Hostile::TearDownTestSuite() {
  good_.reset();
  agent_.reset();
  if (controller_) controller_->stop();
  controller_.reset();
  folder_.reset();
}

void Hostile::SetUp() {
  good_->expect_served(*controller_, "notes");
  before_ = {resident_kib(controller_->pid()), open_descriptors(controller_->pid())};
}

void Hostile::TearDown() {
  ASSERT_TRUE(controller_->running()) << controller_->log_tail();
  good_->expect_served(*controller_, "notes");
  EXPECT_LT(resident_kib(controller_->pid()), before_.resident_kib + allowed_growth_kib_);
  // A few for the requests of this test and for a file of the database that is open just now.
  await_until(
      "all descriptors are given back",
      120s,
      [&] { return open_descriptors(controller_->pid()) <= before_.descriptors + 8; },
      [&] {
        return std::to_string(open_descriptors(controller_->pid())) + " open, before " +
               std::to_string(before_.descriptors);
      });
  EXPECT_EQ(status_of("brick"), "online") << agent_->log_tail();
  EXPECT_THAT(controller_->log(), Not(HasSubstr("host=brick before=online")));
}

double Hostile::count(const std::string& name) {
  const auto value = controller_->metric(name);
  if (!value) ADD_FAILURE() << name << " is not there";
  return value.value_or(0);
}

void Hostile::await_count(const std::string& name, double at_least) {
  await_until(
      name + " is counted",
      120s,
      [&] { return count(name) >= at_least; },
      [&] {
        return std::to_string(count(name)) + " of " + std::to_string(at_least) + "\n" +
               controller_->log_tail();
      });
}

Enrolled Hostile::join(const std::string& name, const std::vector<std::string>& options) {
  return join_by_hand(controller_->create_token(options), name);
}

std::string Hostile::status_of(const std::string& host) {
  return controller_->row("/api/machines", "machines", host).value("status", "");
}

std::size_t Hostile::logged(const std::string& text) {
  const auto log = controller_->log();
  std::size_t found = 0;
  for (auto at = log.find(text); at != std::string::npos; at = log.find(text, at + 1)) ++found;
  return found;
}

void Hostile::expect_told(const std::string& text) {
  std::vector<Time> said;
  std::istringstream log{controller_->log()};
  for (std::string line; std::getline(log, line);) {
    if (line.find(text) == std::string::npos) continue;
    const auto time = time_from_rfc3339(line.substr(0, line.find(' ')));
    ASSERT_TRUE(time) << line;
    said.push_back(*time);
  }
  EXPECT_FALSE(said.empty()) << text;
  // A minute, and a moment between the decision and the line.
  constexpr std::chrono::seconds apart{59};
  for (std::size_t i = 1; i < said.size(); ++i) EXPECT_GE(said[i] - said[i - 1], apart) << text;
}

}  // namespace portoser::test
