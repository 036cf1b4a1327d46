/// What the text of a compose file tells about a deployment. Any thread; an `extends` that names
/// another file reads it. A text that is no YAML tells nothing: compose's own check says why.
#pragma once

#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace portoser::agent::deployments {

struct NamedEnvFiles {
  std::vector<std::string> paths;  ///< absolute; `.env` of the folder first, there or not
  std::vector<std::string>
      unreadable;  ///< with a variable in their name: where they are, compose knows
};

/// `file`: where the text lies, or is to lie.
NamedEnvFiles env_files_of(const std::string& text, const std::filesystem::path& file);

/// All, and those that no profile holds back.
struct NamedServices {
  std::set<std::string> all;
  std::set<std::string> started;
};
NamedServices services_of(const std::string& text);

/// Services of `text` whose `build` or `image` differs from what `before` says of them, or which
/// are new.
std::set<std::string> services_with_other_images(const std::string& before,
                                                 const std::string& text,
                                                 const std::filesystem::path& file);

/// A service as `compose config` writes it: all variables in place.
struct ResolvedService {
  std::string name;
  std::string image;  ///< empty: compose makes a name up
  bool is_built = false;
};
/// Without those that a profile holds back.
std::vector<ResolvedService> resolved_services(const std::string& config);
/// The same from a text; none: it has variables in names of images, which only compose resolves.
std::optional<std::vector<ResolvedService>> plain_services(const std::string& text,
                                                           const std::filesystem::path& file);

}  // namespace portoser::agent::deployments
