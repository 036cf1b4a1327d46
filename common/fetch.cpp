#include "common/fetch.h"

#include "common/error.h"

#include <curl/curl.h>

#include <algorithm>
#include <cctype>
#include <memory>
#include <string_view>

namespace portoser {
namespace {

struct CloseHandle {
  void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
};
struct FreeList {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using List = std::unique_ptr<curl_slist, FreeList>;

struct Receiving {
  FetchResponse& response;
  const FetchRequest& request;
  bool is_cut = false;
};

std::size_t append(char* data, std::size_t size, std::size_t count, void* target) {
  auto& receiving = *static_cast<Receiving*>(target);
  auto& body = receiving.response.body;
  const auto bytes = size * count;
  if (body.size() + bytes > receiving.request.body_limit) {
    body.append(data, receiving.request.body_limit - body.size());
    receiving.is_cut = true;
    return 0;  // ends the transfer
  }
  body.append(data, bytes);
  return bytes;
}

/// Called for each line of the header, and of the trailer behind a body that came in chunks.
std::size_t note_header(char* data, std::size_t size, std::size_t count, void* target) {
  constexpr std::string_view name = "etag:";
  const std::string_view line{data, size * count};
  const bool is_etag =
      line.size() > name.size() &&
      std::equal(name.begin(), name.end(), line.begin(), [](char wanted, char letter) {
        return wanted == std::tolower(static_cast<unsigned char>(letter));
      });
  if (is_etag) {
    const auto value = line.substr(name.size());
    const auto begin = std::min(value.find_first_not_of(" \t\r\n"), value.size());
    const auto end = value.find_last_not_of(" \t\r\n") + 1;
    auto& response = *static_cast<FetchResponse*>(target);
    response.etag = value.substr(begin, std::max(begin, end) - begin);
  }
  return line.size();
}

int look_for_end(void* wanted, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return *static_cast<const std::atomic<bool>*>(wanted) ? 1 : 0;
}

List places_of(const FetchRequest& request) {
  if (request.connect_to.empty()) return nullptr;
  // Of any host and port.
  return List{curl_slist_append(nullptr, ("::" + request.connect_to).c_str())};
}

void set_access(CURL* curl, const FetchRequest& request) {
  if (request.is_direct) curl_easy_setopt(curl, CURLOPT_PROXY, "");
  if (request.is_insecure) {
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 0L);
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 0L);
  }
  if (!request.unix_socket.empty()) {
    curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, request.unix_socket.c_str());
  }
  if (!request.user.empty()) {
    curl_easy_setopt(curl, CURLOPT_HTTPAUTH, CURLAUTH_BASIC);
    curl_easy_setopt(curl, CURLOPT_USERNAME, request.user.c_str());
    curl_easy_setopt(curl, CURLOPT_PASSWORD, request.password.c_str());
  }
  if (!request.ca_file.empty()) {
    curl_easy_setopt(curl, CURLOPT_CAINFO, request.ca_file.c_str());
    curl_easy_setopt(curl, CURLOPT_CAPATH, nullptr);
    // Else the file counts for a day as it was at first, also after somebody has mended it.
    curl_easy_setopt(curl, CURLOPT_CA_CACHE_TIMEOUT, 0L);
  }
}

}  // namespace

struct FetchSession::Handle {
  std::unique_ptr<CURL, CloseHandle> curl{curl_easy_init()};
};

FetchSession::FetchSession() : handle_(std::make_unique<Handle>()) {
  if (!handle_->curl) throw Error{Code::internal, "libcurl could not be started"};
}

FetchSession::~FetchSession() = default;

FetchResponse FetchSession::fetch(const FetchRequest& request) {
  auto* curl = handle_->curl.get();
  curl_easy_reset(curl);  // of the options; connections stay
  List headers;
  for (const auto& header : request.headers) {
    headers.reset(curl_slist_append(headers.release(), header.c_str()));
  }
  // Curl keeps no copy.
  const List places = places_of(request);
  FetchResponse response;
  Receiving receiving{response, request};
  std::string reason(CURL_ERROR_SIZE, '\0');
  curl_easy_setopt(curl, CURLOPT_URL, request.url.c_str());
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request.method.c_str());
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers.get());
  curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, static_cast<long>(request.limit.count()));
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, &append);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &receiving);
  curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, &note_header);
  curl_easy_setopt(curl, CURLOPT_HEADERDATA, &response);
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, reason.data());
  if (places) curl_easy_setopt(curl, CURLOPT_CONNECT_TO, places.get());
  set_access(curl, request);
  if (request.give_up != nullptr) {
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, &look_for_end);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, request.give_up);
  }
  if (!request.body.empty()) {
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, static_cast<long>(request.body.size()));
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request.body.c_str());
  }
  const auto outcome = curl_easy_perform(curl);
  if (outcome != CURLE_OK && !(receiving.is_cut && request.cut_body)) {
    const std::string text = reason.front() != '\0' ? reason.c_str() : curl_easy_strerror(outcome);
    const auto url = request.url.substr(0, request.url.find('?'));
    throw Error{Code::unavailable, "no answer from " + url + ": " + text, url};
  }
  long status = 0;
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
  response.status = static_cast<int>(status);
  curl_off_t wait = 0;
  curl_easy_getinfo(curl, CURLINFO_RETRY_AFTER, &wait);
  response.retry_after = std::chrono::seconds{std::max<curl_off_t>(wait, 0)};
  return response;
}

FetchResponse fetch(const FetchRequest& request) {
  FetchSession session;
  return session.fetch(request);
}

}  // namespace portoser
