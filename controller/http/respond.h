/// Errors as answers: the one place where a code becomes a status and a failure becomes a body.
#pragma once

#include "common/clock.h"
#include "common/error.h"
#include "controller/http/request.h"
#include "controller/http/response.h"

#include <exception>

namespace portoser::http {

unsigned status_of(Code code);
/// The status of the reason where it names one (METHOD_NOT_ALLOWED 405), else that of the code.
unsigned status_of(const Error& error);

/// The body of telemetry.md 1.5. 401 carries WWW-Authenticate. An error that is `rate_limited` or
/// `unavailable` may name the seconds to wait as a detail {where "retry_after", message "30"}: that
/// becomes the header Retry-After and is left out of the body.
Response error_response(const Error& error, const Request& request, Time now);

/// What a handler threw, as an `Error`. Anything but an `Error` is our fault: the log gets its
/// text, the client the id to ask for.
Error to_error(const std::exception_ptr& failure, const Request& request);

/// The code with which a socket is closed for that error: 4401, 4403, 1008, 1013 or 1011.
std::uint16_t close_code_of(const Error& error);

}  // namespace portoser::http
