#include "agent/identity/enrolment.h"

#include "common/crypto.h"
#include "common/describe_json.h"
#include "common/error.h"
#include "common/fetch.h"

#include <fmt/format.h>

#include <map>
#include <utility>

namespace portoser::agent::identity {
namespace {

constexpr std::int64_t gibibyte = std::int64_t{1} << 30U;
constexpr std::size_t shown_body = 300;

struct Resources {
  std::int64_t cpu_cores = 0;
  std::int64_t cpu_threads = 0;
  std::int64_t memory_gb = 0;
  std::int64_t disk_gb = 0;
  bool gpu = false;
  bool mlx_capable = false;
};
BOOST_DESCRIBE_STRUCT(Resources, (), (cpu_cores, cpu_threads, memory_gb, disk_gb, gpu, mlx_capable))

/// Body of POST /api/v1/devices.
struct Registration {
  std::string hostname;
  std::string public_key;
  std::string token_id;
  std::string proof;
  std::string ip;
  std::string arch;
  std::string os;
  std::string os_version;
  Resources resources;
  std::string ssh_user;
  std::vector<std::string> capabilities;
  std::map<std::string, std::string> labels;
  protocol::HostFacts facts;
};
BOOST_DESCRIBE_STRUCT(Registration,
                      (),
                      (hostname,
                       public_key,
                       token_id,
                       proof,
                       ip,
                       arch,
                       os,
                       os_version,
                       resources,
                       ssh_user,
                       capabilities,
                       labels,
                       facts))

/// What we need of the answer.
struct Registered {
  std::string device_id;
  std::string controller_key;
  std::string controller_endpoint;
  std::string hostname;
  std::string status;
};
BOOST_DESCRIBE_STRUCT(Registered,
                      (),
                      (device_id, controller_key, controller_endpoint, hostname, status))

/// The error envelope of every answer that is none of 2xx.
struct Refusal {
  std::string message;
  std::string code;
  std::string hint;
};
BOOST_DESCRIBE_STRUCT(Refusal, (), (message, code, hint))

std::int64_t in_gibibytes(std::int64_t bytes) {
  return (bytes + gibibyte / 2) / gibibyte;
}

std::string registration_body(const Enrolment& enrolment,
                              const protocol::HostFacts& facts,
                              const std::string& public_key) {
  Registration body;
  body.hostname = enrolment.name;
  body.public_key = public_key;
  body.token_id = enrolment.token.id;
  body.proof = protocol::join_proof(sha256(enrolment.token.secret), enrolment.name, public_key);
  if (!facts.addresses.empty()) body.ip = facts.addresses.front();
  body.arch = facts.arch;
  body.os = facts.os;
  body.os_version = facts.os_version;
  body.resources = {facts.cpu_cores,
                    facts.cpu_threads,
                    in_gibibytes(facts.memory_bytes),
                    in_gibibytes(facts.disk_bytes)};
  body.ssh_user = facts.ssh_user;
  if (enrolment.has_engine) body.capabilities.emplace_back("docker");
  body.facts = facts;
  return dump(to_json(body));
}

Code code_of_status(int status) {
  switch (status) {
    case 400:
      return Code::bad_request;
    case 401:
      return Code::unauthenticated;
    case 403:
      return Code::forbidden;
    case 404:
      return Code::not_found;
    case 409:
      return Code::conflict;
    case 413:
      return Code::too_large;
    case 422:
      return Code::invalid;
    case 429:
      return Code::rate_limited;
    default:
      return status >= 500 ? Code::unavailable : Code::internal;
  }
}

[[noreturn]] void throw_refusal(const FetchResponse& response, const std::string& url) {
  Refusal refusal;
  const auto json = Json::parse(response.body, nullptr, false);
  try {
    if (json.is_object()) from_json(json, refusal, "answer");
  } catch (const Error&) {
    refusal = Refusal{};  // not our envelope: shown as it came
  }
  auto message = refusal.message;
  if (message.empty()) {
    message =
        fmt::format("HTTP status {}: {}", response.status, response.body.substr(0, shown_body));
  }
  throw Error{code_of_status(response.status), "the controller refused: " + message, url}.hint(
      refusal.hint);
}

Registered parse_answer(const std::string& body, const std::string& url) {
  Registered answer;
  const auto json = Json::parse(body, nullptr, false);
  try {
    if (!json.is_object()) throw Error{Code::invalid, "it is not a JSON object"};
    from_json(json, answer, "answer");
    if (answer.device_id.empty() || answer.controller_key.empty() ||
        answer.controller_endpoint.empty()) {
      throw Error{Code::invalid, "device_id, controller_key or controller_endpoint is missing"};
    }
  } catch (const Error& error) {
    throw Error{
        Code::unavailable, "the answer is not that of a controller: " + error.message(), url}
        .hint("is this the address of the joining listener (port 8991)?");
  }
  return answer;
}

/// A host belongs to one controller.
bool is_joined_already(const Enrolment& enrolment) {
  const auto before = load_identity(enrolment.folder);
  if (!before) return false;
  if (before->controller_key == enrolment.token.controller_key) return true;
  throw Error{Code::conflict,
              fmt::format("this host belongs to another controller already: {} at {}",
                          before->name,
                          before->controller_url),
              (enrolment.folder / "identity.json").string()}
      .hint("to move it, stop the agent, delete that file and join again");
}

}  // namespace

Enrolled enrol(const Enrolment& enrolment, const protocol::HostFacts& facts) {
  Enrolled result;
  result.was_joined = is_joined_already(enrolment);
  // Saved before it is sent: when the answer gets lost, a repeat comes with the same key.
  const auto keys = make_or_find_keys(enrolment.folder);

  FetchRequest request;
  request.method = "POST";
  request.url = enrolment.token.url;
  while (request.url.ends_with('/')) request.url.pop_back();
  request.url += "/api/v1/devices";
  request.headers = {"Content-Type: application/json", "Accept: application/json"};
  request.body = registration_body(enrolment, facts, keys.public_key);
  const auto response = fetch(request);
  if (response.status < 200 || response.status > 299) throw_refusal(response, request.url);

  const auto answer = parse_answer(response.body, request.url);
  if (answer.controller_key != enrolment.token.controller_key) {
    throw Error{Code::forbidden,
                "the controller that answered has another key than the one in the token: this host "
                "did not join it",
                request.url}
        .hint(
            "somebody may stand between this host and its controller, or the controller was set "
            "up anew: make a new token there");
  }
  result.identity = Identity{keys,
                             answer.device_id,
                             answer.hostname.empty() ? enrolment.name : answer.hostname,
                             answer.controller_endpoint,
                             answer.controller_key,
                             enrolment.token.url};
  result.waits_for_approval = answer.status == "pending";
  save_identity(enrolment.folder, result.identity);
  return result;
}

}  // namespace portoser::agent::identity
