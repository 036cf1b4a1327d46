#include "controller/remote_write_settings.h"

#include "common/error.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <string_view>
#include <unistd.h>

namespace portoser {
namespace {

constexpr std::string_view letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
constexpr std::string_view digits = "0123456789";

Error wrong(std::string_view setting, std::string message, std::string hint) {
  return Error{Code::invalid, std::move(message), fmt::format("remote_write.{}", setting)}.hint(
      std::move(hint));
}

bool has_control(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](unsigned char letter) {
    return letter < ' ' || letter == 0x7f;
  });
}

void check_url(const std::string& url) {
  constexpr auto right = "write it as https://store.example:8428/api/v1/write";
  const auto scheme = url.find("://");
  const auto name = url.substr(0, scheme == std::string::npos ? 0 : scheme);
  if (name != "http" && name != "https") {
    throw wrong("url", "the address begins neither with http:// nor with https://", right);
  }
  const auto begin = scheme + 3;
  const auto authority = url.substr(begin, url.find_first_of("/?#", begin) - begin);
  // Not shown: it may hold a password.
  if (authority.find('@') != std::string::npos) {
    throw wrong("url",
                "the address holds a user or a password, which logs would show",
                "use remote_write.basic_auth_username and remote_write.basic_auth_password_file");
  }
  if (authority.empty() || authority.front() == ':') {
    throw wrong("url", "the address names no host", right);
  }
  if (has_control(url) || url.find(' ') != std::string::npos) {
    throw wrong("url", "the address holds a space or a control character", right);
  }
}

void check_labels(const std::map<std::string, std::string>& labels) {
  constexpr std::array<std::string_view, 6> ours{
      "machine", "service", "device", "mountpoint", "fstype", "sensor"};
  for (const auto& [name, value] : labels) {
    const auto rest = std::string{letters} + std::string{digits} + "_";
    if (name.empty() || name.find_first_not_of(rest) != std::string::npos ||
        digits.find(name.front()) != std::string_view::npos || name.starts_with("__")) {
      throw wrong("external_labels",
                  fmt::format("\"{}\" is no name of a label", name),
                  "letters, digits and _, not beginning with a digit or with __");
    }
    if (std::find(ours.begin(), ours.end(), name) != ours.end()) {
      throw wrong("external_labels",
                  fmt::format("samples have a label \"{}\" of their own", name),
                  "take another name, such as cluster");
    }
    if (value.empty() || has_control(value)) {
      throw wrong("external_labels",
                  fmt::format("the value of \"{}\" is empty or holds a control character", name),
                  "give it text, such as cluster: attic");
    }
  }
}

void check_headers(const std::map<std::string, std::string>& headers) {
  constexpr std::array<std::string_view, 11> taken{"authorization",
                                                   "connection",
                                                   "content-encoding",
                                                   "content-length",
                                                   "content-type",
                                                   "expect",
                                                   "host",
                                                   "proxy-authorization",
                                                   "transfer-encoding",
                                                   "user-agent",
                                                   "x-prometheus-remote-write-version"};
  for (const auto& [name, value] : headers) {
    std::string lower = name;
    std::transform(lower.begin(), lower.end(), lower.begin(), [](unsigned char letter) {
      return static_cast<char>(std::tolower(letter));
    });
    if (std::find(taken.begin(), taken.end(), lower) != taken.end()) {
      throw wrong("headers",
                  fmt::format("the header {} is set by remote write itself", name),
                  "for a token use remote_write.bearer_token_file, for a password "
                  "remote_write.basic_auth_password_file");
    }
    const auto allowed = std::string{letters} + std::string{digits} + "-_";
    if (name.empty() || name.find_first_not_of(allowed) != std::string::npos) {
      throw wrong("headers",
                  fmt::format("\"{}\" is no name of a header", name),
                  "letters, digits, - and _, such as X-Scope-OrgID");
    }
    if (value.empty() || has_control(value)) {
      throw wrong("headers",
                  fmt::format("the value of {} is empty or holds a control character", name),
                  "give it one line of text");
    }
  }
}

