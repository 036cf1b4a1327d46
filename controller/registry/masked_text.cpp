#include "controller/registry/masked_text.h"

#include "controller/registry/masked.h"
#include "controller/registry/secrets.h"
#include "controller/registry/text.h"
#include "controller/registry/tree.h"
#include "controller/registry/unmask.h"

#include <algorithm>
#include <set>

namespace portoser::registry {
namespace {

constexpr std::string_view file_in_messages = "registry.yml";

/// Null when it is no YAML, or nothing.
PiecePtr layout_if_any(std::string_view content) {
  try {
    check_characters(content, file_in_messages);
    parse_tree(content, file_in_messages);
    return parse_layout(content, file_in_messages);
  } catch (const Error&) {
    return nullptr;
  }
}

/// For a text without a layout: one that could be put in force all the same is refused, since
/// nobody knows what its masks stand for.
void require_no_yaml(std::string_view content) {
  try {
    check_characters(content, file_in_messages);
    if (!parse_tree(content, file_in_messages)) return;
  } catch (const Error&) {
    return;
  }
  throw Error{Code::invalid,
              "the text has secrets as \"***\" and a spelling that keeps them from being put back",
              "body.text"}
      .reason("MASKED_SECRET")
      .hint("write keys as \"key: value\", or the secrets themselves");
}

/// Line by line, for a text that is no YAML. What is further in than a secret key goes with it.
std::string masked_lines(std::string_view text) {
  std::string shown;
  std::size_t secret_column = std::string_view::npos;
  while (!text.empty()) {
    const auto length = std::min(text.find('\n'), text.size() - 1) + 1;
    const auto line = text.substr(0, length);
    text.remove_prefix(length);
    const auto column = line.find_first_not_of(" \t\r\n");
    if (column == std::string_view::npos) {
      shown += line;
      continue;
    }
    const auto end = line.find_last_not_of("\r\n") + 1;
    if (secret_column != std::string_view::npos && column > secret_column) {
      shown += line.substr(0, column);
      shown += mask;
    } else {
      shown += mask_line(line.substr(0, end));
      const auto colon = line.find(':');
      const bool is_secret = colon != std::string_view::npos && looks_secret(line.substr(0, colon));
      secret_column = is_secret ? column : std::string_view::npos;
    }
    shown += line.substr(end);
  }
  return shown;
}

std::string_view take_line(std::string_view& text) {
  const auto end = std::min(text.find('\n'), text.size());
  auto line = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

/// Of an old text that is no YAML nobody knows what its masks stand for: only lines that had stars
/// before may have them.
void require_no_new_masks(std::string_view content, std::string_view before) {
  const auto masked = masked_lines(before);
  std::set<std::string_view> hidden;
  std::set<std::string_view> literal;
  for (std::string_view shown = masked; !before.empty();) {
    const auto line = take_line(before);
    const auto shown_line = take_line(shown);
    if (shown_line == line) {
      literal.insert(line);
    } else {
      hidden.insert(shown_line);
    }
  }
  for (int number = 1; !content.empty(); ++number) {
    const auto line = take_line(content);
    const auto column = line.find(mask);
    if (column == std::string_view::npos) continue;
    if (literal.contains(line) && !hidden.contains(line)) continue;
    throw masked_secret(Mark{number, static_cast<int>(column) + 1},
                        "\"***\" cannot be put back here, since the old text cannot be read",
                        "write the secret itself, or mend the file by hand");
  }
}

}  // namespace

std::string masked_text(std::string_view text) {
  const auto content = without_bom(text);
  const auto root = layout_if_any(content);
  const auto bom = std::string{text.substr(0, text.size() - content.size())};
  return bom + (root ? hide_secrets(content, *root).text : masked_lines(content));
}

std::string unmasked_text(const std::string& text, const std::string& before) {
  if (text.find(mask) == std::string::npos) return text;
  if (text == masked_text(before)) return before;
  const auto content = without_bom(text);
  const auto root = layout_if_any(content);
  if (!root) {
    require_no_yaml(content);
    return text;  // whoever reads it says what is wrong with it
  }
  const auto old_content = without_bom(before);
  const auto old = layout_if_any(old_content);
  const bool had_something = old_content.find_first_not_of(" \t\r\n") != std::string_view::npos;
  if (!old && had_something) {
    require_no_new_masks(content, old_content);
    return text;
  }
  const auto bom = text.substr(0, text.size() - content.size());
  return bom + put_back_secrets(content, *root, old_content, old.get());
}

}  // namespace portoser::registry
