#include "common/settings.h"

#include "common/error.h"
#include "common/file.h"
#include "common/yaml.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>

namespace portoser {
namespace {

std::int64_t to_number(const std::string& text) {
  std::int64_t number = 0;
  const auto* end = text.data() + text.size();
  const auto [rest, failure] = std::from_chars(text.data(), end, number);
  if (failure != std::errc{} || rest != end) {
    throw Error{Code::invalid, fmt::format("\"{}\" is not a whole number", text)};
  }
  return number;
}

bool to_bool(const std::string& text) {
  if (text == "true" || text == "yes" || text == "on" || text == "1") return true;
  if (text == "false" || text == "no" || text == "off" || text == "0") return false;
  throw Error{Code::invalid, fmt::format("\"{}\" is neither true nor false", text)};
}

std::chrono::seconds to_seconds(const std::string& text) {
  if (text.empty()) throw Error{Code::invalid, "a duration such as 90s, 5m, 2h or 7d is needed"};
  std::int64_t unit = 1;
  auto digits = text;
  switch (text.back()) {
    case 's':
      digits.pop_back();
      break;
    case 'm':
      unit = 60;
      digits.pop_back();
      break;
    case 'h':
      unit = 3600;
      digits.pop_back();
      break;
    case 'd':
      unit = 86400;
      digits.pop_back();
      break;
    default:
      break;
  }
  return std::chrono::seconds{to_number(digits) * unit};
}

const std::string& single(const std::vector<std::string>& values) {
  static const std::string empty;
  if (values.size() > 1) throw Error{Code::invalid, "one value is needed here, not a list"};
  return values.empty() ? empty : values.front();
}

std::string option_of(const std::string& key) {
  std::string name = "--" + key;
  std::replace(name.begin(), name.end(), '.', '-');
  std::replace(name.begin(), name.end(), '_', '-');
  return name;
}

}  // namespace

std::function<void(const std::string&)> between(std::int64_t low, std::int64_t high) {
  return [low, high](const std::string& text) {
    const auto number = to_number(text);
    if (number < low || number > high) {
      throw Error{Code::invalid, fmt::format("{} is not from {} to {}", number, low, high)};
    }
  };
}

std::function<void(const std::string&)> one_of(std::vector<std::string> words) {
  return [words = std::move(words)](const std::string& text) {
    if (std::find(words.begin(), words.end(), text) == words.end()) {
      throw Error{Code::invalid,
                  fmt::format("\"{}\" is none of: {}", text, fmt::join(words, ", "))};
    }
  };
}

SettingTable& SettingTable::add_entry(SettingInfo info,
                                      std::function<void(const std::vector<std::string>&)> set,
                                      std::function<std::string()> show) {
  auto standard = show();
  entries_.push_back({std::move(info), std::move(set), std::move(show), "default", standard});
  return *this;
}

SettingTable& SettingTable::add(std::string& target, SettingInfo info) {
  return add_entry(
      std::move(info),
      [&](const auto& values) { target = single(values); },
      [&] { return target; });
}

SettingTable& SettingTable::add(bool& target, SettingInfo info) {
  return add_entry(
      std::move(info),
      [&](const auto& values) { target = to_bool(single(values)); },
      [&] { return std::string{target ? "true" : "false"}; });
}

SettingTable& SettingTable::add(int& target, SettingInfo info) {
  return add_entry(
      std::move(info),
      [&](const auto& values) { target = static_cast<int>(to_number(single(values))); },
      [&] { return std::to_string(target); });
}

SettingTable& SettingTable::add(std::uint16_t& target, SettingInfo info) {
  if (!info.check) info.check = between(1, 65535);
  return add_entry(
      std::move(info),
      [&](const auto& values) { target = static_cast<std::uint16_t>(to_number(single(values))); },
      [&] { return std::to_string(target); });
}

SettingTable& SettingTable::add(std::filesystem::path& target, SettingInfo info) {
  return add_entry(
      std::move(info),
      [&](const auto& values) { target = single(values); },
      [&] { return target.string(); });
}

SettingTable& SettingTable::add(std::chrono::seconds& target, SettingInfo info) {
  return add_entry(
      std::move(info),
      [&](const auto& values) { target = to_seconds(single(values)); },
      [&] { return std::to_string(target.count()) + "s"; });
}

SettingTable& SettingTable::add(std::vector<std::string>& target, SettingInfo info) {
  return add_entry(
      std::move(info),
      [&](const auto& values) {
        target.clear();
        for (const auto& value : values) {
          for (const auto& part : CLI::detail::split(value, ',')) {
            if (!part.empty()) target.push_back(part);
          }
        }
      },
      [&] { return fmt::format("{}", fmt::join(target, ",")); });
}

SettingTable& SettingTable::add(std::map<std::string, std::string>& target, SettingInfo info) {
  return add_map(target, false, std::move(info));
}

SettingTable& SettingTable::add(SecretMap& target, SettingInfo info) {
  return add_map(target.values, true, std::move(info));
}

SettingTable& SettingTable::add_map(std::map<std::string, std::string>& target,
                                    bool is_secret,
                                    SettingInfo info) {
  add_entry(
      std::move(info),
      [&target](const auto& values) {
        target.clear();
        for (const auto& value : values) {
          for (const auto& part : CLI::detail::split(value, ',')) {
            if (part.empty()) continue;
            const auto at = part.find('=');
            // The text itself may be a secret.
            if (at == std::string::npos || at == 0) {
              throw Error{Code::invalid, "name=value is needed here, with commas between several"};
            }
            target[part.substr(0, at)] = part.substr(at + 1);
          }
        }
      },
      [&target, is_secret] {
        std::vector<std::string> parts;
        for (const auto& [name, value] : target) {
          parts.push_back(name + "=" + (is_secret ? "***" : value));
        }
        return fmt::format("{}", fmt::join(parts, ","));
      });
  entries_.back().put = [&target](const std::string& name, const std::string& value) {
    target[name] = value;
  };
  return *this;
}

SettingTable& SettingTable::add(Secret& target, SettingInfo info) {
  return add_entry(
      std::move(info),
      [&](const auto& values) { target.value = single(values); },
      [&] { return std::string{target.value.empty() ? "" : "***"}; });
}

bool SettingTable::put_member(const std::string& key,
                              const std::vector<std::string>& values,
                              const std::string& source) {
  for (auto& entry : entries_) {
    const auto prefix = entry.info.key + ".";
    if (!entry.put || !key.starts_with(prefix)) continue;
    try {
      entry.put(key.substr(prefix.size()), single(values));
    } catch (const Error& error) {
      throw Error{Code::invalid, fmt::format("{}: {}", key, error.message()), source};
    }
    entry.source = source;
    return true;
  }
  return false;
}

void SettingTable::assign(Entry& entry,
                          const std::vector<std::string>& values,
                          std::string source) {
  try {
    if (entry.info.check) entry.info.check(single(values));
    entry.set(values);
  } catch (const Error& error) {
    throw Error{
        Code::invalid, fmt::format("{}: {}", entry.info.key, error.message()), std::move(source)}
        .hint(fmt::format("{}: {}", entry.info.key, entry.info.help));
  }
  entry.source = std::move(source);
}

CommandLine SettingTable::load(std::string_view usage,
                               const std::vector<std::string>& arguments,
                               const std::filesystem::path& default_file) {
  CommandLine result;
  CLI::App app{std::string{usage}};
  std::string file;
  app.add_option("--config", file, "settings file [" + default_file.string() + "]");
  app.add_flag("--check-config", result.check_config, "print what is in force and from where");
  app.add_option("words", result.words)->group("");
  std::vector<std::string> given(entries_.size());
  std::vector<CLI::Option*> options;
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    const auto& info = entries_[i].info;
    const auto help = info.help + " [" + entries_[i].standard + "]" +
                      (info.env.empty() ? "" : " (" + info.env + ")");
    options.push_back(app.add_option(option_of(info.key), given[i], help));
  }
  try {
    auto reversed = arguments;
    std::reverse(reversed.begin(), reversed.end());
    app.parse(reversed);
  } catch (const CLI::CallForHelp&) {
    fmt::print("{}", app.help());
    std::exit(0);
  } catch (const CLI::ParseError& error) {
    throw Error{Code::invalid, error.what(), "command line"}.hint("--help lists the options");
  }

