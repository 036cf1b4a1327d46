// Messages and arguments of commands as bytes: what travels, and lies in spools, backlogs and
// journals of hosts that are not yet upgraded. PORTOSER_WRITE_GOLDEN=1 writes the files anew: only
// when the wire is meant to change, and then what was there stays, as NAME_before_X.hex.
#include "common/file.h"
#include "common/ids.h"
#include "protocol/codec.h"
#include "protocol/commands.h"
#include "protocol/questions.h"
#include "tests/unit/protocol/samples.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

namespace portoser::protocol {
namespace {

const std::filesystem::path messages{PORTOSER_GOLDEN};
const auto arguments = messages / "arguments";
const auto questions = messages / "questions";

std::string read_golden(const std::filesystem::path& path) {
  const auto text = read_file(path);
  return from_hex(text.substr(0, text.size() - 1));
}

template <class Message>
Message golden_message(const std::string& name) {
  const auto envelope = decode(read_golden(messages / name));
  return std::get<Message>(std::get<AnyMessage>(envelope.body));
}

void expect_golden(const std::string& bytes, const std::filesystem::path& path) {
  if (std::getenv("PORTOSER_WRITE_GOLDEN") != nullptr) {
    write_file_atomic(path, to_hex(bytes) + "\n");
  }
  EXPECT_EQ(to_hex(bytes) + "\n", read_file(path)) << "the bytes of " << path << " have changed";
}

std::vector<std::string> names_in(const std::filesystem::path& folder) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator{folder}) {
    if (entry.is_regular_file()) names.push_back(entry.path().filename().string());
  }
  return names;
}

template <class Named>
class GoldenMessage : public testing::Test {};
TYPED_TEST_SUITE(GoldenMessage, Messages<testing::Types>);

TYPED_TEST(GoldenMessage, HasTheSameBytesAsBefore) {
  expect_golden(encode(filled<TypeParam>(), 7), messages / (std::string{TypeParam::type} + ".hex"));
}

void fill(ComposeTarget& target) {
  target = {"notes", {"/srv/notes/compose.yml", "/srv/notes/docker-compose.yml"}, "team", "web"};
}
void fill(NativeTarget& target) {
  target = {
      "sensor", "sensor.service", {"/srv/apps/sensor/service.yml"}, "ada", "/srv/apps/sensor"};
}

template <class Named>
class GoldenCommand : public testing::Test {};
TYPED_TEST_SUITE(GoldenCommand, Commands<testing::Types>);

TYPED_TEST(GoldenCommand, HasTheSameBytesAsBeforeAndIsReadable) {
  TypeParam command;
  fill(command.target);
  const auto path = arguments / (std::string{TypeParam::name} + ".hex");
  expect_golden(encode_arguments(command).data, path);
  EXPECT_EQ(decode_arguments<TypeParam>(Bytes{read_golden(path)}), command);
}

template <class Named>
class GoldenQuestion : public testing::Test {};
TYPED_TEST_SUITE(GoldenQuestion, Questions<testing::Types>);

template <class Asked>
void fill(Asked& question) {
  question.target = {"notes", {"/srv/notes/compose.yml"}, "team", "web"};
}
void fill(InspectNeeds& question) {
  question.services = {{"notes", "docker", {"/srv/notes/compose.yml"}, "team", "web", ""}};
}
void fill(PreflightNative& question) {
  fill(question.target);
  question.action = "restart";
  question.ports = {9444, 80};
}

TYPED_TEST(GoldenQuestion, HasTheSameBytesAsBeforeAndIsReadable) {
  TypeParam question;
  fill(question);
  const auto path = questions / (std::string{TypeParam::name} + ".hex");
  expect_golden(encode_arguments(question).data, path);
  EXPECT_EQ(decode_arguments<TypeParam>(Bytes{read_golden(path)}), question);
}

TEST(Golden, AnswersHaveTheSameBytesAsBeforeAndAreReadable) {
  ComposeInspection inspection;
  inspection.file = "/srv/notes/compose.yml";
  inspection.text = "services: {}\n";
  inspection.revision = std::string(64, '0');
  inspection.size_bytes = 13;
  inspection.environment = {{"PASSWORD", ".env", "0123456789abcdef"}};
  inspection.images = {{"web", "notes_web_1", "notes:1", "sha256:" + std::string(64, 'a')}};
  inspection.kept = {"deploy-20260304-091500-1f0c9a7e"};
  const auto inspected = questions / "compose.inspect.answer.hex";
  expect_golden(encode_arguments(inspection).data, inspected);
  EXPECT_EQ(decode_arguments<ComposeInspection>(Bytes{read_golden(inspected)}), inspection);

  PreflightReport report;
  report.findings = {
      {"ports", "error", "PORT_TAKEN", "8090/tcp", "port 8090/tcp is taken", "stop it"}};
  report.checks = {"config", "ports"};
  report.volumes = {"notes_data"};
  const auto looked = questions / "compose.preflight.answer.hex";
  expect_golden(encode_arguments(report).data, looked);
  EXPECT_EQ(decode_arguments<PreflightReport>(Bytes{read_golden(looked)}), report);

  NeedsReport needs;
  needs.services = {{"notes", "/srv/notes/compose.yml", {{"db", "required"}}, ""},
                    {"sensor", "", {}, "none of its files is on this host"}};
  const auto read = questions / "files.needs.answer.hex";
  expect_golden(encode_arguments(needs).data, read);
  EXPECT_EQ(decode_arguments<NeedsReport>(Bytes{read_golden(read)}), needs);
}

