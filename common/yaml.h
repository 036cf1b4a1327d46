/// A thin reader for our own YAML files (controller.yml, agent.yml): nested maps of scalars and
/// lists of scalars, flattened to dotted keys.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace portoser {

struct YamlEntry {
  std::string key;                  ///< "http.port"
  std::vector<std::string> values;  ///< one for a scalar, any number for a list; none for null
  int line = 0;                     ///< from 1
  int column = 0;                   ///< from 1
};

/// `file` is named in errors. Not YAML, a duplicate key, or deeper nesting than maps of scalars and
/// lists: `Error{invalid}` with line and column.
std::vector<YamlEntry> read_flat_yaml(const std::string& text, std::string_view file);

}  // namespace portoser
