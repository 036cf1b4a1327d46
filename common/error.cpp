#include "common/error.h"

#include <array>
#include <cctype>
#include <utility>

namespace portoser {
namespace {

constexpr std::array<std::pair<Code, std::string_view>, 12> names{{
    {Code::bad_request, "bad_request"},
    {Code::invalid, "invalid"},
    {Code::unauthenticated, "unauthenticated"},
    {Code::forbidden, "forbidden"},
    {Code::not_found, "not_found"},
    {Code::conflict, "conflict"},
    {Code::too_large, "too_large"},
    {Code::rate_limited, "rate_limited"},
    {Code::bad_gateway, "bad_gateway"},
    {Code::unavailable, "unavailable"},
    {Code::deadline, "deadline"},
    {Code::internal, "internal"},
}};

}  // namespace

std::string_view to_string(Code code) {
  for (const auto& [value, name] : names) {
    if (value == code) {
      return name;
    }
  }
  return "internal";
}

Code code_from_string(std::string_view text) {
  for (const auto& [value, name] : names) {
    if (name == text) {
      return value;
    }
  }
  return Code::internal;
}

Error&& Error::reason(std::string_view text) && {
  reason_ = text;
  return std::move(*this);
}

Error&& Error::hint(std::string_view text) && {
  hint_ = text;
  return std::move(*this);
}

Error&& Error::details(std::vector<ErrorDetail> findings) && {
  details_ = std::move(findings);
  return std::move(*this);
}

std::string Error::reason() const {
  if (!reason_.empty()) {
    return reason_;
  }
  std::string upper{to_string(code_)};
  for (char& letter : upper) {
    letter = static_cast<char>(std::toupper(static_cast<unsigned char>(letter)));
  }
  return upper;
}

}  // namespace portoser
