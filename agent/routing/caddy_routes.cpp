#include "agent/routing/caddy_routes.h"

#include "common/json_members.h"

#include <algorithm>
#include <cctype>

namespace portoser::agent::routing {
namespace {

constexpr std::size_t most_told = 10;

std::string lower(std::string_view text) {
  std::string out{text};
  std::transform(out.begin(), out.end(), out.begin(), [](char letter) {
    return static_cast<char>(std::tolower(static_cast<unsigned char>(letter)));
  });
  return out;
}

void add_once(std::vector<std::string>& list, const std::string& text) {
  if (list.size() < most_told && std::find(list.begin(), list.end(), text) == list.end()) {
    list.push_back(text);
  }
}

/// For whom a route is, as far as host names tell.
enum class Scope { anybody, this_name, others };

class Changer {
 public:
  explicit Changer(const protocol::RoutingCaddy& command)
      : hostname_(command.hostname), new_(command.new_upstream) {
    old_.push_back(lower(command.old_upstream));
    for (const auto& spelling : command.old_spellings) old_.push_back(lower(spelling));
  }

  /// `names`: of the route around it that has any.
  void visit(Json& node, Scope scope, const std::vector<std::string>& names) {
    if (node.is_array()) {
      for (auto& element : node) visit(element, scope, names);
      return;
    }
    if (!node.is_object()) return;
    if (text_member(node, "handler") == "reverse_proxy") change_upstreams(node, scope, names);
    const bool is_route = member_or_null(node, "handle").is_array();
    const auto own_names = is_route ? names_of(node) : std::vector<std::string>{};
    const auto own_scope = is_route ? narrowed(scope, node) : scope;
    const auto& inner_names = own_names.empty() ? names : own_names;
    for (auto member = node.begin(); member != node.end(); ++member) {
      if (member.key() == "match" || member.key() == "upstreams") continue;
      visit(member.value(), own_scope, inner_names);
    }
  }

  [[nodiscard]] RouteChanges take() { return std::move(changes_); }

 private:
  static std::vector<std::string> names_of(const Json& route) {
    std::vector<std::string> names;
    for (const auto& set : list_member(route, "match")) {
      for (const auto& name : list_member(set, "host")) {
        if (name.is_string()) add_once(names, name.get<std::string>());
      }
    }
    return names;
  }

  /// Each element of "match" is enough for the route; within one everything must fit.
  [[nodiscard]] Scope narrowed(Scope around, const Json& route) const {
    const auto& sets = list_member(route, "match");
    if (around == Scope::others || sets.empty()) return around;
    bool takes_others_only = true;
    for (const auto& set : sets) {
      const auto& patterns = member_or_null(set, "host");
      if (!patterns.is_array()) {
        takes_others_only = false;
        continue;
      }
      const bool is_ours = std::any_of(patterns.begin(), patterns.end(), [&](const Json& pattern) {
        return pattern.is_string() && host_matches(pattern.get<std::string>(), hostname_);
      });
      if (is_ours) return Scope::this_name;
    }
    return takes_others_only ? Scope::others : around;
  }

  void change_upstreams(Json& handler, Scope scope, const std::vector<std::string>& names) {
    const auto upstreams = handler.find("upstreams");
    if (upstreams == handler.end() || !upstreams->is_array()) return;
    for (auto& upstream : *upstreams) {
      const auto dial = text_member(upstream, "dial");
      constexpr std::string_view network = "tcp/";
      const auto prefix = dial.starts_with(network) ? std::string{network} : std::string{};
      const auto address = lower(dial.substr(prefix.size()));
      const bool is_old = std::find(old_.begin(), old_.end(), address) != old_.end();
      if (address == lower(new_)) {
        if (scope != Scope::others) ++changes_.already;
      } else if (is_old && scope != Scope::others) {
        upstream["dial"] = prefix + new_;
        ++changes_.changed;
      } else if (is_old) {
        for (const auto& name : names) add_once(changes_.names, name);
      } else if (scope == Scope::this_name && !dial.empty()) {
        add_once(changes_.dialled, dial);
      }
    }
  }

  std::string hostname_;
  std::string new_;
  std::vector<std::string> old_;
  RouteChanges changes_;
};

bool is_part_of_address(char letter) {
  return std::isalnum(static_cast<unsigned char>(letter)) != 0 || letter == '.' || letter == '-' ||
         letter == '_';
}

bool names_upstream(const std::string& line, const std::string& upstream) {
  for (auto at = line.find(upstream); at != std::string::npos; at = line.find(upstream, at + 1)) {
    const auto end = at + upstream.size();
    const bool begins = at == 0 || !is_part_of_address(line[at - 1]);
    const bool ends = end == line.size() || !is_part_of_address(line[end]);
    if (begins && ends) return true;
  }
  return false;
}

}  // namespace

bool host_matches(std::string_view pattern, std::string_view hostname) {
  while (true) {
    const auto wanted = pattern.substr(0, pattern.find('.'));
    const auto label = hostname.substr(0, hostname.find('.'));
    if (wanted != "*" && lower(wanted) != lower(label)) return false;
    const bool is_last = wanted.size() == pattern.size();
    if (is_last || label.size() == hostname.size()) {
      return is_last && label.size() == hostname.size();
    }
    pattern.remove_prefix(wanted.size() + 1);
    hostname.remove_prefix(label.size() + 1);
  }
}

RouteChanges change_routes(Json& config, const protocol::RoutingCaddy& command) {
  Changer changer{command};
  if (config.is_object() && config.contains("apps") && config["apps"].is_object() &&
      config["apps"].contains("http")) {
    changer.visit(config["apps"]["http"], Scope::anybody, {});
  }
  return changer.take();
}

std::vector<std::size_t> lines_with_upstream(std::string_view text,
                                             const protocol::RoutingCaddy& command) {
  std::vector<std::size_t> found;
  std::size_t number = 0;
  while (!text.empty() && found.size() < most_told) {
    const auto end = std::min(text.find('\n'), text.size());
    const auto line = lower(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    ++number;
    const auto first = line.find_first_not_of(" \t");
    if (first == std::string::npos || line[first] == '#') continue;
    const auto names = [&line](const std::string& upstream) {
      return names_upstream(line, lower(upstream));
    };
    // Other spellings, such as localhost, may well be of another service here.
    if (names(command.old_upstream)) found.push_back(number);
  }
  return found;
}

}  // namespace portoser::agent::routing
