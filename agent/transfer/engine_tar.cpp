#include "agent/transfer/engine_tar.h"

#include "common/error.h"

#include <curl/curl.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <exception>
#include <memory>

namespace portoser::agent::transfer {
namespace {

constexpr std::size_t answer_limit = std::size_t{64} << 10U;

struct CloseHandle {
  void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
};
struct FreeList {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};

/// One call. An exception must not go through curl: it is kept, and thrown again behind it.
struct Call {
  CURL* curl = nullptr;
  const EngineData::Sink* sink = nullptr;
  const EngineData::Source* source = nullptr;
  std::string answer;  ///< what is not for the sink, its beginning
  std::exception_ptr failure;
};

std::size_t take(char* data, std::size_t size, std::size_t count, void* target) {
  auto& call = *static_cast<Call*>(target);
  const auto bytes = size * count;
  long status = 0;
  curl_easy_getinfo(call.curl, CURLINFO_RESPONSE_CODE, &status);
  try {
    if (call.sink != nullptr && status == 200) {
      (*call.sink)({data, bytes});
    } else if (call.answer.size() < answer_limit) {
      call.answer.append(data, bytes);
    }
    return bytes;
  } catch (...) {
    call.failure = std::current_exception();
  }
  return 0;
}

std::size_t give(char* out, std::size_t size, std::size_t count, void* target) {
  auto& call = *static_cast<Call*>(target);
  try {
    return (*call.source)(out, size * count);
  } catch (...) {
    call.failure = std::current_exception();
  }
  return CURL_READFUNC_ABORT;
}

/// The status of the answer.
int perform(Call& call, const std::string& socket, const std::string& path) {
  auto* curl = call.curl;
  std::string reason(CURL_ERROR_SIZE, '\0');
  const auto url = "http://docker" + path;
  curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, socket.c_str());
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, &take);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &call);
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, reason.data());
  const auto outcome = curl_easy_perform(curl);
  if (call.failure) std::rethrow_exception(call.failure);
  if (outcome != CURLE_OK) {
    const std::string text = reason.front() != '\0' ? reason.c_str() : curl_easy_strerror(outcome);
    throw Error{Code::unavailable, "the connection to the Docker engine broke: " + text}
        .reason("ENGINE_UNAVAILABLE")
        .hint("look at: systemctl status docker");
  }
  long status = 0;
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
  return static_cast<int>(status);
}

std::unique_ptr<CURL, CloseHandle> new_handle() {
  std::unique_ptr<CURL, CloseHandle> handle{curl_easy_init()};
  if (!handle) throw Error{Code::internal, "libcurl could not be started"};
  return handle;
}

/// Of a stream of JSON objects, a line each: the error that one of them tells; empty: none does.
std::string error_in(std::string_view answer) {
  while (!answer.empty()) {
    const auto end = answer.find('\n');
    const auto json = nlohmann::json::parse(answer.substr(0, end), nullptr, false);
    if (json.is_object()) {
      const auto found = json.find("error");
      if (found != json.end() && found->is_string()) return found->get<std::string>();
    }
    if (end == std::string_view::npos) break;
    answer.remove_prefix(end + 1);
  }
  return {};
}

}  // namespace

void check_engine_status(int status, std::string_view body) {
  if (status >= 200 && status <= 299) return;
  std::string words{body.substr(0, 400)};
  const auto json = nlohmann::json::parse(body, nullptr, false);
  if (json.is_object()) {
    const auto found = json.find("message");
    if (found != json.end() && found->is_string()) words = found->get<std::string>();
  }
  const auto message = "the Docker engine says: " + words;
  if (status == 400) throw Error{Code::invalid, message};
  if (status == 404) throw Error{Code::not_found, message};
  if (status == 409) throw Error{Code::conflict, message};
  throw Error{Code::unavailable, fmt::format("{} (status {})", message, status)}.reason(
      "ENGINE_ERROR");
}

void save_tar(const std::string& socket,
              const std::string& path,
              std::int64_t rate_limit_kib,
              const EngineData::Sink& sink) {
  const auto handle = new_handle();
  Call call;
  call.curl = handle.get();
  call.sink = &sink;
  if (rate_limit_kib > 0) {
    const auto bytes = static_cast<curl_off_t>(rate_limit_kib * 1024);
    curl_easy_setopt(call.curl, CURLOPT_MAX_RECV_SPEED_LARGE, bytes);
  }
  const auto status = perform(call, socket, path);
  check_engine_status(status, call.answer);
}

void load_tar(const std::string& socket,
              const std::string& path,
              const EngineData::Source& source) {
  const auto handle = new_handle();
  std::unique_ptr<curl_slist, FreeList> headers;
  for (const char* header : {"Content-Type: application/x-tar", "Expect:"}) {
    headers.reset(curl_slist_append(headers.release(), header));
  }
  Call call;
  call.curl = handle.get();
  call.source = &source;
  // An upload whose size nobody knows goes in chunks.
  curl_easy_setopt(call.curl, CURLOPT_UPLOAD, 1L);
  curl_easy_setopt(call.curl, CURLOPT_CUSTOMREQUEST, "POST");
  curl_easy_setopt(call.curl, CURLOPT_HTTPHEADER, headers.get());
  curl_easy_setopt(call.curl, CURLOPT_READFUNCTION, &give);
  curl_easy_setopt(call.curl, CURLOPT_READDATA, &call);
  const auto status = perform(call, socket, path);
  check_engine_status(status, call.answer);
  if (const auto words = error_in(call.answer); !words.empty()) {
    throw Error{Code::unavailable, "the Docker engine could not take the image: " + words}.reason(
        "ENGINE_ERROR");
  }
}

}  // namespace portoser::agent::transfer
