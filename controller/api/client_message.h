/// What a client sends on a socket, as JSON.
#pragma once

#include "common/describe_json.h"

#include <string>

namespace portoser::api {

/// An object, or null for anything else: no JSON, another type, or nested deeper than any message
/// of ours (a deep one would take the stack of whoever walks it).
Json client_message(const std::string& text);

/// The string under this key; empty when there is none.
std::string text_of(const Json& message, const char* key);

}  // namespace portoser::api
