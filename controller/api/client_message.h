/// What a client sends on a socket, as JSON, and what it is answered.
#pragma once

#include "common/clock.h"
#include "common/describe_json.h"

#include <string>
#include <string_view>

namespace portoser::api {

/// An object, or null for anything else: no JSON, another type, or nested deeper than any message
/// of ours (a deep one would take the stack of whoever walks it).
Json client_message(const std::string& text);

/// The string under this key; empty when there is none.
std::string text_of(const Json& message, const char* key);

/// A frame of this type, of now.
Json stamped(std::string_view type, const Clock& clock);
/// The frame `error` as text.
std::string error_frame(const std::string& message, const Clock& clock);

/// What a client said, as much of it as an answer should repeat.
std::string as_repeated(const std::string& text);

}  // namespace portoser::api
