/// The text of a registry before it is YAML: size, encoding, characters. Private to the room.
#pragma once

#include "common/error.h"

#include <cstddef>
#include <string>
#include <string_view>

namespace portoser::registry {

/// A place in the text, both from 1; the column counts bytes.
struct Mark {
  int line = 1;
  int column = 1;
};

inline constexpr std::size_t max_registry_bytes = std::size_t{4} << 20U;

std::string_view without_bom(std::string_view text);

/// "registry.yml:3:7"
std::string where(std::string_view file, Mark mark);

/// The file cannot be used, for this one reason.
Error refusal(std::string_view file, Mark mark, const std::string& message, std::string_view hint);

/// Throws when the text is too large, not UTF-8 or holds control characters. `text` has no BOM.
void check_characters(std::string_view text, std::string_view file);

/// Whether line `number` (from 1) has a tab in its indentation and something behind it.
bool is_indented_with_tab(std::string_view text, int number);

/// True when the text ends in the middle of a line after a colon or a dash, so that the rest of an
/// entry is missing.
bool ends_mid_entry(std::string_view text);

/// A text that stops inside a line of the one before is a file still being written, or one that a
/// full disk cut: it may be valid YAML and lack half the services.
bool is_cut_off(std::string_view text, std::string_view before);

/// 16 hex digits of the text's SHA-256.
std::string revision_of(std::string_view text);

}  // namespace portoser::registry
