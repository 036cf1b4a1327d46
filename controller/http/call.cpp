#include "controller/http/call.h"

#include "common/error.h"

#include <fmt/format.h>

#include <charconv>
#include <stdexcept>

namespace portoser::http {

const std::string& CallContext::param(std::string_view name) const {
  for (std::size_t i = 0; i < names_->size(); ++i) {
    if ((*names_)[i] == name) return (*values_)[i];
  }
  throw std::logic_error{
      fmt::format("the route of {} has no parameter \"{}\"", request_->path, name)};
}

std::int64_t CallContext::query_int(std::string_view name,
                                    std::int64_t standard,
                                    std::int64_t low,
                                    std::int64_t high) const {
  const auto text = query(name);
  if (!text) return standard;
  std::int64_t number = 0;
  const auto* end = text->data() + text->size();
  const auto [rest, failure] = std::from_chars(text->data(), end, number);
  if (failure != std::errc{} || rest != end || number < low || number > high) {
    throw Error{
        Code::invalid,
        fmt::format(
            "\"{}\" must be a whole number from {} to {}, not \"{}\"", name, low, high, *text),
        fmt::format("query.{}", name)};
  }
  return number;
}

bool CallContext::query_bool(std::string_view name, bool standard) const {
  const auto text = query(name);
  if (!text) return standard;
  if (text->empty() || *text == "true" || *text == "1") return true;
  if (*text == "false" || *text == "0") return false;
  throw Error{Code::invalid,
              fmt::format("\"{}\" must be true or false, not \"{}\"", name, *text),
              fmt::format("query.{}", name)};
}

}  // namespace portoser::http
