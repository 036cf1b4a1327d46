#include "common/fetch.h"

#include "common/error.h"

#include <curl/curl.h>

#include <memory>

namespace portoser {
namespace {

constexpr std::size_t body_limit = 16U << 20U;

std::size_t append(char* data, std::size_t size, std::size_t count, void* target) {
  auto& body = *static_cast<std::string*>(target);
  if (body.size() + size * count > body_limit) return 0;
  body.append(data, size * count);
  return size * count;
}

struct CloseHandle {
  void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
};
struct FreeList {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};

}  // namespace

FetchResponse fetch(const FetchRequest& request) {
  const std::unique_ptr<CURL, CloseHandle> curl{curl_easy_init()};
  if (!curl) throw Error{Code::internal, "libcurl could not be started"};
  std::unique_ptr<curl_slist, FreeList> headers;
  for (const auto& header : request.headers) {
    headers.reset(curl_slist_append(headers.release(), header.c_str()));
  }
  FetchResponse response;
  std::string reason(CURL_ERROR_SIZE, '\0');
  curl_easy_setopt(curl.get(), CURLOPT_URL, request.url.c_str());
  curl_easy_setopt(curl.get(), CURLOPT_CUSTOMREQUEST, request.method.c_str());
  curl_easy_setopt(curl.get(), CURLOPT_HTTPHEADER, headers.get());
  curl_easy_setopt(curl.get(), CURLOPT_TIMEOUT_MS, static_cast<long>(request.limit.count()));
  curl_easy_setopt(curl.get(), CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl.get(), CURLOPT_WRITEFUNCTION, &append);
  curl_easy_setopt(curl.get(), CURLOPT_WRITEDATA, &response.body);
  curl_easy_setopt(curl.get(), CURLOPT_ERRORBUFFER, reason.data());
  if (!request.unix_socket.empty()) {
    curl_easy_setopt(curl.get(), CURLOPT_UNIX_SOCKET_PATH, request.unix_socket.c_str());
  }
  if (!request.body.empty()) {
    curl_easy_setopt(curl.get(), CURLOPT_POSTFIELDSIZE, static_cast<long>(request.body.size()));
    curl_easy_setopt(curl.get(), CURLOPT_POSTFIELDS, request.body.c_str());
  }
  const auto outcome = curl_easy_perform(curl.get());
  if (outcome != CURLE_OK) {
    const std::string text = reason.front() != '\0' ? reason.c_str() : curl_easy_strerror(outcome);
    throw Error{Code::unavailable, "no answer from " + request.url + ": " + text, request.url};
  }
  long status = 0;
  curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &status);
  response.status = static_cast<int>(status);
  return response;
}

}  // namespace portoser
