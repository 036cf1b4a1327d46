#include "agent/identity/enrolment.h"
#include "agent/identity/settings.h"
#include "common/error.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <iostream>
#include <ostream>
#include <system_error>

namespace portoser::agent::identity {
namespace {

constexpr std::string_view usage =
    "Joins this host to the controller that made TOKEN: portoser-agent join TOKEN. With - the "
    "token "
    "is read from standard input, where no list of processes shows it.";

/// The host name in lower case, without its domain.
std::string name_from(const std::string& hostname) {
  auto name = hostname.substr(0, hostname.find('.'));
  std::transform(name.begin(), name.end(), name.begin(), [](unsigned char letter) {
    return static_cast<char>(std::tolower(letter));
  });
  return name;
}

protocol::JoinToken token_of(const std::vector<std::string>& words) {
  if (words.size() != 1) {
    throw Error{Code::invalid,
                words.empty() ? "a join token is needed" : "one join token is needed, not more",
                "command line"}
        .hint("portoser-agent join TOKEN; on the controller: portoser-controller token create");
  }
  if (words.front() != "-") return protocol::decode_join_token(words.front());
  std::string line;
  std::getline(std::cin, line);
  return protocol::decode_join_token(line);
}

void report(const Enrolled& enrolled, const std::filesystem::path& folder, std::ostream& out) {
  const auto& identity = enrolled.identity;
  out << fmt::format(
      "{} \"{}\" {} the controller at {}\n"
      "  device    {}\n"
      "  endpoint  {}\n"
      "  key       {}\n"
      "  identity  {}\n",
      enrolled.was_joined ? "Host" : "This host is now",
      identity.name,
      enrolled.was_joined ? "has renewed its registration with" : "of",
      identity.controller_url,
      identity.device_id,
      identity.controller_endpoint,
      identity.keys.public_key,
      (folder / "identity.json").string());
  if (enrolled.waits_for_approval) {
    out << "It waits for approval: an admin of the controller has to approve it before its agent "
           "is "
           "admitted.\n";
  }
  out << "Next: start the agent (systemctl enable --now portoser-agent, or: portoser-agent).\n";
}

}  // namespace

int join_program(const std::vector<std::string>& arguments,
                 const std::function<protocol::HostFacts()>& facts,
                 std::ostream& out) {
  const auto settings = load_agent_settings(usage, arguments);
  if (settings.command_line.check_config) {
    out << settings.description;
    return 0;
  }
  Enrolment enrolment;
  enrolment.token = token_of(settings.command_line.words);
  enrolment.folder = settings.values.data;
  std::error_code ignored;
  enrolment.has_engine = std::filesystem::is_socket(settings.values.engine_socket, ignored);
  const auto host = facts();
  enrolment.name = settings.values.name.empty() ? name_from(host.hostname) : settings.values.name;
  if (enrolment.name.empty()) {
    throw Error{Code::invalid, "this machine has no host name", "name"}.hint(
        "give one: --name NAME");
  }
  report(enrol(enrolment, host), enrolment.folder, out);
  return 0;
}

}  // namespace portoser::agent::identity