void check_file(std::string_view setting, const std::filesystem::path& path) {
  if (path.empty() ||
      (std::filesystem::is_regular_file(path) && ::access(path.c_str(), R_OK) == 0)) {
    return;
  }
  throw wrong(
      setting,
      fmt::format("the file {} is not there, or cannot be read by this user", path.string()),
      "name a file that the controller's user can read");
}

void check_access(const RemoteWriteOptions& options) {
  if (options.basic_auth_username.empty() != options.basic_auth_password_file.empty()) {
    const bool has_user = !options.basic_auth_username.empty();
    throw wrong(has_user ? "basic_auth_password_file" : "basic_auth_username",
                "a user and the file of the password go together, and one is missing",
                "set both remote_write.basic_auth_username and "
                "remote_write.basic_auth_password_file, or none");
  }
  if (!options.bearer_token_file.empty() && !options.basic_auth_username.empty()) {
    throw wrong("bearer_token_file",
                "a token and a password are set, and a request can have one of them",
                "remove remote_write.bearer_token_file, or remote_write.basic_auth_username and "
                "its password");
  }
  check_file("bearer_token_file", options.bearer_token_file);
  check_file("basic_auth_password_file", options.basic_auth_password_file);
  check_file("ca_file", options.ca_file);
}

}  // namespace

void add_remote_write(SettingTable& table, RemoteWriteOptions& options) {
  table
      .add(options.url,
           {.key = "remote_write.url",
            .env = "PORTOSER_REMOTE_WRITE_URL",
            .help = "where samples are sent by Prometheus remote write; empty: nowhere"})
      .add(options.external_labels,
           {.key = "remote_write.external_labels",
            .env = "PORTOSER_REMOTE_WRITE_EXTERNAL_LABELS",
            .help = "labels that each sample gets, such as cluster=attic"})
      .add(options.headers,
           {.key = "remote_write.headers",
            .env = "PORTOSER_REMOTE_WRITE_HEADERS",
            .help = "headers that each request gets, such as X-Scope-OrgID=attic"})
      .add(options.bearer_token_file,
           {.key = "remote_write.bearer_token_file",
            .env = "PORTOSER_REMOTE_WRITE_BEARER_TOKEN_FILE",
            .help = "file with the token that each request gets; it may change"})
      .add(options.basic_auth_username,
           {.key = "remote_write.basic_auth_username",
            .env = "PORTOSER_REMOTE_WRITE_BASIC_AUTH_USERNAME",
            .help = "user of basic authentication"})
      .add(options.basic_auth_password_file,
           {.key = "remote_write.basic_auth_password_file",
            .env = "PORTOSER_REMOTE_WRITE_BASIC_AUTH_PASSWORD_FILE",
            .help = "file with the password of that user; it may change"})
      .add(options.ca_file,
           {.key = "remote_write.ca_file",
            .env = "PORTOSER_REMOTE_WRITE_CA_FILE",
            .help = "PEM file of the authorities that may vouch for the store; it may change; "
                    "empty: the system's"})
      .add(options.timeout,
           {.key = "remote_write.timeout",
            .env = "PORTOSER_REMOTE_WRITE_TIMEOUT",
            .help = "how long a request may take, 1s to 10m"})
      .add(options.max_samples_per_send,
           {.key = "remote_write.max_samples_per_send",
            .env = "PORTOSER_REMOTE_WRITE_MAX_SAMPLES_PER_SEND",
            .help = "samples in one request",
            .check = between(1, 100'000)})
      .add(options.queue_mib,
           {.key = "remote_write.queue_mib",
            .env = "PORTOSER_REMOTE_WRITE_QUEUE_MIB",
            .help = "MiB of the database that samples may take while they wait for the store; over "
                    "it the oldest are given up",
            .check = between(1, 1'048'576)});
}

void check_remote_write(const RemoteWriteOptions& options) {
  using std::chrono::seconds;
  if (options.url.empty()) return;
  check_url(options.url);
  check_labels(options.external_labels);
  check_headers(options.headers.values);
  check_access(options);
  if (options.timeout < seconds{1} || options.timeout > seconds{600}) {
    throw wrong("timeout",
                fmt::format("{}s is not from 1s to 10m", options.timeout.count()),
                "30s is the default");
  }
}

}  // namespace portoser
