/// What names and words of a registry may look like, and which known word was probably meant.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace portoser::registry {

/// The form that new hosts and services must have: ^[a-z0-9][a-z0-9._-]{0,62}$
bool is_good_name(std::string_view name);

/// True for a name that no URL path or file name can carry: empty, ".", "..", with a slash or a
/// control character.
bool breaks_paths(std::string_view name);

bool has_control_character(std::string_view text);

/// Letters, digits and "_.:%@-" and those of `also`, not beginning with a dash: safe as one
/// argument of a command, whoever runs it.
bool is_plain_word(std::string_view text, std::string_view also = {});

/// The candidate that differs least from `word`, if it is close enough for a typing mistake; else
/// empty.
std::string_view nearest(std::string_view word, const std::vector<std::string_view>& candidates);

}  // namespace portoser::registry
