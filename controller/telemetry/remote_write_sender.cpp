#include "controller/telemetry/remote_write_sender.h"

#include "common/error.h"
#include "common/file.h"
#include "common/version.h"
#include "controller/telemetry/write_request.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace portoser::telemetry {
namespace {

/// The first line of a secret's file.
std::string secret_in(const std::filesystem::path& path) {
  auto text = read_file(path);
  text.resize(std::min(text.size(), text.find_first_of("\r\n")));
  if (text.empty()) throw Error{Code::invalid, fmt::format("{} is empty", path.string())};
  return text;
}

/// The beginning of what a stranger answered, on one line.
std::string shown(std::string text) {
  constexpr std::size_t longest = 200;
  text.resize(std::min({text.size(), text.find_first_of("\r\n"), longest}));
  std::replace_if(
      text.begin(), text.end(), [](unsigned char letter) { return letter < ' '; }, ' ');
  return valid_utf8(text);
}

}  // namespace

SendOutcome::Kind meaning_of(int status) {
  using Kind = SendOutcome::Kind;
  if (status >= 200 && status < 300) return Kind::taken;
  switch (status) {
    case 401:
    case 403:
    case 404:
    case 405:
    case 407:
    case 408:
    case 425:
    case 429:
      return Kind::failed;
    default:
      return status >= 400 && status < 500 ? Kind::refused : Kind::failed;
  }
}

bool may_be_about_samples(const SendOutcome& outcome) {
  const auto status = outcome.status;
  return status >= 500 && status != 502 && status != 503 && status != 504;
}

std::string shown_url(const std::string& url) {
  return url.substr(0, url.find_first_of("?#"));
}

RemoteWriteSender::RemoteWriteSender(RemoteWriteTarget target, const std::atomic<bool>& give_up)
    : target_(std::move(target)), give_up_(give_up) {}

FetchRequest RemoteWriteSender::request_for(const std::string& body) const {
  constexpr std::size_t longest_answer = 4096;
  FetchRequest request;
  request.method = "POST";
  request.url = target_.url;
  request.headers = {"Content-Type: application/x-protobuf",
                     "Content-Encoding: snappy",
                     "X-Prometheus-Remote-Write-Version: 0.1.0",
                     fmt::format("User-Agent: portoser/{}", version),
                     "Expect:"};  // no round trip before a large body
  for (const auto& [name, value] : target_.headers) {
    request.headers.push_back(fmt::format("{}: {}", name, value));
  }
  if (!target_.bearer_token_file.empty()) {
    request.headers.push_back("Authorization: Bearer " + secret_in(target_.bearer_token_file));
  }
  if (!target_.user.empty()) {
    request.user = target_.user;
    request.password = secret_in(target_.password_file);
  }
  request.ca_file = target_.ca_file.string();
  request.limit = target_.timeout;
  request.body_limit = longest_answer;
  request.cut_body = true;
  request.give_up = &give_up_;
  request.body = body;
  return request;
}

SendOutcome RemoteWriteSender::send(const std::string& body) {
  SendOutcome outcome;
  try {
    const auto answer = session_.fetch(request_for(body));
    outcome.kind = meaning_of(answer.status);
    outcome.status = answer.status;
    outcome.retry_after = answer.retry_after;
    if (outcome.kind != SendOutcome::Kind::taken) {
      outcome.reason = fmt::format("HTTP status {}", answer.status);
      if (const auto text = shown(answer.body); !text.empty()) outcome.reason += ": " + text;
    }
  } catch (const std::exception& error) {
    outcome.kind = SendOutcome::Kind::failed;
    outcome.reason = error.what();
  }
  return outcome;
}

}  // namespace portoser::telemetry