  const bool must_exist = !file.empty();
  const std::filesystem::path path = must_exist ? std::filesystem::path{file} : default_file;
  if (must_exist || std::filesystem::exists(path)) {
    result.file = path.string();
    for (const auto& line : read_flat_yaml(read_file(path), path.string())) {
      const auto entry = std::find_if(entries_.begin(), entries_.end(), [&](const Entry& one) {
        return one.info.key == line.key;
      });
      const auto where = fmt::format("{}:{}:{}", path.string(), line.line, line.column);
      if (entry == entries_.end()) {
        if (put_member(line.key, line.values, where)) continue;
        std::vector<std::string> known;
        for (const auto& one : entries_) known.push_back(one.info.key);
        throw Error{Code::invalid, fmt::format("there is no setting \"{}\"", line.key), where}.hint(
            fmt::format("settings are: {}", fmt::join(known, ", ")));
      }
      assign(*entry, line.values, where);
    }
  }
  for (auto& entry : entries_) {
    const char* value = entry.info.env.empty() ? nullptr : std::getenv(entry.info.env.c_str());
    if (value != nullptr && *value != '\0') assign(entry, {value}, "environment " + entry.info.env);
  }
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    if (options[i]->count() > 0) {
      assign(entries_[i], {given[i]}, "command line " + option_of(entries_[i].info.key));
    }
  }
  return result;
}

std::string SettingTable::describe() const {
  std::string out;
  for (const auto& entry : entries_) {
    out += fmt::format("{} = {}  ({})\n", entry.info.key, entry.show(), entry.source);
  }
  return out;
}

std::string SettingTable::markdown() const {
  std::string out = "| setting | environment | default | meaning |\n|---|---|---|---|\n";
  for (const auto& entry : entries_) {
    out += fmt::format("| `{}` | {} | `{}` | {} |\n",
                       entry.info.key,
                       entry.info.env.empty() ? "" : "`" + entry.info.env + "`",
                       entry.standard,
                       entry.info.help);
  }
  return out;
}

}  // namespace portoser
