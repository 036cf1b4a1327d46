#include "agent/actions/failure_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace portoser::agent::actions {
namespace {

struct FailureCase {
  std::string name;
  std::string step;
  std::vector<std::string> lines;
  std::string reason;
  Code code = Code::internal;
  std::string part;  ///< of the message
};
void PrintTo(const FailureCase& one, std::ostream* out) {
  *out << one.name;
}

class FailureText : public testing::TestWithParam<FailureCase> {};

TEST_P(FailureText, IsRecognised) {
  StepFailure failure;
  failure.step = GetParam().step;
  failure.exit_code = 1;
  failure.lines = GetParam().lines;
  const auto error = explain_compose_failure(failure);
  EXPECT_EQ(error.reason(), GetParam().reason);
  EXPECT_EQ(error.code(), GetParam().code);
  EXPECT_THAT(error.message(), testing::HasSubstr(GetParam().part));
  EXPECT_FALSE(error.hint().empty());
}

INSTANTIATE_TEST_SUITE_P(
    Compose,
    FailureText,
    testing::Values(
        FailureCase{"EngineDownV1",
                    "up",
                    {"Traceback (most recent call last):",
                     "docker.errors.DockerException: Error while fetching server API version: "
                     "('Connection aborted.', FileNotFoundError(2, 'No such file'))"},
                    "ENGINE_UNAVAILABLE",
                    Code::unavailable,
                    "does not answer"},
        FailureCase{"EngineDownV2",
                    "up",
                    {"Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the "
                     "docker daemon running?"},
                    "ENGINE_UNAVAILABLE",
                    Code::unavailable,
                    "does not answer"},
        FailureCase{"PortAllocated",
                    "up",
                    {"ERROR: for notes_web_1  Cannot start service web: driver failed programming "
                     "external connectivity on endpoint notes_web_1 (4fd2): Bind for 0.0.0.0:8080 "
                     "failed: port is already allocated",
                     "Encountered errors while bringing up the project."},
                    "PORT_TAKEN",
                    Code::conflict,
                    "port 8080 of this host is taken"},
        FailureCase{"PortInUse",
                    "up",
                    {"Error response from daemon: driver failed: Error starting userland proxy: "
                     "listen tcp4 0.0.0.0:53: bind: address already in use"},
                    "PORT_TAKEN",
                    Code::conflict,
                    "port 53 of this host is taken"},
        FailureCase{"PullDenied",
                    "pull",
                    {"pull access denied for mine/app, repository does not exist or may require "
                     "'docker login'"},
                    "IMAGE_MISSING",
                    Code::invalid,
                    "mine/app"},
        FailureCase{"RegistryAway",
                    "pull",
                    {"Pulling web ...",
                     "ERROR: Get \"https://registry.invalid/v2/\": dial tcp: lookup "
                     "registry.invalid: no such host"},
                    "IMAGE_MISSING",
                    Code::invalid,
                    "lookup registry.invalid"},
        FailureCase{"ManifestUnknownDuringUp",
                    "up",
                    {"Error response from daemon: manifest for postgres:99 not found: manifest "
                     "unknown: manifest unknown"},
                    "IMAGE_MISSING",
                    Code::invalid,
                    "postgres:99"},
        FailureCase{"YamlV1",
                    "config",
                    {"yaml.parser.ParserError: while parsing a flow node",
                     "expected the node content, but found '<stream end>'",
                     "  in \"./compose.yml\", line 3, column 1"},
                    "COMPOSE_INVALID",
                    Code::invalid,
                    "line 3, column 1"},
        FailureCase{"UnknownKey",
                    "config",
                    {"The Compose file './compose.yml' is invalid because:",
                     "Unsupported config option for services.a: 'imag'"},
                    "COMPOSE_INVALID",
                    Code::invalid,
                    "services.a: 'imag'"},
        FailureCase{"NoSuchService",
                    "stop",
                    {"ERROR: No such service: web"},
                    "COMPOSE_INVALID",
                    Code::invalid,
                    "No such service: web"},
        FailureCase{"YamlInABuildIsTheBuildsOwn",
                    "build",
                    {"yaml: line 3: did not find expected key", "ERROR: Service 'web' failed"},
                    "ACTION_FAILED",
                    Code::internal,
                    "the image could not be built (exit 1)"},
        FailureCase{"DiskFull",
                    "pull",
                    {"failed to register layer: write /lib/x: no space left on device"},
                    "ACTION_FAILED",
                    Code::unavailable,
                    "no space is left on the disk"},
        FailureCase{"NothingToRun",
                    "up",
                    {"ERROR: for bad  Cannot start service bad: failed to create shim task: exec: "
                     "\"nosuch\": executable file not found in $PATH: unknown",
                     "Encountered errors while bringing up the project."},
                    "ACTION_FAILED",
                    Code::internal,
                    "executable file not found"},
        FailureCase{"Anything",
                    "up",
                    {"Creating network ...", "ERROR: something odd", "bye"},
                    "ACTION_FAILED",
                    Code::internal,
                    "the containers could not be started (exit 1): something odd"},
        FailureCase{"Silence",
                    "stop",
                    {},
                    "ACTION_FAILED",
                    Code::internal,
                    "the containers could not be stopped (exit 1)"}),
    [](const auto& one) { return one.param.name; });

// Everything that `docker-compose config -q` 1.29.2 refused in a trial of bad files, as `up -d`
// words it, and a choice of v2's.
INSTANTIATE_TEST_SUITE_P(
    FileThatUpRefuses,
    FailureText,
    testing::Values(
        FailureCase{"YamlOfUp",
                    "up",
                    {"yaml.parser.ParserError: while parsing a flow node",
                     "expected the node content, but found '<stream end>'",
                     "  in \"./compose.yml\", line 3, column 1"},
                    "COMPOSE_INVALID",
                    Code::invalid,
                    "line 3, column 1"},
        FailureCase{"YamlTabOfUp",
                    "up",
                    {"yaml.scanner.ScannerError: while scanning for the next token",
                     "found character '\\t' that cannot start any token",
                     "  in \"./compose.yml\", line 2, column 1"},
                    "COMPOSE_INVALID",
                    Code::invalid,
                    "line 2, column 1"},
        FailureCase{"YamlAlias",
                    "up",
                    {"yaml.composer.ComposerError: found undefined alias 'nope'"},
                    "COMPOSE_INVALID",
                    Code::invalid,
                    "'nope'"},
        FailureCase{"YamlTag",
                    "up",
                    {"yaml.constructor.ConstructorError: could not determine a constructor for the "
                     "tag '!foo'"},
                    "COMPOSE_INVALID",
                    Code::invalid,
                    "'!foo'"},
        FailureCase{"YamlControl",
                    "up",
                    {"yaml.reader.ReaderError: unacceptable character #x0001: special characters "
                     "are not allowed"},
                    "COMPOSE_INVALID",
                    Code::invalid,
                    "#x0001"},
        FailureCase{"NoUtf8",
                    "up",
                    {".UnicodeDecodeError: 'utf-8' codec can't decode byte 0xff in position 38: "
                     "invalid start byte"},
                    "COMPOSE_INVALID",
                    Code::invalid,
                    "0xff"},
        FailureCase{"FileOfExtends",
                    "up",
                    {".FileNotFoundError: [Errno 2] No such file or directory: '/srv/no.yml'"},
                    "COMPOSE_INVALID",
                    Code::invalid,
                    "/srv/no.yml"},
        FailureCase{
            "NoMapping",
            "up",
            {"Top level object in './compose.yml' needs to be an object not '<class 'list'>'."},
            "COMPOSE_INVALID",
            Code::invalid,
            "needs to be an object"},
        FailureCase{"VersionUnknown",
                    "up",
                    {"Version \"4\" in \"./compose.yml\" is invalid."},
                    "COMPOSE_INVALID",
                    Code::invalid,
                    "Version \"4\""},
        FailureCase{"VersionNumber",
                    "up",
                    {"Version in \"./compose.yml\" is invalid - it should be a string."},
                    "COMPOSE_INVALID",
                    Code::invalid,
                    "should be a string"},
        FailureCase{
            "ServiceNumber",
            "up",
            {"In file './compose.yml', the service name 1 must be a quoted string, i.e. '1'."},
            "COMPOSE_INVALID",
            Code::invalid,
            "quoted string"},
        FailureCase{"NamedVolume",
                    "up",
                    {"Named volume \"data:/d:rw\" is used in service \"web\" but no declaration "
                     "was found in the volumes section."},
                    "COMPOSE_INVALID",
                    Code::invalid,
                    "data:/d:rw"},
        FailureCase{"Dependency",
                    "up",
                    {"Service 'web' depends on service 'db' which is undefined."},
                    "COMPOSE_INVALID",
                    Code::invalid,
                    "'db'"},
        FailureCase{"Circle",
                    "up",
                    {"Circular dependency between b and a"},
                    "COMPOSE_INVALID",
                    Code::invalid,
                    "b and a"},
        FailureCase{"OwnDependency",
                    "up",
                    {"A service can not depend on itself: a"},
                    "COMPOSE_INVALID",
                    Code::invalid,
                    "itself: a"},
        FailureCase{
            "Interpolation",
            "up",
            {"Invalid interpolation format for \"image\" option in service \"web\": \"${A-\""},
            "COMPOSE_INVALID",
            Code::invalid,
            "${A-"},
        FailureCase{"Mandatory",
                    "up",
                    {"Missing mandatory value for \"image\" option interpolating ${TAG:?need it} "
                     "in service \"web\": need it"},
                    "COMPOSE_INVALID",
                    Code::invalid,
                    "need it"},
        FailureCase{"EnvFile",
                    "up",
                    {"Couldn't find env file: /srv/no.env"},
                    "COMPOSE_INVALID",
                    Code::invalid,
                    "/srv/no.env"},
        FailureCase{"BuildPath",
                    "up",
                    {"build path /srv/nowhere either does not exist, is not accessible, or is not "
                     "a valid URL."},
                    "COMPOSE_INVALID",
                    Code::invalid,
                    "/srv/nowhere"},
        FailureCase{"Extends",
                    "up",
                    {"Cannot extend service 'nope' in ./compose.yml: Service not found"},
                    "COMPOSE_INVALID",
                    Code::invalid,
                    "'nope'"},
        FailureCase{"Mounts",
                    "up",
                    {"Duplicate mount points: [/a:/d:rw, /b:/d:rw]"},
                    "COMPOSE_INVALID",
                    Code::invalid,
                    "/b:/d:rw"},
        FailureCase{"NetworkModes",
                    "up",
                    {"'network_mode' and 'networks' cannot be combined"},
                    "COMPOSE_INVALID",
                    Code::invalid,
                    "network_mode"},
        FailureCase{"Network",
                    "up",
                    {"Service \"web\" uses an undefined network \"nowhere\""},
                    "COMPOSE_INVALID",
                    Code::invalid,
                    "nowhere"},
        FailureCase{
            "V2Key",
            "up",
            {"validating /srv/compose.yml: services.web additional properties 'imag' not allowed"},
            "COMPOSE_INVALID",
            Code::invalid,
            "'imag'"},
        FailureCase{
            "V2Dependency",
            "up",
            {"service \"web\" depends on undefined service \"db\": invalid compose project"},
            "COMPOSE_INVALID",
            Code::invalid,
            "\"db\""}),
    [](const auto& one) { return one.param.name; });

TEST(FailureWithoutATool, SaysWhatToInstall) {
  StepFailure failure;
  failure.step = "config";
  failure.exit_code = 127;
  failure.problem = "cannot run docker-compose: No such file or directory";
  const auto error = explain_compose_failure(failure);
  EXPECT_EQ(error.reason(), "COMPOSE_MISSING");
  EXPECT_THAT(error.hint(), testing::HasSubstr("apt install docker-compose"));
}

}  // namespace
}  // namespace portoser::agent::actions
