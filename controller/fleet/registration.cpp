#include "controller/fleet/registration.h"

#include "common/crypto.h"
#include "common/describe_json.h"
#include "common/error.h"
#include "common/ids.h"
#include "controller/registry/names.h"
#include "protocol/curve.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

namespace portoser::fleet {
namespace {

constexpr std::size_t longest_line = 255;
constexpr std::size_t most_labels = 64;
constexpr std::size_t most_addresses = 1024;
constexpr std::size_t most_mistakes = 32;
constexpr std::int64_t most_of_a_resource = 1 << 20;  // gibibytes or cores; beyond is a mistake

class Mistakes {
 public:
  /// More than anybody reads are not told: an answer is not to be larger than what was asked.
  void add(std::string where, std::string message) {
    if (found_.size() < most_mistakes) found_.push_back({std::move(where), std::move(message)});
  }
  void throw_if_any() {
    if (found_.empty()) return;
    const auto first = found_.front();
    throw Error{Code::invalid, first.message, first.where}.details(std::move(found_));
  }

 private:
  std::vector<ErrorDetail> found_;
};

bool is_line(const std::string& text) {
  return text.size() <= longest_line && !registry::has_control_character(text);
}

void line(Mistakes& mistakes, const std::string& text, const std::string& where) {
  if (is_line(text)) return;
  mistakes.add(where,
               fmt::format("\"{}\" must be one line of at most {} bytes", where, longest_line));
}

/// What may come after the "%" of fe80::1%eth0: the name of an interface.
bool is_zone(std::string_view text) {
  constexpr std::size_t longest_interface = 15;
  const auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  };
  return !text.empty() && text.size() <= longest_interface &&
         std::all_of(text.begin(), text.end(), fits);
}

void one_of(Mistakes& mistakes,
            const std::string& text,
            const std::vector<std::string>& words,
            const std::string& where) {
  if (std::find(words.begin(), words.end(), text) != words.end()) return;
  mistakes.add(where, fmt::format("\"{}\" must be one of {}", where, fmt::join(words, ", ")));
}

void labels(Mistakes& mistakes, const std::map<std::string, std::string>& given) {
  if (given.size() > most_labels) {
    mistakes.add("body.labels", fmt::format("at most {} labels", most_labels));
    return;
  }
  for (const auto& [key, value] : given) {
    if (key.empty()) mistakes.add("body.labels", "a label needs a name");
    line(mistakes, key, "body.labels");
    line(mistakes, value, "body.labels." + key.substr(0, longest_line));
  }
}

void capabilities(Mistakes& mistakes, const std::vector<std::string>& given) {
  if (given.size() > most_labels) {
    mistakes.add("body.capabilities", fmt::format("at most {} capabilities", most_labels));
    return;
  }
  for (const auto& one : given) {
    if (one.empty()) mistakes.add("body.capabilities", "a capability needs a name");
    line(mistakes, one, "body.capabilities");
  }
}

void resources(Mistakes& mistakes, const DeviceResources& given) {
  const std::array<std::pair<const char*, std::int64_t>, 4> all{{{"cpu_cores", given.cpu_cores},
                                                                 {"cpu_threads", given.cpu_threads},
                                                                 {"memory_gb", given.memory_gb},
                                                                 {"disk_gb", given.disk_gb}}};
  for (const auto& [name, value] : all) {
    if (value >= 0 && value <= most_of_a_resource) continue;
    mistakes.add(fmt::format("body.resources.{}", name),
                 fmt::format("\"{}\" must be a number from 0 to {}", name, most_of_a_resource));
  }
}

void check_number(Mistakes& mistakes,
                  std::int64_t value,
                  std::int64_t most,
                  const std::string& where) {
  if (value >= 0 && value <= most) return;
  mistakes.add(where, fmt::format("\"{}\" must be a number from 0 to {}", where, most));
}

/// What an agent measured: it is shown to people, and put into what they are told to do.
void check_facts(Mistakes& mistakes, const protocol::HostFacts& given) {
  const std::array<std::pair<const char*, const std::string*>, 9> lines{
      {{"hostname", &given.hostname},
       {"os", &given.os},
       {"os_version", &given.os_version},
       {"kernel", &given.kernel},
       {"arch", &given.arch},
       {"engine_version", &given.engine_version},
       {"engine_api_version", &given.engine_api_version},
       {"compose_version", &given.compose_version},
       {"ssh_user", &given.ssh_user}}};
  for (const auto& [name, text] : lines) line(mistakes, *text, std::string{"body.facts."} + name);
  check_number(mistakes, given.cpu_cores, most_of_a_resource, "body.facts.cpu_cores");
  check_number(mistakes, given.cpu_threads, most_of_a_resource, "body.facts.cpu_threads");
  check_number(mistakes, given.memory_bytes, most_of_a_resource << 30, "body.facts.memory_bytes");
  check_number(mistakes, given.disk_bytes, most_of_a_resource << 30, "body.facts.disk_bytes");
  const auto& addresses = given.addresses;
  if (addresses.size() > most_addresses) {
    mistakes.add("body.facts.addresses", fmt::format("at most {} addresses", most_addresses));
  } else if (!std::all_of(addresses.begin(), addresses.end(), is_address)) {
    mistakes.add("body.facts.addresses", "each must be an IPv4 or IPv6 address");
  }
}

/// What nobody measures has to be said.
void check_host_without_agent(Mistakes& mistakes, const RegistrationRequest& request) {
  if (!is_address(request.ip)) {
    mistakes.add("body.ip", "\"ip\" must be an IPv4 or IPv6 address");
  }
  if (is_old_form(request)) return;  // it says what `uname -m` says
  one_of(mistakes, request.arch, {"arm64", "x86_64", "amd64", "aarch64"}, "body.arch");
  one_of(mistakes, request.os, {"darwin", "linux", "windows"}, "body.os");
  if (request.os_version.empty()) {
    mistakes.add("body.os_version", "\"os_version\" is needed of a host without an agent");
  }
}

/// The number as a whole one where it is written otherwise; anything else as it is.
Json as_whole_number(const Json& json) {
  if (json.is_number_float()) {
    const auto value = json.get<double>();
    constexpr double most = most_of_a_resource;
    const bool is_whole = std::abs(value) <= most && std::trunc(value) == value;
    return is_whole ? Json(static_cast<std::int64_t>(value)) : json;
  }
  if (json.is_string()) {
    const auto& text = json.get_ref<const std::string&>();
    std::int64_t value = 0;
    const auto* end = text.data() + text.size();
    const auto [rest, failure] = std::from_chars(text.data(), end, value);
    if (failure == std::errc{} && rest == end) return Json(value);
  }
  return json;
}

Json with_whole_numbers(const Json& json) {
  if (!json.is_object()) return json;
  auto read = json;
  for (const auto* name : {"cpu_cores", "cpu_threads", "memory_gb", "disk_gb"}) {
    const auto found = read.find(name);
    if (found != read.end()) *found = as_whole_number(*found);
  }
  return read;
}

template <class Check>
void check_alone(Check check) {
  Mistakes mistakes;
  check(mistakes);
  mistakes.throw_if_any();
}

}  // namespace

