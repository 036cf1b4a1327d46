#include "common/yaml.h"

#include "common/error.h"

#include <fmt/format.h>

#include <set>
#include <yaml-cpp/yaml.h>

namespace portoser {
namespace {

Error at(std::string_view file, const YAML::Mark& mark, std::string_view message) {
  return Error{Code::invalid,
               fmt::format("{}", message),
               fmt::format("{}:{}:{}", file, mark.line + 1, mark.column + 1)};
}

class Flattener {
 public:
  explicit Flattener(std::string_view file) : file_(file) {}

  void walk(const YAML::Node& node, const std::string& prefix) {
    if (node.IsMap()) {
      std::set<std::string> seen;
      for (const auto& pair : node) {
        const auto key = pair.first.as<std::string>();
        if (!seen.insert(key).second) {
          throw at(file_, pair.first.Mark(), fmt::format("the key \"{}\" is there twice", key));
        }
        walk(pair.second, prefix.empty() ? key : prefix + "." + key);
      }
      return;
    }
    YamlEntry entry{prefix, {}, node.Mark().line + 1, node.Mark().column + 1};
    if (node.IsScalar()) {
      entry.values.push_back(node.Scalar());
    } else if (node.IsSequence()) {
      for (const auto& element : node) {
        if (!element.IsScalar()) {
          throw at(file_, element.Mark(), fmt::format("\"{}\" is a list of plain values", prefix));
        }
        entry.values.push_back(element.Scalar());
      }
    }
    if (!prefix.empty()) {
      entries.push_back(std::move(entry));
    } else if (!node.IsNull()) {
      throw at(file_, node.Mark(), "the file must be a map of settings, such as \"name: value\"");
    }
  }

  std::vector<YamlEntry> entries;

 private:
  std::string_view file_;
};

}  // namespace

std::vector<YamlEntry> read_flat_yaml(const std::string& text, std::string_view file) {
  try {
    Flattener flattener{file};
    flattener.walk(YAML::Load(text), "");
    return std::move(flattener.entries);
  } catch (const YAML::Exception& error) {
    throw at(file, error.mark, fmt::format("not valid YAML: {}", error.msg));
  }
}

}  // namespace portoser