TEST(Golden, MessagesOfEarlierAgentsAreReadable) {
  auto hello = filled<Hello>();
  hello.knows.clear();
  EXPECT_EQ(golden_message<Hello>("hello_before_knows.hex"), hello);

  auto assign = filled<Assign>();
  assign.services[0].unit.clear();
  EXPECT_EQ(golden_message<Assign>("assign_before_units.hex"), assign);

  auto event = filled<Event>();
  event.origin.clear();
  EXPECT_EQ(golden_message<Event>("event_without_origin.hex"), event);

  auto progress = filled<Progress>();
  progress.steps.clear();
  EXPECT_EQ(golden_message<Progress>("progress_before_steps.hex"), progress);

  auto cancel = filled<Cancel>();
  cancel.unless_begun = false;
  EXPECT_EQ(golden_message<Cancel>("cancel_before_unless_begun.hex"), cancel);

  auto result = filled<CommandResult>();
  result.undone.clear();
  EXPECT_EQ(golden_message<CommandResult>("result_before_undone.hex"), result);
  result.failed_step.clear();
  EXPECT_EQ(golden_message<CommandResult>("result_before_failed_step.hex"), result);

  auto state = filled<State>();
  state.containers_left_out = 0;
  EXPECT_EQ(golden_message<State>("state_before_left_out.hex"), state);
  state.engine_silent_ms.reset();
  EXPECT_EQ(golden_message<State>("state_before_engine_silence.hex"), state);
  state.compose_version.clear();
  EXPECT_EQ(golden_message<State>("state_without_compose_version.hex"), state);

  auto sample = filled<Sample>();
  sample.services[0].failed.reset();
  EXPECT_EQ(golden_message<Sample>("sample_before_service_failed.hex"), sample);
  sample.containers_left_out = 0;
  sample.containers[0].per_second.reset();
  EXPECT_EQ(golden_message<Sample>("sample_before_left_out.hex"), sample);
  sample.services.clear();
  EXPECT_EQ(golden_message<Sample>("sample_before_services.hex"), sample);
  sample.number = 0;
  sample.temperatures.clear();
  sample.containers[0].services.clear();
  EXPECT_EQ(golden_message<Sample>("sample_without_number.hex"), sample);
}

/// A name that stood here once is never taken away: somewhere there is a host that writes it.
TEST(Golden, NoFileIsMissing) {
  EXPECT_THAT(names_in(messages),
              testing::UnorderedElementsAre("ack.hex",
                                            "answer.hex",
                                            "question.hex",
                                            "assign.hex",
                                            "assign_before_units.hex",
                                            "cancel.hex",
                                            "cancel_before_unless_begun.hex",
                                            "command.hex",
                                            "event.hex",
                                            "event_without_origin.hex",
                                            "goodbye.hex",
                                            "hello.hex",
                                            "hello_before_knows.hex",
                                            "progress.hex",
                                            "progress_before_steps.hex",
                                            "result.hex",
                                            "result_before_failed_step.hex",
                                            "result_before_undone.hex",
                                            "sample.hex",
                                            "sample_before_left_out.hex",
                                            "sample_before_service_failed.hex",
                                            "sample_before_services.hex",
                                            "sample_without_number.hex",
                                            "state.hex",
                                            "state_before_engine_silence.hex",
                                            "state_before_left_out.hex",
                                            "state_without_compose_version.hex",
                                            "welcome.hex"));
  EXPECT_THAT(names_in(arguments),
              testing::UnorderedElementsAre("compose.deploy.hex",
                                            "compose.down.hex",
                                            "compose.rebuild.hex",
                                            "compose.restart.hex",
                                            "compose.stop.hex",
                                            "compose.up.hex",
                                            "native.restart.hex",
                                            "native.start.hex",
                                            "native.stop.hex"));
  EXPECT_THAT(names_in(questions),
              testing::UnorderedElementsAre("compose.inspect.answer.hex",
                                            "compose.inspect.hex",
                                            "compose.preflight.answer.hex",
                                            "compose.preflight.hex",
                                            "files.needs.answer.hex",
                                            "files.needs.hex",
                                            "native.preflight.hex"));
}

TEST(Golden, EveryMessageIsReadable) {
  for (const auto& name : names_in(messages)) {
    const auto envelope = decode(read_golden(messages / name));
    EXPECT_TRUE(std::holds_alternative<AnyMessage>(envelope.body)) << name;
  }
}

}  // namespace
}  // namespace portoser::protocol