void read_resources(const Json& json, DeviceResources& out, const std::string& where) {
  portoser::from_json<DeviceResources>(with_whole_numbers(json), out, where);
}

void read_resources(const Json& json, ResourcesUpdate& out, const std::string& where) {
  portoser::from_json<ResourcesUpdate>(with_whole_numbers(json), out, where);
}

bool is_address(const std::string& text) {
  // A zero byte would end the text for inet_pton, and what follows it would come along unseen.
  if (registry::has_control_character(text)) return false;
  std::array<unsigned char, sizeof(in6_addr)> unused{};
  const auto percent = text.find('%');  // fe80::1%eth0
  const auto address = text.substr(0, percent);
  const bool is_v6 = ::inet_pton(AF_INET6, address.c_str(), unused.data()) == 1;
  if (percent != std::string::npos) return is_v6 && is_zone(text.substr(percent + 1));
  return is_v6 || ::inet_pton(AF_INET, address.c_str(), unused.data()) == 1;
}

bool is_old_form(const RegistrationRequest& request) {
  return request.public_key.empty() &&
         (!request.architecture.empty() || request.ram_mb > 0 || !request.ssh_public_key.empty());
}

void translate_old_form(RegistrationRequest& request) {
  if (request.ip.empty()) request.ip = request.ip_address;
  // Only an agent measures; of another host what it declares was checked, and that is what counts.
  if (request.public_key.empty()) request.facts.reset();
  if (!is_old_form(request)) return;
  request.arch = request.architecture;
  request.os_version = request.os;
  request.os = "linux";
  request.resources.cpu_cores = request.cpu_cores;
  request.resources.cpu_threads = request.cpu_cores;
  constexpr std::int64_t mebibytes = 1024;
  request.resources.memory_gb =
      request.ram_mb < 0
          ? -1
          : request.ram_mb / mebibytes + (request.ram_mb % mebibytes >= mebibytes / 2 ? 1 : 0);
  request.ssh_user = request.user;
  request.ssh_key_fingerprint = ssh_fingerprint(request.ssh_public_key);
  if (!request.docker_version.empty()) request.capabilities.emplace_back("docker");
}

