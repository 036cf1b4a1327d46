#include "controller/registry/flow_elements.h"

#include <algorithm>

namespace portoser::registry {
namespace {

/// Behind the comma that follows, with nothing but blanks before it; `from` when none does.
std::size_t behind_comma_at(std::string_view text, std::size_t from) {
  const auto next = text.find_first_not_of(" \t", from);
  return next != npos && text[next] == ',' ? next + 1 : from;
}

/// Whether a comment stands in a line of its own, so that it may be about what follows.
bool has_comment_line(std::string_view between) {
  const auto first_line = between.find('\n');
  return first_line != npos && between.find('#', first_line) != npos;
}

}  // namespace

void erase_from_flow(std::string_view text,
                     std::size_t content,
                     std::size_t end,
                     const std::vector<FlowElement>& elements,
                     Splices& splices) {
  const auto stays = [](const FlowElement& element) { return !element.goes; };
  const auto last_kept = std::find_if(elements.rbegin(), elements.rend(), stays);
  if (last_kept == elements.rend()) {
    const auto inside = text.substr(content + 1, end - content - 2);
    if (inside.find('#') == npos) {
      splices.erase(content + 1, end - 1);
    } else {
      for (const auto& element : elements) {
        splices.erase(element.begin, behind_comma_at(text, element.end));
      }
    }
    return;
  }
  const auto kept = static_cast<std::size_t>(elements.rend() - last_kept) - 1;
  for (std::size_t i = 0; i < kept; ++i) {
    if (!elements[i].goes) continue;
    const auto next = elements[i + 1].begin;
    const bool erases_all = !has_comment_line(text.substr(elements[i].end, next - elements[i].end));
    splices.erase(elements[i].begin, erases_all ? next : behind_comma_at(text, elements[i].end));
  }
  if (kept + 1 == elements.size()) return;
  const auto begin = elements[kept].end;
  const auto last = elements.back().end;
  if (text.substr(begin, last - begin).find('#') == npos) {
    splices.erase(begin, last);
  } else {
    splices.erase(elements[kept + 1].begin, last);
  }
}

}  // namespace portoser::registry
