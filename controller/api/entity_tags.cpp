#include "controller/api/entity_tags.h"

#include "common/error.h"

#include <fmt/format.h>

#include <algorithm>

namespace portoser::api {

void set_entity_tag(http::Response& response, std::string_view revision) {
  response.headers.emplace_back("ETag", fmt::format("\"{}\"", revision));
}

std::vector<std::string> if_match(const http::Request& request) {
  const auto header = request.header("If-Match");
  std::vector<std::string> revisions;
  if (!header) return revisions;
  auto rest = *header;
  while (!rest.empty()) {
    const auto comma = std::min(rest.find(','), rest.size());
    auto tag = rest.substr(0, comma);
    rest.remove_prefix(std::min(comma + 1, rest.size()));
    const auto first = tag.find_first_not_of(" \t");
    if (first == std::string_view::npos) continue;
    tag = tag.substr(first, tag.find_last_not_of(" \t") + 1 - first);
    if (tag.starts_with("W/")) tag.remove_prefix(2);
    const bool is_quoted = tag.size() >= 2 && tag.front() == '"' && tag.back() == '"';
    if (is_quoted) tag = tag.substr(1, tag.size() - 2);
    if (!is_quoted && tag != "*") break;
    revisions.emplace_back(tag);
  }
  if (revisions.empty() || !rest.empty()) {
    throw Error{Code::bad_request, "the header has no list of entity tags", "header.If-Match"}.hint(
        "send the ETag of what was read as it came, in its quotes");
  }
  return revisions;
}

}  // namespace portoser::api