std::string ssh_fingerprint(std::string_view public_key_line) {
  const auto begin = public_key_line.find(' ');
  if (begin == std::string_view::npos) return "";
  auto key = public_key_line.substr(begin + 1);
  key = key.substr(0, key.find(' '));
  while (key.ends_with('=')) key.remove_suffix(1);
  std::string text{key};
  // Ours is the alphabet for URLs, theirs the older one.
  std::replace(text.begin(), text.end(), '+', '-');
  std::replace(text.begin(), text.end(), '/', '_');
  try {
    text = to_base64url(sha256(from_base64url(text)));
  } catch (const Error&) {
    return "";
  }
  std::replace(text.begin(), text.end(), '-', '+');
  std::replace(text.begin(), text.end(), '_', '/');
  return "SHA256:" + text;
}

void check_form(const RegistrationRequest& request, const registry::Registry& registry) {
  Mistakes mistakes;
  if (registry.find_host(request.hostname) == nullptr &&
      !registry::is_good_name(request.hostname)) {
    mistakes.add(
        "body.hostname",
        "\"hostname\" must be the host's name in registry.yml: lower-case letters, digits, "
        "\".\", \"_\" and \"-\", at most 63, beginning with a letter or a digit");
  }
  if (!request.public_key.empty() && !protocol::is_key(request.public_key)) {
    mistakes.add("body.public_key",
                 "\"public_key\" must be the agent's CURVE public key, 40 letters of Z85");
  }
  if (request.public_key.empty()) {
    check_host_without_agent(mistakes, request);
  } else {
    if (!request.ip.empty() && !is_address(request.ip)) {
      mistakes.add("body.ip", "\"ip\" must be an IPv4 or IPv6 address");
    }
    if (request.facts) check_facts(mistakes, *request.facts);
  }
  labels(mistakes, request.labels);
  capabilities(mistakes, request.capabilities);
  resources(mistakes, request.resources);
  line(mistakes, request.arch, "body.arch");
  line(mistakes, request.os, "body.os");
  line(mistakes, request.os_version, "body.os_version");
  line(mistakes, request.ssh_user, "body.ssh_user");
  line(mistakes, request.ssh_key_fingerprint, "body.ssh_key_fingerprint");
  line(mistakes, request.kernel, "body.kernel");
  mistakes.throw_if_any();
}

void check_labels(const std::map<std::string, std::string>& given) {
  check_alone([&](Mistakes& mistakes) { labels(mistakes, given); });
}

void check_capabilities(const std::vector<std::string>& given) {
  check_alone([&](Mistakes& mistakes) { capabilities(mistakes, given); });
}

void check_resources(const ResourcesUpdate& given) {
  DeviceResources all;
  all.cpu_cores = given.cpu_cores.value_or(0);
  all.cpu_threads = given.cpu_threads.value_or(0);
  all.memory_gb = given.memory_gb.value_or(0);
  all.disk_gb = given.disk_gb.value_or(0);
  check_alone([&](Mistakes& mistakes) { resources(mistakes, all); });
}

void check_line(const std::string& text, const std::string& where) {
  check_alone([&](Mistakes& mistakes) { line(mistakes, text, where); });
}

protocol::HostFacts facts_of(const RegistrationRequest& request) {
  const bool measured = request.facts && !request.public_key.empty();
  auto facts = measured ? *request.facts : protocol::HostFacts{};
  if (!measured) {
    facts.hostname = request.hostname;
    facts.arch = request.arch;
    facts.os = request.os;
    facts.os_version = request.os_version;
    facts.kernel = request.kernel;
    facts.cpu_cores = request.resources.cpu_cores;
    facts.cpu_threads = request.resources.cpu_threads;
    facts.memory_bytes = request.resources.memory_gb << 30;
    facts.disk_bytes = request.resources.disk_gb << 30;
    if (!request.ip.empty()) facts.addresses = {request.ip};
  }
  if (facts.ssh_user.empty()) facts.ssh_user = request.ssh_user;
  return facts;
}

std::string declared_by(const RegistrationRequest& request) {
  auto declared = Json::object();
  if (!request.capabilities.empty()) declared["capabilities"] = request.capabilities;
  if (!request.labels.empty()) declared["labels"] = request.labels;
  if (request.resources.gpu) declared["gpu"] = true;
  if (request.resources.mlx_capable) declared["mlx_capable"] = true;
  if (!request.ssh_key_fingerprint.empty()) {
    declared["ssh_key_fingerprint"] = request.ssh_key_fingerprint;
  }
  return dump(declared);
}

}  // namespace portoser::fleet
