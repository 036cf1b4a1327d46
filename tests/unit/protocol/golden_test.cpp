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

std::vector<DataRoot> some_roots() {
  DataRoot folder;
  folder.kind = "folder";
  folder.path = "/srv/notes";
  DataRoot volume;
  volume.kind = "volume";
  volume.volume = "notes_data";
  volume.labels = {{"com.docker.compose.project", "notes"}};
  volume.options = {{"o", "size=1g"}};
  DataRoot image;
  image.kind = "image";
  image.image = "sha256:" + std::string(64, 'a');
  image.reference = "notes:1";
  return {folder, volume, image};
}
std::vector<MoveImage> some_images() {
  return {{"web", "notes:1", "sha256:" + std::string(64, 'a'), 123456}};
}

template <class Command>
void fill(Command& command) {
  fill(command.target);
}
void fill(ComposeConfirm& command) {
  fill(command.target);
  command.activation = "01ARZ3NDEKTSV4RRFFQ69G5FAV";
}
void fill(MoveSend& command) {
  command.service = "notes";
  command.move = "01ARZ3NDEKTSV4RRFFQ69G5FAV";
  command.stream = "01BX5ZZKBKACTAV9WEVGEMMVRZ";
  command.roots = some_roots();
  command.is_final = true;
  command.rate_limit_kib = 2048;
}
void fill(MoveReceive& command) {
  command.service = "notes";
  command.move = "01ARZ3NDEKTSV4RRFFQ69G5FAV";
  command.stream = "01BX5ZZKBKACTAV9WEVGEMMVRZ";
  command.roots = some_roots();
  command.is_final = true;
  command.rate_limit_kib = 2048;
  command.total_bytes = 3LL << 30;
  command.may_replace = {"/srv/notes", "volume:notes_data"};
}
void fill(MoveDiscard& command) {
  fill(command.target);
  command.move = "01ARZ3NDEKTSV4RRFFQ69G5FAV";
  command.roots = some_roots();
}
void fill(RoutingCaddy& command) {
  command.service = "notes";
  command.admin_api = "http://localhost:2019";
  command.config_path = "/etc/caddy/Caddyfile";
  command.hostname = "notes.attic.lan";
  command.old_upstream = "192.0.2.21:8090";
  command.old_spellings = {"localhost:8090", "brick:8090"};
  command.new_upstream = "192.0.2.22:8090";
}
void fill(RoutingHosts& command) {
  command.service = "notes";
  command.path = "/etc/dnsmasq.hosts";
  command.hostname = "notes.attic.lan";
  command.address = "192.0.2.22";
  command.old_address = "192.0.2.21";
  command.ingress = "192.0.2.2";
}

template <class Named>
class GoldenCommand : public testing::Test {};
TYPED_TEST_SUITE(GoldenCommand, Commands<testing::Types>);

TYPED_TEST(GoldenCommand, HasTheSameBytesAsBeforeAndIsReadable) {
  TypeParam command;
  fill(command);
  const auto path = arguments / (std::string{TypeParam::name} + ".hex");
  expect_golden(encode_arguments(command).data, path);
  EXPECT_EQ(decode_arguments<TypeParam>(Bytes{read_golden(path)}), command);
}

template <class Named>
class GoldenQuestion : public testing::Test {};
TYPED_TEST_SUITE(GoldenQuestion, Questions<testing::Types>);

// As they were written first, with one candidate only.
void fill_target(ComposeTarget& target) {
  target = {"notes", {"/srv/notes/compose.yml"}, "team", "web"};
}
void fill(InspectCompose& question) {
  fill_target(question.target);
}
void fill(PreflightCompose& question) {
  fill_target(question.target);
}
void fill(InspectMove& question) {
  fill_target(question.target);
}
void fill(PreflightMove& question) {
  question.service = "notes";
  question.file = "/srv/notes/compose.yml";
  question.arch = "x86_64";
  question.bytes = 4096;
  question.volume_bytes = 3LL << 30;
  question.volumes = {"notes_data"};
  question.paths = {"/srv/notes-media"};
  question.needed_paths = {"/srv/certificates"};
  question.images = some_images();
  question.ports = {{8090, "192.0.2.21", "tcp"}};
  question.may_replace = {"volume:notes_data"};
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

  MoveInventory inventory;
  inventory.file = "/srv/notes/compose.yml";
  inventory.candidate = 1;
  inventory.folder = "/srv/notes";
  inventory.project = "notes";
  inventory.arch = "x86_64";
  inventory.folder_bytes = 4096;
  inventory.folder_files = 3;
  MoveVolume volume;
  volume.volume = "notes_data";
  volume.driver = "local";
  volume.path = "/var/lib/docker/volumes/notes_data/_data";
  volume.has_options = true;
  volume.labels = {{"com.docker.compose.project", "notes"}};
  volume.options = {{"o", "size=1g"}};
  volume.bytes = 3LL << 30;
  volume.files = 12;
  volume.others = {"backup_1"};
  inventory.volumes = {volume};
  MoveBind bind;
  bind.path = "/srv/notes-media";
  bind.container = "notes_web_1";
  bind.in_container = "/media";
  bind.kind = "folder";
  bind.is_inside = true;
  bind.is_of_system = true;
  bind.is_read_only = true;
  bind.bytes = 8192;
  inventory.binds = {bind};
  inventory.anonymous = {"/cache"};
  inventory.images = some_images();
  inventory.ports = {{8090, "192.0.2.21", "tcp"}};
  inventory.running = {"web"};
  inventory.is_counted = true;
  inventory.findings = {{"volumes",
                         "error",
                         "VOLUME_SHARED",
                         "notes_data",
                         "the volume notes_data is used by backup_1 too",
                         "stop it"}};
  const auto counted = questions / "move.inventory.answer.hex";
  expect_golden(encode_arguments(inventory).data, counted);
  EXPECT_EQ(decode_arguments<MoveInventory>(Bytes{read_golden(counted)}), inventory);
}

TEST(Golden, CommandsOfEarlierControllersAreReadable) {
  ComposeDeploy deploy;
  fill(deploy);
  EXPECT_EQ(decode_arguments<ComposeDeploy>(
                Bytes{read_golden(arguments / "compose.deploy_before_lease.hex")}),
            deploy);
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
                                            "chunk.hex",
                                            "credit.hex",
                                            "stream_end.hex",
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
              testing::UnorderedElementsAre("compose.confirm.hex",
                                            "compose.deploy.hex",
                                            "compose.deploy_before_lease.hex",
                                            "compose.down.hex",
                                            "compose.rebuild.hex",
                                            "compose.restart.hex",
                                            "compose.stop.hex",
                                            "compose.up.hex",
                                            "move.discard.hex",
                                            "move.receive.hex",
                                            "move.send.hex",
                                            "native.restart.hex",
                                            "native.start.hex",
                                            "native.stop.hex",
                                            "routing.caddy.hex",
                                            "routing.hosts.hex"));
  EXPECT_THAT(names_in(questions),
              testing::UnorderedElementsAre("compose.inspect.answer.hex",
                                            "compose.inspect.hex",
                                            "compose.preflight.answer.hex",
                                            "compose.preflight.hex",
                                            "files.needs.answer.hex",
                                            "files.needs.hex",
                                            "move.inventory.answer.hex",
                                            "move.inventory.hex",
                                            "move.preflight.hex",
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
