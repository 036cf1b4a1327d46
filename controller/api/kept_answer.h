/// How long a client may show an answer again without asking. Any thread.
#pragma once

#include "controller/http/response.h"

#include <chrono>

namespace portoser::api {

/// Half of the UI's period of 10 s, so that each of its questions reaches us.
inline constexpr std::chrono::seconds live_numbers{5};

/// By the client alone: who may see an answer is decided for each request, so nothing between may
/// keep it.
http::Response kept_by_client(http::Response response, std::chrono::seconds age);

}  // namespace portoser::api
