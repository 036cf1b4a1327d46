/// What one client of the metrics sockets wants, and what all of them want together. Pure; whoever
/// owns them guards them.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>

namespace portoser::api {

/// "service@machine", either side may be "*". "*@m" has the machine's own samples too.
bool is_subscription(std::string_view text);

class MetricsSubscriptions {
 public:
  using Patterns = std::set<std::string, std::less<>>;
  static constexpr std::size_t most = 1000;

  /// False: they would be more than `most`, and none was added.
  bool add(const Patterns& patterns);
  /// True: it was there.
  bool remove(const std::string& pattern) { return patterns_.erase(pattern) > 0; }
  void clear() { patterns_.clear(); }

  /// `on_machine`: "*@m".
  [[nodiscard]] bool want_machine(std::string_view on_machine) const;
  /// `pair`: "s@m"; `anywhere`: "s@*". However many patterns match, it is wanted once.
  [[nodiscard]] bool want_service(std::string_view pair,
                                  std::string_view anywhere,
                                  std::string_view on_machine) const;
  [[nodiscard]] bool empty() const { return patterns_.empty(); }
  [[nodiscard]] const Patterns& patterns() const { return patterns_; }

 private:
  Patterns patterns_;
};

/// How many clients have each pattern. Nothing is measured for nobody.
class SubscriptionCounts {
 public:
  void add(const MetricsSubscriptions::Patterns& patterns);
  void remove(const MetricsSubscriptions::Patterns& patterns);

  /// True when any pattern may want something of this machine.
  [[nodiscard]] bool concern(const std::string& machine) const;
  [[nodiscard]] const std::map<std::string, int>& by_pattern() const { return by_pattern_; }

 private:
  std::map<std::string, int> by_pattern_;
  std::map<std::string, int, std::less<>> by_machine_;
};

}  // namespace portoser::api
