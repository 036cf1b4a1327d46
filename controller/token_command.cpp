#include "controller/token_command.h"

#include "common/error.h"
#include "common/file.h"
#include "controller/controller_key.h"
#include "controller/fleet/join_tokens.h"
#include "controller/settings.h"
#include "controller/storage/token_store.h"

#include <fmt/format.h>

#include <charconv>
#include <map>
#include <optional>

namespace portoser {
namespace {

constexpr std::string_view usage =
    "Join tokens: `token create` prints a token, `token list` shows them, `token revoke ID` ends "
    "one.";

/// What the token commands take beside the controller's own settings, taken out of `arguments`.
struct TokenOptions {
  std::string host;
  std::string description;
  std::int64_t uses = 1;
  std::chrono::seconds expires = std::chrono::hours{24};
  bool allow_key_change = false;
  bool allow_new_host = false;
};

std::optional<std::int64_t> positive(const std::string& text) {
  std::int64_t number = 0;
  const auto* end = text.data() + text.size();
  const auto [rest, failure] = std::from_chars(text.data(), end, number);
  if (failure != std::errc{} || rest != end || number < 1) return std::nullopt;
  return number;
}

std::int64_t uses_of(const std::string& text) {
  const auto number = positive(text);
  if (!number) {
    throw Error{Code::invalid, fmt::format("\"{}\" is not a whole number above 0", text), "--uses"};
  }
  return *number;
}

std::chrono::seconds time_of(const std::string& text) {
  static const std::map<char, std::chrono::seconds> units{{'s', std::chrono::seconds{1}},
                                                          {'m', std::chrono::minutes{1}},
                                                          {'h', std::chrono::hours{1}},
                                                          {'d', std::chrono::hours{24}}};
  constexpr std::chrono::seconds longest = std::chrono::hours{24 * 3650};
  const auto unit = text.empty() ? units.end() : units.find(text.back());
  const auto number =
      unit == units.end() ? std::nullopt : positive(text.substr(0, text.size() - 1));
  if (!number) {
    throw Error{Code::invalid,
                fmt::format("\"{}\" is not a time above 0 such as 30m, 24h or 7d", text),
                "--expires"};
  }
  if (*number > longest / unit->second) {
    throw Error{Code::invalid, fmt::format("{} is more than ten years", text), "--expires"};
  }
  return *number * unit->second;
}

TokenOptions take_options(std::vector<std::string>& arguments) {
  TokenOptions options;
  std::vector<std::string> rest;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const auto name = arguments[i];
    const auto value = [&] {
      if (i + 1 == arguments.size()) throw Error{Code::invalid, "a value is missing", name};
      return arguments[++i];
    };
    if (name == "--host") {
      options.host = value();
    } else if (name == "--uses") {
      options.uses = uses_of(value());
    } else if (name == "--expires") {
      options.expires = time_of(value());
    } else if (name == "--description") {
      options.description = value();
    } else if (name == "--replace-key") {
      options.allow_key_change = true;
    } else if (name == "--add-host") {
      options.allow_new_host = true;
    } else {
      rest.push_back(name);
    }
  }
  if (options.allow_key_change && options.host.empty()) {
    throw Error{Code::invalid,
                "--replace-key needs --host: it lets that one host join with a new key",
                "--replace-key"};
  }
  arguments = std::move(rest);
  return options;
}

int create(const ControllerSettings& settings, const TokenOptions& options, const Clock& clock) {
  storage::TokenFile tokens{settings.data / "portoser.db", clock};
  fleet::TokenWish wish;
  wish.description = options.description;
  if (!options.host.empty()) wish.host = options.host;
  wish.allow_key_change = options.allow_key_change;
  wish.allow_new_host = options.allow_new_host;
  wish.uses = options.uses;
  wish.expires = options.expires;
  wish.created_by = fleet::command_line_user;
  const fleet::JoinPlace place{join_url(settings), load_controller_key(settings.data).public_key};
  const auto made = fleet::make_token(wish, place, clock.now());
  tokens.insert(made.record);
  fmt::print("{}\n", made.text);
  return 0;
}

int list(const ControllerSettings& settings, const Clock& clock) {
  storage::TokenFile tokens{settings.data / "portoser.db", clock};
  fmt::print("{:<10} {:<8} {:<6} {:<16} {:<9} {:<25} {}\n",
             "ID",
             "STATE",
             "USES",
             "HOST",
             "ADDS HOST",
             "EXPIRES",
             "DESCRIPTION");
  for (const auto& token : tokens.list()) {
    fmt::print("{:<10} {:<8} {:<6} {:<16} {:<9} {:<25} {}\n",
               token.id,
               fleet::token_state(token, clock.now()),
               fmt::format("{}/{}", token.uses, token.max_uses),
               token.host.value_or("any"),
               token.allow_new_host ? "yes" : "no",
               token.expires_at ? to_rfc3339(*token.expires_at) : "never",
               token.description);
  }
  return 0;
}

}  // namespace

int run_token_command(const std::vector<std::string>& given) {
  auto arguments = given;
  const auto options = take_options(arguments);
  const auto settings = load_controller_settings(arguments, usage);
  make_folder(settings.data, 0700);
  const SystemClock clock;
  const auto& words = settings.words;
  if (words.size() == 1 && words[0] == "create") return create(settings, options, clock);
  if (words.size() == 1 && words[0] == "list") return list(settings, clock);
  if (words.size() == 2 && words[0] == "revoke") {
    storage::TokenFile tokens{settings.data / "portoser.db", clock};
    tokens.revoke(words[1], clock.now());
    return 0;
  }
  throw Error{Code::invalid, "this is no token command"}.hint(
      "token create [--host NAME] [--uses N] [--expires 24h] [--description TEXT] [--replace-key] "
      "[--add-host], "
      "token list, or token revoke ID");
}

}  // namespace portoser
