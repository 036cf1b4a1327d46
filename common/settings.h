/// A setting declared once: its key in the YAML file, its environment variable, its option on the
/// command line, its help, its check and its default (the value of the bound variable). The command
/// line overrides the environment, which overrides the file.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace portoser {

/// Text that is never printed: `--check-config` and logs show `***`.
struct Secret {
  std::string value;
};

/// Values by name, of which only the names are printed.
struct SecretMap {
  std::map<std::string, std::string> values;
};

struct SettingInfo {
  std::string key;   ///< "http.port": also the option `--http-port`
  std::string env;   ///< "BACKEND_PORT"; empty: no variable
  std::string help;  ///< one line, with the unit
  /// Throws `Error{invalid}` for a value that cannot be; gets the text as it was given.
  std::function<void(const std::string&)> check = nullptr;
};

std::function<void(const std::string&)> between(std::int64_t low, std::int64_t high);
std::function<void(const std::string&)> one_of(std::vector<std::string> words);

/// What a command line held beside settings.
struct CommandLine {
  std::vector<std::string> words;  ///< positional arguments
  bool check_config = false;       ///< `--check-config` was given
  std::string file;                ///< the settings file that was read; empty: none was there
};

/// Binds settings to the variables that hold them. The variables must outlive the table. Used
/// before threads start.
class SettingTable {
 public:
  SettingTable& add(std::string& target, SettingInfo info);
  SettingTable& add(bool& target, SettingInfo info);
  SettingTable& add(int& target, SettingInfo info);
  SettingTable& add(std::uint16_t& target, SettingInfo info);
  SettingTable& add(std::filesystem::path& target, SettingInfo info);
  SettingTable& add(std::chrono::seconds& target,
                    SettingInfo info);  ///< "90", "90s", "5m", "2h", "7d"
  SettingTable& add(std::vector<std::string>& target,
                    SettingInfo info);  ///< a list, or comma-separated
  SettingTable& add(Secret& target, SettingInfo info);
  /// A map of text in the file ("key.name: value"), `name=value,name=value` elsewhere, which
  /// replaces that of the file.
  SettingTable& add(std::map<std::string, std::string>& target, SettingInfo info);
  SettingTable& add(SecretMap& target, SettingInfo info);

  /// Fills every variable. `arguments` are those after the program's name (and a subcommand).
  /// `default_file` is read when it exists, another one (`--config FILE`) must exist. `usage` is
  /// the first line of `--help`, which prints and exits. An unknown key or option and a value that
  /// does not fit are an `Error{invalid}` that says where and what would be right.
  CommandLine load(std::string_view usage,
                   const std::vector<std::string>& arguments,
                   const std::filesystem::path& default_file);

  /// For `--check-config`: a line for each setting, with its value and where that came from.
  [[nodiscard]] std::string describe() const;
  /// The settings as a Markdown table, for docs/operations.md.
  [[nodiscard]] std::string markdown() const;

 private:
  struct Entry {
    SettingInfo info;
    std::function<void(const std::vector<std::string>&)> set;
    std::function<std::string()> show;
    std::string source = "default";
    std::string standard;
    /// Of a map: adds one value under its name. Null: it is none.
    std::function<void(const std::string&, const std::string&)> put = nullptr;
  };
  SettingTable& add_entry(SettingInfo info,
                          std::function<void(const std::vector<std::string>&)> set,
                          std::function<std::string()> show);
  SettingTable& add_map(std::map<std::string, std::string>& target,
                        bool is_secret,
                        SettingInfo info);
  void assign(Entry& entry, const std::vector<std::string>& values, std::string source);
  /// A line of the file that belongs to the map; false: to none.
  bool put_member(const std::string& key,
                  const std::vector<std::string>& values,
                  const std::string& source);

  std::vector<Entry> entries_;
};

}  // namespace portoser
